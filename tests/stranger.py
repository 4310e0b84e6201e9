"""A ROS program of somebody else: it knows nothing of our profile, and tries everything.

python -m tests.stranger NAME     # prints, again and again, a line of JSON with what it got
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import rclpy
from builtin_interfaces.msg import Duration
from fer_interfaces.action import PlayMotion, Say
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.action import ActionClient
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.task import Future
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

ORDERS = ("joint_trajectory", "play_motion", "release", "say", "speed_scale", "stop")
"""What the robot is told to do."""

_JOINT, _SPEED_SCALE, _FIRST = "head_yaw_joint", 0.5, 255
_TURNED = JointTrajectoryPoint(positions=[0.3], time_from_start=Duration(sec=1))


class Stranger(Node):
    """Watches what the robot publishes, and orders it about.

    Args:
        name: of the node, and what it lets the robot say.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._got = {"images": 0, "joint_states": 0}
        self._words, self._said = f"{name} was here.", set[str]()
        self._obeyed: set[str] = set()
        self._tries = 0
        self._watch(Image, "image_raw", "images")
        self._watch(JointState, "joint_states", "joint_states")
        self.create_subscription(String, "speech", lambda m: self._said.add(m.data), 10)
        self._joints = self.create_publisher(JointTrajectory, "joint_trajectory", 10)
        self._orders: dict[str, Callable[[], Future | None]] = {
            "play_motion": self._action(
                PlayMotion, "play_motion", PlayMotion.Goal(motion="nod", priority=_FIRST)
            ),
            "say": self._action(Say, "say", Say.Goal(text=self._words, priority=_FIRST)),
            "speed_scale": self._service(
                SetParameters, "motion_player/set_parameters", _speed_scale()
            ),
            "stop": self._service(Trigger, "motion_player/stop", Trigger.Request()),
            "release": self._service(Trigger, "motion_player/release", Trigger.Request()),
        }
        self.create_timer(0.5, self._try)

    def _watch(self, kind: type, topic: str, name: str) -> None:
        def count(_message: Any) -> None:
            self._got[name] += 1

        self.create_subscription(kind, topic, count, qos_profile_sensor_data)

    def _action(self, kind: type, name: str, goal: Any) -> Callable[[], Future | None]:
        client = ActionClient(self, kind, name)
        return lambda: client.send_goal_async(goal) if client.server_is_ready() else None

    def _service(self, kind: type, name: str, request: Any) -> Callable[[], Future | None]:
        client = self.create_client(kind, name)
        return lambda: client.call_async(request) if client.service_is_ready() else None

    def _try(self) -> None:
        self._tries += 1
        self._joints.publish(JointTrajectory(joint_names=[_JOINT], points=[_TURNED]))
        if self._joints.get_subscription_count():
            self._obeyed.add("joint_trajectory")
        waiting = self._orders.keys() - self._obeyed
        if self._words not in self._said:  # another one was louder
            waiting |= {"say"}
        for name in waiting:
            future = self._orders[name]()
            if future is not None:
                future.add_done_callback(partial(self._note, name))
        got = {
            **self._got,
            "obeyed": sorted(self._obeyed),
            "said": sorted(self._said),
            "nodes": sorted(set(self.get_node_names()) - {self.get_name()}),
            "tries": self._tries,
        }
        print(json.dumps(got), flush=True)

    def _note(self, name: str, answer: Future) -> None:
        reply = answer.result()
        if isinstance(reply, SetParameters.Response):
            done = reply.results[0].successful
        else:  # the handle of a goal, or the answer of a service
            done = reply.success if isinstance(reply, Trigger.Response) else reply.accepted
        if done:
            self._obeyed.add(name)


def _speed_scale() -> SetParameters.Request:
    value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=_SPEED_SCALE)
    return SetParameters.Request(parameters=[Parameter(name="speed_scale", value=value)])


if __name__ == "__main__":
    rclpy.init()
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(Stranger(sys.argv[1]))

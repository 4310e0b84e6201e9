"""The node ``motion_player``: plays the gestures of the motion library on the robot."""

from __future__ import annotations

import difflib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fer_interfaces.action import PlayMotion
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from fer_common.parameters import declare, parameter
from fer_common.qos import EVENTS
from robot_behavior.exclusive_action import ExclusiveAction
from robot_behavior.motion import Motion
from robot_behavior.playback import SILENCE_S, TOLERANCE_RAD, Playback, farthest
from robot_behavior.robot_files import read_model, read_motions
from robot_behavior.trajectory import JointStates, plan
from robot_behavior.trajectory_message import to_message

RATE_HZ = 20.0

STOP_S = 2.8
"""The way to the rest pose takes no longer when the node stops, if the limits allow it."""


@dataclass(frozen=True)
class PlayerParams:
    """The parameters of `MotionPlayer`."""

    motions_file: str = parameter("", "Path of the motions; empty: the installed file.")
    urdf: str = parameter("", "Path of the robot's URDF; empty: the installed humanoid.")
    speed_scale: float = parameter(1.0, "Speed of all motions, as a share.", low=0.1, high=1.0)


class MotionPlayer(Node):
    """Serves ``play_motion``; whatever happens, the robot ends in its rest pose.

    Args:
        clock: monotonic seconds.
        options: of `rclpy.node.Node`.

    Raises:
        StartError: the URDF or the motions are unusable.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, **options: Any) -> None:
        super().__init__("motion_player", **options)
        params = declare(self, PlayerParams)
        self._monotonic, self._speed = clock, params.speed_scale
        model = read_model(params.urdf)
        self._limits, self._library = model.limits, read_motions(params.motions_file, model)
        for name, reason in self._library.refused.items():
            self.get_logger().error(f"cannot play '{name}': {reason}")
        self._positions: dict[str, float] = {}
        self._velocities: dict[str, float] = {}
        self._seen = -math.inf
        self._playback: Playback | None = None
        self._stopping = False
        self._trajectory = self.create_publisher(JointTrajectory, "joint_trajectory", EVENTS)
        self.create_subscription(
            JointState, "joint_states", self._on_joint_states, qos_profile_sensor_data
        )
        self.create_service(Trigger, "~/list_motions", self._list_motions)
        self._action = ExclusiveAction(
            self, PlayMotion, "play_motion", self._refusal, self._begin, self._rest
        )
        self.create_timer(1.0 / RATE_HZ, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"can play {', '.join(self._library.motions)}")

    def begin_stop(self) -> None:
        """Ends what is under way and goes to rest."""
        self._stopping = True
        self._action.finish(False, "the motion player stops")
        self._rest(within_s=STOP_S)

    def is_stopped(self) -> bool:
        """Whether the robot rests, or has stopped by itself: Ctrl-C reaches all processes."""
        gone = not self.count_publishers("joint_states")
        return (self._playback is None or gone) and not self._action.busy

    def destroy_node(self) -> None:
        """Also takes the action server away."""
        self._action.destroy()
        super().destroy_node()

    def _refusal(self, goal: PlayMotion.Goal) -> str:
        """Why a goal cannot be carried out; empty if it can."""
        name, known = goal.motion, self._library.motions
        if name in self._library.refused:
            return f"cannot play '{name}': {self._library.refused[name]}"
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            return f"no motion '{name}', expected one such as {', '.join(close or sorted(known))}"
        return "the motion player stops" if self._stopping else self._unreachable()

    def _unreachable(self) -> str:
        """Why the robot cannot be moved; empty if it can."""
        missing = [joint for joint in self._library.rest.joints if joint not in self._positions]
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            return f"no joint state yet of {', '.join(missing[:3])}{more}: is the robot running?"
        silence = self._monotonic() - self._seen
        if silence > SILENCE_S:
            return f"no joint states for {silence:.1f} s: is the robot running?"
        if not self._trajectory.get_subscription_count():
            return "no robot listens to joint_trajectory"
        return ""

    def _begin(self, goal: PlayMotion.Goal) -> None:
        self.get_logger().info(f"plays '{goal.motion}'")
        self._play(self._library.motions[goal.motion])

    def _rest(self, within_s: float = math.inf) -> None:
        """Takes the robot to its rest pose, if it can be moved and is not there."""
        self._playback, was = None, self._playback
        if self._unreachable():
            return
        away = farthest(self._library.rest.end, self._positions)[1] > TOLERANCE_RAD
        if away or was is not None:
            self._play(self._library.rest, within_s)

    def _play(self, motion: Motion, approach_within_s: float = math.inf) -> None:
        now = JointStates(self._positions, self._velocities)
        trajectory = plan(
            motion, self._library.rest, self._limits, now, self._speed, approach_within_s
        )
        self._trajectory.publish(to_message(trajectory))
        self._playback = Playback(motion, trajectory, self._monotonic())

    def _tick(self) -> None:
        playback, now = self._playback, self._monotonic()
        if playback is None:
            return
        self._action.report(playback.progress(now))
        arrived = playback.has_arrived(now, self._positions)
        failure = "" if arrived else playback.failure(now, self._positions, self._seen)
        if not arrived and not failure:
            return
        if failure:
            self.get_logger().error(failure)
        self._playback = None
        self._action.finish(arrived, failure)
        if playback.motion is not self._library.rest:
            self._rest()

    def _on_joint_states(self, message: JointState) -> None:
        for i, (name, position) in enumerate(zip(message.name, message.position, strict=False)):
            if name not in self._limits or not math.isfinite(position):
                continue
            velocity = message.velocity[i] if i < len(message.velocity) else 0.0
            self._positions[name] = position
            self._velocities[name] = velocity if math.isfinite(velocity) else 0.0
            self._seen = self._monotonic()

    def _list_motions(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        response.success = True
        response.message = ", ".join(self._library.motions)
        return response

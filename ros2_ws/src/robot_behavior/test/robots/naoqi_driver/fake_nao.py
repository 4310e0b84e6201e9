"""NAO without NAO: the topics of naoqi_driver2 and joints that move."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from fer_common.parameters import declare
from fer_common.qos import EVENTS, STREAM
from fer_common.settings import setting
from robot_behavior.robots.backend import message_type

RATE_HZ = 50.0
FASTEST = 7.0
"""Speed of the joints at a share of 1, rad/s."""

STAND = {
    "HeadYaw": 0.0,
    "HeadPitch": -0.1,
    "LShoulderPitch": 1.45,
    "LShoulderRoll": 0.15,
    "LElbowYaw": -1.2,
    "LElbowRoll": -0.4,
    "LWristYaw": 0.1,
    "LHipYawPitch": 0.0,
    "RShoulderPitch": 1.45,
    "RShoulderRoll": -0.15,
    "RElbowYaw": 1.2,
    "RElbowRoll": 0.4,
    "RWristYaw": 0.1,
}
"""About where the joints are when NAO stands, rad."""


class FakeNao:
    """Joints that go to angles at a share of their speed.

    Args:
        angles: where they are, rad by name.

    Attributes:
        angles: where they are, rad by name.
        goals: where they go.
    """

    def __init__(self, angles: Mapping[str, float] = STAND) -> None:
        self.angles, self.goals = dict(angles), dict(angles)
        self._speed = 0.0

    def command(self, names: Sequence[str], angles: Sequence[float], speed: float) -> None:
        """Takes a command of the topic ``joint_angles``; joints NAO lacks are ignored."""
        self._speed = min(max(speed, 0.0), 1.0) * FASTEST
        for name, angle in zip(names, angles, strict=True):
            if name in self.goals and math.isfinite(angle):
                self.goals[name] = angle

    def step(self, seconds: float) -> None:
        """Lets time pass."""
        farthest = self._speed * seconds
        for name, goal in self.goals.items():
            way = goal - self.angles[name]
            self.angles[name] += min(max(way, -farthest), farthest)


@dataclass(frozen=True)
class FakeNaoParams:
    """The parameters of `FakeNaoNode`."""

    driver_namespace: str = setting("nao", "Namespace in which naoqi_driver would run.")


class FakeNaoNode(Node):
    """Stands in for naoqi_driver2.

    Args:
        options: of `rclpy.node.Node`.

    Attributes:
        nao: the robot.
        said: what it was told to say.
        silent: whether its joint states stay away.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("fake_nao", **options)
        space = declare(self, FakeNaoParams).driver_namespace.strip("/")
        self.nao, self.said, self.silent = FakeNao(), list[str](), False
        self._last = time.monotonic()
        angles = message_type("naoqi_bridge_msgs", "msg", "JointAnglesWithSpeed")
        self.create_subscription(angles, f"{space}/joint_angles", self._command, EVENTS)
        self.create_subscription(String, f"{space}/speech", self._say, EVENTS)
        self._states = self.create_publisher(JointState, f"{space}/joint_states", STREAM)
        self.create_timer(1.0 / RATE_HZ, self._step, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _command(self, message: Any) -> None:
        self.nao.command(message.joint_names, message.joint_angles, message.speed)

    def _say(self, message: String) -> None:
        self.get_logger().info(f"says: {message.data}")
        self.said.append(message.data)

    def _step(self) -> None:
        now = time.monotonic()
        self.nao.step(now - self._last)
        self._last = now
        if self.silent:
            return
        angles = self.nao.angles
        state = JointState(name=list(angles), position=list(angles.values()))
        state.header.stamp = self.get_clock().now().to_msg()
        self._states.publish(state)

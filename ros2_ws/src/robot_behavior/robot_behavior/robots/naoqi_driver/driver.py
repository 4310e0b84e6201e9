"""The driver of NAO, which speaks the topics of naoqi_driver2."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from ec_rfernet.files import user_path
from fer_common.qos import EVENTS
from fer_common.reason import Reason
from robot_behavior.body.robot_model import JointLimits, RobotModel
from robot_behavior.robots.backend import (
    JointDriver,
    JointReport,
    LinkHealth,
    message_type,
    read_joints,
    stopped,
)
from robot_behavior.robots.naoqi_driver import NaoqiDriverSettings
from robot_behavior.yaml_file import Section

JOINTS_FILE = Path(__file__).with_name("joints.yaml")
"""The mapping that is installed."""

SILENCE_S = 1.0
"""A robot whose joint states stay away for so long is lost."""

EVERY = 2
"""Every second position is sent: the driver's connection to the robot is slow."""

Send = Callable[[list[str], list[float]], None]
"""Sends angles, rad, to joints of NAO."""


@dataclass(frozen=True)
class NaoJoint:
    """A joint of NAO that stands for one of the humanoid.

    Attributes:
        name: NAO's name of it.
        sign: 1, or -1 where it turns the other way.
        offset: NAO's angle at the humanoid's zero, rad.
        limits: of the humanoid's joint; what both robots can do.
    """

    name: str
    sign: int
    offset: float
    limits: JointLimits

    def angle(self, position: float) -> float:
        """NAO's angle for a position, which is clamped to the limits."""
        clamped = min(max(position, self.limits.lower), self.limits.upper)
        return self.offset + self.sign * clamped

    def position(self, angle: float) -> float:
        """The humanoid's position for an angle."""
        return self.sign * (angle - self.offset)


NaoMap = Mapping[str, NaoJoint]
"""NAO's joints by name of the humanoid's joint."""


def load_nao(file: Path, joints: Mapping[str, JointLimits]) -> NaoMap:
    """The mapping of a YAML file.

    Args:
        file: a mapping ``joints`` of joints, see ``joints.yaml``.
        joints: the joints of the robot's model.

    Raises:
        ConfigError: the file is unusable.
    """
    return read_joints(file, "joints", joints, _joint, "joint", lambda joint: joint.name)


def _joint(entry: Section, model: JointLimits) -> NaoJoint:
    name = entry.text("joint")
    sign = entry.integer("sign", -1, 1, 1)
    if not sign:
        raise entry.error("sign", sign, "1 or -1")
    offset = entry.number("offset", -math.pi, math.pi, 0.0)
    least = entry.number("lower", -math.tau, math.tau)
    most = entry.number("upper", least, math.tau)
    velocity = entry.number("velocity", 0.1, 10.0)
    entry.close()
    ends = sorted((sign * (least - offset), sign * (most - offset)))
    lower, upper = max(ends[0], model.lower), min(ends[1], model.upper)
    if lower > upper:
        raise entry.error("lower", least, "a range that the robot's model shares")
    limits = replace(model, lower=lower, upper=upper, velocity=min(velocity, model.velocity))
    return NaoJoint(name, sign, offset, limits)


class NaoDriver(JointDriver):
    """Moves NAO joint by joint.

    Args:
        joints: which joint of NAO stands for which of the humanoid.
        send: takes angles to the robot.
        clock: monotonic seconds.
    """

    def __init__(self, joints: NaoMap, send: Send, clock: Callable[[], float]) -> None:
        self._joints, self._send, self._clock = joints, send, clock
        self._by_name = {joint.name: name for name, joint in joints.items()}
        self._positions: dict[str, float] = {}
        self._seen: float | None = None
        self._stopped = False
        self._count = self._heard = self._sent = 0

    @property
    def limits(self) -> Mapping[str, JointLimits]:
        """What the joints that NAO has can do."""
        return {name: joint.limits for name, joint in self._joints.items()}

    @property
    def problem(self) -> Reason | None:
        """See `RobotDriver`."""
        if self._stopped:
            return stopped("NAO")
        missing = [j.name for name, j in self._joints.items() if name not in self._positions]
        if missing:
            names = ", ".join(missing[:3])
            return Reason("unknown", f"NAO has not told where {names} is: does naoqi_driver run?")
        silence = self._clock() - (self._seen or 0.0)
        if silence > SILENCE_S:
            return Reason("silent", f"NAO has been silent for {silence:.1f} s")
        return None

    @property
    def health(self) -> LinkHealth:
        """See `JointDriver`."""
        silence_s = math.inf if self._seen is None else self._clock() - self._seen
        return LinkHealth("naoqi_driver", silence_s, self._sent, self._heard)

    def heard(self, names: Sequence[str], angles: Sequence[float]) -> None:
        """Takes in NAO's own joint states; joints that stand for none are ignored."""
        self._heard += 1
        for name, angle in zip(names, angles, strict=False):
            joint = self._by_name.get(name)
            if joint is not None and math.isfinite(angle):
                self._positions[joint] = self._joints[joint].position(angle)
                self._seen = self._clock()

    def update(self) -> JointReport | None:
        """See `JointDriver`."""
        if self.problem and not self._stopped:
            return None
        complete = len(self._positions) == len(self._joints)
        return JointReport(dict(self._positions)) if complete else None

    def move(self, positions: Mapping[str, float]) -> None:
        """See `JointDriver`."""
        self._count += 1
        if self._count % EVERY == 0 and not self.problem:
            self._command(positions)

    def stop(self) -> None:
        """See `JointDriver`."""
        if len(self._positions) == len(self._joints):
            self._command(self._positions)
        self._stopped = True

    def release(self) -> None:
        """See `JointDriver`."""
        self._stopped = False

    def close(self) -> None:
        """NAO's motors hold their last angles, so there is nothing to do."""

    def _command(self, positions: Mapping[str, float]) -> None:
        joints = self._joints.items()
        self._sent += 1
        self._send(
            [joint.name for _, joint in joints],
            [joint.angle(positions[name]) for name, joint in joints],
        )


def create(node: Node, model: RobotModel, settings: NaoqiDriverSettings) -> NaoDriver:
    """The driver, with its topics on the bridge's node.

    Raises:
        StartError: naoqi_bridge_msgs is not installed.
        ConfigError: the mapping is unusable.
    """
    angles = message_type("naoqi_bridge_msgs", "msg", "JointAnglesWithSpeed")
    file = user_path(settings.nao_file) if settings.nao_file else JOINTS_FILE
    space = settings.driver_namespace.strip("/")
    publisher = node.create_publisher(angles, f"{space}/joint_angles", EVENTS)

    def send(names: list[str], values: list[float]) -> None:
        message = angles(joint_names=names, joint_angles=values, speed=settings.nao_speed)
        message.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(message)

    driver = NaoDriver(load_nao(file, model.limits), send, time.monotonic)
    node.create_subscription(
        JointState,
        f"{space}/joint_states",
        lambda message: driver.heard(message.name, message.position),
        qos_profile_sensor_data,
    )
    if settings.nao_speaks:
        voice = node.create_publisher(String, f"{space}/speech", EVENTS)
        node.create_subscription(String, "speech", voice.publish, EVENTS)
    return driver

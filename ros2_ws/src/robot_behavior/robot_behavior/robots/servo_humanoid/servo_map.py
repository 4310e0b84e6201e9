"""Which servo moves which joint, and how."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.robots.joint_table import read_joints
from robot_behavior.robots.servo_humanoid.frames import Frame
from robot_behavior.robots.servo_humanoid.protocol import (
    CHANNELS,
    FASTEST,
    HIGHEST,
    LOWEST,
    STEP_S,
    TICKS_PER_US,
    Type,
)
from robot_behavior.yaml_file import Section


@dataclass(frozen=True)
class Servo:
    """A servo on a channel of the board.

    Attributes:
        channel: 0..17.
        zero_us: width of the pulse at the joint's zero, us.
        us_per_rad: change of the width per rad; negative where the servo turns the other way.
        limits: of the joint with this servo.
    """

    channel: int
    zero_us: float
    us_per_rad: float
    limits: JointLimits

    def ticks(self, position: float) -> int:
        """Width of the pulse for a position in rad, which is clamped to the limits."""
        clamped = min(max(position, self.limits.lower), self.limits.upper)
        return round((self.zero_us + self.us_per_rad * clamped) * TICKS_PER_US)

    def position(self, ticks: int) -> float:
        """The position in rad that belongs to a width."""
        return (ticks / TICKS_PER_US - self.zero_us) / self.us_per_rad

    @property
    def limit_frame(self) -> Frame:
        """What sets the channel up: its least, largest and rest width, and its speed."""
        low, high = sorted((self.ticks(self.limits.lower), self.ticks(self.limits.upper)))
        # One tick per step more than the speed, so that rounding never holds the joint back.
        speed = math.ceil(self.ticks_per_step) + 1
        words = (self.channel, low, high, self.ticks(0.0), min(speed, FASTEST))
        return Frame(Type.LIMIT, 0, words)

    @property
    def ticks_per_step(self) -> float:
        """The joint's largest speed in the board's unit."""
        return abs(self.us_per_rad) * TICKS_PER_US * self.limits.velocity * STEP_S


ServoMap = Mapping[str, Servo]
"""The servos by name of the joint."""


def load_servos(file: Path, joints: Mapping[str, JointLimits]) -> ServoMap:
    """The servos of a YAML file.

    A servo's limits are what the file and the robot's model both allow.

    Args:
        file: a mapping ``servos`` of joints, see ``config/servo_humanoid.yaml``.
        joints: the joints of the robot's model.

    Raises:
        ConfigError: the file is unusable.
    """
    return read_joints(file, "servos", joints, _servo, "channel", lambda servo: servo.channel)


def _servo(entry: Section, model: JointLimits) -> Servo:
    channel = entry.integer("channel", 0, CHANNELS - 1)
    lowest, highest = LOWEST / TICKS_PER_US, HIGHEST / TICKS_PER_US
    zero = entry.number("zero_us", lowest, highest)
    slope = entry.number("us_per_rad", -5000.0, 5000.0)
    if abs(slope) < 10.0:
        raise entry.error("us_per_rad", slope, "at least 10, or at most -10")
    lower = entry.number("lower", -math.tau, math.tau)
    upper = entry.number("upper", lower, math.tau)
    speed = entry.number("speed", 0.1, 20.0)
    entry.close()
    lower, upper = max(lower, model.lower), min(upper, model.upper)
    if not lower <= 0.0 <= upper:
        raise entry.error("lower", lower, f"limits {lower:g}..{upper:g} that hold the zero pose")
    for name, end in (("lower", lower), ("upper", upper)):
        width = zero + slope * end
        if not lowest <= width <= highest:
            raise entry.error(name, end, f"a pulse of {lowest:g}..{highest:g} us, not {width:.0f}")
    fastest = (FASTEST - 2) / (abs(slope) * TICKS_PER_US * STEP_S)
    velocity = min(speed, model.velocity, fastest)
    limits = replace(model, lower=lower, upper=upper, velocity=velocity)
    return Servo(channel, zero, slope, limits)

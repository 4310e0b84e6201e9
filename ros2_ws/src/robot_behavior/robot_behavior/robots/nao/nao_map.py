"""Between the joints of the humanoid and those of NAO."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.robots.joint_table import read_joints
from robot_behavior.yaml_file import Section


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
        file: a mapping ``joints`` of joints, see ``config/nao.yaml``.
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

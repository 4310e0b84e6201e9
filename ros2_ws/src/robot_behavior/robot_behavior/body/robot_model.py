"""A robot as a tree of links and joints: limits, shapes, forward kinematics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class JointLimits:
    """What a joint can do, in rad (m for a prismatic joint), rad/s, rad/s2 and Nm.

    Attributes:
        lower: smallest position; -inf for a continuous joint.
        upper: largest position; inf for a continuous joint.
        velocity: largest speed, positive.
        effort: largest torque; inf when the URDF does not tell.
        acceleration: largest acceleration, positive; inf when nobody tells.
    """

    lower: float
    upper: float
    velocity: float
    effort: float = math.inf
    acceleration: float = math.inf


@dataclass(frozen=True)
class Shape:
    """A primitive that is drawn or that collides, in the frame of its link.

    Attributes:
        kind: ``box``, ``cylinder`` (axis z) or ``sphere``.
        size: m; box: x, y, z; cylinder: radius, length; sphere: radius.
        origin: [4,4] pose in the link's frame.
        colour: red, green, blue, alpha, 0..1.
    """

    kind: str
    size: tuple[float, ...]
    origin: np.ndarray
    colour: tuple[float, float, float, float]

    @property
    def radius(self) -> float:
        """Radius of a sphere around the origin that holds the shape, m."""
        if self.kind == "box":
            return math.hypot(*self.size) / 2.0
        if self.kind == "cylinder":
            return math.hypot(self.size[0], self.size[1] / 2.0)
        return self.size[0]


@dataclass(frozen=True)
class Mass:
    """What a link weighs.

    Attributes:
        kilograms: more than 0.
        centre: [3] m, the centre of mass in the link's frame.
    """

    kilograms: float
    centre: np.ndarray


@dataclass(frozen=True)
class Joint:
    """A joint of the tree.

    Attributes:
        name: its name.
        parent: name of the parent link.
        child: name of the child link.
        origin: [4,4] pose in the parent link's frame at position zero.
        axis: [3] unit vector in the joint's frame.
        slides: true for a prismatic joint.
        limits: None for a joint that stays at zero.
    """

    name: str
    parent: str
    child: str
    origin: np.ndarray
    axis: np.ndarray
    slides: bool = False
    limits: JointLimits | None = None

    def transform(self, position: float) -> np.ndarray:
        """[4,4] pose of the child link in the parent link's frame."""
        if position == 0.0:
            return self.origin
        motion = np.eye(4)
        if self.slides:
            motion[:3, 3] = self.axis * position
        else:
            motion[:3, :3] = rotation(self.axis, position)
        return self.origin @ motion


@dataclass(frozen=True)
class RobotModel:
    """A robot: a tree of links and joints.

    Attributes:
        name: the robot's name.
        root: name of the root link.
        joints: parents before children.
        shapes: what is drawn, by name of the link; links without a shape are left out.
        collisions: what must not touch, likewise.
        masses: of the links that have one, by name.
    """

    name: str
    root: str
    joints: tuple[Joint, ...]
    shapes: Mapping[str, tuple[Shape, ...]]
    collisions: Mapping[str, tuple[Shape, ...]] = field(default_factory=dict)
    masses: Mapping[str, Mass] = field(default_factory=dict)

    @cached_property
    def limits(self) -> dict[str, JointLimits]:
        """Limits of every joint that can be commanded, parents before children."""
        return {joint.name: joint.limits for joint in self.joints if joint.limits is not None}

    @cached_property
    def height(self) -> float:
        """Height of the zero pose's highest shape above the root link, m."""
        poses = self.poses({})
        return max(
            (
                float((poses[link] @ shape.origin)[2, 3]) + shape.radius
                for link, shapes in self.shapes.items()
                for shape in shapes
            ),
            default=1.0,
        )

    def frame(self, link: str) -> np.ndarray:
        """[4,4] pose of a link in the root link's frame while every joint is at zero.

        Raises:
            KeyError: the robot has no such link.
        """
        return self.poses({})[link]

    def poses(self, positions: Mapping[str, float]) -> dict[str, np.ndarray]:
        """Forward kinematics.

        Args:
            positions: rad by name of the joint; joints that are left out are at zero.

        Returns:
            [4,4] pose of every link in the root link's frame.
        """
        poses = {self.root: np.eye(4)}
        for joint in self.joints:
            position = positions.get(joint.name, 0.0) if joint.limits is not None else 0.0
            poses[joint.child] = poses[joint.parent] @ joint.transform(position)
        return poses


def roll_pitch_yaw(turn: np.ndarray) -> tuple[float, float, float]:
    """The angles, rad, of a [3,3] rotation, as URDF and tf count them: about the fixed x, y, z."""
    rows: list[list[float]] = turn.tolist()
    across = math.hypot(rows[0][0], rows[1][0])
    pitch = math.atan2(-rows[2][0], across)
    if across < 1e-9:  # straight up or down, where roll and yaw are one
        return math.atan2(-rows[1][2], rows[1][1]), pitch, 0.0
    return math.atan2(rows[2][1], rows[2][2]), pitch, math.atan2(rows[1][0], rows[0][0])


def rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """[3,3] rotation by ``angle`` (rad) about the unit vector ``axis`` [3]; Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + math.sin(angle) * cross + (1.0 - math.cos(angle)) * (cross @ cross)

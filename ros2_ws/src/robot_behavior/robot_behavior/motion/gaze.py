"""Where to look: from a face in an image to angles of the head."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from robot_behavior.body.robot_model import rotation

DEAD_ZONE = 0.035
"""A face that moves by less than this (rad, 2 degrees) is not followed: it is noise."""

HOLD_S = 1.5
"""The head stays where the face was for so long before it returns."""

_UP, _LEFT, _AHEAD = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])


@dataclass(frozen=True)
class Direction:
    """Where something is, or where a head looks.

    Attributes:
        yaw: rad, positive to the robot's left.
        pitch: rad, positive down.
        roll: rad, of a head; positive to the robot's right.
    """

    yaw: float
    pitch: float
    roll: float = 0.0

    def seen_from(self, head: Direction) -> Direction:
        """This direction, measured in the head, as one of the body that carries the head."""
        cosine = math.cos(self.pitch)
        ray = np.array(
            [cosine * math.cos(self.yaw), cosine * math.sin(self.yaw), -math.sin(self.pitch)]
        )
        turn = rotation(_UP, head.yaw) @ rotation(_LEFT, head.pitch) @ rotation(_AHEAD, head.roll)
        x, y, z = (float(part) for part in turn @ ray)
        return Direction(math.atan2(y, x), -math.atan2(z, math.hypot(x, y)))


@dataclass(frozen=True)
class Camera:
    """A camera without distortion.

    Attributes:
        width: of its images, px.
        height: px.
        focal: focal length, px.
    """

    width: int
    height: int
    focal: float

    @classmethod
    def with_view(cls, width: int, height: int, fov_deg: float) -> Camera:
        """One with a horizontal field of view in degrees."""
        return cls(width, height, width / (2.0 * math.tan(math.radians(fov_deg) / 2.0)))

    def bearing(self, x: float, y: float) -> Direction:
        """Direction of a pixel, relative to where the camera looks."""
        left, down = self.width / 2.0 - x, y - self.height / 2.0
        return Direction(
            math.atan2(left, self.focal), math.atan2(down, math.hypot(left, self.focal))
        )


@dataclass
class Gaze:
    """Follows a face, but not its jitter, and forgets it when it has been gone for a while.

    The head's angles when the image was taken are part of an observation. So a direction
    does not depend on how the head moves meanwhile, however old the image is, and the
    loop through the camera cannot oscillate.

    Attributes:
        dead_zone: rad.
        hold_s: how long a face is remembered.
    """

    dead_zone: float = DEAD_ZONE
    hold_s: float = HOLD_S
    _goal: Direction | None = None
    _seen: float = field(default=-math.inf)

    def see(self, bearing: Direction, head: Direction | None, now: float) -> None:
        """A face was seen.

        Args:
            bearing: of the face in the image.
            head: angles of the head when the image was taken; None when the camera
                does not move with the head.
            now: monotonic seconds.
        """
        face = bearing if head is None else bearing.seen_from(head)
        last = self.goal(now) or face
        self._goal = Direction(
            self._dragged(last.yaw, face.yaw), self._dragged(last.pitch, face.pitch)
        )
        self._seen = now

    def goal(self, now: float) -> Direction | None:
        """Where to look at a monotonic time; None when there is nobody to look at."""
        return self._goal if now - self._seen <= self.hold_s else None

    def _dragged(self, last: float, face: float) -> float:
        """The goal is dragged along once the face has left its dead zone."""
        return min(max(last, face - self.dead_zone), face + self.dead_zone)

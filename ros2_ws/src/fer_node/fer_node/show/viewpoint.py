"""Where the camera is in the frame in which things are drawn."""

from __future__ import annotations

from dataclasses import dataclass

from geometry_msgs.msg import Point, Quaternion


@dataclass(frozen=True)
class Viewpoint:
    """A camera that looks ahead, along x of a frame (x forward, y left, z up: REP-103).

    Attributes:
        frame: in which to draw; empty for the camera's own optical frame (x right, y down,
            z forward), whose place in the world is then told by tf.
        x: of the camera in the frame, metres.
        z: of the camera in the frame, metres.
    """

    frame: str = ""
    x: float = 0.0
    z: float = 0.0

    def place(self, seen: Point) -> Point:
        """A point of the camera's optical frame, in the frame in which to draw."""
        if not self.frame:
            return seen
        return Point(x=self.x + seen.z, y=-seen.x, z=self.z - seen.y)

    @property
    def upright(self) -> Quaternion:
        """The turn of something that stands, facing along x, in the frame in which to draw."""
        if self.frame:
            return Quaternion(w=1.0)
        return Quaternion(x=0.5, y=-0.5, z=0.5, w=0.5)

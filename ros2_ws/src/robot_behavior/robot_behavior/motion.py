"""One gesture of the robot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robot_behavior.spline import Spline


@dataclass(frozen=True)
class Motion:
    """A gesture: poses that some joints pass through at given times.

    Attributes:
        name: what the goal of the action calls it.
        joints: names of the J joints that it moves.
        times: [R] s from the start, strictly increasing; the first is the least time
            that the way from wherever the robot is to the first pose takes.
        positions: [R,J] rad.
        description: what it expresses, for people.
    """

    name: str
    joints: tuple[str, ...]
    times: np.ndarray
    positions: np.ndarray
    description: str = ""

    @property
    def path(self) -> Spline:
        """The path from the first pose, at time 0, to the last; at rest at both."""
        return Spline.through(self.times - self.times[0], self.positions)

    @property
    def end(self) -> dict[str, float]:
        """The last pose, rad by name of the joint."""
        return dict(zip(self.joints, map(float, self.positions[-1]), strict=True))

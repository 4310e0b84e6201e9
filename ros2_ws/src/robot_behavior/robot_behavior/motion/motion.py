"""One gesture of the robot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robot_behavior.motion.quintic import Quintic


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
        usage: what it is for: greeting, comfort, idle, ...
    """

    name: str
    joints: tuple[str, ...]
    times: np.ndarray
    positions: np.ndarray
    description: str = ""
    usage: str = ""

    @property
    def path(self) -> Quintic:
        """The path from the first pose, at time 0, to the last; at rest at both."""
        return Quintic.through(self.times - self.times[0], self.positions)

    @property
    def end(self) -> dict[str, float]:
        """The last pose, rad by name of the joint."""
        return dict(zip(self.joints, map(float, self.positions[-1]), strict=True))

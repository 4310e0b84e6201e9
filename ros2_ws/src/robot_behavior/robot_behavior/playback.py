"""Watches a robot follow a trajectory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robot_behavior.motion import Motion
from robot_behavior.trajectory import Trajectory

TOLERANCE_RAD = 0.05
"""A joint this near to where it should be has arrived."""

MARGIN_S = 1.0
"""A robot may arrive this much later than the trajectory says."""

SILENCE_S = 1.0
"""A robot whose joint states stay away for so long is lost."""


def farthest(goal: Mapping[str, float], positions: Mapping[str, float]) -> tuple[str, float]:
    """The joint that is farthest from its goal, and how far, in rad."""
    joint = max(goal, key=lambda name: abs(goal[name] - positions[name]))
    return joint, abs(goal[joint] - positions[joint])


@dataclass(frozen=True)
class Playback:
    """A motion under way.

    Attributes:
        motion: what is played.
        trajectory: what the robot follows.
        since: monotonic seconds of its start.
    """

    motion: Motion
    trajectory: Trajectory
    since: float

    def progress(self, now: float) -> float:
        """Share of the trajectory's duration that has passed, 0..1."""
        return min((now - self.since) / self.trajectory.duration, 1.0)

    def has_arrived(self, now: float, positions: Mapping[str, float]) -> bool:
        """Whether the time is over and the robot is where it should be."""
        if now - self.since < self.trajectory.duration:
            return False
        return farthest(self.trajectory.end, positions)[1] <= TOLERANCE_RAD

    def failure(self, now: float, positions: Mapping[str, float], seen: float) -> str:
        """Why the robot will not arrive; empty while it still may.

        Args:
            now: monotonic seconds.
            positions: the joints' newest positions, rad.
            seen: when they were received.
        """
        if now - seen > SILENCE_S:
            return f"no joint states for {now - seen:.1f} s"
        if now - self.since < self.trajectory.duration + MARGIN_S:
            return ""
        joint, _ = farthest(self.trajectory.end, positions)
        return (
            f"{joint} is at {positions[joint]:.2f} rad after {now - self.since:.1f} s, "
            f"expected {self.trajectory.end[joint]:.2f}"
        )

"""Watches a robot follow a motion."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from robot_behavior.motion.motion import Motion

TOLERANCE_RAD = 0.05
"""A joint this near to where it should be has arrived."""

MARGIN_S = 1.0
"""A robot may arrive this much later than the trajectory says."""

LAG_S = 0.6
"""A joint may be where it should have been at any time of the last moment."""

ASTRAY_S = 0.3
"""A joint that is elsewhere for so long has gone astray."""


def farthest(goal: Mapping[str, float], positions: Mapping[str, float]) -> tuple[str, float]:
    """The joint that is farthest from its goal, and how far, in rad."""
    joint = max(goal, key=lambda name: abs(goal[name] - positions[name]))
    return joint, abs(goal[joint] - positions[joint])


@dataclass(frozen=True)
class Playback:
    """A motion under way.

    Attributes:
        motion: what is played.
        since: monotonic seconds of its start.
        duration: of its trajectory, s.
        end: the pose that it ends in, rad by name; without joints that follow the gaze.
        free: columns of the joints that may follow the gaze.
    """

    motion: Motion
    since: float
    duration: float
    end: Mapping[str, float]
    free: tuple[int, ...] = ()

    def progress(self, now: float) -> float:
        """Share of the trajectory's duration that has passed, 0..1."""
        return min((now - self.since) / self.duration, 1.0)

    def has_arrived(self, now: float, positions: Mapping[str, float]) -> bool:
        """Whether the time is over and the robot is where it should be."""
        if now - self.since < self.duration:
            return False
        return not self.end or farthest(self.end, positions)[1] <= TOLERANCE_RAD

    def failure(self, now: float, positions: Mapping[str, float]) -> str:
        """Why the robot will not arrive; empty while it still may.

        Args:
            now: monotonic seconds.
            positions: the joints' newest positions, rad.
        """
        if now - self.since < self.duration + MARGIN_S or self.has_arrived(now, positions):
            return ""
        joint, _ = farthest(self.end, positions)
        return (
            f"{joint} is at {positions[joint]:.2f} rad after {now - self.since:.1f} s, "
            f"expected {self.end[joint]:.2f}"
        )


@dataclass
class Tracking:
    """Compares where the joints are with where they have been told to be.

    Attributes:
        joints: names of the J joints.
        tolerance: rad.
    """

    joints: tuple[str, ...]
    tolerance: float
    _past: deque[tuple[float, np.ndarray]] = field(default_factory=deque)
    _since: float | None = None

    def failure(self, now: float, told: np.ndarray, measured: np.ndarray) -> str:
        """Which joint has gone astray; empty if none has.

        Args:
            now: monotonic seconds.
            told: [J] where the joints should be now, rad.
            measured: [J] where they are, rad.
        """
        self._past.append((now, told))
        while self._past[0][0] < now - LAG_S:
            self._past.popleft()
        past = np.array([positions for _, positions in self._past])
        off = np.maximum(past.min(axis=0) - measured, measured - past.max(axis=0))
        i = int(np.argmax(off))
        if off[i] <= self.tolerance:
            self._since = None
            return ""
        self._since = now if self._since is None else self._since
        if now - self._since < ASTRAY_S:
            return ""
        return f"{self.joints[i]} is at {measured[i]:.2f} rad, expected {told[i]:.2f}"

    def forget(self) -> None:
        """Begins anew: nothing has been told yet."""
        self._past.clear()
        self._since = None

"""What the robot has been told to do, as a function of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from robot_behavior.motion.curves import Spline
from robot_behavior.motion.trajectory import JointStates, Trajectory

SOON_S = 0.01
"""Points that are nearer than this are left out when a course is told again."""


@dataclass(frozen=True)
class State:
    """Where joints are and how they move.

    Attributes:
        positions: [J] rad.
        velocities: [J] rad/s.
    """

    positions: np.ndarray
    velocities: np.ndarray

    def by_name(self, joints: Sequence[str]) -> JointStates:
        """The same by name of the joint."""
        return JointStates(
            dict(zip(joints, map(float, self.positions), strict=True)),
            dict(zip(joints, map(float, self.velocities), strict=True)),
        )


@dataclass(frozen=True)
class Course:
    """A trajectory that the robot follows from a known state on.

    A robot that is told the next trajectory while it moves goes on from where the last
    one has brought it, as long as both take the same time to reach it. So the course,
    and not what was measured some time ago, is what the next trajectory has to continue.

    Attributes:
        start: the state at its beginning.
        trajectory: what it was told.
        since: monotonic seconds of that.
    """

    start: State
    trajectory: Trajectory
    since: float

    @cached_property
    def _path(self) -> Spline:
        told = self.trajectory
        return Spline(
            np.concatenate([[0.0], told.times]),
            np.vstack([self.start.positions, told.positions]),
            np.vstack([self.start.velocities, told.velocities]),
        )

    def at(self, now: float) -> State:
        """The state at a monotonic time; that of the start before it, at rest after the end."""
        elapsed = max(now - self.since, 0.0)
        positions, velocities = self._path.at(np.array([elapsed]))
        return State(positions[0], velocities[0])

    def is_over(self, now: float, margin_s: float = 0.0) -> bool:
        """Whether its end is more than ``margin_s`` ago."""
        return now - self.since > self.trajectory.duration + margin_s

    def with_joints(self, columns: Sequence[int], other: Trajectory, now: float) -> Trajectory:
        """What is left of the course, with some joints following another trajectory.

        Args:
            columns: the joints that follow the other one.
            other: of all joints, from ``now`` on; its joints rest at its end.
            now: monotonic seconds.
        """
        told, path = self.trajectory, Course(self.at(now), other, 0.0)._path
        left = told.times + (self.since - now)
        kept = left > SOON_S
        if not kept.any():
            return other
        later = other.times[other.times > left[-1]]
        times = np.concatenate([left[kept], later])
        rows = [*np.flatnonzero(kept), *[-1] * len(later)]
        positions, velocities = told.positions[rows], told.velocities[rows]
        theirs, moving = path.at(times)
        positions[:, columns], velocities[:, columns] = theirs[:, columns], moving[:, columns]
        return Trajectory(told.joints, times, positions, velocities)

"""A simulated robot: joints that follow trajectories within their limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.trajectory import (
    BRAKE_S,
    Approach,
    CourseState,
    JointFollower,
    Spline,
)

HOME_S = 3.0
"""The way home takes no longer than this, unless the limits ask for more."""

HOME_SHARE = 0.5
"""Share of the limits of velocity and acceleration that the way home uses if there is time."""

MOMENT_S = 0.2
"""What is over in so short a time comes to its end by itself."""

HOME_STEP_S = 0.05
"""Time between two points of the way home."""


class TrajectoryError(ValueError):
    """A trajectory cannot be followed; the message is one line for its sender."""


class Simulation:
    """Ideal joints with position and velocity limits.

    A joint goes where the newest trajectory wants it, as fast as its velocity limit lets
    it; what is asked beyond a limit is clamped. A new trajectory starts from where the
    joints are, so that nothing ever jumps.

    Args:
        limits: the joints.
        home: where they start and rest, rad by name; those that are left out: at zero.

    Attributes:
        joints: names of the J joints.
        positions: [J] rad.
        velocities: [J] rad/s.
        home: [J] the same, or the nearest positions within the limits.
    """

    def __init__(
        self, limits: Mapping[str, JointLimits], home: Mapping[str, float] | None = None
    ) -> None:
        self.joints = tuple(limits)
        self._limits = tuple(limits.values())
        self._lower = np.array([limit.lower for limit in limits.values()])
        self._upper = np.array([limit.upper for limit in limits.values()])
        self._fastest = np.array([limit.velocity for limit in limits.values()])
        wanted = [(home or {}).get(joint, 0.0) for joint in limits]
        self.home = np.clip(np.array(wanted), self._lower, self._upper)
        self.positions = self.home.copy()
        self.velocities = np.zeros(len(limits))
        self._path: Spline | None = None
        self._columns: list[int] = []
        self._elapsed = 0.0

    @property
    def is_home(self) -> bool:
        """Whether every joint rests at home."""
        return self.is_still and bool(np.allclose(self.positions, self.home, atol=1e-3))

    @property
    def is_under_way(self) -> bool:
        """Whether the robot is going to move for longer than a moment."""
        return self._path is not None and self._path.times[-1] - self._elapsed > MOMENT_S

    @property
    def is_still(self) -> bool:
        """Whether the robot has done all that it was told and does not move."""
        over = self._path is None or self._elapsed >= self._path.times[-1]
        return over and not self.velocities.any()

    def follow(
        self,
        joints: Sequence[str],
        times: np.ndarray,
        positions: np.ndarray,
        velocities: np.ndarray | None = None,
    ) -> list[str]:
        """Follows a trajectory from now on; one without points stops the robot.

        Args:
            joints: names of the columns; joints left out stop where they are.
            times: [N] s from now, increasing.
            positions: [N,K] rad.
            velocities: [N,K] rad/s; None passes through the points as smoothly as they
                allow and rests at the last.

        Returns:
            Names that the robot does not have; their columns are ignored.

        Raises:
            TrajectoryError: it makes no sense; the robot goes on as before.
        """
        if positions.shape != (len(times), len(joints)):
            raise TrajectoryError(
                f"{len(joints)} joints and {len(times)} points have positions of shape "
                f"{positions.shape}"
            )
        if velocities is not None and velocities.shape != positions.shape:
            raise TrajectoryError(
                f"velocities have shape {velocities.shape}, not {positions.shape}"
            )
        if len(set(joints)) != len(joints):
            raise TrajectoryError("a joint is named twice")
        numbers = [times, positions] + ([velocities] if velocities is not None else [])
        if not all(np.isfinite(values).all() for values in numbers):
            raise TrajectoryError("holds a number that is not finite")
        if len(times) and (times[0] < 0 or (np.diff(times) <= 0).any()):
            raise TrajectoryError("its times do not increase from 0 on")
        known = [name in self.joints for name in joints]
        self._columns = [self.joints.index(name) for name in joints if name in self.joints]
        self._path = self._spline(times, positions[:, known], velocities, known)
        self._elapsed = 0.0
        return [name for name in joints if name not in self.joints]

    def go_home(self) -> None:
        """Brakes softly and goes home along a smooth path."""
        approach = Approach(self.positions, self.velocities, self.home, self._limits)
        comfortable = max(approach.least_duration(HOME_SHARE), BRAKE_S)
        duration = approach.allowed_duration(min(comfortable, HOME_S))
        times = np.linspace(0.0, duration, math.ceil(duration / HOME_STEP_S) + 1)[1:]
        self.follow(self.joints, times, *approach.at(times, duration))

    def brake(self) -> None:
        """Brakes as hard as the joints may, all together, and stays."""
        limits = dict(zip(self.joints, self._limits, strict=True))
        state = CourseState(self.positions, self.velocities)
        stop = JointFollower(self.joints, limits).stop(state)
        self.follow(stop.joints, stop.times, stop.positions, stop.velocities)

    def step(self, seconds: float) -> None:
        """Lets time pass."""
        if seconds <= 0.0:
            return
        self._elapsed += seconds
        wanted, moving = self.positions.copy(), np.zeros(len(self.joints))
        if self._path is not None and self._columns:
            positions, velocities = self._path.at(np.array([self._elapsed]))
            wanted[self._columns], moving[self._columns] = positions[0], velocities[0]
        # `np.clip` says the same in five times the time.
        way = np.minimum(np.maximum(wanted, self._lower), self._upper) - self.positions
        farthest = self._fastest * seconds
        limited = np.minimum(np.maximum(way, -farthest), farthest)
        free = (limited == way) & (np.abs(moving) <= self._fastest)
        reached = self.positions + limited
        self.positions = np.minimum(np.maximum(reached, self._lower), self._upper)
        self.velocities = np.where(free, moving, limited / seconds)

    def _spline(
        self,
        times: np.ndarray,
        positions: np.ndarray,
        velocities: np.ndarray | None,
        known: list[bool],
    ) -> Spline | None:
        if not len(times):
            return None
        here, moving = self.positions[self._columns], self.velocities[self._columns]
        starts_later = times[0] > 0.0
        if starts_later:
            times = np.concatenate([[0.0], times])
            positions = np.vstack([here, positions])
        if velocities is None:
            return Spline.through(times, positions)
        velocities = velocities[:, known]
        if starts_later:
            velocities = np.vstack([moving, velocities])
        return Spline(times, positions, velocities)

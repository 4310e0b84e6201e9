"""What the robot has been told to do, as a function of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.curves import Spline
from robot_behavior.motion.trajectory import PERIOD_S, JointStates, Trajectory

SOON_S = 0.01
"""Points that are nearer than this are left out when a course is told again."""


@dataclass(frozen=True)
class CourseState:
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

    start: CourseState
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

    def at(self, now: float) -> CourseState:
        """The state at a monotonic time; that of the start before it, at rest after the end."""
        elapsed = max(now - self.since, 0.0)
        positions, velocities = self._path.at(np.array([elapsed]))
        return CourseState(positions[0], velocities[0])

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


# ----------------------------------------------------------------------
# Joints that follow moving goals softly, and joints that stop.

STEP_S = 0.025
"""Time between two points of a window."""

STEPS = 6
"""So far ahead a window looks; its end is a stop, for the case that no other follows."""

HURRY = 6.0
"""Natural frequency of the following, rad/s: a small step is over after 0.8 s."""

SPEED_SHARE = 0.4
"""Share of the velocity limits that following uses."""

ACCELERATION_SHARE = 0.6
"""Share of the acceleration limits that following uses."""


class JointFollower:
    """Brings joints from any state to goals that may jump, without ever jumping itself.

    Each joint is a critically damped second-order system with bounded velocity and
    acceleration. It keeps no state: a window continues whatever state it is given, so
    that joints can be handed over to it at any time.

    Args:
        joints: the J joints.
        limits: of at least these.
    """

    def __init__(self, joints: tuple[str, ...], limits: Mapping[str, JointLimits]) -> None:
        self.joints = joints
        chosen = [limits[joint] for joint in joints]
        self.lower = np.array([limit.lower for limit in chosen])
        self.upper = np.array([limit.upper for limit in chosen])
        self.hardest = np.array([limit.acceleration for limit in chosen])
        self.acceleration = ACCELERATION_SHARE * self.hardest
        fastest = SPEED_SHARE * np.array([limit.velocity for limit in chosen])
        # From a higher speed it could not stop as fast as critical damping wants to.
        self.speed = np.minimum(fastest, self.acceleration / HURRY)

    def window(
        self, start: CourseState, goal: Callable[[float], CourseState], now: float
    ) -> Trajectory:
        """What the joints do in the next moment, and how they would stop after it.

        Args:
            start: the joints' state, [J].
            goal: where the joints should be at a monotonic time, [J], and how that moves.
            now: monotonic seconds.
        """
        rows, state = [], start
        for number in range(1, STEPS + 1):
            state = self._step(state, goal(now + number * STEP_S))
            rows.append(state)
        stop = self.stop(state, self.acceleration)
        ahead = STEP_S * np.arange(1, STEPS + 1)
        return Trajectory(
            self.joints,
            np.concatenate([ahead, ahead[-1] + stop.times[-1:]]),
            np.vstack([*(row.positions for row in rows), stop.positions[-1:]]),
            np.vstack([*(row.velocities for row in rows), stop.velocities[-1:]]),
        )

    def stop(self, start: CourseState, deceleration: np.ndarray | None = None) -> Trajectory:
        """All joints brake at once and stay where they come to a stop.

        They come to a stop together. A joint without room for that brakes harder.

        Args:
            start: the joints' state, [J].
            deceleration: [J] rad/s2; None for the most that the joints are capable of.
        """
        hardest = self.hardest if deceleration is None else deceleration
        velocity = start.velocities
        seconds = max(float((np.abs(velocity) / hardest).max(initial=0.0)), PERIOD_S)
        room = np.where(velocity > 0.0, self.upper - start.positions, start.positions - self.lower)
        # A constant deceleration takes v T / 2 of the way.
        fits = np.abs(velocity) * seconds / 2.0 <= room
        each = np.where(
            fits, seconds, 2.0 * np.maximum(room, 0.0) / np.maximum(np.abs(velocity), 1e-9)
        )
        each = np.maximum(each, 1e-6)
        times = np.linspace(0.0, seconds, max(int(np.ceil(seconds / PERIOD_S)), 1) + 1)[1:]
        passed = np.minimum(times[:, None], each)
        positions = start.positions + velocity * (passed - passed**2 / (2.0 * each))
        velocities = velocity * (1.0 - passed / each)
        return Trajectory(
            self.joints, times, np.clip(positions, self.lower, self.upper), velocities
        )

    def _step(self, state: CourseState, goal: CourseState) -> CourseState:
        x, v = state.positions, state.velocities
        away = np.clip(goal.positions, self.lower, self.upper) - x
        wanted = HURRY**2 * away + 2.0 * HURRY * (goal.velocities - v)
        # The order matters: whatever the speed is, it never changes faster than it may.
        wanted = np.clip(wanted, (-self.speed - v) / STEP_S, (self.speed - v) / STEP_S)
        wanted = np.clip(wanted, -self.acceleration, self.acceleration)
        then = v + wanted * STEP_S
        positions = x + (v + then) / 2.0 * STEP_S
        inside = (positions >= self.lower) & (positions <= self.upper)
        return CourseState(np.clip(positions, self.lower, self.upper), np.where(inside, then, 0.0))

"""Trajectories: paths through points, how one is planned, and where it has brought the robot.

`plan` makes a trajectory through a gesture, from wherever the robot is (`Approach`). A `Course` is
a trajectory that was told, as a function of time. `JointFollower` makes short trajectories that
follow moving goals, and those that stop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from robot_behavior.body.robot_model import JointLimits

if TYPE_CHECKING:
    from robot_behavior.motion.library import Motion


# ----------------------------------------------------------------------
# Paths through points, for several joints at once: piecewise cubic, and piecewise quintic.


@dataclass(frozen=True)
class Spline:
    """A cubic Hermite path, with continuous velocity.

    Attributes:
        times: [K] s, strictly increasing, K >= 1.
        positions: [K,J] rad.
        velocities: [K,J] rad/s.
    """

    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray

    @classmethod
    def through(cls, times: np.ndarray, positions: np.ndarray) -> Spline:
        """The monotone path through points, at rest at both ends.

        Between two points it stays between them, so a path through points within the
        limits is within the limits.

        Args:
            times: [K] s, strictly increasing.
            positions: [K,J] rad.
        """
        return cls(times, positions, _monotone(times, positions))

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions [N,J] and velocities [N,J] at ``times`` [N]; it rests before and after."""
        inside = np.clip(times, self.times[0], self.times[-1])
        if len(self.times) == 1:
            positions = np.repeat(self.positions, len(times), axis=0)
            return positions, np.zeros_like(positions)
        i = np.clip(np.searchsorted(self.times, inside, side="right") - 1, 0, len(self.times) - 2)
        step = (self.times[i + 1] - self.times[i])[:, None]
        u = (inside - self.times[i])[:, None] / step
        p, q = self.positions[i], self.positions[i + 1]
        v, w = self.velocities[i] * step, self.velocities[i + 1] * step
        a, b = 2.0 * (p - q) + v + w, 3.0 * (q - p) - 2.0 * v - w
        positions = ((a * u + b) * u + v) * u + p
        velocities = ((3.0 * a * u + 2.0 * b) * u + v) / step
        moves = (times >= self.times[0]) & (times <= self.times[-1])
        return positions, np.where(moves[:, None], velocities, 0.0)


PEAK_SAMPLES = 65
"""Points per piece at which peaks are sought; what lies between them differs by < 0.1 %."""


@dataclass(frozen=True)
class Quintic:
    """A quintic Hermite path, with continuous acceleration.

    Attributes:
        times: [K] s, strictly increasing, K >= 1.
        positions: [K,J] rad.
        velocities: [K,J] rad/s.
        accelerations: [K,J] rad/s2.
    """

    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray
    accelerations: np.ndarray

    @classmethod
    def through(cls, times: np.ndarray, positions: np.ndarray) -> Quintic:
        """The monotone path through points, at rest at both ends.

        A single piece is the minimum-jerk path of Flash and Hogan (1985). Between two
        points the path stays between them, so a path through points within the limits is
        within the limits: in Bernstein form, the velocity of a piece from p to q in h
        seconds has the coefficients v, v + a h/4, b, w - c h/4, w (velocities v, w and
        accelerations a, c at its ends), whose mean is the slope (q - p)/h. All five have
        the slope's sign when each end's two add up to at most 2.5 slopes. Points that are
        passed through get the velocity of Fritsch and Butland (1984), at most 1.25 slopes,
        and no acceleration. Where a joint turns back, it has no velocity and the
        acceleration of five slopes per second of piece, nearly that of a sine.

        Args:
            times: [K] s, strictly increasing.
            positions: [K,J] rad.
        """
        velocities, accelerations = _monotone(times, positions), np.zeros_like(positions)
        if len(times) > 2:
            steps = np.diff(times)[:, None]
            slopes = np.diff(positions, axis=0) / steps
            before, after = slopes[:-1], slopes[1:]
            most = 1.25 * np.minimum(np.abs(before), np.abs(after))
            velocities[1:-1] = np.clip(velocities[1:-1], -most, most)
            bend = 5.0 * np.minimum(np.abs(before) / steps[:-1], np.abs(after) / steps[1:])
            turns = before * after < 0.0
            accelerations[1:-1] = np.where(turns, np.copysign(bend, after), 0.0)
        return cls(times, positions, velocities, accelerations)

    @cached_property
    def _coefficients(self) -> np.ndarray:
        """[6,K-1,J] of the powers of the share 0..1 of a piece that has passed."""
        step = np.diff(self.times)[:, None]
        p, way = self.positions[:-1], np.diff(self.positions, axis=0)
        v, w = self.velocities[:-1] * step, self.velocities[1:] * step
        a, c = self.accelerations[:-1] * step**2, self.accelerations[1:] * step**2
        return np.stack(
            [
                p,
                v,
                a / 2.0,
                10.0 * way - 6.0 * v - 4.0 * w - 1.5 * a + 0.5 * c,
                -15.0 * way + 8.0 * v + 7.0 * w + 1.5 * a - c,
                6.0 * way - 3.0 * (v + w) - 0.5 * (a - c),
            ]
        )

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions [N,J] and velocities [N,J] at ``times`` [N]; it rests before and after."""
        if len(self.times) == 1:
            positions = np.repeat(self.positions, len(times), axis=0)
            return positions, np.zeros_like(positions)
        inside = np.clip(times, self.times[0], self.times[-1])
        i = np.clip(np.searchsorted(self.times, inside, side="right") - 1, 0, len(self.times) - 2)
        step = (self.times[i + 1] - self.times[i])[:, None]
        u = (inside - self.times[i])[:, None] / step
        pieces = self._coefficients[:, i]
        moves = (times >= self.times[0]) & (times <= self.times[-1])
        velocities = np.where(moves[:, None], _value(_derived(pieces), u) / step, 0.0)
        return _value(pieces, u), velocities

    def peak_speeds(self) -> np.ndarray:
        """[K-1,J] largest absolute velocity within each piece, rad/s."""
        return self._peaks(1)

    def peak_accelerations(self) -> np.ndarray:
        """[K-1,J] largest absolute acceleration within each piece, rad/s2."""
        return self._peaks(2)

    def _peaks(self, order: int) -> np.ndarray:
        step = np.diff(self.times)[:, None]
        u = np.linspace(0.0, 1.0, PEAK_SAMPLES)[:, None, None]
        pieces = self._coefficients
        for _ in range(order):
            pieces = _derived(pieces)
        peaks: np.ndarray = np.abs(_value(pieces, u)).max(axis=0) / step**order
        return peaks


def _monotone(times: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """[K,J] rad/s at the points of a monotone path that rests at both ends.

    The tangents are those of Fritsch and Butland, "A method for constructing local monotone
    piecewise cubic interpolants" (1984); none where a joint turns back.
    """
    velocities = np.zeros_like(positions)
    if len(times) > 2:
        steps = np.diff(times)[:, None]
        slopes = np.diff(positions, axis=0) / steps
        before, after = slopes[:-1], slopes[1:]
        weight = (1.0 + steps[1:] / (steps[:-1] + steps[1:])) / 3.0
        blend = weight * after + (1.0 - weight) * before
        same = before * after > 0.0
        harmonic = before * after / np.where(same, blend, 1.0)
        velocities[1:-1] = np.where(same, harmonic, 0.0)
    return velocities


def _value(coefficients: np.ndarray, u: np.ndarray) -> np.ndarray:
    value: np.ndarray = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = value * u + coefficient
    return value


def _derived(coefficients: np.ndarray) -> np.ndarray:
    powers = np.arange(1, len(coefficients))[:, None, None]
    return np.asarray(coefficients[1:] * powers)


# ----------------------------------------------------------------------
# What the robot is told.

PERIOD_S = 0.02
"""Time between two points at full speed."""

COMFORT_SHARE = 0.5
"""Share of a joint's velocity and acceleration that the way to the first pose uses."""


@dataclass(frozen=True)
class JointStates:
    """Where the joints are, rad, and how they move, rad/s, by name."""

    positions: Mapping[str, float]
    velocities: Mapping[str, float]


@dataclass(frozen=True)
class Trajectory:
    """Timed points that a robot follows.

    Attributes:
        joints: names of the J joints.
        times: [N] s from the start, the first one later than 0.
        positions: [N,J] rad.
        velocities: [N,J] rad/s.
    """

    joints: tuple[str, ...]
    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray

    @property
    def duration(self) -> float:
        """Seconds until the last point."""
        return float(self.times[-1])

    @property
    def end(self) -> dict[str, float]:
        """The last pose, rad by name of the joint."""
        return dict(zip(self.joints, map(float, self.positions[-1]), strict=True))


# From where the robot is, through a gesture.

BRAKE_S = 0.3
"""A joint that moves when a new motion begins keeps its course for at least this time,
if there is room."""

STILL_RAD_S = 1e-6
"""A joint that is slower than this stands still."""

SAMPLES = 101
"""Points at which the way's speeds and accelerations are checked."""


class Approach:
    """Braking plus a minimum-jerk path, for J joints at once.

    A moving joint brakes with n(v/B)(1-t/B)^(n-1), which takes it vB/(n+1) further in B
    seconds. With room ahead it brakes gently (n = 2, at most half of its acceleration)
    while the minimum-jerk path (Flash and Hogan 1985) already begins. Near a limit it
    brakes as hard as it must, if need be evenly (n = 1), and sets out afterwards. Only a
    joint that runs into a limit so fast that it could not stop by itself is stopped there.

    Args:
        start: [J] rad, where the joints are.
        velocity: [J] rad/s.
        goal: [J] rad.
        limits: of the joints.
    """

    def __init__(
        self,
        start: np.ndarray,
        velocity: np.ndarray,
        goal: np.ndarray,
        limits: Sequence[JointLimits],
    ) -> None:
        self._fastest = np.array([limit.velocity for limit in limits])
        self._strongest = np.array([limit.acceleration for limit in limits])
        lower = np.array([limit.lower for limit in limits])
        upper = np.array([limit.upper for limit in limits])
        velocity = np.clip(velocity, -self._fastest, self._fastest)
        room = np.maximum(np.where(velocity > 0.0, upper - start, start - lower), 0.0)
        moves = (np.abs(velocity) > STILL_RAD_S) & (room > 0.0)
        speed = np.where(moves, np.abs(velocity), 1.0)

        enough = np.where(moves, room, 1.0) * self._strongest / speed**2
        power = np.clip(enough / np.maximum(1.0 - enough, 1e-9), 1.0, 2.0)
        gentle = np.maximum(BRAKE_S, 4.0 * speed / self._strongest)
        longest = (power + 1.0) * room / speed
        self._brake_s = np.where(moves, np.minimum(gentle, longest), 1.0)
        self._delay = np.where(moves & (gentle > longest), self._brake_s, 0.0)
        self._braking = float(np.where(moves, self._brake_s, 0.0).max(initial=0.0))
        self._power = power
        self._velocity = np.where(moves, velocity, 0.0)
        self._start = start
        self._way = self._velocity * self._brake_s / (power + 1.0)
        self._rest = goal - start - self._way

    def least_duration(self, share: float) -> float:
        """Seconds that the way takes with this share of the limits, braking aside."""
        way = np.abs(self._rest)
        by_speed = 1.875 * way / (share * self._fastest)
        by_acceleration = np.sqrt(10.0 / np.sqrt(3.0) * way / (share * self._strongest))
        return float((np.maximum(by_speed, by_acceleration) + self._delay).max())

    def allowed_duration(self, wanted: float) -> float:
        """Seconds, at least ``wanted``, with which the way is within the limits.

        All joints have braked by then.
        """
        duration = max(wanted, float((1.01 * self._delay).max()), self._braking)
        while self._exceeds(duration):
            duration *= 1.1
        return duration

    def at(self, times: np.ndarray, duration: float) -> tuple[np.ndarray, np.ndarray]:
        """Positions [N,J] and velocities [N,J] at ``times`` [N]; at the goal afterwards."""
        left = np.clip(1.0 - times[:, None] / self._brake_s, 0.0, 1.0)
        u, length = self._share(times, duration)
        share = u**3 * (10.0 - 15.0 * u + 6.0 * u**2)
        rate = 30.0 * u**2 * (1.0 - u) ** 2 / length
        braked = left**self._power
        positions = self._start + self._way * (1.0 - left * braked) + self._rest * share
        velocities = self._velocity * braked + self._rest * rate
        return positions, velocities

    def _share(self, times: np.ndarray, duration: float) -> tuple[np.ndarray, np.ndarray]:
        """[N,J] of the minimum-jerk path's time that has passed, 0..1; [J] its seconds."""
        length = duration - self._delay
        return np.clip((times[:, None] - self._delay) / length, 0.0, 1.0), length

    def _exceeds(self, duration: float) -> bool:
        """Whether the minimum-jerk part asks for too much, alone or with the braking."""
        times = np.linspace(0.0, duration, SAMPLES)
        u, length = self._share(times, duration)
        bend = self._rest * 60.0 * u * (1.0 - u) * (1.0 - 2.0 * u) / length**2
        left = np.clip(1.0 - times[:, None] / self._brake_s, 0.0, 1.0)
        brake = -self._power * self._velocity / self._brake_s * left ** (self._power - 1.0)
        brake = np.where((left > 0.0) & (self._delay == 0.0), brake, 0.0)
        velocities = self.at(times, duration)[1]
        # Peaks lie between the samples: two thousandths are more than what is missed.
        allowed = 0.998
        return bool(
            (np.abs(velocities) > np.maximum(self._fastest * allowed, np.abs(self._velocity))).any()
            or (np.abs(bend + brake) > self._strongest * allowed).any()
        )


def plan(
    motion: Motion,
    rest: Motion,
    limits: Mapping[str, JointLimits],
    now: JointStates,
    speed: float = 1.0,
    approach_within_s: float = math.inf,
) -> Trajectory:
    """A trajectory for every joint of the rest pose, within position, speed and acceleration.

    The joints brake softly from the course that they are on and go to the motion's
    first pose along minimum-jerk paths (Flash and Hogan 1985), in the motion's first time
    or in what a comfortable speed takes, whichever is longer. Joints that the motion
    does not name go to rest meanwhile, so that nothing is left of a motion that was cut
    short. Then the motion follows at its own times.

    Args:
        motion: what to play; its joints are among those of ``rest``.
        rest: the motion to the rest pose.
        limits: of every joint of ``rest``.
        now: the joints' state; knows every joint of ``rest``.
        speed: 0..1; 0.5 takes twice the time.
        approach_within_s: the way to the first pose is walked faster than is comfortable
            when that takes longer than this, but never faster than the limits allow.
    """
    joints = rest.joints
    columns = np.array([joints.index(joint) for joint in motion.joints])
    first = np.array([rest.end[joint] for joint in joints])
    first[columns] = motion.positions[0]
    approach = Approach(
        start=np.array([now.positions[joint] for joint in joints]),
        velocity=np.array([now.velocities.get(joint, 0.0) for joint in joints]),
        goal=first,
        limits=[limits[joint] for joint in joints],
    )
    comfortable = approach.least_duration(COMFORT_SHARE)
    wanted = min(max(float(motion.times[0]), comfortable, BRAKE_S) / speed, approach_within_s)
    duration = approach.allowed_duration(wanted)

    path = motion.path
    length = duration + float(path.times[-1]) / speed
    count = math.ceil(length / (PERIOD_S / speed))
    times = np.linspace(0.0, length, count + 1)[1:]
    positions, velocities = approach.at(times, duration)
    after = times > duration
    moved, moving = path.at((times[after] - duration) * speed)
    positions[np.ix_(after, columns)] = moved
    velocities[np.ix_(after, columns)] = moving * speed
    lower = np.array([limits[joint].lower for joint in joints])
    upper = np.array([limits[joint].upper for joint in joints])
    outside = (positions < lower) | (positions > upper)
    return Trajectory(
        joints, times, np.clip(positions, lower, upper), np.where(outside, 0.0, velocities)
    )


# What the robot was told, as a function of time.

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

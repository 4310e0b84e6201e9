"""From where the robot is, through a gesture, within the limits of its joints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from robot_behavior.motion import Motion
from robot_behavior.robot_model import JointLimits

PERIOD_S = 0.02
"""Time between two points at full speed."""

APPROACH_SHARE = 0.5
"""Share of a joint's velocity limit that the way to the first pose may use."""

BRAKE_S = 0.3
"""A joint that moves when a new motion begins gives up its old course in this time."""


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


def plan(
    motion: Motion,
    rest: Motion,
    limits: Mapping[str, JointLimits],
    now: JointStates,
    speed: float = 1.0,
    approach_within_s: float = math.inf,
) -> Trajectory:
    """A trajectory for every joint of the rest pose.

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
    chosen = [limits[joint] for joint in joints]
    lower, upper, fastest = (
        np.array([getattr(limit, name) for limit in chosen])
        for name in ("lower", "upper", "velocity")
    )
    start = np.array([now.positions[joint] for joint in joints])
    velocity = np.array([now.velocities.get(joint, 0.0) for joint in joints])
    velocity = np.clip(velocity, -fastest, fastest)
    columns = [joints.index(joint) for joint in motion.joints]
    first = np.array([rest.end[joint] for joint in joints])
    first[columns] = motion.positions[0]

    approach = _Approach(start, velocity, first, lower, upper)
    comfortable = approach.least_duration(fastest * APPROACH_SHARE)
    duration = min(max(motion.times[0], comfortable, BRAKE_S) / speed, approach_within_s)
    while (approach.peak_speeds(duration) > fastest).any():
        duration *= 1.1

    path = motion.path
    length = duration + float(path.times[-1]) / speed
    count = math.ceil(length / (PERIOD_S / speed))
    times = np.linspace(0.0, length, count + 1)[1:]
    positions, velocities = approach.at(times, duration)
    after = times > duration
    moved, moving = path.at((times[after] - duration) * speed)
    positions[np.ix_(after, columns)] = moved
    velocities[np.ix_(after, columns)] = moving * speed
    outside = (positions < lower) | (positions > upper)
    return Trajectory(
        joints, times, np.clip(positions, lower, upper), np.where(outside, 0.0, velocities)
    )


class _Approach:
    """The way from a moving start to a pose: braking plus a minimum-jerk path."""

    def __init__(
        self,
        start: np.ndarray,
        velocity: np.ndarray,
        goal: np.ndarray,
        lower: np.ndarray,
        upper: np.ndarray,
    ) -> None:
        # The speed fades with the square of the time left, which takes a third of the
        # way that the speed would have gone; less where a limit is near.
        way = np.clip(start + velocity * BRAKE_S / 3.0, lower, upper) - start
        way = np.where(way * velocity > 0.0, way, 0.0)
        self._velocity = np.where(way != 0.0, velocity, 0.0)
        self._brake_s = np.where(way != 0.0, 3.0 * way / np.where(way != 0.0, velocity, 1.0), 1.0)
        self._start, self._way, self._rest = start, way, goal - start - way

    def least_duration(self, speeds: np.ndarray) -> float:
        """Seconds that the way takes at these peak speeds [J], braking aside."""
        return float((1.875 * np.abs(self._rest) / speeds).max())

    def peak_speeds(self, duration: float) -> np.ndarray:
        """[J] largest absolute velocity on the way, rad/s."""
        times = np.linspace(0.0, duration, 101)
        peaks: np.ndarray = np.abs(self.at(times, duration)[1]).max(axis=0)
        return peaks

    def at(self, times: np.ndarray, duration: float) -> tuple[np.ndarray, np.ndarray]:
        """Positions [N,J] and velocities [N,J] at ``times`` [N]; at the goal afterwards."""
        left = np.clip(1.0 - times[:, None] / self._brake_s, 0.0, 1.0)
        u = np.clip(times / duration, 0.0, 1.0)[:, None]
        share = u**3 * (10.0 - 15.0 * u + 6.0 * u**2)
        rate = 30.0 * u**2 * (1.0 - u) ** 2 / duration
        positions = self._start + self._way * (1.0 - left**3) + self._rest * share
        velocities = self._velocity * left**2 + self._rest * rate
        return positions, velocities

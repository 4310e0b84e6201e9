"""From where the robot is, through a gesture, within the limits of its joints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.library import Motion

# ----------------------------------------------------------------------
# The way from wherever the robot is, and however it moves, to a pose.

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


# ----------------------------------------------------------------------

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

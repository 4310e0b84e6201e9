"""From where the robot is, through a gesture, within the limits of its joints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.approach import BRAKE_S, Approach
from robot_behavior.motion.motion import Motion

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

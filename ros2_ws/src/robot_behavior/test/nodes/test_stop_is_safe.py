"""What ``~/stop`` does to a robot in the middle of its fastest gestures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from robot_behavior.body import urdf
from robot_behavior.motion.check import Checker
from robot_behavior.motion.check_program import TILT_DEG
from robot_behavior.motion.library import Motion, load_motions
from robot_behavior.motion.trajectory import (
    CourseState,
    JointFollower,
    JointStates,
    Trajectory,
    plan,
)

SOURCE = Path(__file__).parents[3]
URDF = SOURCE / "fer_bringup" / "urdf" / "humanoid.urdf"
MODEL = urdf.load(URDF)
LIBRARY = load_motions(
    SOURCE / "robot_behavior" / "config" / "motions.yaml", MODEL.limits, Checker(MODEL)
)
FOLLOWER = JointFollower(LIBRARY.rest.joints, MODEL.limits)
MOVING = [motion for motion in LIBRARY.motions.values() if motion is not LIBRARY.rest]

LONGEST_S = 0.135
"""docs/behavior.md says so: 3.9 rad/s of an arm that brakes with its 30 rad/s2."""


def played(motion: Motion) -> Trajectory:
    return plan(motion, LIBRARY.rest, MODEL.limits, JointStates(LIBRARY.rest.end, {}))


def stopped(trajectory: Trajectory, row: int) -> Trajectory:
    state = CourseState(trajectory.positions[row], trajectory.velocities[row])
    return FOLLOWER.stop(state)


def fastest(trajectory: Trajectory) -> int:
    """The row at which the robot takes longest to stop."""
    return int((np.abs(trajectory.velocities) / FOLLOWER.hardest).max(axis=1).argmax())


@pytest.mark.parametrize("motion", MOVING, ids=lambda motion: motion.name)
def test_the_stop_is_as_short_as_the_joints_allow(motion: Motion) -> None:
    trajectory = played(motion)
    for row in range(0, len(trajectory.times), 4):
        stop, moving = stopped(trajectory, row), np.abs(trajectory.velocities[row])
        least = float((moving / FOLLOWER.hardest).max())
        assert stop.duration == pytest.approx(max(least, 0.02))
        assert stop.duration <= LONGEST_S
        assert not stop.velocities[-1].any()
        assert (np.abs(stop.velocities[0]) <= moving).all(), "it brakes from the first moment on"
        speeds = np.abs(np.vstack([trajectory.velocities[row], stop.velocities]))
        times = np.concatenate([[0.0], stop.times])
        braking = -np.diff(speeds, axis=0) / np.diff(times)[:, None]
        assert (braking >= -1e-9).all()
        assert (braking <= FOLLOWER.hardest * 1.001).all()


@pytest.mark.parametrize("name", ["happy_arms_up", "happy_bounce", "surprise_head_back"])
def test_the_stop_does_not_tip_the_robot(name: str) -> None:
    pytest.importorskip("mujoco")
    from robot_behavior.motion.physics import Physics

    trajectory = played(LIBRARY.motions[name])
    row = fastest(trajectory)
    stop = stopped(trajectory, row)
    held = JointStates(stop.end, {})
    rest = plan(LIBRARY.rest, LIBRARY.rest, MODEL.limits, held)
    parts = [
        (trajectory.times[: row + 1], trajectory.positions, 0.0),
        (stop.times, stop.positions, trajectory.times[row]),
        (rest.times, rest.positions, trajectory.times[row] + stop.duration + 0.5),
    ]
    times = np.concatenate([part + since for part, _, since in parts])
    positions = np.vstack([rows[: len(part)] for part, rows, _ in parts])
    whole = Trajectory(trajectory.joints, times, positions, np.zeros_like(positions))
    tilt, _lag = Physics(URDF, MODEL).follow(whole)
    assert math.degrees(tilt) < TILT_DEG / 2.0

"""Trajectories: within every limit, wherever the robot is and however it moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_behavior.body import urdf
from robot_behavior.motion.library import load_motions
from robot_behavior.motion.trajectory import PERIOD_S, JointStates, Spline, Trajectory, plan

SOURCE = Path(__file__).parents[3]
MODEL = urdf.load(SOURCE / "fer_bringup" / "urdf" / "humanoid.urdf")
LIMITS = MODEL.limits
LIBRARY = load_motions(SOURCE / "robot_behavior" / "config" / "motions.yaml", LIMITS)
REST = JointStates(LIBRARY.rest.end, {})
names = st.sampled_from(sorted(LIBRARY.motions))
shares = st.lists(st.floats(0.0, 1.0), min_size=len(LIMITS), max_size=len(LIMITS))


def states(shares: list[float], speeds: list[float]) -> JointStates:
    """A state anywhere within the limits, moving in any way within them."""
    positions, velocities = {}, {}
    for (joint, limit), share, speed in zip(LIMITS.items(), shares, speeds, strict=True):
        positions[joint] = limit.lower + share * (limit.upper - limit.lower)
        velocities[joint] = (2.0 * speed - 1.0) * limit.velocity
    return JointStates(positions, velocities)


def assert_within_limits(trajectory: Trajectory, start: JointStates) -> None:
    """Also of acceleration, but for joints that no braking could keep within their range."""
    fastest = np.array([LIMITS[joint].velocity for joint in trajectory.joints])
    lower = np.array([LIMITS[joint].lower for joint in trajectory.joints])
    upper = np.array([LIMITS[joint].upper for joint in trajectory.joints])
    here = np.array([start.positions[joint] for joint in trajectory.joints])
    positions = np.vstack([here, trajectory.positions])
    steps = np.diff(positions, axis=0) / np.diff([0.0, *trajectory.times])[:, None]
    assert (np.diff([0.0, *trajectory.times]) > 0).all()
    assert (positions >= lower - 1e-9).all() and (positions <= upper + 1e-9).all()
    assert (np.abs(trajectory.velocities) <= fastest * 1.01).all()
    assert (np.abs(steps) <= fastest * 1.01).all()
    moving = np.array([start.velocities.get(joint, 0.0) for joint in trajectory.joints])
    strongest = np.array([LIMITS[joint].acceleration for joint in trajectory.joints])
    room = np.where(moving > 0.0, upper - here, here - lower)
    can_stop = moving**2 <= 2.0 * strongest * room
    velocities = np.vstack([moving, trajectory.velocities])
    changes = np.diff(velocities, axis=0) / np.diff([0.0, *trajectory.times])[:, None]
    assert (np.abs(changes) <= strongest * 1.01)[:, can_stop].all()


@settings(max_examples=60)
@given(name=names, shares=shares, speeds=shares, speed=st.floats(0.1, 1.0))
def test_limits_hold_from_any_state(
    name: str, shares: list[float], speeds: list[float], speed: float
) -> None:
    start = states(shares, speeds)
    trajectory = plan(LIBRARY.motions[name], LIBRARY.rest, LIMITS, start, speed)
    assert_within_limits(trajectory, start)
    assert trajectory.end == pytest.approx(LIBRARY.rest.end, abs=1e-6)
    np.testing.assert_allclose(trajectory.velocities[-1], 0.0, atol=1e-6)


@pytest.mark.parametrize("joint", sorted(LIMITS))
@given(speed=st.floats(-1.0, 1.0), share=st.floats(0.5, 1.5))
def test_a_joint_that_brakes_right_to_its_goal_has_braked_before_the_motion_begins(
    joint: str, speed: float, share: float
) -> None:
    """The braking may take longer than what is left of the way."""
    limit = LIMITS[joint]
    velocity = speed * limit.velocity
    way = velocity * max(0.3, 4.0 * abs(velocity) / limit.acceleration) / 3.0
    place = min(max(REST.positions[joint] - share * way, limit.lower), limit.upper)
    start = JointStates({**REST.positions, joint: place}, {joint: velocity})
    trajectory = plan(LIBRARY.motions["nod"], LIBRARY.rest, LIMITS, start)
    assert_within_limits(trajectory, start)


@settings(max_examples=60)
@given(shares=shares, speeds=shares)
def test_the_way_to_rest_is_short_enough_for_a_stop(
    shares: list[float], speeds: list[float]
) -> None:
    start = states(shares, speeds)
    trajectory = plan(LIBRARY.rest, LIBRARY.rest, LIMITS, start, 0.1, approach_within_s=2.8)
    assert_within_limits(trajectory, start)
    assert trajectory.duration < 3.3


def test_from_rest_a_motion_takes_its_own_time() -> None:
    motion = LIBRARY.motions["nod"]
    trajectory = plan(motion, LIBRARY.rest, LIMITS, REST)
    assert trajectory.duration == pytest.approx(motion.times[-1])
    slow = plan(motion, LIBRARY.rest, LIMITS, REST, speed=0.5)
    assert slow.duration == pytest.approx(2 * motion.times[-1])
    assert np.abs(slow.velocities).max() == pytest.approx(
        np.abs(trajectory.velocities).max() / 2, rel=0.05
    )


def test_it_passes_through_the_rows() -> None:
    motion = LIBRARY.motions["happy_bounce"]
    trajectory = plan(motion, LIBRARY.rest, LIMITS, REST)
    columns = [trajectory.joints.index(joint) for joint in motion.joints]
    for time, row in zip(motion.times, motion.positions, strict=True):
        nearest = np.abs(trajectory.times - time).argmin()
        found = trajectory.positions[nearest, columns]
        np.testing.assert_allclose(found, row, atol=4.0 * PERIOD_S)


def test_joints_that_a_motion_does_not_name_go_to_rest() -> None:
    arms_up = JointStates({**LIBRARY.rest.end, "left_shoulder_pitch_joint": 2.5}, {})
    trajectory = plan(LIBRARY.motions["nod"], LIBRARY.rest, LIMITS, arms_up)
    assert trajectory.end["left_shoulder_pitch_joint"] == pytest.approx(0.0, abs=1e-6)


@given(
    values=st.lists(st.floats(-2, 2), min_size=2, max_size=8),
    gaps=st.lists(st.floats(0.05, 2), min_size=8, max_size=8),
)
def test_a_spline_stays_between_its_points(values: list[float], gaps: list[float]) -> None:
    times = np.cumsum(gaps[: len(values)])
    spline = Spline.through(times, np.array(values)[:, None])
    for i in range(len(times) - 1):
        positions, _ = spline.at(np.linspace(times[i], times[i + 1], 60))
        low, high = sorted(values[i : i + 2])
        assert positions.min() >= low - 1e-9 and positions.max() <= high + 1e-9

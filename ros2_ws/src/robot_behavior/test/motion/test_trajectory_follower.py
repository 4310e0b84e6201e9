"""Joints that follow, and joints that stop."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.trajectory import STEP_S, Course, CourseState, JointFollower

LIMITS = {
    "neck": JointLimits(-1.0, 1.0, 3.0, acceleration=10.0),
    "arm": JointLimits(-0.2, 2.0, 2.0, acceleration=30.0),
}
LOWER, UPPER, HARDEST = np.array([-1.0, -0.2]), np.array([1.0, 2.0]), np.array([10.0, 30.0])
inside = st.tuples(st.floats(-0.6, 0.6), st.floats(0.0, 1.6))
speeds = st.tuples(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
anywhere = st.tuples(st.floats(-9.0, 9.0), st.floats(-9.0, 9.0))


def follower() -> JointFollower:
    return JointFollower(tuple(LIMITS), LIMITS)


@settings(max_examples=15, deadline=None)
@given(inside, speeds, st.lists(anywhere, min_size=1, max_size=3))
def test_any_goal_is_reached_within_the_limits(start: tuple, speed: tuple, goals: list) -> None:
    now, state = 0.0, CourseState(np.array(start), np.array(speed))
    for goal in goals:
        wanted = CourseState(np.array(goal), np.zeros(2))
        for _ in range(90):
            window = follower().window(state, lambda _, wanted=wanted: wanted, now)
            assert (np.abs(np.diff(window.times, prepend=0.0)) > 0.0).all()
            assert not window.velocities[-1].any()
            after = Course(state, window, now).at(now + 2 * STEP_S)
            assert (np.abs(after.velocities - state.velocities) <= HARDEST * 2 * STEP_S).all()
            assert (after.positions >= LOWER).all() and (after.positions <= UPPER).all()
            state, now = after, now + 2 * STEP_S
        np.testing.assert_allclose(state.positions, np.clip(goal, LOWER, UPPER), atol=0.01)


@given(inside, speeds)
def test_a_stop_takes_as_long_as_the_slowest_joint_needs(start: tuple, speed: tuple) -> None:
    state = CourseState(np.array(start), np.array(speed))
    stop = follower().stop(state)
    least = (np.abs(state.velocities) / HARDEST).max()
    assert abs(stop.duration - max(least, 0.02)) < 1e-9
    assert np.abs(stop.velocities[-1]).max() < 1e-6
    assert (stop.positions >= LOWER).all() and (stop.positions <= UPPER).all()
    assert (np.abs(stop.velocities) <= np.abs(state.velocities) + 1e-9).all()


def test_a_stop_next_to_a_limit_does_not_pass_it() -> None:
    stop = follower().stop(CourseState(np.array([0.99, 1.0]), np.array([2.0, 0.0])))
    assert 0.99 < stop.positions[:, 0].max() <= 1.0
    assert abs(stop.velocities[-1, 0]) < 1e-6
    # It brakes all the way to the limit, instead of running into it.
    path = Course(CourseState(np.array([0.99, 1.0]), np.array([2.0, 0.0])), stop, 0.0)
    speeds = [path.at(time).velocities[0] for time in np.arange(0.0, 0.3, 0.002)]
    ways = [path.at(time).positions[0] for time in np.arange(0.0, 0.3, 0.002)]
    assert max(ways) <= 1.0 + 1e-3
    assert stop.velocities[0, 0] < 0.5
    assert min(speeds) > -0.1

"""What joint states are worth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.monitor import JointMonitor

LIMITS = {name: JointLimits(-1.0, 1.0, 2.0) for name in ("neck", "arm", "finger")}
numbers = st.floats(allow_nan=True, allow_infinity=True)


def monitor() -> JointMonitor:
    return JointMonitor(("neck", "arm"), LIMITS)


def test_partial_messages_add_up() -> None:
    joints = monitor()
    assert str(joints.problem(0.0)) == "no joint state yet of neck, arm: is the robot running?"
    joints.update(["neck"], [0.1], [], 0.0)
    assert not joints.is_complete and str(joints.problem(0.0)).startswith(
        "no joint state yet of arm"
    )
    joints.update(["finger", "arm"], [0.0, 0.2], [0.0, 0.0], 0.1)
    assert joints.is_complete and joints.problem(0.1) is None
    assert joints.positions == {"neck": 0.1, "arm": 0.2}
    joints.update(["arm"], [0.2], [], 1.05)
    assert str(joints.problem(1.05)) == "no joint state of neck for 1.1 s"


def test_what_makes_no_sense_is_told_once_and_ignored() -> None:
    joints = monitor()
    joints.update(["neck", "arm"], [0.1, 0.2], [], 0.0)
    told = joints.update(["neck", "tail", "arm"], [math.nan, 0.0, 0.3], [], 0.1)
    assert told == "neck is at nan rad and moves at 0.0 rad/s; 'tail' is no joint of the robot"
    assert joints.positions == {"neck": 0.1, "arm": 0.3}
    assert joints.update(["neck", "tail"], [math.nan, 0.0], [], 0.2) is None
    joints.update(["neck"], [0.1], [], 0.3)
    assert "inf" in str(joints.update(["neck"], [0.1], [math.inf], 0.4))
    assert joints.update(["neck", "arm"], [0.5], [], 0.5) == "has 2 names and 1 positions"
    assert joints.positions["neck"] == 0.1


@given(st.lists(st.tuples(numbers, numbers, st.floats(0.0, 0.5)), max_size=20))
def test_whatever_comes_the_state_is_finite_and_within_the_limits(messages: list) -> None:
    joints, now = monitor(), 0.0
    for position, velocity, seconds in messages:
        now += seconds
        joints.update(["neck", "arm"], [position, 0.0], [velocity, 0.0], now)
        state = joints.state(now + seconds)
        assert np.isfinite(state.positions).all() and np.abs(state.positions).max() <= 1.0


def test_the_past_is_known() -> None:
    joints = monitor()
    for tick in range(100):
        joints.update(["neck", "arm"], [0.01 * tick, 0.0], [], 0.02 * tick)
    assert joints.at(1.5)[0] == pytest.approx(0.75)
    assert joints.at(1.51)[0] == pytest.approx(0.755)
    assert joints.at(0.0)[0] == pytest.approx(0.49, abs=0.02)  # the oldest that is known
    assert joints.at(9.0)[0] == pytest.approx(0.99)


def test_the_present_is_extrapolated() -> None:
    joints = monitor()
    joints.update(["neck", "arm"], [0.1, 0.9], [0.5, 2.0], 0.0)
    np.testing.assert_allclose(joints.state(0.1).positions, [0.15, 1.0])


def test_a_joint_far_outside_its_limits_is_a_problem_and_a_little_is_not() -> None:
    joints = monitor()
    joints.update(["neck", "arm"], [1.05, -1.0], [], 0.0)
    assert joints.problem(0.0) is None
    joints.update(["neck"], [1.3], [], 0.0)
    assert str(joints.problem(0.0)) == "neck is at 1.30 rad, expected -1..1"

"""What the robot was told, and how it is told anew."""

from __future__ import annotations

import numpy as np
import pytest

from robot_behavior.motion.trajectory import Course, CourseState, Trajectory

JOINTS = ("neck", "arm")


def ramp(seconds: float, neck: float, arm: float) -> Trajectory:
    end = np.array([[neck, arm]])
    return Trajectory(JOINTS, np.array([seconds]), end, np.zeros((1, 2)))


def course() -> Course:
    return Course(CourseState(np.zeros(2), np.array([0.5, 0.0])), ramp(1.0, 1.0, 1.0), 10.0)


def test_it_begins_at_its_start_and_rests_at_its_end() -> None:
    np.testing.assert_array_equal(course().at(9.0).velocities, [0.5, 0.0])
    np.testing.assert_array_equal(course().at(10.0).positions, [0.0, 0.0])
    np.testing.assert_array_equal(course().at(11.5).positions, [1.0, 1.0])
    np.testing.assert_array_equal(course().at(11.5).velocities, [0.0, 0.0])
    assert not course().is_over(11.5, 1.0) and course().is_over(11.5)
    assert course().at(10.5).by_name(JOINTS).positions["arm"] == pytest.approx(0.5)


@pytest.mark.parametrize("other_s", [0.2, 3.0])
def test_some_joints_can_be_told_anew(other_s: float) -> None:
    told, now = course(), 10.4
    other = ramp(other_s, -0.5, 9.0)
    merged = Course(told.at(now), told.with_joints([0], other, now), now)
    for later in (10.4, 10.7, 11.0, 14.0):
        assert merged.at(later).positions[1] == pytest.approx(told.at(later).positions[1], abs=0.02)
    assert merged.at(14.0).positions[0] == pytest.approx(-0.5)
    assert merged.trajectory.duration == pytest.approx(max(0.6, other_s))


def test_a_course_that_is_over_gives_way() -> None:
    other = ramp(0.2, -0.5, 1.0)
    assert course().with_joints([0], other, 12.0) is other

"""What a robot does that does nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.motion.mover import GLANCE_PITCH, GLANCE_S, GLANCE_YAW, Idle

JOINTS = ("torso_pitch_joint", "head_yaw_joint", "head_pitch_joint", "left_shoulder_roll_joint")
times = st.floats(0.0, 1e6)


def idle(seed: int = 0, joints: tuple[str, ...] = JOINTS) -> Idle:
    return Idle(joints, "head_yaw_joint", "head_pitch_joint", seed)


@given(times)
def test_breathing_is_small_slow_and_tells_its_speed(now: float) -> None:
    step = 1e-3
    here, there = idle().breath(now), idle().breath(now + step)
    assert np.abs(here.positions).max() < 0.05
    assert np.abs(here.velocities).max() < 0.1
    np.testing.assert_allclose(
        (there.positions - here.positions) / step,
        (here.velocities + there.velocities) / 2,
        atol=1e-4,
    )


@given(times, st.integers(0, 99))
def test_glances_are_small_and_only_of_the_head(now: float, seed: int) -> None:
    glance = idle(seed).glance(now).positions
    assert abs(glance[1]) <= GLANCE_YAW and abs(glance[2]) <= GLANCE_PITCH
    assert glance[0] == glance[3] == 0.0
    np.testing.assert_array_equal(glance, idle(seed).glance(now).positions)


def test_glances_pause_and_differ() -> None:
    moments = np.arange(0.0, 100 * GLANCE_S, 0.1)
    yaws = np.array([idle().glance(moment).positions[1] for moment in moments])
    assert 50 < np.count_nonzero(np.diff(yaws)) <= 100
    other = np.array([idle(1).glance(moment).positions[1] for moment in moments])
    assert not np.array_equal(yaws, other)


def test_a_robot_without_the_joints_does_not_mind() -> None:
    still = idle(joints=("wheel",))
    assert still.breath(3.0).positions == still.glance(3.0).positions == [0.0]

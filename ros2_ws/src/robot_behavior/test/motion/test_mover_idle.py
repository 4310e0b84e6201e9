"""What a robot does that does nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.motion.library import IdleMoves
from robot_behavior.motion.mover import (
    BLINK_S,
    BREATH_S,
    GLANCE_PITCH,
    GLANCE_S,
    GLANCE_YAW,
    RHYTHM_S,
    SWAY_S,
    SWAY_STEP_S,
    Idle,
)

JOINTS = (
    "torso_pitch_joint",
    "head_yaw_joint",
    "head_pitch_joint",
    "left_shoulder_roll_joint",
    "torso_yaw_joint",
)
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
    assert glance[0] == glance[3] == glance[4] == 0.0
    np.testing.assert_array_equal(glance, idle(seed).glance(now).positions)


def test_glances_pause_and_differ() -> None:
    moments = np.arange(0.0, 100 * GLANCE_S, 0.1)
    yaws, pitches = np.array([idle().glance(moment).positions[1:3] for moment in moments]).T
    assert 50 < np.count_nonzero(np.diff(yaws)) <= 100
    for angles, largest in ((yaws, GLANCE_YAW), (pitches, GLANCE_PITCH)):
        assert angles.min() < -0.8 * largest and angles.max() > 0.8 * largest, "to both sides"
    other = np.array([idle(1).glance(moment).positions[1] for moment in moments])
    assert not np.array_equal(yaws, other)


def test_a_robot_without_the_joints_does_not_mind() -> None:
    still = idle(joints=("wheel",))
    assert still.breath(3.0).positions == still.glance(3.0).positions == [0.0]


ANTENNAS = Idle(
    ("left_antenna_joint", "head_z_joint"),
    "head_yaw_joint",
    "head_pitch_joint",
    moves=IdleMoves({"head_z_joint": 0.002}, {}, {"left_antenna_joint": 0.3}),
)


def test_a_robot_idles_as_its_file_says() -> None:
    moments = np.arange(0.0, 60.0, 0.02)
    breath = np.array([ANTENNAS.breath(now).positions for now in moments])
    assert np.ptp(breath[:, 0]) == 0.0 and 0.003 < np.ptp(breath[:, 1]) < 0.006


def test_it_breathes_and_sways_in_its_own_time() -> None:
    moves = IdleMoves({"chest": 0.01}, {"hip": 0.01, "knee": 0.01}, {})
    quiet = Idle(("chest", "hip", "knee"), "head_yaw_joint", "head_pitch_joint", moves=moves)
    seconds = 20 * RHYTHM_S
    moments = np.arange(0.0, seconds, 0.1)
    places = np.array([quiet.breath(now).positions for now in moments])
    risings = (places[1:] > 0.0) & (places[:-1] <= 0.0)
    periods = BREATH_S, SWAY_S, SWAY_S + SWAY_STEP_S
    for count, period in zip(np.count_nonzero(risings, axis=0), periods, strict=True):
        assert count == pytest.approx(seconds / period, abs=2)
    chest, before = places[:, 0], np.flatnonzero(risings[:, 0])
    begins = moments[before] + 0.1 * chest[before] / (chest[before] - chest[before + 1])
    longer = np.diff(begins) > BREATH_S  # breaths are slow for a while, then quick for a while
    assert np.count_nonzero(longer[1:] & ~longer[:-1]) == pytest.approx(20, abs=1)
    assert 1.1 < np.diff(begins).max() / np.diff(begins).min() < 1.3


def test_antennas_blink_now_and_then_and_come_back() -> None:
    step = 0.01
    moments = np.arange(0.0, 120.0, step)
    states = [ANTENNAS.blink(now) for now in moments]
    antenna = np.array([state.positions[0] for state in states])
    assert 0.29 < antenna.max() <= 0.3 and antenna.min() == 0.0
    begun = np.count_nonzero((antenna[1:] > 0.0) & (antenna[:-1] == 0.0))
    assert 20 <= begun <= 25
    assert np.count_nonzero(antenna) == pytest.approx(begun * BLINK_S / step, rel=0.1)
    speeds = np.array([state.velocities[0] for state in states])
    np.testing.assert_allclose(np.gradient(antenna, step), speeds, atol=0.1)

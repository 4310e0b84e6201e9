"""Paths between keyframes: smooth, monotone, and honest about their peaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.motion.trajectory import Quintic

values = st.lists(st.floats(-2, 2), min_size=2, max_size=8)
gaps = st.lists(st.floats(0.05, 2), min_size=8, max_size=8)


def through(values: list[float], gaps: list[float]) -> Quintic:
    return Quintic.through(np.cumsum(gaps[: len(values)]), np.array(values)[:, None])


@given(values=values, gaps=gaps)
def test_it_stays_between_its_points_and_knows_its_peaks(
    values: list[float], gaps: list[float]
) -> None:
    path = through(values, gaps)
    speeds, bends = path.peak_speeds()[:, 0], path.peak_accelerations()[:, 0]
    for i, (speed, bend) in enumerate(zip(speeds, bends, strict=True)):
        moments = np.linspace(path.times[i], path.times[i + 1], 200)
        positions, velocities = (found[:, 0] for found in path.at(moments))
        low, high = sorted(values[i : i + 2])
        assert positions.min() >= low - 1e-9 and positions.max() <= high + 1e-9
        assert np.abs(velocities).max() <= speed * 1.001 + 1e-9
        changes = np.diff(velocities[:-1]) / np.diff(moments[:-1])
        assert np.abs(changes).max() <= bend * 1.001 + 1e-6


@given(values=values, gaps=gaps)
def test_it_begins_and_ends_at_rest_and_never_jerks(values: list[float], gaps: list[float]) -> None:
    path = through(values, gaps)
    assert path.velocities[[0, -1]].tolist() == path.accelerations[[0, -1]].tolist() == [[0], [0]]
    tick = 1e-5
    for knot in path.times[1:-1]:
        _, velocities = path.at(knot + tick * np.array([-2.0, -1.0, 1.0, 2.0]))
        before, after = np.diff(velocities[:, 0])[[0, 2]] / tick
        assert before == pytest.approx(after, abs=0.02 * (1 + path.peak_accelerations().max()))


def test_between_two_points_it_is_the_minimum_jerk_path() -> None:
    path = through([1.0, 3.0], [0.5, 2.0])
    positions, velocities = path.at(np.array([0.0, 0.5, 1.0, 1.5, 2.5, 9.0]))
    share = 0.25**3 * (10 - 15 * 0.25 + 6 * 0.25**2)
    expected = [1.0, 1.0, 1.0 + 2.0 * share, 2.0, 3.0, 3.0]
    np.testing.assert_allclose(positions[:, 0], expected)
    np.testing.assert_allclose(velocities[:, 0][[0, 1, 3, 4, 5]], [0, 0, 1.875, 0, 0], atol=1e-12)


def test_to_and_fro_is_nearly_a_sine() -> None:
    path = through([0.0, 1.0, -1.0, 1.0, -1.0, 0.0], [1.0] * 6)
    moments = np.linspace(3.0, 4.0, 50)
    wave = np.cos(np.pi * (moments - 4.0))
    assert np.abs(path.at(moments)[0][:, 0] - wave).max() < 0.01


def test_a_straight_way_through_many_points_has_one_speed() -> None:
    path = through([0.0, 1.0, 2.0, 3.0, 4.0], [1.0] * 5)
    _, velocities = path.at(np.linspace(2.0, 4.0, 30))
    np.testing.assert_allclose(velocities, 1.0, atol=0.01)

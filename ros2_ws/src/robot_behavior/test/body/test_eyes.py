"""The light of the eyes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.body.eyes import BLINK_EVERY_S, light, openness


@given(st.floats(0.0, 1e6), st.integers(0, 99))
def test_eyes_open_and_close_without_a_jump(now: float, seed: int) -> None:
    here, there = openness(now, seed), openness(now + 0.005, seed)
    assert 0.0 <= here <= 1.0
    assert abs(here - there) < 0.07


def test_eyes_blink_about_as_often_as_people_do_and_briefly() -> None:
    lids = np.array([openness(moment) for moment in np.arange(0.0, 400.0, 0.01)])
    blinks = np.count_nonzero((lids[1:] == 0.0) & (lids[:-1] > 0.0))
    assert 400 / BLINK_EVERY_S <= blinks <= 1.4 * 400 / BLINK_EVERY_S
    assert (lids < 1.0).mean() < 0.12


@pytest.mark.parametrize("mood", ["held", "fault"])
def test_a_signal_does_not_blink_and_differs(mood: str) -> None:
    assert {light(moment, mood) for moment in np.arange(0.0, 9.0, 0.05)} == {light(0.0, mood)}
    assert light(0.0, mood)[:3] != light(0.0, "idle")[:3]


def test_who_is_noticed_is_answered_with_a_blink_also_by_eyes_that_do_not_blink() -> None:
    moments = np.arange(0.0, 1.0, 0.01)
    lids = [light(5.0, "attending", blinks=False, since_sign=moment)[3] for moment in moments]
    assert lids[0] == 1.0 and min(lids) == 0.0 and lids[-1] == 1.0
    assert light(5.0, "held", since_sign=0.1) == light(5.0, "held")


def test_blinking_can_be_switched_off() -> None:
    assert {light(moment, "idle", blinks=False)[3] for moment in np.arange(0.0, 9.0, 0.05)} == {1.0}

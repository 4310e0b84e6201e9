"""Settings: defaults, limits, and those of parts."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from fer_common.settings import ParameterError, fields, part, read, setting


@dataclass(frozen=True)
class Smoothing:
    smoothing_s: float = setting(0.4, "Time constant, s.", low=0.0, high=10.0)


@dataclass(frozen=True)
class Whole:
    model: str = setting("ec_rfernet", "Name of a bundle.")
    smoothing: Smoothing = part(Smoothing)


def test_settings_of_parts_are_those_of_the_whole() -> None:
    assert list(fields(Whole)) == ["model", "smoothing_s"]
    assert read(Whole, {}) == Whole()
    assert read(Whole, {"smoothing_s": 1}).smoothing == Smoothing(1.0)


def test_a_value_of_a_part_is_checked() -> None:
    with pytest.raises(ParameterError, match="parameter 'smoothing_s' is 11.0, expected 0..10"):
        read(Whole, {"smoothing_s": 11.0})


def test_two_settings_cannot_have_one_name() -> None:
    @dataclass(frozen=True)
    class Twice:
        smoothing_s: float = setting(0.1, "Another one.", low=0.0, high=1.0)
        smoothing: Smoothing = part(Smoothing)

    with pytest.raises(TypeError, match="two settings named smoothing_s"):
        fields(Twice)

"""How a sentence may sound."""

from __future__ import annotations

import pytest

from robot_behavior.prosody import PITCH_ST, PLAIN, RATE, VOLUME_DB, Prosody


@pytest.mark.parametrize("end", [0, 1])
def test_the_ends_of_the_ranges_are_allowed(end: int) -> None:
    prosody = Prosody(RATE[end], PITCH_ST[end], VOLUME_DB[end])
    assert prosody.gain == pytest.approx(10 ** (VOLUME_DB[end] / 20))


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"rate": 0.1}, r"rate is 0.1, expected 0.5..2"),
        ({"pitch_st": 13.0}, r"pitch_st is 13, expected -12..12"),
        ({"volume_db": float("nan")}, r"volume_db is nan, expected -20..6"),
    ],
)
def test_values_beyond_their_range_are_refused(values: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Prosody(**values)


def test_the_normal_voice_changes_nothing() -> None:
    assert Prosody() == PLAIN and PLAIN.gain == 1.0

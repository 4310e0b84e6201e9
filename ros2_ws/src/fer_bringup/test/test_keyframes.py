from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_bringup.clip.stage import at


@dataclass(frozen=True)
class Level:
    value: float

    def towards(self, other: "Level", share: float) -> "Level":
        return Level(self.value + share * (other.value - self.value))


KEYS = ((1.0, Level(10.0)), (2.0, Level(20.0)), (4.0, Level(-5.0)))


@pytest.mark.parametrize(
    ("time", "value"), [(0, 10), (1, 10), (1.5, 15), (2, 20), (3, 7.5), (4, -5), (9, -5)]
)
def test_passes_through_its_keys_and_rests_outside(time: float, value: float) -> None:
    assert at(KEYS, time).value == pytest.approx(value)


@given(st.floats(-10, 20))
def test_never_overshoots(time: float) -> None:
    assert -5 <= at(KEYS, time).value <= 20


@given(st.floats(0, 5), st.floats(0, 1e-3))
def test_moves_without_jumps(time: float, step: float) -> None:
    assert abs(at(KEYS, time + step).value - at(KEYS, time).value) <= 40 * step + 1e-9

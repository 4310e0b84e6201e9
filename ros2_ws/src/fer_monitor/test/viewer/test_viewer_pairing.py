"""Which camera images are shown."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fer_monitor.viewer.pairing import PATIENCE_S, Pairing

PERIOD_S = 0.1


def test_an_image_waits_for_its_faces() -> None:
    pairing: Pairing[str] = Pairing(PERIOD_S)
    assert pairing.image(1, "first", 0.0) == "first"  # nobody is known to look for faces yet
    assert pairing.image(2, "second", 0.05) is None
    assert pairing.faces(2, 0.06) is None  # too soon, but now it is known
    assert pairing.image(3, "third", 0.15) is None
    assert pairing.faces(3, 0.17) == "third"


def test_faces_may_come_before_their_image() -> None:
    pairing: Pairing[str] = Pairing(PERIOD_S)
    pairing.faces(5, 1.0)
    assert pairing.image(5, "image", 1.01) == "image"


def test_without_faces_images_are_shown_alone() -> None:
    pairing: Pairing[int] = Pairing(PERIOD_S)
    shown = [pairing.image(number, number, 0.03 * number) for number in range(100)]
    assert 25 <= sum(item is not None for item in shown) <= 31
    assert not pairing.fits(3.0)


def test_when_faces_stop_the_images_go_on() -> None:
    pairing: Pairing[str] = Pairing(PERIOD_S)
    pairing.image(1, "paired", 1.0)
    pairing.faces(1, 1.01)
    assert pairing.fits(1.02)
    assert pairing.image(2, "alone", 1.2) is None
    assert pairing.image(3, "alone", 1.05 + PERIOD_S + PATIENCE_S) == "alone"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.floats(0.0, 0.2)), max_size=80))
def test_never_faster_than_the_period(events: list[tuple[bool, int, float]]) -> None:
    pairing: Pairing[int] = Pairing(PERIOD_S)
    now, times = 0.0, []
    for is_image, stamp, pause in events:
        now += pause
        taken = pairing.image(stamp, stamp, now) if is_image else pairing.faces(stamp, now)
        if taken is not None:
            times.append(now)
    assert all(b - a >= PERIOD_S - 1e-9 for a, b in pairwise(times))

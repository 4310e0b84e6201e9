"""The pictures of a recording."""

import numpy as np
import pytest

from fer_bringup.film import HEIGHT, WIDTH, Composer
from fer_bringup.journal import JournalMoment

ROBOT = np.full((480, 640, 3), 200, np.uint8)


def test_camera_left_robot_right_words_below() -> None:
    seen = np.full((480, 640, 3), (10, 120, 30), np.uint8)
    frame = Composer().frame(seen, ROBOT, JournalMoment(state="responding", speech="Hello!"))
    assert frame.shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(frame[:480, :640], seen)
    assert np.array_equal(frame[:480, 640:], ROBOT)
    assert (frame[480:] > 200).any()


def test_words_change_with_the_moment() -> None:
    composer = Composer()
    strips = [
        composer.frame(None, ROBOT, JournalMoment(speech=speech, reason=reason))[480:]
        for speech, reason in (
            ("Hello!", "a"),
            ("“Grüße”, ça va?", "a"),
            ("Hello!", "b"),
            ("", "b"),
        )
    ]
    assert len({strip.tobytes() for strip in strips}) == 4


@pytest.mark.parametrize("shape", [(1080, 1920), (1920, 1080), (32, 32), (2, 900)])
def test_pictures_of_any_shape_fit(shape: tuple[int, int]) -> None:
    seen = np.full((*shape, 3), 255, np.uint8)
    left = Composer().frame(seen, ROBOT, JournalMoment())[:480, :640]
    rows, columns = np.nonzero(left.max(axis=2))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert height == 480 or width == 640
    assert width / height == pytest.approx(shape[1] / shape[0], rel=0.2) or 1 in (height, width)

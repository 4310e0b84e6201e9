"""Which camera images are shown, and as what."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from fer_monitor.viewer.viewer_node import LARGEST_BYTES, LARGEST_PX, PATIENCE_S, Pairing, jpeg
from fer_node.nodes.messages import to_message
from fer_node.perception.frame import DecodeError

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
    assert pairing.image(3, "alone", 1.05 + PATIENCE_S) == "alone"


def test_the_boxes_of_a_slow_camera_belong_to_the_image_that_is_shown() -> None:
    pairing: Pairing[str] = Pairing(PERIOD_S)
    for stamp in range(3):
        assert pairing.image(stamp, "alone", stamp) == "alone"
        assert pairing.shown != stamp - 1
        assert pairing.faces(stamp, stamp + 0.01) is None  # the image is there already
        assert pairing.shown == stamp


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


def decoded(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def compressed(image: np.ndarray, kind: str = ".jpg") -> CompressedImage:
    return CompressedImage(data=cv2.imencode(kind, image)[1].tobytes())


def test_a_raw_image_keeps_its_size_and_colours() -> None:
    image = np.full((480, 640, 3), (30, 200, 90), np.uint8)
    file, shrink = jpeg(to_message(image, Header()), 75)
    assert shrink == 1
    assert np.abs(decoded(file).astype(int) - image).max() <= 4


def test_a_large_image_is_made_smaller_by_a_whole_number() -> None:
    file, shrink = jpeg(to_message(np.zeros((1500, 2000, 3), np.uint8), Header()), 75)
    assert shrink == 2
    assert decoded(file).shape == (750, 1000, 3)
    assert max(decoded(file).shape) <= LARGEST_PX


def test_a_lower_quality_is_smaller() -> None:
    message = to_message(noise(120, 160), Header())
    assert len(jpeg(message, 30)[0]) < len(jpeg(message, 90)[0])


def test_a_cameras_own_jpeg_is_passed_on() -> None:
    message = compressed(np.zeros((480, 640, 3), np.uint8))
    assert jpeg(message, 10) == (bytes(message.data), 1)


def test_an_enormous_jpeg_and_a_png_are_not() -> None:
    large = compressed(noise(1080, 1920))
    assert len(large.data) > LARGEST_BYTES
    file, shrink = jpeg(large, 50)
    assert shrink == 2 and len(file) < len(large.data)
    assert jpeg(compressed(noise(20, 30), ".png"), 75)[0].startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    "message",
    [
        Image(height=2, width=2, encoding="bgr8", step=6, data=[0] * 5),
        Image(height=0, width=0, encoding="bgr8"),
        Image(height=2, width=2, encoding="nonsense", step=8, data=[0] * 16),
        CompressedImage(data=b"no picture"),
        CompressedImage(),
    ],
    ids=["short", "empty", "unknown", "text", "nothing"],
)
def test_what_is_no_picture_is_told(message: Image | CompressedImage) -> None:
    with pytest.raises(DecodeError):
        jpeg(message, 75)

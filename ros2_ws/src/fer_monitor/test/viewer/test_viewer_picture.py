"""Camera images for the browser."""

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from fer_monitor.viewer.picture import LARGEST_BYTES, LARGEST_PX, jpeg
from fer_node.nodes.messages import to_message
from fer_node.perception.frame import DecodeError


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
        Image(height=2, width=2, encoding="32FC1", step=8, data=[0] * 16),
        CompressedImage(data=b"no picture"),
        CompressedImage(),
    ],
    ids=["short", "empty", "unknown", "text", "nothing"],
)
def test_what_is_no_picture_is_told(message: Image | CompressedImage) -> None:
    with pytest.raises(DecodeError):
        jpeg(message, 75)

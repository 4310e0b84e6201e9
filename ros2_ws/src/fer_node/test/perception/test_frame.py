"""What is converted in part is the same as what is converted whole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec_rfernet.faces.framing import cut
from ec_rfernet.faces.similarity import Similarity
from fer_node.perception.frame import DecodeError, JpegFrame, jpeg_size, open_compressed, open_raw
from fer_node.perception.stages import Stages


def smooth(height: int, width: int) -> np.ndarray:
    """A picture of soft shapes, BGR uint8 [height, width, 3]."""
    seed = np.random.default_rng(3).integers(20, 236, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(seed, (width, height), interpolation=cv2.INTER_CUBIC)


PICTURE = smooth(480, 640)


def square(x: float, y: float, side: float, angle: float = 0.2, size: int = 44) -> Similarity:
    """Places the square of a side around (x, y) in one of ``size`` pixels."""
    factor = size / side * complex(np.cos(angle), np.sin(angle))
    return Similarity(factor, size / 2 * (1 + 1j) - factor * complex(x, y))


STORED = {
    "bgr8": lambda bgr: bgr,
    "rgb8": lambda bgr: bgr[..., ::-1],
    "mono8": lambda bgr: cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY),
    "mono16": lambda bgr: cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype("<u2") * 257,
    "yuv422_yuy2": lambda bgr: np.dstack([bgr[..., 0], np.full(bgr.shape[:2], 128, np.uint8)]),
}


@pytest.mark.parametrize("encoding", STORED)
@pytest.mark.parametrize(("x", "y", "side"), [(321, 199, 151), (30, 470, 90), (99, 77, 31)])
def test_a_cut_is_that_of_the_converted_image(encoding, x, y, side):
    stored = np.ascontiguousarray(STORED[encoding](PICTURE))
    step = stored[0].nbytes
    frame = open_raw(480, 640, encoding, step, False, stored.tobytes())
    place = square(x, y, side)
    expected = cut(frame.bgr(), place, 44)
    assert np.abs(frame.cut(place, 44).astype(int) - expected).max() <= 2
    assert (frame.width, frame.height) == (640, 480)


def jpeg(picture: np.ndarray = PICTURE) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


@settings(deadline=None)
@given(
    side=st.floats(30, 400),
    x=st.floats(100, 500),
    y=st.floats(100, 400),
    angle=st.floats(-0.6, 0.6),
)
def test_a_jpeg_decoded_at_reduced_size_shows_the_same(side, x, y, angle):
    place = square(x, y, side, angle)
    whole = cut(PICTURE, place, 44).astype(int)
    assert np.abs(open_compressed(jpeg()).cut(place, 44) - whole).mean() < 2.5


def test_a_jpeg_is_decoded_no_finer_than_needed(monkeypatch):
    flags = []
    imdecode = cv2.imdecode
    monkeypatch.setattr(cv2, "imdecode", lambda b, flag: flags.append(flag) or imdecode(b, flag))
    frame = open_compressed(jpeg())
    assert isinstance(frame, JpegFrame) and flags == []
    frame.cut(square(320, 240, 250), 44)
    frame.cut(square(220, 240, 260), 44)
    assert flags == [cv2.IMREAD_REDUCED_GRAYSCALE_4], "once for both large faces"
    frame.cut(square(320, 240, 50), 44)
    assert flags[1:] == [cv2.IMREAD_GRAYSCALE], "the small one needs every pixel"
    image, shrink = frame.overview()
    assert (image.shape, shrink) == ((240, 320, 3), 2)
    assert frame.bgr().shape == (480, 640, 3)
    assert flags[2:] == [cv2.IMREAD_REDUCED_COLOR_2, cv2.IMREAD_COLOR]
    frame.overview()
    frame.bgr()
    assert len(flags) == 4, "what was decoded is kept"


def test_decoding_is_timed():
    stages = Stages()
    stages.begin()
    frame = open_compressed(jpeg(), stages)
    with stages("detect"):
        frame.overview()
    stages.finish()
    assert {row.stage for row in stages.figures()} == {"decode", "detect"}


@settings(deadline=None)
@given(st.integers(1, 70), st.integers(1, 70))
def test_the_header_of_a_jpeg_tells_its_size(height, width):
    data = np.frombuffer(jpeg(smooth(height, width)), np.uint8)
    assert jpeg_size(data) == (height, width)


def test_a_picture_that_may_have_to_be_turned_is_decoded_whole():
    exif = (
        b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    )
    data = jpeg()
    frame = open_compressed(data[:2] + exif + data[2:])
    assert (frame.height, frame.width) == (640, 480), "lying on its side"
    assert frame.bgr().shape == (640, 480, 3)


@given(st.binary(max_size=60))
def test_no_header_is_an_error(rubbish):
    data = np.frombuffer(b"\xff\xd8\xff" + rubbish, np.uint8)
    size = jpeg_size(data)
    assert size is None or min(size) > 0


def test_damage_that_shows_while_decoding_is_a_decode_error():
    data = jpeg()
    broken = data[:180] + bytes(60) + data[240:]
    frame = open_compressed(broken)
    with pytest.raises(DecodeError, match="damaged JPEG"):
        for look in (frame.bgr, lambda: frame.cut(square(320, 240, 100), 44)):
            look()

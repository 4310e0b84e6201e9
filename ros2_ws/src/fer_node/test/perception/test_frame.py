from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec_rfernet.faces.face import Similarity
from ec_rfernet.faces.framing import cut
from fer_node.perception.frame import (
    ENCODINGS,
    DecodeError,
    JpegFrame,
    Stages,
    open_compressed,
    open_raw,
)


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
    plain = ~cv2.IMREAD_IGNORE_ORIENTATION
    monkeypatch.setattr(cv2, "imdecode", lambda b, f: flags.append(f & plain) or imdecode(b, f))
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
    frame = open_compressed(jpeg(smooth(height, width)))
    assert isinstance(frame, JpegFrame) and (frame.height, frame.width) == (height, width)


def test_a_picture_that_may_have_to_be_turned_is_decoded_whole():
    exif = (
        b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    )
    data = jpeg()
    frame = open_compressed(data[:2] + exif + data[2:])
    assert (frame.height, frame.width) == (640, 480), "lying on its side"
    assert frame.bgr().shape == (640, 480, 3)


def test_damage_that_shows_while_decoding_is_a_decode_error():
    data = jpeg()
    broken = data[:180] + bytes(60) + data[240:]
    frame = open_compressed(broken)
    with pytest.raises(DecodeError, match="damaged JPEG"):
        for look in (frame.bgr, lambda: frame.cut(square(320, 240, 100), 44)):
            look()


# Images as they travel in messages.


REPACK = {
    "bgr8": lambda bgr: bgr,
    "rgb8": lambda bgr: bgr[..., ::-1],
    "bgra8": lambda bgr: np.dstack([bgr, np.full(bgr.shape[:2], 7, np.uint8)]),
    "rgba8": lambda bgr: np.dstack([bgr[..., ::-1], np.full(bgr.shape[:2], 7, np.uint8)]),
}


BT601 = np.array([[24.966, 112.0, -18.214], [128.553, -74.203, -93.786], [65.481, -37.797, 112.0]])
"""From BGR 0..1 to luma, blue and red difference in studio range (ITU-R BT.601)."""


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def decode(*image) -> np.ndarray:
    return open_raw(*image).bgr()


def decode_compressed(data: bytes) -> np.ndarray:
    return open_compressed(data).bgr()


def padded(rows: np.ndarray, padding: int) -> tuple[int, bytes]:
    """Rows of bytes [H, B] with rubbish after each."""
    step = rows.shape[1] + padding
    data = np.full((rows.shape[0], step), 0xEE, np.uint8)
    data[:, : rows.shape[1]] = rows
    return step, data.tobytes()


sizes = st.integers(1, 9)


@given(sizes, sizes, st.integers(0, 13), st.sampled_from(sorted(REPACK)), st.integers(0, 2**32 - 1))
def test_colour_images_come_back_whatever_the_padding(height, width, padding, encoding, seed):
    bgr = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    step, data = padded(REPACK[encoding](bgr).reshape(height, -1), padding)

    assert np.array_equal(decode(height, width, encoding, step, False, data), bgr)


@given(sizes, sizes, st.integers(0, 5), st.booleans(), st.integers(0, 2**32 - 1))
def test_grey_of_16_bits_honours_byte_order_and_padding(height, width, padding, big, seed):
    grey = np.random.default_rng(seed).integers(0, 2**16, (height, width), dtype=np.uint16)
    stored = grey.astype(">u2" if big else "<u2").view(np.uint8).reshape(height, -1)
    step, data = padded(stored, padding)

    image = decode(height, width, "mono16", step, big, data)

    assert np.abs(image[..., 0] - grey / 257).max() <= 0.5
    assert (image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all()


@given(sizes, sizes, st.integers(0, 5))
def test_grey_of_8_bits(height, width, padding):
    grey = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    step, data = padded(grey, padding)
    assert np.array_equal(decode(height, width, "mono8", step, True, data)[..., 1], grey)


@pytest.mark.parametrize("encoding", ["yuv422_yuy2", "yuyv", "yuv422", "uyvy"])
def test_yuv_keeps_the_colours(encoding):
    bgr = np.zeros((4, 6, 3), np.uint8)
    bgr[:2], bgr[2:] = (40, 60, 200), (190, 120, 30)
    luma, cb, cr = np.moveaxis(bgr / 255 @ BT601 + (16, 128, 128), -1, 0)
    chroma = np.where(np.arange(6) % 2, cr, cb)
    pair = [luma, chroma] if encoding in ("yuv422_yuy2", "yuyv") else [chroma, luma]
    step, data = padded(np.dstack(pair).reshape(4, -1).astype(np.uint8), 3)

    image = decode(4, 6, encoding, step, False, data)

    assert np.abs(image.astype(int) - bgr).max() <= 3


@pytest.mark.parametrize("padding", [0, 7])
def test_bgr_is_not_copied(padding):
    step, data = padded(np.zeros((3, 15), np.uint8), padding)
    buffer = bytearray(data)
    image = decode(3, 5, "bgr8", step, False, buffer)
    buffer[step] = 99
    assert image[1, 0, 0] == 99


@pytest.mark.parametrize(
    ("height", "width", "encoding", "step", "size", "complaint"),
    [
        (2, 2, "nv24", 4, 8, "encoding 'nv24' is not known; expected one of: bgr8"),
        (2, 2, "", 6, 12, "encoding '' is not known"),
        (2, 2, "x" * 20_000, 6, 12, r"encoding 'xxxxx[x]*\.\.\.' is not known"),
        (0, 2, "bgr8", 6, 12, "2x0 pixels; expected at least 1x1"),
        (2, 0, "bgr8", 6, 12, "0x2 pixels"),
        (2, 2, "bgr8", 5, 12, "step of the bgr8 image is 5; a row needs 6 bytes"),
        (2, 2, "bgr8", 6, 11, "has 11 bytes; 2 rows of step 6 need 12"),
        (2, 2, "bgr8", 6, 0, "has 0 bytes"),
        (2, 3, "yuv422_yuy2", 6, 12, "3 pixels wide; expected an even width"),
        (2, 3, "nv12", 3, 9, "3 pixels wide; expected an even width"),
        (3, 2, "nv12", 2, 9, "3 pixels high; expected an even height"),
        (2, 2, "nv12", 2, 5, "has 5 bytes; 3 rows of step 2 need 6"),
        (30_000, 30_000, "mono8", 30_000, 12, "30000x30000 pixels; expected at most 67 million"),
        (4_000_000_000, 4_000_000_000, "mono8", 4_000_000_000, 12, "expected at most 67 million"),
    ],
)
def test_impossible_images_are_refused_with_the_reason(
    height, width, encoding, step, size, complaint
):
    with pytest.raises(DecodeError, match=complaint):
        decode(height, width, encoding, step, False, bytes(size))


COLOURS = np.zeros((8, 12, 3), np.uint8)
COLOURS[:4], COLOURS[4:] = (40, 60, 200), (190, 120, 30)


@pytest.mark.parametrize("encoding", ["nv12", "nv21"])
def test_luma_with_rows_of_colours_behind(encoding):
    luma, cb, cr = np.moveaxis(COLOURS / 255 @ BT601 + (16, 128, 128), -1, 0)
    pair = [cb, cr] if encoding == "nv12" else [cr, cb]
    chroma = np.dstack([part[::2, ::2] for part in pair]).reshape(4, -1)
    step, data = padded(np.vstack([luma, chroma]).astype(np.uint8), 4)

    image = decode(8, 12, encoding, step, False, data)

    assert image.shape == (8, 12, 3) and np.abs(image.astype(int) - COLOURS).max() <= 3


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
@pytest.mark.parametrize("bits", [8, 16])
def test_mosaics_keep_the_colours(pattern, bits):
    channels = {"b": 0, "g": 1, "r": 2}
    mosaic = np.zeros((8, 12), np.uint16)
    for place, letter in enumerate(pattern):
        rows, columns = np.s_[place // 2 :: 2], np.s_[place % 2 :: 2]
        mosaic[rows, columns] = COLOURS[rows, columns, channels[letter]]
    stored = mosaic.astype(np.uint8) if bits == 8 else (mosaic * 257).astype("<u2")
    step, data = padded(stored.view(np.uint8).reshape(8, -1), 2)

    image = decode(8, 12, f"bayer_{pattern}{bits}", step, False, data)

    for row, colour in ((1, COLOURS[0, 0]), (6, COLOURS[7, 0])):  # away from the border between
        assert np.abs(image[row, 2:-2].astype(int) - colour).max() <= 2


@pytest.mark.parametrize(
    ("encoding", "same"), [("8UC1", "mono8"), ("8UC3", "bgr8"), ("8UC4", "bgra8")]
)
def test_names_of_opencv_are_those_of_ros(encoding, same):
    channels = {"mono8": 1, "bgr8": 3, "bgra8": 4}[same]
    data = bytes(range(4 * 5 * channels))
    one, other = (decode(4, 5, name, 5 * channels, False, data) for name in (encoding, same))
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("encoding", "dtype"), [("16UC1", "u2"), ("16SC1", "i2"), ("32FC1", "f4"), ("64FC1", "f8")]
)
@pytest.mark.parametrize("big", [False, True])
def test_distances_are_stretched_from_black_to_white(encoding, dtype, big):
    ramp = np.linspace(400, 3000, 40).reshape(5, 8).astype((">" if big else "<") + dtype)
    step, data = padded(ramp.view(np.uint8).reshape(5, -1), 3)
    image = decode(5, 8, encoding, step, big, data)
    assert image[0, 0].tolist() == [0, 0, 0] and image[-1, -1].tolist() == [255, 255, 255]
    assert (np.diff(image[..., 0].ravel().astype(int)) >= 0).all()


def test_distances_that_nobody_could_measure_are_black():
    values = np.array([[np.nan, np.inf, -np.inf, 1.0, 3.0, 2.0]], "<f4")
    assert decode(1, 6, "32FC1", 24, False, values.tobytes())[0, :, 0].tolist() == [
        0, 0, 0, 0, 255, 127,
    ]  # fmt: skip
    nowhere = np.full((1, 6), np.nan, "<f4")
    assert not decode(1, 6, "32FC1", 24, False, nowhere.tobytes()).any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("encoding", "dtype"), [("32FC1", "f4"), ("64FC1", "f8")])
@pytest.mark.parametrize("big", [False, True])
def test_the_largest_numbers_are_stretched_as_well(encoding, dtype, big):
    most = float(np.finfo(dtype).max)
    values = np.array([[-most, 0.0, most, np.nan]], (">" if big else "<") + dtype)
    image = decode(1, 4, encoding, values.nbytes, big, values.tobytes())
    assert image[0, :, 0].tolist() == [0, 127, 255, 0]


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.sampled_from(sorted(ENCODINGS)),
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.binary(max_size=200),
)
def test_nothing_but_decode_error_is_raised(height, width, encoding, step, big, data):
    try:
        image = decode(height, width, encoding, step, big, data)
    except DecodeError:
        return
    assert image.shape == (height, width, 3) and image.dtype == np.uint8


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return cv2.resize(np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8), (80, 60))


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_compressed_images(picture, suffix):
    data = cv2.imencode(suffix, picture)[1].tobytes()
    assert np.abs(decode_compressed(data).astype(int) - picture).mean() < 8
    assert decode_compressed(data + bytes(100)).shape == picture.shape, "padding of some cameras"


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("part", [0.2, 0.6, 0.99])
def test_truncated_pictures_are_refused(picture, suffix, part):
    data = cv2.imencode(suffix, picture)[1].tobytes()
    with pytest.raises(DecodeError, match="cut off|damaged"):
        decode_compressed(data[: int(len(data) * part)])


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "is empty"),
        (b"GIF89a", "damaged GIF"),
        (b"\xff\xd8\xff" + b"rubbish" * 20 + b"\xff\xd9", "damaged JPEG"),
        (
            b"\x89PNG\r\n\x1a\n" + b"rubbish" * 20 + b"IEND\xaeB`\x82",
            "a PNG of [0-9]+x[0-9]+ pix",
        ),
        (PNG + bytes(17) + b"\0\0\0\0IEND\xaeB`\x82", "damaged PNG"),
    ],
    ids=["empty", "gif", "jpeg", "png with an absurd chunk", "png"],
)
def test_rubbish_is_refused(data, complaint):
    with pytest.raises(DecodeError, match=complaint):
        decode_compressed(data)


@given(st.binary(max_size=300))
def test_compressed_rubbish_never_raises_anything_else(rubbish):
    wrapped = (b"\xff\xd8\xff" + rubbish + b"\xff\xd9", PNG + rubbish + b"IEND\xaeB`\x82")
    for data in (rubbish, *wrapped):
        with pytest.raises(DecodeError):
            decode_compressed(data)

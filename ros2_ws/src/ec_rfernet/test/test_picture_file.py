"""Whatever a file claims to be: an upright picture, or one sentence in a moment."""

import io
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from ec_rfernet.errors import InputError
from ec_rfernet.picture_file import decode, header, is_whole, kind, read_picture

QUADRANTS = np.zeros((60, 100, 3), np.uint8)
QUADRANTS[:30, :50], QUADRANTS[30:, 50:], QUADRANTS[:30, 50:] = (250, 30, 30), (30, 250, 30), 200
HAS_AVIF = "AVIF" in cv2.getBuildInformation()
FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", *(["AVIF", "GIF"] if HAS_AVIF else [])]
TURNED = ["JPEG", "PNG", "WEBP", "TIFF", *(["AVIF"] if HAS_AVIF else [])]


def picture(form: str, turn: int = 1, **options: object) -> bytes:
    """A file of `QUADRANTS`, as a camera held in that way stores it."""
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x112] = turn
    given = {"exif": exif} if form in TURNED else {}
    Image.fromarray(QUADRANTS).save(file, form, **given, **options)
    return file.getvalue()


def upright(data: bytes) -> np.ndarray:
    """The same by another library, BGR."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    return np.asarray(image)[..., ::-1].astype(int)


@pytest.mark.parametrize("form", FORMATS)
def test_pictures_of_every_format(form):
    data = picture(form)
    found = header(data)
    assert found is not None and (found.width, found.height, found.turn) == (100, 60, 1)
    assert np.abs(decode(data, cv2.IMREAD_COLOR) - upright(data)).mean() < 12
    assert decode(data, cv2.IMREAD_GRAYSCALE).shape == (60, 100)


@pytest.mark.parametrize("turn", range(2, 9))
@pytest.mark.parametrize("form", TURNED)
def test_pictures_are_turned_as_the_camera_was_held(form, turn):
    data = picture(form, turn)
    expected = upright(data)
    found = decode(data, cv2.IMREAD_COLOR)
    assert found.shape == expected.shape == ((100, 60, 3) if turn > 4 else (60, 100, 3))
    assert np.abs(found - expected).mean() < 12
    assert decode(data, cv2.IMREAD_GRAYSCALE).shape == expected.shape[:2]


TRAILERS = {
    "a counter": b"\x07\x00\x00\x01",
    "zeros": bytes(5000),
    "a film": b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40,
    "another picture": picture("JPEG"),
}


@pytest.mark.parametrize("trailer", TRAILERS.values(), ids=TRAILERS)
@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_anything_may_follow_a_picture(trailer, options):
    data = picture("JPEG", **options)
    whole = decode(data, cv2.IMREAD_COLOR)
    assert np.array_equal(decode(data + trailer, cv2.IMREAD_COLOR), whole)
    assert decode(picture("PNG") + trailer, cv2.IMREAD_COLOR).shape == (60, 100, 3)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_picture_that_was_cut_off_is_told(form, part):
    data = picture(form)
    with pytest.raises(InputError, match="cut off|damaged"):
        decode(data[: int(part * len(data))], cv2.IMREAD_COLOR)


def test_the_preview_within_a_picture_is_not_its_end():
    preview = picture("JPEG")
    extra = b"\xff\xe1" + struct.pack(">H", len(preview) + 8) + b"Exif\0\0" + preview
    data = picture("JPEG")
    data = data[:2] + extra + data[2:]
    assert is_whole(data, "JPEG")
    assert not is_whole(data[: len(data) - 40], "JPEG")


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(
        ">I", zlib.crc32(name + content)
    )  # fmt: skip


def claims(form: str, width: int, height: int) -> bytes:
    """A small file that claims to be large."""
    if form == "PNG":
        head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        body = chunk(b"IDAT", zlib.compress(bytes(4000)))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")
    data = bytearray(picture(form))
    if form == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", height, width)
    elif form == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    elif form == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    elif form == "PPM":
        data[:9] = f"P6 {width} {height} 255\n".encode()
    elif form == "TIFF":
        for tag, value in ((0x100, width), (0x101, height)):
            at = data.index(struct.pack("<H", tag), struct.unpack_from("<I", data, 4)[0])
            struct.pack_into("<HHII", data, at, tag, 4, 1, value)
    elif form == "AVIF":
        at = data.index(b"ispe") + 8
        data[at : at + 8] = struct.pack(">II", width, height)
    else:
        at = data.index(b"VP8 ") + 14
        data[at : at + 4] = struct.pack("<HH", width, height)
    return bytes(data)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "BMP", "PPM", "GIF", "AVIF", "WEBP"])
def test_what_claims_too_many_pixels_is_not_decoded(form):
    side = 16_000 if form == "WEBP" else 30_000
    with pytest.raises(InputError, match=f"{side}x{side} pixels, expected at most 134 million"):
        decode(claims(form, side, side), cv2.IMREAD_COLOR)


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is empty, expected a picture"),
        (HEIC, "is a HEIC, which cannot be read; convert it to JPEG or PNG, for example"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "is a JPEG XL, which cannot be read"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "is a JPEG 2000, which cannot be read"),
        (b"%PDF-1.7", "is a PDF, which cannot be read; convert it"),
        (b"<svg xmlns='x'/>", "is a SVG"),
        (b"\0\0\0\x18ftypmp42", "is a MP4 or QuickTime video"),
        (b"\x1aE\xdf\xa3", "is a Matroska or WebM video"),
        (b"GIF89a", "is a damaged GIF"),
        (b"hello, world", "is not a picture that can be read .12 bytes, first 68656c6c"),
    ],
)
def test_the_message_says_what_a_file_is(data, told):
    with pytest.raises(InputError, match=told):
        decode(data, cv2.IMREAD_COLOR)


def test_a_name_that_is_no_text_is_read(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    path.write_bytes(picture("PNG"))
    assert read_picture(path, cv2.IMREAD_COLOR).shape == (60, 100, 3)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path("/dev/zero")):
        with pytest.raises(InputError, match="is not a file but a device or a pipe"):
            read_picture(path, cv2.IMREAD_COLOR)
    with pytest.raises(InputError, match="is not a file but a folder"):
        read_picture(tmp_path, cv2.IMREAD_COLOR)
    with pytest.raises(InputError, match="cannot be read .No such file"):
        read_picture(tmp_path / "gone.jpg", cv2.IMREAD_COLOR)


@settings(deadline=None)
@given(st.sampled_from(FORMATS), st.integers(0, 200), st.binary(min_size=1, max_size=8))
def test_damage_is_a_picture_or_a_sentence(form, place, noise):
    data = bytearray(picture(form))
    data[place : place + len(noise)] = noise
    assert kind(bytes(data)) is None or isinstance(kind(bytes(data)), str)
    try:
        image = decode(bytes(data), cv2.IMREAD_COLOR, 1 << 22)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert image.dtype == np.uint8 and image.shape[2] == 3


def test_names_in_a_png_are_not_written_to_the_terminal(capfd):
    """A terminal would obey them: libpng prints the name of a profile that it does not like."""
    plain = picture("PNG")
    content = b"iCCP" + b"\x1b]0;owned\x07\x1b[31m\0\0" + zlib.compress(bytes(5_000_000))
    checksum = struct.pack(">I", zlib.crc32(content))
    profile = struct.pack(">I", len(content) - 4) + content + checksum
    begin = 8 + 25  # behind the signature and IHDR
    image = decode(plain[:begin] + profile + plain[begin:], cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(image, decode(plain, cv2.IMREAD_COLOR))
    assert capfd.readouterr() == ("", "")

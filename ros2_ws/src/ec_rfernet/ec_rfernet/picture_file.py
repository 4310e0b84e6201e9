"""The one decoder of pictures: files, and what travels compressed in messages.

The first bytes say what a picture is and how large, and that is checked before a pixel is
decoded: some kilobytes may claim a picture of gigabytes. OpenCV then decodes it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import read_bytes

MOST_BYTES = 1 << 28
"""Of the file of a picture."""

MOST_PIXELS = 1 << 27
"""Of a picture: 134 million, some more than today's largest cameras for people have."""

SUFFIXES = (
    ".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip
"""Endings of the names of pictures, in small letters."""

FORMATS = ("JPEG", "PNG", "WebP", "BMP", "GIF", "TIFF", "AVIF", "PNM")
"""What can be decoded; `kind` names more, so that messages can say what a file is."""


@dataclass(frozen=True)
class PictureHeader:
    """What a picture says of itself before it is decoded.

    Attributes:
        kind: one of `FORMATS`.
        width, height: pixels, as they are stored.
        turn: how the camera was held, Exif's orientation 1..8; 1 is upright.
    """

    kind: str
    width: int
    height: int
    turn: int = 1


# What a file is, by its first bytes.

_STARTS: tuple[tuple[bytes, str], ...] = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"RIFF....WEBP", "WebP"),
    (rb"BM", "BMP"),
    (rb"GIF8[79]a", "GIF"),
    (rb"II[*+]\0|MM\0[*+]", "TIFF"),
    (rb"....ftypavi[fs]", "AVIF"),
    (rb"....ftyp(hei|hev|mif1|msf1)", "HEIC"),
    (rb"P[56]\s", "PNM"),
    (rb"....JXL |\xff\x0a", "JPEG XL"),
    (rb"....jP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"\x76\x2f\x31\x01", "OpenEXR"),
    (rb"#\?RADIANCE|#\?RGBE", "Radiance HDR"),
    (rb"P[1-4F7f]\s", "PNM that is not binary grey or colour"),
    (rb"8BPS", "Photoshop"),
    (rb"%PDF", "PDF"),
    (rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?<svg", "SVG"),
    (rb"....ftyp|....moov|....mdat", "MP4 or QuickTime video"),
    (rb"\x1aE\xdf\xa3", "Matroska or WebM video"),
    (rb"RIFF....AVI ", "AVI video"),
    (rb"PK\x03\x04", "ZIP archive"),
    (rb"\x1f\x8b", "gzip archive"),
    (rb"SQLite format 3", "SQLite database"),
)
_KINDS = tuple((re.compile(start, re.DOTALL), name) for start, name in _STARTS)
_PHONE = ("HEIC", "JPEG XL", "AVIF")


def kind(data: bytes) -> str | None:
    """What some bytes are, such as ``JPEG`` or ``HEIC``; None where nobody knows."""
    head = bytes(data[:256])
    return next((name for start, name in _KINDS if start.match(head)), None)


# How large it is, and how it is to be turned.


def header(data: bytes) -> PictureHeader | None:
    """What a picture says of itself; None where it is none of `FORMATS`, or its head is damaged."""
    name = kind(data)
    if name is None or name not in _HEADS:
        return None
    try:
        width, height, turn = _HEADS[name](data)
    except (struct.error, IndexError, ValueError, OverflowError):
        return None
    if width <= 0 or height <= 0:
        return None
    return PictureHeader(name, width, height, turn if 1 <= turn <= 8 else 1)


_Head = tuple[int, int, int]  # width, height, orientation

_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame, ITU-T T.81, B.1
_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The segments of a JPEG up to its pixels: marker, begin, end."""
    at, end = 2, len(data)
    while at + 4 <= end and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = data[at + 2] << 8 | data[at + 3]
        yield marker, at + 4, at + 2 + length
        if marker == _SCAN or length < 2:
            return
        at += 2 + length


def _jpeg(data: bytes) -> _Head:
    turn, size = 1, (0, 0)
    for marker, begin, end in _segments(data):
        if marker == _APP1 and data[begin : begin + 6] == b"Exif\0\0":
            turn = _orientation(data[begin + 6 : end])
        elif marker in _SIZES and size == (0, 0):
            height, width = struct.unpack_from(">HH", data, begin + 1)
            size = width, height
    return *size, turn


_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
"""The chunks of a PNG that its pixels need."""


def _png(data: bytes) -> _Head:
    width, height = struct.unpack_from(">II", data, 16)
    turn = 1
    for name, begin, end in _chunks(data, 8, ">"):
        if name == b"eXIf":
            turn = _orientation(data[begin:end])
        if name == b"IDAT":
            break
    return width, height, turn


def _pixels_only(data: bytes) -> bytes:
    """A PNG without what is no part of the picture: libpng prints names in it to the terminal."""
    spans = [(name in _PIXELS, begin - 8, end + 4) for name, begin, end in _chunks(data, 8, ">")]
    if all(is_needed for is_needed, _, _ in spans):
        return data
    return data[:8] + b"".join(data[begin:end] for is_needed, begin, end in spans if is_needed)


def _chunks(data: bytes, at: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Chunks of a PNG or of a RIFF file: name, begin and end of the content."""
    while at + 8 <= len(data):
        if order == ">":
            length, name = struct.unpack_from(">I4s", data, at)
            step = 12 + length
        else:
            name, length = struct.unpack_from("<4sI", data, at)
            step = 8 + length + length % 2
        yield name, at + 8, at + 8 + length
        at += step


def _webp(data: bytes) -> _Head:
    width = height = 0
    turn = 1
    for name, begin, end in _chunks(data, 12, "<"):
        found = (0, 0)
        if name == b"VP8X":
            found = (
                1 + int.from_bytes(data[begin + 4 : begin + 7], "little"),
                1 + int.from_bytes(data[begin + 7 : begin + 10], "little"),
            )
        elif name == b"VP8L":
            bits = struct.unpack_from("<I", data, begin + 1)[0]
            found = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        elif name == b"VP8 ":
            right, down = struct.unpack_from("<HH", data, begin + 6)
            found = right & 0x3FFF, down & 0x3FFF
        elif name == b"EXIF":
            exif = data[begin:end]
            turn = _orientation(exif.removeprefix(b"Exif\0\0"))
        width, height = max(width, found[0]), max(height, found[1])
    return width, height, turn


def _bmp(data: bytes) -> _Head:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        return *struct.unpack_from("<HH", data, 18), 1
    width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height), 1


def _gif(data: bytes) -> _Head:
    return *struct.unpack_from("<HH", data, 6), 1


def _pnm(data: bytes) -> _Head:
    found = re.match(rb"P[56](?:\s+|#[^\n]*\n)+(\d{1,9})(?:\s+|#[^\n]*\n)+(\d{1,9})\s", data[:4096])
    if not found:
        raise ValueError("no size")
    return int(found[1]), int(found[2]), 1


def _avif(data: bytes) -> _Head:
    """The largest of its pictures, which may be tiles of one, or turned ones."""
    places = [found.start() for found in re.finditer(rb"ispe", data[: 1 << 20])]
    sizes = [struct.unpack_from(">II", data, at + 8) for at in places]
    width, height = max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))
    turn = re.search(rb"\0\0\0\x09irot(.)", data[: 1 << 20], re.DOTALL)
    mirror = re.search(rb"\0\0\0\x09imir(.)", data[: 1 << 20], re.DOTALL)
    turned = turn[1][0] & 3 if turn else 0
    return width, height, _AVIF_TURNS[turned][1 + (mirror[1][0] & 1) if mirror else 0]


# Exif's orientations of quarter turns to the left (ISO/IEC 23008-12, 6.5.10 and 6.5.12), first
# without a mirror image, then with one from top to bottom, then from left to right.
_AVIF_TURNS = ((1, 4, 2), (8, 5, 7), (3, 2, 4), (6, 7, 5))


_SHORT, _LONG, _LONG8 = 3, 4, 16  # types of TIFF's fields


def _fields(data: bytes) -> dict[int, int]:
    """The first value of each field of a TIFF's first picture, by tag: those of whole numbers."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    place = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), data, place)[0]
    place += 8 if big else 2
    step = 20 if big else 12
    found = {}
    for number in range(min(count, 4096)):
        tag, form = struct.unpack_from(order + "HH", data, place + number * step)
        value = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}.get(form)
        if value:
            at = place + number * step + (12 if big else 8)
            found[tag] = struct.unpack_from(order + value, data, at)[0]
    return found


def _tiff(data: bytes) -> _Head:
    fields = _fields(data)
    # A tile, or a strip, is decoded as a whole.
    width = max(fields.get(0x100, 0), fields.get(0x142, 0))
    height = max(fields.get(0x101, 0), fields.get(0x143, 0))
    return width, height, fields.get(0x112, 1)


def _orientation(exif: bytes) -> int:
    try:
        return _fields(exif).get(0x112, 1) if exif[:2] in (b"II", b"MM") else 1
    except struct.error:
        return 1


_HEADS: dict[str, Callable[[bytes], _Head]] = {
    "JPEG": _jpeg, "PNG": _png, "WebP": _webp, "BMP": _bmp, "GIF": _gif, "TIFF": _tiff,
    "AVIF": _avif, "PNM": _pnm,
}  # fmt: skip


# Whether all of it is there: a decoder fills what is missing with grey, and reports success.

_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def is_whole(data: bytes, name: str) -> bool:
    """Whether a file has its end, behind which there may be anything.

    Cameras pad their pictures or count in them, and phones put a film behind a photo.

    Args:
        data: the file.
        name: its format; of others than JPEG, PNG, WebP and GIF the decoder tells.
    """
    if name == "JPEG":
        return _is_whole_jpeg(data)
    if name == "PNG":
        return any(
            chunk == b"IEND" and end + 4 <= len(data) for chunk, _, end in _chunks(data, 8, ">")
        )
    if name == "WebP":
        return len(data) >= 12 and struct.unpack_from("<I", data, 4)[0] + 8 <= len(data)
    if name == "GIF":
        return b"\x3b" in data[-4096:]
    return True


def _is_whole_jpeg(data: bytes) -> bool:
    if data[-64:].rstrip(b"\0").endswith(b"\xff\xd9"):  # the usual one, and quick
        return True
    at = next((end for marker, _, end in _segments(data) if marker == _SCAN), len(data))
    while found := _NEXT_MARKER.search(data, at):
        marker = data[found.start() + 1]
        if marker == _END:
            return True
        if found.end() + 2 > len(data):
            return False
        # A table, or the head of the next scan, of a progressive picture.
        at = found.end() + (data[found.end()] << 8 | data[found.end() + 1])
    return False


# Decoding.

COLOUR = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
"""Flags that decode a JPEG at a part of its size, by how many of its pixels become one in a row;
that takes less time."""


def reduction(data: bytes, enough: float) -> int:
    """How far a picture may be reduced while it is decoded, a key of `COLOUR`.

    Args:
        data: the file.
        enough: pixels that shall be left; there may be more.
    """
    found = header(data)
    if found is None or found.kind != "JPEG":
        return 1
    pixels = found.width * found.height
    return max((k for k in COLOUR if pixels >= enough * k * k), default=1)


def decode(data: bytes, flags: int, most: int = MOST_PIXELS) -> np.ndarray:
    """The upright picture in the bytes of a file.

    Args:
        data: the file.
        flags: ``cv2.IMREAD_COLOR``, BGR; or ``cv2.IMREAD_GRAYSCALE``, luma of ITU-R BT.601; or
            one of those that reduce a JPEG.
        most: pixels; a picture that claims more is not decoded.

    Returns:
        uint8 [H, W, 3], or [H, W] of grey.

    Raises:
        InputError: it is none of `FORMATS`, too large, cut off or damaged; the message is the
            rest of a sentence about it.
    """
    found = header(data)
    if found is None:
        raise InputError(_no_picture(data))
    if found.width * found.height > most:
        raise InputError(
            f"is a {found.kind} of {found.width}x{found.height} pixels, expected at most "
            f"{most / 1e6:.0f} million"
        )
    if not is_whole(data, found.kind):
        raise InputError(f"is a {found.kind} that was cut off after {len(data)} bytes")
    if found.kind == "PNG":
        data = _pixels_only(data)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except (cv2.error, MemoryError):
        image = None
    if image is None:
        raise InputError(_undecoded(found, len(data)))
    # OpenCV turns a TIFF, whatever it is told.
    return image if found.kind == "TIFF" else upright(image, found.turn)


def upright(image: np.ndarray, turn: int) -> np.ndarray:
    """A picture as it is to be seen.

    Args:
        image: [H, W] or [H, W, 3], as it is stored.
        turn: Exif's orientation 1..8.
    """
    return _TURNS[turn](image) if turn in _TURNS else image


def read_picture(path: Path, flags: int) -> np.ndarray:
    """Decodes a picture file; flags and result as of `decode`.

    Raises:
        InputError: it cannot be read, or see `decode`.
    """
    data = read_bytes(path, MOST_BYTES)
    try:
        return decode(data, flags)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _no_picture(data: bytes) -> str:
    name = kind(data)
    if not len(data):
        return "is empty, expected a picture"
    if name in FORMATS:
        return f"is a damaged {name} ({len(data)} bytes)"
    if name is None:
        return f"is not a picture that can be read ({len(data)} bytes, first {data[:4].hex()})"
    how = "convert it to JPEG or PNG"
    if name in _PHONE:
        how += ", for example with 'magick IN OUT.jpg', or let the phone save JPEG"
    return f"is a {name}, which cannot be read; {how}"


def _undecoded(found: PictureHeader, size: int) -> str:
    if found.kind in ("AVIF", "GIF"):  # not in every OpenCV
        return (
            f"is a {found.kind} that is damaged, or that OpenCV {cv2.__version__} cannot read; "
            "convert it to JPEG or PNG"
        )
    return f"is a damaged {found.kind} ({size} bytes)"


def _by(*steps: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    def turn(image: np.ndarray) -> np.ndarray:
        for step in steps:
            image = step(image)
        return image

    return turn


def _mirrored(image: np.ndarray) -> np.ndarray:
    return cv2.flip(image, 1)


def _rotated(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda image: cv2.rotate(image, code)


# Exif 2.32, 4.6.4: where the first row and the first column of the stored pixels are.
_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: _mirrored,
    3: _rotated(cv2.ROTATE_180),
    4: _by(_rotated(cv2.ROTATE_180), _mirrored),
    5: cv2.transpose,
    6: _rotated(cv2.ROTATE_90_CLOCKWISE),
    7: _by(_rotated(cv2.ROTATE_180), cv2.transpose),
    8: _rotated(cv2.ROTATE_90_COUNTERCLOCKWISE),
}

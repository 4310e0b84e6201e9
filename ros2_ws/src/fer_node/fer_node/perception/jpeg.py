"""A JPEG, decoded no finer than what is looked at requires."""

from __future__ import annotations

import cv2
import numpy as np

from ec_rfernet.faces.framing import cut
from ec_rfernet.faces.mediapipe_detector import ENOUGH
from ec_rfernet.faces.similarity import Similarity
from fer_node.perception.stages import Timed, untimed

_COLOUR = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_GREY = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
_SPARE = 1.2  # how much finer than a cut to decode: later cuts may need a little more

_MARK, _SCAN, _APP1, _ALONE = 0xFF, 0xDA, 0xE1, (0x01, *range(0xD0, 0xD9))
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame, ITU-T T.81, B.1


class DecodeError(ValueError):
    """An image cannot be decoded; the message says why in one line."""


def jpeg_size(buffer: np.ndarray) -> tuple[int, int] | None:
    """Height and width that a JPEG's header tells.

    Args:
        buffer: uint8 [N], the file.

    Returns:
        None where the header is damaged, or has Exif data: a camera held upright may
        say there that its picture is to be turned.
    """
    at, end = 2, len(buffer)
    while at + 9 <= end and buffer[at] == _MARK:
        kind = int(buffer[at + 1])
        if kind == _MARK or kind in _ALONE:
            at += 1 if kind == _MARK else 2
            continue
        if kind in (_SCAN, _APP1):
            return None
        if kind in _SIZES:
            height, width = (int(buffer[i]) << 8 | int(buffer[i + 1]) for i in (at + 5, at + 7))
            return (height, width) if height and width else None
        at += 2 + (int(buffer[at + 2]) << 8 | int(buffer[at + 3]))
    return None


def decoded(buffer: np.ndarray, flag: int, name: str) -> np.ndarray:
    """The pixels of a file, as ``cv2.imdecode`` gives them.

    Args:
        buffer: uint8 [N], the file.
        flag: one of ``cv2.IMREAD_*``.
        name: of its format, for the error.

    Raises:
        DecodeError: it is damaged.
    """
    try:
        image = cv2.imdecode(buffer, flag)
    except cv2.error as error:
        raise DecodeError(f"compressed image is a damaged {name} ({error.err})") from error
    if image is None:
        raise DecodeError(f"compressed image is a damaged {name} ({buffer.size} bytes)")
    return image


class JpegFrame:
    """A JPEG as a `fer_node.perception.frame.Frame`.

    The format allows to decode at a half, a quarter or an eighth of the size, and without
    the colours, which takes less time. What was decoded is kept for the next look.

    Args:
        buffer: uint8 [N], the file.
        height: of the picture, pixels.
        width: of the picture, pixels.
        timed: times the decoding.

    Every method raises `DecodeError` when the file turns out to be damaged.
    """

    def __init__(self, buffer: np.ndarray, height: int, width: int, timed: Timed = untimed) -> None:
        self._buffer = buffer
        self.height = height
        self.width = width
        self._timed = timed
        self._colour: dict[int, np.ndarray] = {}
        self._any: dict[int, np.ndarray] = {}

    def bgr(self) -> np.ndarray:
        """See `fer_node.perception.frame.Frame`."""
        return self._bgr(1)

    def overview(self) -> tuple[np.ndarray, int]:
        """See `fer_node.perception.frame.Frame`."""
        shrink = _shrink(max(self.height, self.width) / ENOUGH)
        return self._bgr(shrink), shrink

    def cut(self, place: Similarity, size: int) -> np.ndarray:
        """See `fer_node.perception.frame.Frame`."""
        most = max(1.0, 1 / max(place.scale, 1e-3))
        shrink = max((k for k in self._any if k <= most), default=0)
        if not shrink:
            shrink = _shrink(most / _SPARE)
            with self._timed("decode"):
                self._any[shrink] = decoded(self._buffer, _GREY[shrink], "JPEG")
        # A reduced pixel (u, v) covers the pixels around shrink * (u, v) + (shrink - 1) / 2.
        middle = (shrink - 1) / 2 * (1 + 1j)
        return cut(self._any[shrink], place.after(Similarity(shrink, middle)), size)

    def _bgr(self, shrink: int) -> np.ndarray:
        if shrink not in self._colour:
            with self._timed("decode"):
                self._colour[shrink] = decoded(self._buffer, _COLOUR[shrink], "JPEG")
        self._any[shrink] = self._colour[shrink]
        return self._colour[shrink]


def _shrink(most: float) -> int:
    """The largest possible reduction that is no more than ``most``."""
    return max((k for k in _COLOUR if k <= most), default=1)

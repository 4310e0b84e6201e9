"""An image of the camera, raw or JPEG, decoded as far as needed, and where its time goes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Any, Protocol

import cv2
import numpy as np

from ec_rfernet.faces.blazeface import ENOUGH
from ec_rfernet.faces.face import Similarity
from ec_rfernet.faces.framing import cut

# ----------------------------------------------------------------------
# Where the time of an image goes.

STAGES = (
    "receive",
    "wait",
    "decode",
    "detect",
    "follow",
    "align",
    "classify",
    "smooth",
    "publish",
)
"""In the order of their work; ``receive`` is from the camera's stamp to the arrival."""

Timed = Callable[[str], AbstractContextManager[object]]
"""Times what is done within ``with timed(stage):``."""

_WINDOW = 300  # images; ten seconds of a usual camera


def untimed(stage: str) -> AbstractContextManager[object]:
    """A `Timed` that does not care."""
    return nullcontext()


@dataclass(frozen=True)
class Figures:
    """The time of one stage over the last images.

    Attributes:
        stage: one of `STAGES`.
        images: in which it took place.
        median_s: of these, seconds.
        p99_s: of these, seconds.
        mean_s: of all images, seconds.
    """

    stage: str
    images: int
    median_s: float
    p99_s: float
    mean_s: float


class Stages:
    """Adds up the time of each stage, image by image.

    A stage within another one stops the clock of the outer one. Stages are entered in one
    thread; the figures may be read in any.

    Args:
        clock: monotonic, seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._timers = {stage: _Timer(self, stage) for stage in STAGES}
        self._open: list[str] = []
        self._since = 0.0
        self._now: dict[str, float] = {}
        self._lock = Lock()
        self._images: deque[dict[str, float]] = deque(maxlen=_WINDOW)

    def __call__(self, stage: str) -> AbstractContextManager[object]:
        """See `Timed`."""
        return self._timers[stage]

    def begin(self) -> None:
        """Begins an image; what is left of an unfinished one is forgotten."""
        self._now = {}

    def add(self, stage: str, seconds: float) -> None:
        """Counts time that was measured elsewhere."""
        self._now[stage] = self._now.get(stage, 0.0) + seconds

    def finish(self) -> None:
        """Ends an image."""
        with self._lock:
            self._images.append(self._now)

    def figures(self) -> list[Figures]:
        """Of the stages that took place, in their order."""
        with self._lock:
            images = list(self._images)
        found = []
        for stage in STAGES:
            times = [image[stage] for image in images if stage in image]
            if times:
                median, p99 = np.percentile(times, (50, 99)).tolist()
                mean = sum(times) / len(images)
                found.append(Figures(stage, len(times), median, p99, mean))
        return found

    def enter(self, stage: str) -> None:
        """Begins a stage; prefer the ``with`` statement."""
        self._lap()
        self._open.append(stage)

    def leave(self) -> None:
        """Ends the stage that was begun last."""
        self._lap()
        self._open.pop()

    def _lap(self) -> None:
        now = self._clock()
        if self._open:
            self.add(self._open[-1], now - self._since)
        self._since = now


class _Timer:
    """Made once for each stage: an image passes many."""

    def __init__(self, stages: Stages, stage: str) -> None:
        self._stages, self._stage = stages, stage

    def __enter__(self) -> None:
        self._stages.enter(self._stage)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stages.leave()


def table(figures: list[Figures]) -> str:
    """The figures for people, one line for each stage."""
    total = max(sum(row.mean_s for row in figures), 1e-9)
    lines = ["stage       images  median ms   p99 ms  mean ms  share"]
    lines += [
        f"{row.stage:<10}{row.images:>8}{1e3 * row.median_s:>11.2f}{1e3 * row.p99_s:>9.2f}"
        f"{1e3 * row.mean_s:>9.2f}{row.mean_s / total:>7.0%}"
        for row in figures
    ]
    return "\n".join([*lines, f"{'all':<38}{1e3 * total:>9.2f}"])


# ----------------------------------------------------------------------


class Frame(Protocol):
    """One image. Places in it are pixels of its full size, whatever it was decoded at.

    Attributes:
        width: pixels.
        height: pixels.
    """

    width: int
    height: int

    def bgr(self) -> np.ndarray:
        """All of it, uint8 [height, width, 3]; may be a view of the message."""
        ...

    def overview(self, enough: float = ENOUGH) -> tuple[np.ndarray, int]:
        """What a face detector needs to see.

        Args:
            enough: pixels of the longer side; there may be more.

        Returns:
            BGR uint8 [H, W, 3], and how many pixels of the full size each of its has
            in a row.
        """
        ...

    def cut(self, place: Similarity, size: int) -> np.ndarray:
        """A square of grey, uint8 [size, size]; see `ec_rfernet.faces.framing.cut`."""
        ...


class RawFrame:
    """An image whose pixels are at hand.

    Args:
        pixels: uint8 or uint16 [H, W] or [H, W, C].
        to_bgr: converts a part of them to BGR uint8 [h, w, 3]; None where they are BGR.
    """

    def __init__(
        self, pixels: np.ndarray, to_bgr: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> None:
        self._pixels = pixels
        self._to_bgr = to_bgr
        self.height, self.width = pixels.shape[:2]

    def bgr(self) -> np.ndarray:
        """See `Frame`; a view of the pixels where they are BGR."""
        return self._pixels if self._to_bgr is None else self._to_bgr(self._pixels)

    def overview(self, enough: float = ENOUGH) -> tuple[np.ndarray, int]:
        """See `Frame`."""
        return self.bgr(), 1

    def cut(self, place: Similarity, size: int) -> np.ndarray:
        """See `Frame`."""
        return cut(self._pixels, place, size, self._to_grey)

    def _to_grey(self, part: np.ndarray) -> np.ndarray:
        if part.ndim == 2 and part.dtype == np.uint8:
            return part
        bgr = part if self._to_bgr is None else self._to_bgr(part)
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)


# JPEG, decoded no finer than what is looked at requires.

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

    def overview(self, enough: float = ENOUGH) -> tuple[np.ndarray, int]:
        """See `fer_node.perception.frame.Frame`."""
        shrink = _shrink(max(self.height, self.width) / enough)
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


# Images as they travel in messages.


class UnknownEncodingError(DecodeError):
    """The encoding is none of `ENCODINGS`."""


@dataclass(frozen=True)
class Encoding:
    """How pixels are stored, and how they become BGR.

    Attributes:
        dtype: numpy type of one value, without byte order.
        channels: values per pixel.
        to_bgr: array [H, W, channels] to BGR uint8 [H, W, 3]; None where that is
            what it is already.
        even_width: whether two pixels share their colour.
    """

    dtype: str
    channels: int
    to_bgr: Callable[[np.ndarray], np.ndarray] | None
    even_width: bool = False


def _by(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pixels: cv2.cvtColor(pixels, code)


def _from_mono16(pixels: np.ndarray) -> np.ndarray:
    # The whole range of 16 bits onto the whole range of 8, as cv_bridge does it.
    return cv2.cvtColor(cv2.convertScaleAbs(pixels, alpha=255 / 65535), cv2.COLOR_GRAY2BGR)


_YUYV = Encoding("u1", 2, _by(cv2.COLOR_YUV2BGR_YUY2), even_width=True)
_UYVY = Encoding("u1", 2, _by(cv2.COLOR_YUV2BGR_UYVY), even_width=True)

ENCODINGS: dict[str, Encoding] = {
    "bgr8": Encoding("u1", 3, None),
    "rgb8": Encoding("u1", 3, _by(cv2.COLOR_RGB2BGR)),
    "bgra8": Encoding("u1", 4, _by(cv2.COLOR_BGRA2BGR)),
    "rgba8": Encoding("u1", 4, _by(cv2.COLOR_RGBA2BGR)),
    "mono8": Encoding("u1", 1, _by(cv2.COLOR_GRAY2BGR)),
    "mono16": Encoding("u2", 1, _from_mono16),
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "yuv422": _UYVY,
    "uyvy": _UYVY,
}
"""The encodings of ``sensor_msgs/image_encodings`` that `decode` knows."""


def open_raw(
    height: int, width: int, encoding: str, step: int, is_bigendian: bool, data: Any
) -> RawFrame:
    """The pixels of a ``sensor_msgs/Image``; none is copied or converted yet.

    Args:
        height: rows.
        width: pixels of a row.
        encoding: one of `ENCODINGS`.
        step: bytes from one row to the next; what exceeds a row is padding.
        is_bigendian: byte order of 16-bit values.
        data: a buffer of at least ``height * step`` bytes.

    Raises:
        UnknownEncodingError: ``encoding`` is not known here.
        DecodeError: a size is zero or does not fit the data.
    """
    if encoding not in ENCODINGS:
        raise UnknownEncodingError(
            f"image encoding '{encoding}' is unknown; expected one of: {', '.join(ENCODINGS)}"
        )
    layout = ENCODINGS[encoding]
    if height <= 0 or width <= 0:
        raise DecodeError(f"image of {width}x{height} pixels; expected at least 1x1")
    if layout.even_width and width % 2:
        raise DecodeError(f"{encoding} image is {width} pixels wide; expected an even width")
    dtype = np.dtype(layout.dtype).newbyteorder(">" if is_bigendian else "<")
    row = width * layout.channels * dtype.itemsize
    if step < row:
        raise DecodeError(f"step of the {encoding} image is {step}; a row needs {row} bytes")
    buffer = np.frombuffer(data, dtype=np.uint8)
    if buffer.size < height * step:
        raise DecodeError(
            f"image data has {buffer.size} bytes; {height} rows of step {step} need {height * step}"
        )
    rows = buffer[: height * step].reshape(height, step)[:, :row]
    if dtype.itemsize > 1:
        rows = np.ascontiguousarray(rows).view(dtype).astype(layout.dtype)
    shape = (height, width) if layout.channels == 1 else (height, width, layout.channels)
    return RawFrame(rows.reshape(shape), layout.to_bgr)


_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND"
_TAIL = 4096  # bytes in which the end of a JPEG is looked for; some cameras pad with zeros


def open_compressed(data: Any, timed: Timed = untimed) -> Frame:
    """The picture of a ``sensor_msgs/CompressedImage``: JPEG or PNG.

    A decoder fills what is missing of a truncated picture with grey and reports
    success; half a face would then be judged. So a picture without its end
    marker is an error here.

    Args:
        data: a buffer with the whole file.
        timed: times the decoding.

    Returns:
        A frame; that of a JPEG is decoded when it is needed and raises `DecodeError`
        then, if it is damaged.

    Raises:
        DecodeError: neither JPEG nor PNG, truncated, or damaged.
    """
    buffer = np.frombuffer(data, dtype=np.uint8)
    head = buffer[:8].tobytes()
    if head.startswith(_JPEG):
        name, whole = "JPEG", buffer[-_TAIL:].tobytes().rstrip(b"\0").endswith(_JPEG_END)
    elif head == _PNG:
        name, whole = "PNG", _is_whole_png(buffer.data)
    else:
        raise DecodeError(
            f"compressed image of {buffer.size} bytes is neither JPEG nor PNG "
            f"(starts with '{head.hex()}')"
        )
    if not whole:
        raise DecodeError(f"compressed image is a truncated {name} ({buffer.size} bytes)")
    size = jpeg_size(buffer) if name == "JPEG" else None
    if size is not None:
        return JpegFrame(buffer, *size, timed)
    with timed("decode"):
        return RawFrame(decoded(buffer, cv2.IMREAD_COLOR, name))


def _is_whole_png(data: memoryview) -> bool:
    """Whether all chunks are there; OpenCV takes seconds over one of absurd length."""
    start = len(_PNG)
    while start + 12 <= len(data):
        if data[start : start + 8] == _PNG_END:
            return True
        start += 12 + int.from_bytes(data[start : start + 4], "big")
    return False

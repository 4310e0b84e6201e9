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

from ec_rfernet import picture_file
from ec_rfernet.errors import InputError
from ec_rfernet.faces.blazeface import ENOUGH
from ec_rfernet.faces.face import Similarity
from ec_rfernet.faces.framing import cut
from ec_rfernet.files import shortened
from ec_rfernet.picture_file import COLOUR

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

_LUMA = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
_SPARE = 1.2  # how much finer than a cut to decode: later cuts may need a little more


class DecodeError(ValueError):
    """An image cannot be decoded; the message says why in one line."""


def _decoded(data: bytes, flag: int) -> np.ndarray:
    try:
        return picture_file.decode(data, flag, MOST_PIXELS)
    except InputError as error:
        raise DecodeError(f"compressed image {error}") from error


class JpegFrame:
    """A JPEG as a `fer_node.perception.frame.Frame`.

    The format allows to decode at a half, a quarter or an eighth of the size, and without
    the colours, which takes less time. What was decoded is kept for the next look.

    Args:
        data: the file, of an upright picture.
        height: of the picture, pixels.
        width: of the picture, pixels.
        timed: times the decoding.

    Every method raises `DecodeError` when the file turns out to be damaged.
    """

    def __init__(self, data: bytes, height: int, width: int, timed: Timed = untimed) -> None:
        self._data = data
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
                self._any[shrink] = _decoded(self._data, _LUMA[shrink])
        # A reduced pixel (u, v) covers the pixels around shrink * (u, v) + (shrink - 1) / 2.
        middle = (shrink - 1) / 2 * (1 + 1j)
        return cut(self._any[shrink], place.after(Similarity(shrink, middle)), size)

    def _bgr(self, shrink: int) -> np.ndarray:
        if shrink not in self._colour:
            with self._timed("decode"):
                self._colour[shrink] = _decoded(self._data, COLOUR[shrink])
        self._any[shrink] = self._colour[shrink]
        return self._colour[shrink]


def _shrink(most: float) -> int:
    """The largest possible reduction that is no more than ``most``."""
    return max((k for k in COLOUR if k <= most), default=1)


# Images as they travel in messages.

MOST_PIXELS = 1 << 26
"""Of the image of a message: 67 million, twice those of 8K."""


@dataclass(frozen=True)
class Encoding:
    """How pixels are stored, and how they become BGR.

    Attributes:
        dtype: numpy type of one value, without byte order.
        channels: values per pixel.
        to_bgr: array [H, W, channels] to BGR uint8 [H, W, 3]; None where that is
            what it is already.
        shared: pixels of a row that share their colour; 2 or 1.
        colour_rows: rows of colours that follow behind two rows of luma.
        at_once: whether a part of the pixels cannot be converted alone.
    """

    dtype: str
    channels: int
    to_bgr: Callable[[np.ndarray], np.ndarray] | None
    shared: int = 1
    colour_rows: int = 0
    at_once: bool = False


def _by(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pixels: cv2.cvtColor(pixels, code)


def _deep(code: int) -> Callable[[np.ndarray], np.ndarray]:
    # The whole range of 16 bits onto the whole range of 8, as cv_bridge does it.
    return lambda pixels: cv2.cvtColor(cv2.convertScaleAbs(pixels, alpha=255 / 65535), code)


def _stretched(pixels: np.ndarray) -> np.ndarray:
    """Values without a known range, distances for one: the lowest is black, the highest white."""
    # Halved, because the distance between the largest numbers of a type is beyond the type.
    halves = 0.5 * (pixels if pixels.dtype.kind == "f" else pixels.astype(np.float32))
    finite = np.isfinite(halves)
    low, high = (float(f(halves[finite])) if finite.any() else 0.0 for f in (np.min, np.max))
    scaled = (np.where(finite, halves, low) - low) * (255 / max(high - low, 1e-12))
    return cv2.cvtColor(scaled.astype(np.uint8), cv2.COLOR_GRAY2BGR)


def _planar(code: int) -> Encoding:
    return Encoding("u1", 1, _by(code), shared=2, colour_rows=1, at_once=True)


_BGR = Encoding("u1", 3, None)
_BGRA = Encoding("u1", 4, _by(cv2.COLOR_BGRA2BGR))
_GREY = Encoding("u1", 1, _by(cv2.COLOR_GRAY2BGR))
_YUYV = Encoding("u1", 2, _by(cv2.COLOR_YUV2BGR_YUY2), shared=2)
_UYVY = Encoding("u1", 2, _by(cv2.COLOR_YUV2BGR_UYVY), shared=2)
# OpenCV names a mosaic by its second row and column.
_MOSAICS = {
    "rggb": cv2.COLOR_BayerBG2BGR,
    "bggr": cv2.COLOR_BayerRG2BGR,
    "gbrg": cv2.COLOR_BayerGR2BGR,
    "grbg": cv2.COLOR_BayerGB2BGR,
}

ENCODINGS: dict[str, Encoding] = {
    "bgr8": _BGR,
    "rgb8": Encoding("u1", 3, _by(cv2.COLOR_RGB2BGR)),
    "bgra8": _BGRA,
    "rgba8": Encoding("u1", 4, _by(cv2.COLOR_RGBA2BGR)),
    "bgr16": Encoding("u2", 3, lambda pixels: cv2.convertScaleAbs(pixels, alpha=255 / 65535)),
    "rgb16": Encoding("u2", 3, _deep(cv2.COLOR_RGB2BGR)),
    "bgra16": Encoding("u2", 4, _deep(cv2.COLOR_BGRA2BGR)),
    "rgba16": Encoding("u2", 4, _deep(cv2.COLOR_RGBA2BGR)),
    "mono8": _GREY,
    "mono16": Encoding("u2", 1, _deep(cv2.COLOR_GRAY2BGR)),
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "nv12": _planar(cv2.COLOR_YUV2BGR_NV12),
    "nv21": _planar(cv2.COLOR_YUV2BGR_NV21),
    **{
        f"bayer_{name}8": Encoding("u1", 1, _by(code), at_once=True)
        for name, code in _MOSAICS.items()
    },
    **{
        f"bayer_{name}16": Encoding("u2", 1, _deep(code), at_once=True)
        for name, code in _MOSAICS.items()
    },
    "8UC1": _GREY,
    "8UC3": _BGR,
    "8UC4": _BGRA,
    **{
        name: Encoding(kind, 1, _stretched, at_once=True)
        for name, kind in (("16UC1", "u2"), ("16SC1", "i2"), ("32FC1", "f4"), ("64FC1", "f8"))
    },
}
"""The encodings of ``sensor_msgs/image_encodings`` that `open_raw` knows.

Those without a known range, such as the distances of a depth camera, are stretched from black to
white.
"""


def open_raw(
    height: int, width: int, encoding: str, step: int, is_bigendian: bool, data: Any
) -> RawFrame:
    """The pixels of a ``sensor_msgs/Image``; most are not copied or converted yet.

    Args:
        height: rows.
        width: pixels of a row.
        encoding: one of `ENCODINGS`.
        step: bytes from one row to the next; what exceeds a row is padding.
        is_bigendian: byte order of values of several bytes.
        data: a buffer of at least ``height * step`` bytes, and half as much again where rows of
            colours follow.

    Raises:
        DecodeError: the encoding is not known, a size is zero, larger than `MOST_PIXELS`, or does
            not fit the data.
    """
    layout = ENCODINGS.get(encoding)
    if layout is None:
        raise DecodeError(
            f"image encoding '{shortened(encoding)}' is not known; expected one of: "
            f"{', '.join(ENCODINGS)}"
        )
    if height <= 0 or width <= 0:
        raise DecodeError(f"image of {width}x{height} pixels; expected at least 1x1")
    if height * width > MOST_PIXELS:
        most = f"{MOST_PIXELS / 1e6:.0f} million pixels"
        raise DecodeError(f"image of {width}x{height} pixels; expected at most {most}")
    if width % layout.shared:
        raise DecodeError(f"{encoding} image is {width} pixels wide; expected an even width")
    if layout.colour_rows and height % 2:
        raise DecodeError(f"{encoding} image is {height} pixels high; expected an even height")
    dtype = np.dtype(layout.dtype).newbyteorder(">" if is_bigendian else "<")
    row = width * layout.channels * dtype.itemsize
    if step < row:
        raise DecodeError(f"step of the {encoding} image is {step}; a row needs {row} bytes")
    count = height + height // 2 * layout.colour_rows
    buffer = np.frombuffer(data, dtype=np.uint8)
    if buffer.size < count * step:
        raise DecodeError(
            f"image data has {buffer.size} bytes; {count} rows of step {step} need {count * step}"
        )
    rows = buffer[: count * step].reshape(count, step)[:, :row]
    if dtype.itemsize > 1:
        rows = np.ascontiguousarray(rows).view(dtype).astype(layout.dtype)
    shape = (count, width) if layout.channels == 1 else (count, width, layout.channels)
    pixels = rows.reshape(shape)
    if layout.at_once and layout.to_bgr is not None:
        return RawFrame(layout.to_bgr(np.ascontiguousarray(pixels)))
    return RawFrame(pixels, layout.to_bgr)


def open_message(message: Any, data: Any = None, timed: Timed = untimed) -> Frame:
    """The image of a message, as yet unconverted.

    Args:
        message: a ``sensor_msgs`` Image or CompressedImage, whichever library has read it;
            kept as long as the frame.
        data: of the message, where they lie elsewhere; None: those it has.
        timed: times what has to be decoded.

    Raises:
        DecodeError: see `open_raw` and `open_compressed`.
    """
    data = message.data if data is None else data
    if hasattr(message, "format"):
        return open_compressed(data, timed)
    return open_raw(
        message.height,
        message.width,
        message.encoding,
        message.step,
        bool(message.is_bigendian),
        data,
    )


def open_compressed(data: Any, timed: Timed = untimed) -> Frame:
    """The picture of a ``sensor_msgs/CompressedImage``, of any of `picture_file.FORMATS`.

    Args:
        data: a buffer with the whole file.
        timed: times the decoding.

    Returns:
        A frame; that of a JPEG is decoded when it is needed and raises `DecodeError`
        then, if it is damaged.

    Raises:
        DecodeError: no such picture, larger than `MOST_PIXELS`, cut off, or damaged.
    """
    file = bytes(data)
    found = picture_file.header(file)
    upright = found is not None and found.kind == "JPEG" and found.turn == 1
    if found and upright and found.width * found.height <= MOST_PIXELS:
        if not picture_file.is_whole(file, found.kind):
            raise DecodeError(f"compressed image is a JPEG that was cut off ({len(file)} bytes)")
        return JpegFrame(file, found.height, found.width, timed)
    with timed("decode"):
        return RawFrame(_decoded(file, cv2.IMREAD_COLOR))

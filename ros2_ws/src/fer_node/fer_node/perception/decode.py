"""Camera images as they travel in messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from fer_node.perception.frame import Frame, RawFrame
from fer_node.perception.jpeg import DecodeError, JpegFrame, decoded, jpeg_size
from fer_node.perception.stages import Timed, untimed


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

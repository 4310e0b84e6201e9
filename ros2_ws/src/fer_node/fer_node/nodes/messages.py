"""Messages of images to pixels and back, and what was perceived as messages."""

from __future__ import annotations

import array
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from fer_interfaces.msg import Emotion, EmotionArray
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from ec_rfernet.faces.face import Box
from ec_rfernet.perceived import EmotionEstimate, Perceived
from ec_rfernet.registry import in_one_line
from fer_common.camera import focal_px
from fer_node.perception.frame import DecodeError, open_message

_LITTLE = b"\x00\x01"  # how a message begins that is laid out as on most processors
_STAMP_END = 12
_FIELDS = {Image: (0, 4, 4, 0, 1, 4), CompressedImage: (0, 0)}
"""Sizes of what lies between stamp and data, bytes; 0: a text, which tells its own."""
_WORD = struct.Struct("<I")


def deserialise(
    serialised: bytes, kind: type[Image | CompressedImage]
) -> tuple[Image | CompressedImage, Any]:
    """A message, and the buffer of its data, which the message has not if this saves a copy.

    ROS copies an image twice on its way into a Python message.

    Args:
        serialised: as it came from the middleware; kept as long as the data.
        kind: of the message.

    Raises:
        DecodeError: it is no such message.
    """
    place = _data_place(serialised, kind)
    if place is None:
        whole = serialised
    else:  # without the data, and so without what fills them up
        whole = _LITTLE + bytes(2) + serialised[_WORD.size : place - _WORD.size] + bytes(_WORD.size)
    try:
        message = deserialize_message(whole, kind)
    except RuntimeError as error:  # of the middleware, or of rclpy
        raise DecodeError(f"no {kind.__name__}: {in_one_line(error)}") from error
    if place is None:
        return message, message.data
    count = _WORD.unpack_from(serialised, place - _WORD.size)[0]
    return message, memoryview(serialised)[place : place + count]


def _data_place(serialised: bytes, kind: type[Image | CompressedImage]) -> int | None:
    """Where the data begin, a message's last field; None if it is not laid out as expected.

    The layout is the OMG's CDR: words of 4 bytes lie at multiples of 4. The end may be filled up
    to a word; the two lowest bits of the fourth byte say how far, where the sender tells it.
    """
    place = _STAMP_END
    try:
        for size in _FIELDS[kind]:
            place += 0 if size == 1 else -place % _WORD.size
            place += size or _WORD.size + _WORD.unpack_from(serialised, place)[0]
        place += -place % _WORD.size
        (count,) = _WORD.unpack_from(serialised, place)
    except struct.error:
        return None
    place += _WORD.size
    fits = serialised[3] & 3 <= len(serialised) - place - count < _WORD.size
    return place if fits and serialised.startswith(_LITTLE) else None


def to_bgr(message: Image | CompressedImage) -> np.ndarray:
    """The pixels of a message, BGR uint8 [H, W, 3].

    Raises:
        DecodeError: see `open_message`.
    """
    return open_message(message).bgr()


def to_message(image: np.ndarray, header: Header) -> Image:
    """A ``bgr8`` message of a BGR image uint8 [H, W, 3]."""
    height, width = image.shape[:2]
    message = Image(header=header, height=height, width=width, encoding="bgr8", step=3 * width)
    # A list or bytes would be checked value by value, which takes longer than a frame.
    message.data = array.array("B", image.tobytes())
    return message


def camera_info(width: int, height: int, fov_deg: float, header: Header) -> CameraInfo:
    """The pinhole camera that an uncalibrated webcam approximately is.

    Args:
        width: of the image, pixels.
        height: of the image, pixels.
        fov_deg: horizontal field of view, degrees.
        header: of the image.
    """
    focal, x, y = focal_px(width, fov_deg=fov_deg), width / 2, height / 2
    return CameraInfo(
        header=header,
        width=width,
        height=height,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[focal, 0.0, x, 0.0, focal, y, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[focal, 0.0, x, 0.0, 0.0, focal, y, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def emotion(
    estimate: EmotionEstimate, labels: Sequence[str], header: Header, width: int, height: int
) -> Emotion:
    """The message of one estimate.

    Args:
        estimate: see there.
        labels: of the model, in its order.
        header: of the source image.
        width: of the source image, pixels.
        height: of the source image, pixels.
    """
    return Emotion(
        header=header,
        face_id=estimate.face_id,
        label=estimate.label,
        confidence=estimate.confidence,
        labels=list(labels),
        probabilities=array.array("f", estimate.probabilities.astype("f4").tobytes()),
        valence=estimate.valence,
        arousal=estimate.arousal,
        roi=_region(estimate.box, width, height),
        engagement=int(estimate.engagement),
        **(estimate.head._asdict() if estimate.head is not None else {}),
    )


def emotions(perceived: Perceived, header: Header, width: int, height: int) -> EmotionArray:
    """The message of all estimates of one image, see `emotion`."""
    labels = perceived.labels
    return EmotionArray(
        header=header,
        image_width=width,
        image_height=height,
        labels=list(labels),
        attended=perceived.attended or "",
        emotions=[emotion(each, labels, header, width, height) for each in perceived.estimates],
    )


def _region(box: Box, width: int, height: int) -> RegionOfInterest:
    """The part of a box that lies within the image."""
    left, top = (round(min(max(v, 0), most)) for v, most in ((box.x, width), (box.y, height)))
    right = round(min(max(box.x + box.width, left), width))
    bottom = round(min(max(box.y + box.height, top), height))
    return RegionOfInterest(x_offset=left, y_offset=top, width=right - left, height=bottom - top)

"""Messages of images to frames and back, and what was perceived as messages."""

from __future__ import annotations

import array
from collections.abc import Sequence

import numpy as np
from fer_interfaces.msg import Emotion, EmotionArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from ec_rfernet.faces.face import Box
from fer_common.camera import focal_px
from fer_node.perception.frame import (
    Frame,
    Timed,
    open_compressed,
    open_raw,
    untimed,
)
from fer_node.perception.pipeline import EmotionEstimate, Perceived


def to_frame(message: Image | CompressedImage, timed: Timed = untimed) -> Frame:
    """The image of a message, as yet unconverted.

    Args:
        message: kept as long as the frame.
        timed: times what has to be decoded.

    Raises:
        DecodeError: see `open_raw` and `open_compressed`.
    """
    if isinstance(message, CompressedImage):
        return open_compressed(message.data, timed)
    return open_raw(
        message.height,
        message.width,
        message.encoding,
        message.step,
        bool(message.is_bigendian),
        message.data,
    )


def to_bgr(message: Image | CompressedImage) -> np.ndarray:
    """The pixels of a message, BGR uint8 [H, W, 3].

    Raises:
        DecodeError: see `to_frame`.
    """
    return to_frame(message).bgr()


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

"""Camera images as JPEG files that a browser can take several of a second."""

from __future__ import annotations

import cv2
from sensor_msgs.msg import CompressedImage, Image

from fer_node.nodes.messages import to_bgr

LARGEST_PX = 1280
"""Wider or higher pictures are made smaller."""

LARGEST_BYTES = 250_000
"""A camera's own JPEG is passed on as it is, unless it is larger."""

_JPEG = b"\xff\xd8\xff"


def jpeg(message: Image | CompressedImage, quality: int) -> tuple[bytes, int]:
    """The picture of a message.

    Args:
        message: see `fer_node.nodes.messages.to_bgr`.
        quality: 1..100.

    Returns:
        The file, and how many pixels of the message became one, per side.

    Raises:
        DecodeError: the message is no picture.
    """
    if isinstance(message, CompressedImage):
        data = bytes(message.data)
        if data.startswith(_JPEG) and len(data) <= LARGEST_BYTES:
            return data, 1
    image = to_bgr(message)
    height, width = image.shape[:2]
    shrink = -(-max(height, width) // LARGEST_PX)
    if shrink > 1:
        size = (max(1, width // shrink), max(1, height // shrink))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, file = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return file.tobytes(), shrink

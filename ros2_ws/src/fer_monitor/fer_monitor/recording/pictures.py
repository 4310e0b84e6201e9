"""Camera images as JPEG, so that a minute of them does not take gigabytes."""

from __future__ import annotations

from collections.abc import Callable

import cv2
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image

from fer_node.nodes.messages import to_bgr
from fer_node.perception.frame import DecodeError

_QUALITY = 92  # of 100; a VGA picture takes 60 kB


def to_jpeg(warn: Callable[[str], object]) -> Callable[[bytes], bytes | None]:
    """What turns a serialised Image into a serialised CompressedImage.

    Args:
        warn: told of images that cannot be decoded.
    """

    def convert(data: bytes) -> bytes | None:
        image = deserialize_message(data, Image)
        try:
            pixels = to_bgr(image)
        except DecodeError as error:
            warn(f"an image is not recorded: {error}")
            return None
        _, jpeg = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
        message = CompressedImage(header=image.header, format="bgr8; jpeg compressed bgr8")
        message.data.frombytes(jpeg.tobytes())
        return bytes(serialize_message(message))

    return convert

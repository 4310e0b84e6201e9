"""One of two processes: the one sends pictures, the other one times them."""

from __future__ import annotations

import array
import statistics
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fer_monitor.doctor.probes.reply import reply

_WIDTH, _HEIGHT = 640, 480
_RATE_HZ = 30.0
_ENOUGH = 20
_LISTEN_S, _TALK_S = 4.5, 5.0
_HEARD_S = 0.5  # the last listener is gone for so long: it has heard enough


def work(arguments: Sequence[str]) -> dict[str, Any]:
    """Talks, or listens.

    Args:
        arguments: ``talk`` or ``listen``, and the topic.
    """
    import rclpy
    from ament_index_python.packages import PackageNotFoundError

    from fer_common.runner import make_room_for_images

    with suppress(PackageNotFoundError):  # not built yet; ROS's own settings will do
        make_room_for_images()
    role, topic = arguments
    start = time.monotonic()
    rclpy.init()
    node = rclpy.create_node(f"fer_doctor_{role}")
    try:
        return (_talk if role == "talk" else _listen)(node, topic, start)
    finally:
        node.destroy_node()
        rclpy.shutdown()


def _talk(node: Any, topic: str, start: float) -> dict[str, Any]:
    """Sends until the listener has left."""
    from sensor_msgs.msg import Image

    from fer_common.qos import STREAM

    publisher = node.create_publisher(Image, topic, STREAM)
    data = array.array("B", bytes(3 * _WIDTH * _HEIGHT))
    message = Image(width=_WIDTH, height=_HEIGHT, encoding="bgr8", step=3 * _WIDTH, data=data)
    count, was_heard = 0, 0.0
    while time.monotonic() - start < _TALK_S:
        now = time.monotonic()
        if publisher.get_subscription_count():
            was_heard = now
        elif was_heard and now - was_heard > _HEARD_S:
            break
        # Both processes read the same monotonic clock.
        message.data[:8] = array.array("B", struct.pack("d", now))
        publisher.publish(message)
        count += 1
        time.sleep(1 / _RATE_HZ)
    return {"count": count}


def _listen(node: Any, topic: str, start: float) -> dict[str, Any]:
    """Waits for pictures."""
    import rclpy
    from sensor_msgs.msg import Image

    from fer_common.qos import NEWEST

    ages: list[float] = []
    first = 0.0

    def arrived(message: Image) -> None:
        nonlocal first
        now = time.monotonic()
        first = first or now - start
        ages.append(now - struct.unpack("d", bytes(message.data[:8]))[0])

    node.create_subscription(Image, topic, arrived, NEWEST)
    while len(ages) < _ENOUGH and time.monotonic() - start < _LISTEN_S:
        rclpy.spin_once(node, timeout_sec=0.1)
    median = statistics.median(ages) if ages else 0.0
    return {"count": len(ages), "first_s": first, "median_ms": 1e3 * median}


if __name__ == "__main__":
    reply(work)

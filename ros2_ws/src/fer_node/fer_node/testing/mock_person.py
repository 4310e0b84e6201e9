"""A person in front of the camera, for trying `fer_node` without one."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, ClassVar

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fer_interfaces.msg import Emotion, EmotionArray
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from fer_common.qos import EVENTS, STREAM
from fer_node.nodes.messages import to_message


class PicturedPerson(Node):
    """Shows an image, 30 times a second, and collects what `fer_node` says of it.

    Args:
        pixels: BGR uint8 [H, W, 3].

    Attributes:
        message: that is shown; None for nothing. Its stamp is set unless it is negative.
        heard: all messages since `forget`, by topic.
    """

    TOPICS: ClassVar[dict[str, tuple[type, Any]]] = {
        "emotion": (Emotion, EVENTS),
        "emotions": (EmotionArray, EVENTS),
        "fer_node/markers": (MarkerArray, EVENTS),
        "/diagnostics": (DiagnosticArray, EVENTS),
    }

    def __init__(self, pixels: np.ndarray) -> None:
        super().__init__("person")
        self.heard: defaultdict[str, list[Any]] = defaultdict(list)
        for topic, (kind, qos) in self.TOPICS.items():
            self.create_subscription(kind, topic, self.heard[topic].append, qos)
        self.raw = self.create_publisher(Image, "image", STREAM)
        self.compressed = self.create_publisher(CompressedImage, "image/compressed", STREAM)
        self.message: Image | CompressedImage | None = self.image(pixels)
        self.create_timer(1 / 30, self._show)

    def image(self, pixels: np.ndarray) -> Image:
        """A message of BGR uint8 [H, W, 3]."""
        return to_message(pixels, Header(frame_id="camera"))

    def _show(self) -> None:
        if self.message is None:
            return
        if self.message.header.stamp.sec >= 0:
            self.message.header.stamp = self.get_clock().now().to_msg()
        publisher = self.raw if isinstance(self.message, Image) else self.compressed
        publisher.publish(self.message)

    def last(self, topic: str) -> Any:
        """The newest message; None where there is none."""
        return self.heard[topic][-1] if self.heard[topic] else None

    def forget(self) -> None:
        """Empties what was heard."""
        for messages in self.heard.values():
            messages.clear()

    def status(self) -> DiagnosticStatus | None:
        """The newest diagnosis."""
        message = self.last("/diagnostics")
        return message.status[0] if message else None

    def diagnosis(self) -> str:
        """What it says; empty while there is none."""
        status = self.status()
        return status.message if status else ""

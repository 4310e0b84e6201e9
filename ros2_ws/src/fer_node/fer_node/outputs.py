"""What `fer_node` publishes of an image."""

from __future__ import annotations

from fer_interfaces.msg import Emotion, EmotionArray
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from fer_common.qos import EVENTS, STREAM
from fer_node import messages
from fer_node.frame import Frame
from fer_node.images import to_message
from fer_node.markers import markers
from fer_node.overlay import draw
from fer_node.perception import Perceived


class Outputs:
    """The publishers; what is only for looking at is made while someone looks.

    Args:
        node: that publishes.
        fov_deg: horizontal field of view of the camera, degrees.
    """

    def __init__(self, node: LifecycleNode, fov_deg: float) -> None:
        self._fov_deg = fov_deg
        self._emotion = node.create_lifecycle_publisher(Emotion, "emotion", EVENTS)
        self._emotions = node.create_lifecycle_publisher(EmotionArray, "emotions", EVENTS)
        self._overlay = node.create_lifecycle_publisher(Image, "~/overlay", STREAM)
        self._markers = node.create_lifecycle_publisher(MarkerArray, "~/markers", EVENTS)

    def publish(self, perceived: Perceived, header: Header, frame: Frame) -> None:
        """Tells what was perceived.

        Args:
            perceived: see there.
            header: of the image.
            frame: the image.
        """
        width, height = frame.width, frame.height
        if perceived.focus is not None:
            self._emotion.publish(messages.emotion(perceived.focus, header, width, height))
        self._emotions.publish(messages.emotions(perceived.estimates, header, width, height))
        if self._markers.get_subscription_count():
            self._markers.publish(markers(perceived, header, width, height, self._fov_deg))
        if self._overlay.get_subscription_count():
            self._overlay.publish(to_message(draw(frame.bgr(), perceived), header))

    def publish_nobody(self, header: Header) -> None:
        """Tells that nobody is looked at any more."""
        self._emotions.publish(EmotionArray(header=header))

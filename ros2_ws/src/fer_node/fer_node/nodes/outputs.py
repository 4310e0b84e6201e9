"""What `fer_node` publishes of an image."""

from __future__ import annotations

from fer_interfaces.msg import Emotion, EmotionArray
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from fer_common.qos import EVENTS, STREAM
from fer_node.nodes import messages_part
from fer_node.nodes.messages import to_message
from fer_node.nodes.ros4hri import open_humans
from fer_node.perception.frame import Frame
from fer_node.perception.pipeline import Perceived
from fer_node.show.markers import FaceMarkers
from fer_node.show.overlay import draw


class Outputs:
    """The publishers; what is only for looking at is made while someone looks.

    Args:
        node: that publishes.
        faces: makes the markers.
        ros4hri: whether to publish the faces after REP-155 as well.
    """

    def __init__(self, node: LifecycleNode, faces: FaceMarkers, ros4hri: bool = False) -> None:
        self._faces = faces
        self._humans = open_humans(node) if ros4hri else None
        self._emotion = node.create_lifecycle_publisher(Emotion, "emotion", EVENTS)
        self._emotions = node.create_lifecycle_publisher(EmotionArray, "emotions", EVENTS)
        self._overlay = node.create_lifecycle_publisher(Image, "~/overlay", STREAM)
        self._markers = node.create_lifecycle_publisher(MarkerArray, "~/markers", EVENTS)

    @property
    def told(self) -> tuple[LifecyclePublisher, LifecyclePublisher]:
        """The publishers of the emotions."""
        return self._emotion, self._emotions

    def publish(self, perceived: Perceived, header: Header, frame: Frame, latency_s: float) -> None:
        """Tells what was perceived.

        Args:
            perceived: see there.
            header: of the image.
            frame: the image.
            latency_s: from the image's stamp until now, seconds.
        """
        width, height = frame.width, frame.height
        if perceived.focus is not None:
            self._emotion.publish(messages_part.emotion(perceived.focus, header, width, height))
        self._emotions.publish(messages_part.emotions(perceived.estimates, header, width, height))
        if self._humans is not None:
            self._humans.publish(perceived, header, frame)
        if self._markers.get_subscription_count():
            self._markers.publish(self._faces.update(perceived, header, width, height))
        if self._overlay.get_subscription_count():
            self._overlay.publish(to_message(draw(frame.bgr(), perceived, latency_s), header))

    def publish_nobody(self, header: Header) -> None:
        """Tells that nobody is looked at any more."""
        self._emotions.publish(EmotionArray(header=header))
        if self._markers.get_subscription_count():
            self._markers.publish(self._faces.update(Perceived(), header, 0, 0))
        self.close_faces(header)

    def close_faces(self, header: Header) -> None:
        """Ends the topics of single faces; no other thread may publish meanwhile."""
        if self._humans is not None:
            self._humans.publish_nobody(header)

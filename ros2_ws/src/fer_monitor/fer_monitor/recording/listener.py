"""A subscription that asks for as much as the publishers of its topic offer."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Qos

from fer_monitor.recording.offered_qos import kept
from fer_monitor.recording.topics import Recorded

Heard = Callable[[int, bytes], None]
"""Is given the time of arrival, ns since 1970, and the message as it was received."""


class Listener:
    """Receives a topic without decoding it.

    Args:
        node: that receives.
        topic: see there.
        heard: is given the messages.

    Raises:
        ImportError: the type is not installed.
    """

    def __init__(self, node: Node, topic: Recorded, heard: Heard) -> None:
        package, _, name = topic.type.split("/")
        self._kind = getattr(importlib.import_module(f"{package}.msg"), name)
        self._node, self._topic, self._heard = node, topic, heard
        self._refused = False
        self._subscribe(modest=topic.stream)

    @property
    def name(self) -> str:
        """Of the topic, in full."""
        return self._subscription.topic_name

    def offered(self) -> tuple[Qos, ...]:
        """What the publishers of the topic offer."""
        infos = self._node.get_publishers_info_by_topic(self.name)
        return tuple(kept(info.qos_profile) for info in infos)

    def relax(self) -> None:
        """Asks for less, if a publisher was found that offers less. To be called now and then."""
        if self._refused:
            self.close()
            self._refused = False
            self._subscribe(modest=True)

    def close(self) -> None:
        """Receives nothing more."""
        self._node.destroy_subscription(self._subscription)

    def _subscribe(self, modest: bool) -> None:
        qos = QoSProfile(depth=self._topic.depth)
        if modest:
            qos.reliability = ReliabilityPolicy.BEST_EFFORT
        elif self._topic.latched:
            qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
        self._subscription = self._node.create_subscription(
            self._kind,
            self._topic.name,
            self._receive,
            qos,
            raw=True,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._on_refused),
        )

    def _on_refused(self, _event: object) -> None:
        self._refused = True  # a subscription must not be replaced by its own callback

    def _receive(self, message: bytes) -> None:
        # The middleware knows the time too, but rclpy's EventsExecutor cannot hand it over.
        self._heard(self._node.get_clock().now().nanoseconds, message)

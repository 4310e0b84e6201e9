"""Whether the one who commands the robot is alive: the motion player.

A program that is killed cannot say so, and discovery notices it only after 20 s. So the
motion player's eyes are a sign of life, by DDS's own means: its middleware asserts that it
lives, whether or not there is anything to tell, and a reader is told when that ceases.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo
from std_msgs.msg import ColorRGBA

PROMISE_S, PATIENCE_S = 0.5, 1.0
"""So often a living motion player asserts itself; without it for so long it is dead."""


def _latched(lease_s: float) -> QoSProfile:
    return QoSProfile(
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
        liveliness=LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=Duration(seconds=lease_s),
    )


EYES = _latched(PROMISE_S)
"""Of the publisher of ``eyes``; a subscriber that asks for less gets on with it, too."""


def watch(node: Node, gone: Callable[[], None]) -> None:
    """Watches the motion player on behalf of a robot.

    One that runs in the robot's own process is not watched: it cannot die alone, and
    nobody asserts that it lives, because the middleware tells that to other processes only.

    Args:
        node: the robot's.
        gone: called when the last motion player has ended, in whichever way.
    """

    def changed(event: Any) -> None:
        if not event.alive_count and event.alive_count_change < 0 and not _is_at_home(node):
            gone()

    # Whoever else publishes eyes makes no such promise, and is none of our business.
    events = SubscriptionEventCallbacks(liveliness=changed, use_default_callbacks=False)
    node.create_subscription(
        ColorRGBA, "eyes", lambda _light: None, _latched(PATIENCE_S), event_callbacks=events
    )


def _is_at_home(node: Node) -> bool:
    """Whether eyes are published by this process: by the same participant of DDS."""
    name = node.get_name(), node.get_namespace()
    readers = node.get_subscriptions_info_by_topic("eyes")
    ours = {
        _participant(reader)
        for reader in readers
        if (reader.node_name, reader.node_namespace) == name
    }
    return any(_participant(eyes) in ours for eyes in node.get_publishers_info_by_topic("eyes"))


def _participant(endpoint: TopicEndpointInfo) -> bytes:
    """The first twelve of the sixteen bytes of a DDS identifier (RTPS 2.5, 8.2.4)."""
    return bytes(endpoint.endpoint_gid[:12])

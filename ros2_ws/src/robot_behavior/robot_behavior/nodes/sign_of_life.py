"""The motion player's sign of life: how a robot notices that nobody commands it any more.

A program that is killed, or hangs, cannot say so. So the motion player tells the light of
its eyes again and again, whether or not it has changed, and a robot that hears nothing more
knows. DDS has means of its own for this, but cannot be relied on: discovery notices only
after 20 s, and of 200 motion players that were killed Fast DDS 2.14 did not report one as
no longer alive, although it had been asked to within a second.
"""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import ColorRGBA

BEAT_S = 0.2
"""So often a living motion player tells the light of its eyes at least."""

PATIENCE_S = 1.0
"""So long a robot waits for it."""

TICK_S = 0.1
"""So often a robot looks whether it has been told."""

EYES = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    deadline=Duration(seconds=PATIENCE_S),
)
"""Of the publisher of ``eyes``; a subscriber that asks for less gets on with it, too."""


class SignOfLife:
    """Counts the looks at something that ought to be heard between them.

    Looks, not seconds: who was too busy to look was too busy to hear, too.

    Args:
        patience: so many looks in a row without having heard anything are too many.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._left: int | None = None

    def heard(self) -> None:
        """It lives."""
        self._left = self._patience

    def has_ended(self) -> bool:
        """A look; true once, when what was heard before has been silent for too long."""
        if self._left is None:
            return False
        self._left -= 1
        if self._left:
            return False
        self._left = None
        return True


def watch_motion_player(node: Node, gone: Callable[[], None]) -> None:
    """Watches the motion player on behalf of a robot.

    Args:
        node: the robot's.
        gone: called when the last motion player has ended or hangs.
    """
    sign = SignOfLife(round(PATIENCE_S / TICK_S))

    def look() -> None:
        if sign.has_ended():
            gone()

    # Whoever else publishes eyes makes no such promise, and DDS keeps the two apart.
    silent = SubscriptionEventCallbacks(use_default_callbacks=False)
    node.create_subscription(
        ColorRGBA, "eyes", lambda _light: sign.heard(), EYES, event_callbacks=silent
    )
    node.create_timer(TICK_S, look, clock=Clock(clock_type=ClockType.STEADY_TIME))

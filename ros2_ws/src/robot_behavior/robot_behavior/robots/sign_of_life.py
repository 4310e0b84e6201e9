"""What a robot and its motion player know of each other: a sign of life, and the stop.

The sign of life is how a robot notices that nobody commands it any more.

A program that is killed, or hangs, cannot say so. So the motion player tells the light of
its eyes again and again, whether or not it has changed, and a robot that hears nothing more
knows. DDS has means of its own for this, but cannot be relied on: discovery notices only
after 20 s, and of 200 motion players that were killed Fast DDS 2.14 did not report one as
no longer alive, although it had been asked to within a second.

The stop is kept by what moves the robot, so that it outlives whoever has asked for it.
"""

from __future__ import annotations

from collections.abc import Callable

from fer_interfaces.msg import HoldState
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool, ColorRGBA
from std_srvs.srv import SetBool, Trigger

from fer_common.qos import LATCHED

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


HOLD = "hold"
"""Service of what moves a robot, a ``SetBool``: brakes and holds the robot, or releases it."""

HELD = "held"
"""Topic on which it tells a ``HoldState``."""


CAN_MOVE = "can_move"
"""Topic on which whoever plays gestures tells whether the robot is there, and not held."""


class Presence:
    """Tells on ``can_move`` whether the robot is there, and not held; when that changes.

    A robot that is there may still refuse a gesture, or fail in it: that is no absence.

    Args:
        node: that plays gestures.
    """

    def __init__(self, node: Node) -> None:
        self._publisher = node.create_publisher(Bool, CAN_MOVE, LATCHED)
        self._told: bool | None = None

    def look(self, can_move: bool) -> None:
        """Tells what is new; to be called often."""
        if can_move != self._told:
            self._told = can_move
            self._publisher.publish(Bool(data=can_move))


class StopKeeper:
    """Keeps the stop of a robot on behalf of the node that moves it.

    Serves ``hold`` for the motion player, ``~/stop`` and ``~/release`` for people, and tells on
    ``held`` how things stand: at once if it knows, so that who starts later knows, too.

    Args:
        node: of what moves the robot.
        hold: brakes, and stays; does not wait.
        stop: stays where it is, at once.
        release: ends both; nothing moves because of it.
    """

    def __init__(
        self,
        node: Node,
        hold: Callable[[], None],
        stop: Callable[[], None],
        release: Callable[[], None],
    ) -> None:
        self._log, self._told = node.get_logger(), HoldState.NEVER
        self._hold, self._stop, self._release = hold, stop, release
        self._known = False
        self._state = node.create_publisher(HoldState, HELD, LATCHED)
        node.create_service(SetBool, HOLD, self._on_hold)
        node.create_service(Trigger, "~/stop", self._on_stop)
        node.create_service(Trigger, "~/release", self._on_release)

    def look(self, held: bool | None) -> None:
        """Tells what is new; to be called often.

        Args:
            held: whether the robot is held now; None while that is not known.
        """
        if held is None:
            return
        state = HoldState.HELD if held else self._free
        if not self._known or state != self._told:
            self._known, self._told = True, state
            self._state.publish(HoldState(state=state))

    @property
    def _free(self) -> int:
        return int(HoldState.NEVER if self._told == HoldState.NEVER else HoldState.RELEASED)

    def _on_hold(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        (self._hold if request.data else self._release)()
        response.success, response.message = True, "held" if request.data else "released"
        self._log.warning(f"{response.message}, as the motion player asks")
        return response

    def _on_stop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._stop()
        self._log.warning("stopped; ~/release lets the robot obey again")
        response.success, response.message = True, "stopped"
        return response

    def _on_release(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        self._release()
        self._log.warning("released")
        response.success, response.message = True, "released"
        return response

"""What a robot and its motion player know of each other: a sign of life, and the stop.

The sign of life is how a robot notices that nobody commands it any more.

A program that is killed, or hangs, cannot say so. So the motion player tells the light of
its eyes again and again, whether or not it has changed, and a robot that hears nothing more
knows. DDS has means of its own for this, but cannot be relied on: discovery notices only
after 20 s, and of 200 motion players that were killed Fast DDS 2.14 did not report one as
no longer alive, although it had been asked to within a second.

The stop is kept by what moves the robot, so that it outlives whoever has asked for it, and on
this machine, so that it outlives everybody: see `robot_behavior.robots.kept_stop`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_interfaces.msg import HoldState
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool, ColorRGBA
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from fer_common.diagnostics import Report
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.door import door_of
from fer_common.entry import prefer
from fer_common.parameters import declare
from fer_common.qos import EVENTS, LATCHED
from fer_common.runner import ClosingNode, End, LeanExecutor, spin_once
from fer_common.settings import setting
from robot_behavior.motion.trajectory import BRAKE_S
from robot_behavior.robots.kept_stop import KeptStop

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

    @property
    def is_heard(self) -> bool:
        """Whether it lives, as far as is known."""
        return self._left is not None

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


_GRACE_S = 10.0  # for a callback that is under way


class StopPath:
    """Serves what stops a robot in a thread of its own, which the system prefers if it may.

    So a stop waits neither for what else its node has to do, nor for other nodes of the process:
    at most for the callback of its node that is under way. Their callbacks take turns with it.

    Args:
        node: whose services they are.
    """

    def __init__(self, node: ClosingNode) -> None:
        self._served, self._door = node, door_of(node)
        self._door.turn = threading.RLock()
        # A node has one executor; that of this one, which lists do not show, is in the thread.
        self._node = Node(
            f"_{node.get_name()}_stop",
            context=node.context,
            namespace=node.get_namespace(),
            use_global_arguments=False,
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._executor = LeanExecutor(context=node.context)
        self._executor.add_node(self._node)
        self._over = End()
        self._thread = threading.Thread(target=self._spin, name="stop", daemon=True)
        node.closing.callback(self._close)

    def serve(self, kind: Any, name: str, callback: Callable[[Any, Any], Any]) -> None:
        """Serves a service of the node; to be called before `begin`."""
        name = self._served.resolve_service_name(name)
        self._door.before_service(self._node.create_service(kind, name, callback))

    def begin(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def _spin(self) -> None:
        prefer()
        for thread in _threads_of_dds():
            prefer(thread)
        with suppress(ExternalShutdownException):
            while not self._over.is_set():
                spin_once(self._executor, 1.0, self._over)

    def _close(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._executor.wake()
            self._thread.join(_GRACE_S)
        if not self._thread.is_alive():  # what it waits for must not go away under it
            self._executor.shutdown(timeout_sec=1.0)
            self._node.destroy_node()


def _threads_of_dds() -> list[int]:
    """Those of this process that take in what others send, as Fast DDS names them."""
    found = []
    for task in Path("/proc/self/task").glob("*"):
        with suppress(OSError):  # it has just ended
            if (task / "comm").read_text().startswith("dds."):
                found.append(int(task.name))
    return found


_FRESH_S = 10.0


class StopKeeper:
    """Keeps the stop of a robot on behalf of the node that moves it.

    Serves ``hold`` for the motion player, ``~/stop`` and ``~/release`` for people, and tells on
    ``held`` how things stand: at once if it knows, so that who starts later knows, too.

    Args:
        node: of what moves the robot; its callbacks take turns with these.
        robot: its name, see `KeptStop`.
        hold: brakes, and stays; does not wait.
        stop: stays where it is, at once.
        release: ends both; nothing moves because of it.
    """

    def __init__(
        self,
        node: ClosingNode,
        robot: str,
        hold: Callable[[], None],
        stop: Callable[[], None],
        release: Callable[[], None],
    ) -> None:
        self._log, self._told = node.get_logger(), HoldState.NEVER
        self._hold, self._stop, self._release = hold, stop, release
        self._known = self._releasing = self._stopping = False
        self._fresh_until = 0.0
        self._kept = KeptStop(node, robot)
        node.closing.callback(self._kept.close)
        self._state = node.create_publisher(HoldState, HELD, LATCHED)
        self._path = StopPath(node)
        self._path.serve(SetBool, HOLD, self._on_hold)
        self._path.serve(Trigger, "~/stop", self._on_stop)
        self._path.serve(Trigger, "~/release", self._on_release)

    def begin(self) -> None:
        """Serves from now on; a robot that was stopped before this node has started stays so."""
        if self._kept.since is not None:
            self._stop()
            self._log.warning(f"begins stopped: {self._kept.text}")
        self._path.begin()

    def look(self, held: bool | None) -> None:
        """Tells what is new; to be called often.

        Args:
            held: whether the robot is held now; None while that is not known.
        """
        if held is None:
            return
        if not (held or self._releasing or self._stopping) and self._kept.is_there():
            self._stop_by(self._hold)
            self._log.warning(f"{self._kept.text}, as somebody on this machine asks")
            return
        self._releasing = self._releasing and held
        if held and not self._releasing and time.monotonic() >= self._fresh_until:
            self._fresh_until = time.monotonic() + _FRESH_S
            if self._kept.since is not None:
                self._kept.refresh()
        state = HoldState.HELD if held else self._free
        if not self._known or state != self._told:
            self._known, self._told = True, state
            if held and not self._releasing:
                self._kept.keep()  # a robot may remember a stop of which nobody here knows
            self._state.publish(HoldState(state=state, text=self._kept.text))

    @property
    def _free(self) -> int:
        return int(HoldState.NEVER if self._told == HoldState.NEVER else HoldState.RELEASED)

    def _on_hold(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if request.data:
            self._stop_by(self._hold)
        else:
            self._free_it()
        response.success, response.message = True, "held" if request.data else "released"
        self._log.warning(f"{response.message}, as the motion player asks")
        return response

    def _on_stop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._stop_by(self._stop)
        self._log.warning(self._kept.text)
        response.success, response.message = True, self._kept.text
        return response

    def _on_release(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        self._free_it()
        self._log.warning("released")
        response.success, response.message = True, "released"
        return response

    def _stop_by(self, brake: Callable[[], None]) -> None:
        """Stops the robot before anybody is answered: whoever is told of it may rely on it."""
        self._stopping = True  # the robot may look meanwhile, and is not held yet
        try:
            brake()
        finally:
            self._stopping = False
        self._kept.keep()
        # Who asks waits to hear of it, also where nothing else has changed.
        self._known = self._releasing = False

    def _free_it(self) -> None:
        self._kept.forget()
        self._releasing = True
        self._release()


@dataclass(frozen=True)
class StopParams:
    """The parameters of `StopNode`."""

    robot: str = setting("trajectory", "Which robot, by its name; also that of motion_player.")
    brake_s: float = setting(
        BRAKE_S, "So long the robot may brake before it is halted, s.", low=0.0, high=10.0
    )


class StopNode(ClosingNode):
    """The node ``stop_keeper``: keeps the stop of a robot that hears ``joint_trajectory`` itself.

    It stands beside the way of the trajectories, not in it: while the robot is stopped, or when
    the motion player is gone, it sends one without points, which makes the robot stay where it is.

    Args:
        clock: monotonic seconds.
        options: of `rclpy.node.Node`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, **options: Any) -> None:
        super().__init__("stop_keeper", **options)
        self._monotonic = clock
        self._params = declare(self, StopParams)
        self._held, self._from = False, 0.0
        self._halts = 0
        self._trajectory = self.create_publisher(JointTrajectory, "joint_trajectory", EVENTS)
        self.create_subscription(JointTrajectory, "joint_trajectory", self._on_trajectory, EVENTS)
        keeper = StopKeeper(self, self._params.robot, self._hold, self._stop, self._release)
        self._keeper = keeper
        watch_motion_player(self, self._halt)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(TICK_S, lambda: keeper.look(self._held), clock=steady)
        DiagnosticsPublisher(self, "stop", self._report)
        keeper.begin()

    def _hold(self) -> None:
        """Lets the robot end its braking, which it was told just before."""
        if not self._held:
            self._held, self._from = True, self._monotonic() + self._params.brake_s

    def _stop(self) -> None:
        self._held, self._from = True, self._monotonic()
        self._halt()

    def _release(self) -> None:
        self._held = False

    def _on_trajectory(self, message: JointTrajectory) -> None:
        if message.points and self._held and self._monotonic() >= self._from:
            self._halt()
            text = "halted a trajectory: the robot is stopped until it is released (robot release)"
            self.get_logger().error(text, throttle_duration_sec=2.0)

    def _halt(self) -> None:
        self._halts += 1
        self._trajectory.publish(JointTrajectory())

    def _report(self) -> Report:
        state = "held" if self._held else "free"
        return Report(state, {"state": state, "trajectories halted": self._halts}, [])

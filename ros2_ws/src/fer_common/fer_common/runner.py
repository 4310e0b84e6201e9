"""Runs nodes until they end or someone stops them, and stops them in order."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

import rclpy
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from fer_common.memory import keep_memory, settle_memory
from fer_common.parameters import ParameterError
from fer_common.transport import make_room_for_images

GRACE_S = 4.0
"""How long nodes may take to stop; ``ros2 launch`` loses patience after five."""


class StartError(RuntimeError):
    """A node could not start; the message is one line for the user."""


class StopRequest:
    """Set by Ctrl-C, by SIGTERM, or by the program itself.

    ROS's own signal handlers shut the context down at once, after which a robot can
    no longer be told to rest; these leave the time to do so. A second signal ends
    the grace.
    """

    def __init__(self) -> None:
        self.count = 0
        self._wake: Callable[[], object] = lambda: None

    def __bool__(self) -> bool:
        return self.count > 0

    def set(self) -> None:
        """Asks for a stop."""
        self.count += 1
        self._wake()

    def install(self, executor: Executor) -> None:
        """Handles SIGINT and SIGTERM from now on, and wakes ``executor``."""
        self._wake = executor.wake

        def handle(_number: int, _frame: FrameType | None) -> None:
            self.set()

        signal.signal(signal.SIGINT, handle)
        signal.signal(signal.SIGTERM, handle)


def initialise(args: Sequence[str] | None = None) -> None:
    """``rclpy.init`` without ROS's own signal handlers, for whom `StopRequest` stands in.

    Args:
        args: of the command line; None for those of this process.

    Raises:
        StartError: ROS cannot parse them.
    """
    make_room_for_images()
    keep_memory()
    given = list(args) if args is not None else None
    try:
        rclpy.init(args=given, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        raise StartError(" ".join(str(error).split())) from error


def start(node: Node) -> None:
    """Configures and activates a lifecycle node; other nodes are running already.

    Raises:
        StartError: a transition failed. The node has logged why.
    """
    if not isinstance(node, LifecycleNode):
        return
    for transition in (node.trigger_configure, node.trigger_activate):
        if transition() is not TransitionCallbackReturn.SUCCESS:
            raise StartError(f"{node.get_name()} could not start, see its message above")


def spin(
    executor: Executor,
    nodes: Sequence[Node],
    stop: StopRequest,
    ended: Callable[[], bool] = lambda: False,
) -> None:
    """Spins until a stop is asked for, or until ``ended``; then lets the nodes stop.

    A node that needs time for it has two methods: ``begin_stop()``, called once, and
    ``is_stopped()``, asked while the executor spins on. They are begun in the order
    given, and none is waited for longer than `GRACE_S`.
    """
    while not stop and not ended():
        executor.spin_once(timeout_sec=0.1)
    signals = stop.count
    stopping = [node for node in nodes if hasattr(node, "begin_stop")]
    for node in stopping:
        node.begin_stop()
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline and stop.count <= max(1, signals):
        if all(node.is_stopped() for node in stopping):
            break
        executor.spin_once(timeout_sec=0.02)


def brisk_executor() -> Executor:
    """An executor for a node that receives a lot, or for many nodes.

    That is rclpy's `EventsExecutor`, which is told what has arrived where the others look
    through all there is, in Python; it is still experimental, and not in every rclpy.
    """
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:
        return SingleThreadedExecutor()
    return EventsExecutor()


def run(
    create: Callable[[], Node],
    args: Sequence[str] | None = None,
    make_executor: Callable[[], Executor] = SingleThreadedExecutor,
) -> int:
    """The ``main`` of a node's executable.

    A lifecycle node whose parameter ``autostart`` is true is configured and activated.

    Args:
        create: the node.
        args: of the command line; None for those of this process.
        make_executor: what spins the node.

    Returns:
        Exit code: 0 after a normal stop, 2 when the node could not start.
    """
    try:
        initialise(args)
    except StartError as error:
        print(error, file=sys.stderr)
        return 2
    stop, executor = StopRequest(), make_executor()
    stop.install(executor)
    node: Node | None = None
    try:
        node = create()
        executor.add_node(node)
        if node.has_parameter("autostart") and node.get_parameter("autostart").value:
            start(node)
        settle_memory()
        spin(executor, [node], stop, getattr(node, "has_ended", lambda: False))
        return 0
    except (ParameterError, StartError) as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        executor.shutdown(timeout_sec=1.0)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()

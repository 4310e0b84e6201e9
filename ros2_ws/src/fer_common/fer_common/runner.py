"""Runs nodes until they end or someone stops them, and stops them in order."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import rclpy
from ament_index_python.packages import get_package_share_directory
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from fer_common.settings import ParameterError

# Memory of a process through which images pass.

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of <malloc.h>
_LARGEST = 32 * 2**20  # bytes, more than glibc does not allow; a 4K picture has 24 MiB


def keep_memory() -> None:
    """Tells glibc's malloc to keep freed blocks of the size of an image.

    It would give each back to the system and fetch the next one page by page, each page
    zeroed by the kernel: of the time to receive a picture of 640x480 that was half. Up to
    64 MiB more stay with the process. Another C library is left as it is.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGEST)
    mallopt(_TRIM_THRESHOLD, 2 * _LARGEST)


def settle_memory() -> None:
    """Tells the garbage collector that what is there now will stay.

    To be called when everything is loaded. Every now and then the collector walks through
    all that lives, which took 80 ms of perception: two images late.
    """
    gc.collect()
    gc.freeze()


# Room for images between processes.

PROFILE_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
"""Of the environment: where Fast DDS reads how it is set up."""


def make_room_for_images() -> None:
    """Gives Fast DDS a larger shared-memory segment; to be called before ``rclpy.init``.

    A profile that the user has chosen stays; other middlewares ignore this one.
    """
    if PROFILE_VARIABLE not in os.environ:
        share = Path(get_package_share_directory("fer_common"))
        os.environ[PROFILE_VARIABLE] = str(share / "config" / "fast_dds.xml")


# Start and stop.

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


def fast_executor() -> Executor:
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

"""Runs nodes until they end or someone stops them, and stops them in order."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import gc
import os
import re
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from threading import Event
from typing import Any, cast

import rclpy
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rclpy.context import Context
from rclpy.event_handler import EventHandler
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl import rcutils_logger
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from rclpy.utilities import get_rmw_implementation_identifier

from ec_rfernet.errors import InputError, writable
from ec_rfernet.files import MOST_TEXT, can_be_made, read_bytes, temporary_folder
from fer_common.door import door_of
from fer_common.entry import on_stop_signals
from fer_common.parameters import check_arguments, check_given
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
    """Tells the garbage collector that what is there now will stay; gives back unused memory.

    To be called when everything is loaded. Every now and then the collector walks through
    all that lives, which took 80 ms of perception: two images late.
    """
    gc.freeze()
    gc.enable()
    give_back_memory()


def give_back_memory() -> None:
    """Gives memory that was freed back to the system, which `keep_memory` keeps it from."""
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


_LOCK_OF_FAST_DDS = re.compile(r"(fast(?:rtps|dds)_(?:port\d+|[0-9a-f]{16}))_[es]l")
_YOUNG_S = 10.0  # a process that is starting may not have locked its files yet


def remove_shared_memory_of_the_dead(folder: Path = Path("/dev/shm")) -> None:
    """Gives back what killed processes have left: up to 18 MB each, until the machine restarts.

    Fast DDS keeps a lock on a file beside each segment while its process lives.

    Args:
        folder: where the system has its shared memory.
    """
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError:
        return
    for segment in {match[1] for match in map(_LOCK_OF_FAST_DDS.fullmatch, names) if match}:
        locks = [f"{segment}{end}" for end in ("_el", "_sl") if f"{segment}{end}" in names]
        if all(_is_of_the_dead(folder / name) for name in locks):
            for name in (segment, f"sem.{segment}_mutex", *locks):
                with suppress(OSError):
                    (folder / name).unlink()


_SEGMENT_OF_FAST_DDS = re.compile(r"fast(?:rtps|dds)_[0-9a-f]{16}")


def close_shared_memory(folder: Path = Path("/dev/shm")) -> None:
    """Lets nobody but this user read the images that Fast DDS hands from program to program.

    It makes its segments readable for everybody, whatever the umask. Programs of other users could
    not use them anyway, because for that they have to write there.

    Args:
        folder: where the system has its shared memory.
    """
    with suppress(OSError), os.scandir(folder) as files:
        for file in files:
            if _SEGMENT_OF_FAST_DDS.fullmatch(file.name):
                with suppress(OSError):  # another user's, or it has just gone
                    if file.stat().st_mode & 0o077:
                        Path(file).chmod(0o600)


def _is_of_the_dead(lock: Path) -> bool:
    try:
        about = lock.stat()
        if about.st_uid != os.getuid() or time.time() - about.st_mtime < _YOUNG_S:
            return False
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # somebody lives, or it has just gone
        return False
    return True


# How processes reach each other: with room for images, and not beyond this machine.

PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
"""Of the environment: where Fast DDS 2 and Fast DDS 3 read how they are set up.

The latter reads the former, too, and complains about it.
"""

OPEN = "other machines can watch and command this robot"
"""What the user is told then, followed by `why_open`."""

SLOW = "messages between programs take longer than they should"
"""What the user is told where there is no shared memory."""

ASKED_FOR = "network:=true"
"""Of `why_open`: it is meant to be so."""

_RANGE, _FORMER_RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY"
_WITH_FAST_DDS_3 = 9  # major version of rmw_fastrtps_cpp, in ROS 2 Kilted
_LISTENING = "0A"  # state of a TCP socket in /proc/net/tcp


def profile(network: bool = False, images: bool = True, shared: bool = True) -> Path:
    """Our profile for Fast DDS, see there.

    Args:
        network: the one that lets other machines take part.
        images: the one with room for the images of any camera.
        shared: the one with shared memory; without it, room does not matter.
    """
    room = ("" if images else "_small") if shared else "_udp"
    name = f"fast_dds{'_network' if network else ''}{room}.xml"
    return Path(get_package_share_directory("fer_common"), "config", name)


def profile_variable() -> str:
    """Of `PROFILE_VARIABLES` the one for the Fast DDS that is installed."""
    try:
        manifest = Path(get_package_share_directory("rmw_fastrtps_cpp"), "package.xml").read_text()
    except (PackageNotFoundError, OSError):  # another middleware
        return PROFILE_VARIABLES[0]
    version = re.search(r"<version>(\d+)", manifest)
    return PROFILE_VARIABLES[bool(version and int(version[1]) >= _WITH_FAST_DDS_3)]


def _chosen_profiles() -> set[str]:
    """Of the environment; for one of ours without room for images stands the one with it."""
    rooms = ({"images": False}, {"shared": False})
    ours = {str(profile(n, **room)): str(profile(n)) for n in (False, True) for room in rooms}
    chosen = filter(None, map(os.environ.get, PROFILE_VARIABLES))
    return {ours.get(path, path) for path in chosen}


def dds_variables(network: bool = False) -> dict[str, str]:
    """The variables with which Fast DDS has room for images and keeps to this machine.

    A profile that the user has chosen stays; other middlewares ignore ours.

    Args:
        network: whether other machines can take part.
    """
    chosen = _chosen_profiles()
    if not chosen or (network and chosen == {str(profile())}):
        chosen = {str(profile(network))}
    found = {profile_variable(): min(chosen)} if len(chosen) == 1 else {}
    closes = chosen == {str(profile())} and os.environ.get(_RANGE) != "OFF"
    if closes and get_rmw_implementation_identifier().startswith("rmw_fastrtps"):
        # With its range LOCALHOST, ROS would add a way to the network; with SUBNET, the peers
        # of ROS_STATIC_PEERS. This leaves everything to the profile.
        found[_RANGE] = "SYSTEM_DEFAULT"
        if _FORMER_RANGE in os.environ:  # it would win over the newer one
            found[_FORMER_RANGE] = "0"
    return found


_SEGMENT = {True: 17_000_000, False: 4_000_000}  # bytes, with images and without


def _no_shared_memory(size: int) -> str | None:
    """Why Fast DDS cannot have so many bytes of shared memory; None where it can."""
    try:
        with tempfile.TemporaryFile(dir="/dev/shm") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:  # also where no file may be so large
        hint = " (ulimit -f)" if error.errno == errno.EFBIG else ""
        return f"{error.strerror}{hint}"
    return None


def set_up_dds(network: bool = False, images: bool = True) -> str | None:
    """Sets `dds_variables` for this process and its children, before ``rclpy.init``.

    Args:
        network: see there.
        images: whether this process sends images of a camera. What others need less room for
            is not taken; of a profile that the user has chosen it is left as it is.

    Returns:
        What to tell the user where messages take longer than they should, None else.

    Raises:
        InputError: a profile that the user has chosen cannot be read. Fast DDS would go on
            without one, and open the robot to the network.
    """
    for path in sorted(_chosen_profiles() - {str(profile()), str(profile(network=True))}):
        from xml.etree import ElementTree  # rarely needed

        try:
            ElementTree.fromstring(read_bytes(Path(path), MOST_TEXT))
        except (InputError, ElementTree.ParseError) as error:
            name = next(n for n in PROFILE_VARIABLES if os.environ.get(n) == path)
            raise InputError(
                f"{name} is {path}, which cannot be read ({error.__cause__ or error}); "
                "unset it, or name a profile of Fast DDS"
            ) from error
    os.environ.update(dds_variables(network))
    for each in (False, True):
        if os.environ.get(profile_variable()) == str(profile(each)):
            why = _no_shared_memory(_SEGMENT[images])
            os.environ[profile_variable()] = str(profile(each, images, why is None))
            if why is not None:
                return f"{SLOW}: no shared memory in /dev/shm: {why}"
    return None


def open_ports() -> list[str]:
    """Where this process can be reached from the network, such as ``udp 0.0.0.0:7411``.

    What the kernel says, of Linux: whatever middleware and profile are in use.
    """
    own = set()
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # closed by another thread
            own.add(str(file.readlink()).removeprefix("socket:[").removesuffix("]"))
    found = []
    for protocol in ("udp", "tcp"):
        for table in (protocol, f"{protocol}6"):
            try:
                rows = Path("/proc/self/net", table).read_text().splitlines()[1:]
            except OSError:  # such as IPv6 on a machine that has none
                continue
            for _, local, _, state, *_, inode in (row.split()[:10] for row in rows):
                if inode in own and (protocol == "udp" or state == _LISTENING):
                    address, port = _endpoint(local)
                    if not address.is_loopback:
                        found.append(f"{protocol} {address}:{port}")
    return sorted(found)


def _endpoint(text: str) -> tuple[IPv4Address | IPv6Address, int]:
    """An address as the kernel writes it: words of 32 bits in the order of this machine."""
    address, port = text.split(":")
    words = [int(address[i : i + 8], 16) for i in range(0, len(address), 8)]
    found = ip_address(struct.pack(f"={len(words)}I", *words))
    return getattr(found, "ipv4_mapped", None) or found, int(port, 16)


def why_open() -> str | None:
    """Why other machines can take part, `ASKED_FOR` or a reason with its ports; None: they cannot.

    To be called when there is a node.
    """
    chosen = _chosen_profiles()
    if str(profile(network=True)) in chosen:
        return ASKED_FOR
    ports = open_ports()
    if not ports:
        return None
    middleware = get_rmw_implementation_identifier()
    if not middleware.startswith("rmw_fastrtps"):
        cause = f"{middleware} does not read {profile().name}"
    elif chosen - {str(profile())}:
        cause = f"{profile_variable()} is {' or '.join(sorted(chosen))}"
    else:
        cause = "something else has set up Fast DDS"
    return f"{cause}; {', '.join(ports)}"


# Room for logs.


def make_room_for_logs() -> None:
    """Lets ROS log where this user may write; to be called before ``rclpy.init``.

    No node starts without its log, for which ROS knows only ``~/.ros``. Who has no home, or
    may not write it, has the log in a temporary folder. A place that the user has chosen stays.

    Raises:
        InputError: there is no such folder either, or the chosen one cannot be written.
    """
    for name, below in (("ROS_LOG_DIR", ""), ("ROS_HOME", "log")):
        if chosen := os.environ.get(name):
            if not can_be_made(Path(chosen, below, "x.log").expanduser()):
                text = f"{name} is '{chosen}', where no log can be written"
                raise InputError(f"{text}; unset it, or name a folder of your own")
            return
    home = os.environ.get("HOME")  # the only one that ROS knows
    if not home or not can_be_made(Path(home, ".ros", "log", "x.log")):
        os.environ["ROS_LOG_DIR"] = str(temporary_folder() / "ros_log")


def ros_distro() -> str:
    """Name of the ROS 2 distribution that runs: the sourced one, or that of PyPI's wheels."""
    packages = Path(rclpy.__file__).parents[1]
    wheels = packages.glob("ros_*_rclpy-*.dist-info")
    return os.environ.get("ROS_DISTRO") or next(
        (path.name.split("_")[1] for path in wheels), "jazzy"
    )


# What is logged.


def log_plainly() -> None:
    """Lets ROS log in this process what a terminal shows and does not obey.

    Names, labels and reasons come from other programs: see `ec_rfernet.errors.writable`.
    """
    here = os.path.realpath(__file__)
    if here in rcutils_logger._internal_callers:
        return
    # The place in a log, by which a message is throttled, stays that of whoever logs it.
    rcutils_logger._internal_callers.append(here)
    log = rcutils_logger.RcutilsLogger.log

    def log_shown(logger: Any, message: object, severity: int, **options: Any) -> bool:
        return bool(log(logger, writable(str(message)), severity, **options))

    setattr(rcutils_logger.RcutilsLogger, "log", log_shown)  # noqa: B010, rclpy has no other way


# Start and stop.

GRACE_S = 4.0
"""How long nodes may take to stop; ``ros2 launch`` loses patience after five."""

_BREAK_S = 0.01


class StartError(RuntimeError):
    """A node could not start; the message is one line for the user."""


class ClosingNode(Node):
    """A node that closes what it holds when it is destroyed.

    rclpy destroys a node whose constructor has failed, too (from ROS 2 Kilted on), and may
    destroy one twice: what was made is closed once, in the opposite order, and nothing else.

    Args:
        name: of the node.
        options: of `rclpy.node.Node`.

    Attributes:
        closing: what to close; add it as soon as it is made.
        introduction: what a user should know of it from the start, one line; None: nothing.
    """

    introduction: str | None = None

    def __init__(self, name: str, **options: Any) -> None:
        self.closing = ExitStack()
        self._destroyed = False
        super().__init__(name, **options)

    def destroy_node(self) -> None:
        """Closes what the node holds first; harmless when repeated."""
        if not self._destroyed:
            self._destroyed = True
            self.closing.close()
            super().destroy_node()


class StopRequest:
    """Set by one of `fer_common.entry.STOP_SIGNALS`, or by the program itself.

    ROS's own signal handlers shut the context down at once, after which a robot can
    no longer be told to rest; these leave the time to do so. A second signal ends
    the grace.

    Attributes:
        count: how often it was asked for.
        signal: the last that asked for it; None when none has.
    """

    def __init__(self) -> None:
        self.count = 0
        self.signal: int | None = None
        self._wake: Callable[[], object] = lambda: None

    def __bool__(self) -> bool:
        return self.count > 0

    def set(self) -> None:
        """Asks for a stop."""
        self.count += 1
        self._wake()

    def install(self, executor: Executor) -> None:
        """Handles the signals from now on, and wakes ``executor``."""
        self._wake = executor.wake
        on_stop_signals(self._on_signal)

    def _on_signal(self, number: int, _frame: object) -> None:
        self.signal = number
        self.set()


def initialise(
    args: Sequence[str] | None = None, network: bool = False, images: bool = True
) -> None:
    """``rclpy.init`` without ROS's own signal handlers, for whom `StopRequest` stands in.

    Args:
        args: of the command line; None for those of this process.
        network: see `set_up_dds`.
        images: see there.

    Raises:
        StartError: ROS cannot parse them, or cannot write its log; or see `set_up_dds` and
            `fer_common.parameters.check_arguments`.
    """
    remove_shared_memory_of_the_dead()
    keep_memory()
    log_plainly()
    given = list(args) if args is not None else None
    try:
        check_arguments(given)
        if slow := set_up_dds(network, images):
            print(slow, file=sys.stderr)
        make_room_for_logs()
        rclpy.init(args=given, signal_handler_options=SignalHandlerOptions.NO)
    except PackageNotFoundError as error:
        found = str(error.args[0]) if error.args else "a package"
        raise StartError(f"{found}: source scripts/env.sh, or install/setup.bash") from error
    except (InputError, RuntimeError) as error:
        keys = os.environ.get("ROS_SECURITY_ENABLE") == "true"
        hint = "; ROS_SECURITY_ENABLE is true: are its keys there?" if keys else ""
        raise StartError(writable(" ".join(str(error).split())) + hint) from error


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
    """Spins until a stop is asked for, or until ``ended``; then lets the nodes stop, see `rest`.

    They are let stop, too, where something is raised that should have ended nothing.
    """
    try:
        while not stop and not ended():
            spin_once(executor, 0.1)
    finally:
        rest(executor, nodes, stop)


def rest(executor: Executor, nodes: Sequence[Node], stop: StopRequest) -> None:
    """Lets the nodes stop: brings to rest what moves.

    A node that needs time for it has two methods: ``begin_stop()``, called once, and
    ``is_stopped()``, asked while the executor spins on. They are begun in the order
    given, and none is waited for longer than `GRACE_S`, nor after a second signal.
    One that cannot stop keeps none of the others from it.
    """
    signals = stop.count
    stopping = [node for node in nodes if hasattr(node, "begin_stop")]
    for node in stopping:
        door_of(node).guarded(node.begin_stop, "stop")()
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline and stop.count <= max(1, signals):
        if all(door_of(node).guarded(node.is_stopped, "stop", _given_up)() for node in stopping):
            break
        spin_once(executor, 0.02)


def _given_up(_error: BaseException) -> bool:
    return True  # nobody waits for a node that cannot say whether it has stopped


def add(executor: Executor, node: Node) -> None:
    """Has a node spun, with its door put in: see `fer_common.door`."""
    close_shared_memory()  # that of its context has come with the first node
    door_of(node)
    executor.add_node(node)


class End(Event):
    """Of something that waits: an executor takes it for a future.

    A future would keep a callback for each time that it was waited for, and call all of them.
    Whoever sets this wakes the executor.
    """

    done = Event.is_set

    def add_done_callback(self, _callback: Callable[[Future], None]) -> None:
        """Keeps nothing."""


def spin_once(executor: Executor, timeout_s: float, end: End | None = None) -> None:
    """Does what is due; what goes wrong even before the doors of the nodes ends nothing.

    Args:
        executor: has at least one node.
        timeout_s: waits for so long, seconds.
        end: when it is set and the executor is woken, the waiting is over.

    Raises:
        ExternalShutdownException: ROS was shut down.
    """
    try:
        if end is None:
            executor.spin_once(timeout_sec=timeout_s)
        else:
            executor.spin_once_until_future_complete(cast(Future, end), timeout_sec=timeout_s)
    except ExternalShutdownException:
        raise
    except (Exception, SystemExit) as error:  # such as a message that cannot be read
        nodes = executor.get_nodes()
        if not nodes or not rclpy.ok():
            raise
        door_of(nodes[0]).note(error, "the middleware")
        time.sleep(_BREAK_S)  # in case that it happens again and again


class LeanExecutor(SingleThreadedExecutor):
    """The ordinary executor, for half its processor time.

    An ordinary one waits anew for each event of each publisher and subscription, 38 in the motion
    player, whenever something arrives. They only tell that a quality of service does not fit: this
    one looks at them once a second. And it wakes nobody where it is not asleep: after each
    callback the ordinary one wakes itself, and waits twice. With an rclpy that names its parts in
    another way, it is the ordinary one.

    Args:
        context: of its nodes; None for the default one.
    """

    EVENTS_S = 1.0

    def __init__(self, *, context: Context | None = None) -> None:
        super().__init__(context=context)
        self._awake: int | None = None  # the thread that does what was ready
        self._next_look, self._looks = 0.0, True
        guard = getattr(self, "_guard", None)
        if guard is None:
            return
        self._rouse = rouse = guard.trigger

        def trigger() -> None:
            if self._awake != threading.get_ident():
                rouse()

        guard.trigger = trigger

    def wake(self) -> None:
        """Ends the waiting, also the next."""
        if getattr(self, "_guard", None) is not None:  # not shut down
            self._rouse()
        else:
            super().wake()

    def can_execute(self, entity: Any) -> bool:
        """Whether it is waited for: as its callback group says, but without its lock."""
        try:
            group, is_done = entity.callback_group, entity._executor_event
            return not is_done and getattr(group, "_active_entity", None) is None
        except AttributeError:
            return bool(super().can_execute(entity))

    def wait_for_ready_callbacks(self, *args: Any, **options: Any) -> Any:
        """What is to be done next."""
        self._awake = None
        try:
            return super().wait_for_ready_callbacks(*args, **options)
        finally:
            self._awake = threading.get_ident()

    def _wait_for_ready_callbacks(self, *args: Any, **options: Any) -> Any:
        now = time.monotonic()
        if looks := now >= self._next_look:
            self._next_look = now + self.EVENTS_S
        if looks or self._looks:
            for node in self.get_nodes():
                for waitable in node.waitables:
                    if isinstance(waitable, EventHandler):
                        waitable._executor_event = not looks  # as if it were being done
        self._looks = looks
        return super()._wait_for_ready_callbacks(*args, **options)


def fast_executor() -> Executor:
    """An executor for a node that receives a lot, and has no action.

    That is rclpy's `EventsExecutor`, which is told what has arrived where the others look
    through all there is, in Python; it is still experimental, and not in every rclpy. Where an
    action was served and asked for in one process, it ended that process now and then (SIGSEGV).
    """
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:
        return LeanExecutor()
    return EventsExecutor()


def run(
    create: Callable[[], Node],
    args: Sequence[str] | None = None,
    make_executor: Callable[[], Executor] = LeanExecutor,
    images: bool = False,
) -> int:
    """The ``main`` of a node's executable.

    A lifecycle node whose parameter ``autostart`` is true is configured and activated.

    Args:
        create: the node.
        args: of the command line; None for those of this process.
        make_executor: what spins the node.
        images: whether it sends those of a camera, see `set_up_dds`.

    Returns:
        Exit code: 0 after a normal stop, 2 when the node could not start. A node may have a
        method ``exit_code`` that makes it of the signal that ended it, None for none.
    """
    try:
        initialise(args, images=images)
    except StartError as error:
        print(error, file=sys.stderr)
        return 2
    stop, executor = StopRequest(), make_executor()
    stop.install(executor)
    node: Node | None = None
    try:
        node = create()
        check_given(node, args)
        add(executor, node)
        if (reason := why_open()) not in (None, ASKED_FOR):
            node.get_logger().warning(f"{OPEN}: {reason}")
        if node.has_parameter("autostart") and node.get_parameter("autostart").value:
            start(node)
        settle_memory()
        spin(executor, [node], stop, getattr(node, "has_ended", lambda: False))
        code: int = node.exit_code(stop.signal) if hasattr(node, "exit_code") else 0
        return code
    except (InputError, ParameterError, StartError) as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        executor.shutdown(timeout_sec=1.0)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()

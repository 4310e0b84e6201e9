"""Nodes are started, stopped and given time to rest; run as real processes."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread
from xml.etree import ElementTree

import pytest
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.task import Task
from std_msgs.msg import String

from fer_common.entry import STOP_SIGNALS, prefer
from fer_common.runner import (
    ASKED_FOR,
    OPEN,
    PROFILE_VARIABLES,
    SLOW,
    ClosingNode,
    StartError,
    dds_variables,
    open_ports,
    profile,
    profile_variable,
    remove_shared_memory_of_the_dead,
    ros_distro,
    set_up_dds,
    why_open,
)
from fer_common.testing import DEADLINE_S, spin_until, spinning

PROGRAM = """
import sys
from dataclasses import dataclass
from fer_common.parameters import declare
from fer_common.settings import setting
from fer_common.runner import run
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node

@dataclass(frozen=True)
class Params:
    rate: float = setting(30.0, "Frames per second.", low=0.1, high=240.0)
    autostart: bool = setting(True, "Activate at start.")

class {name}({base}):
    def __init__(self):
        super().__init__("subject")
        declare(self, Params)
        self.ticks = 0
        self.create_timer(0.01, self.tick)
        print("up", flush=True)
{body}
sys.exit(run({name}))
"""

TICKING = """
    def tick(self):
        self.ticks += 1
        if self.ticks == 1:
            print("ticks", flush=True)
"""

STOPPABLE = """
    def tick(self):
        self.ticks += 1
    def begin_stop(self):
        print("resting", flush=True)
        self.ticks = 0
    def is_stopped(self):
        {stopped}
"""


def start(base="Node", body=TICKING, arguments=(), keep=(), environ=None, before=()):
    source = PROGRAM.format(name="Subject", base=base, body=body)
    kept = {n: v for n, v in os.environ.items() if n in keep or n not in PROFILE_VARIABLES}
    variables = {**kept, **(environ or {})}
    return subprocess.Popen(
        [*before, sys.executable, "-c", source, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={name: value for name, value in variables.items() if value is not None},
    )  # fmt: skip


def finish(process):
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    return process.returncode, out, err


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_lets_the_node_rest_first(number):
    body = STOPPABLE.format(stopped="return self.ticks > 5 and not print('rested', flush=True)")
    process = start(body=body)
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    code, out, err = finish(process)
    assert (code, out, err) == (0, "resting\nrested\n", "")


def test_a_second_signal_ends_the_grace():
    process = start(body=STOPPABLE.format(stopped="return False"))
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "resting\n"
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 0


def test_it_ends_when_the_node_says_so():
    body = (
        STOPPABLE.format(stopped="return True") + "    def has_ended(self): return self.ticks > 3"
    )
    code, out, err = finish(start(body=body))
    assert (code, out, err) == (0, "up\nresting\n", "")


def test_what_a_callback_raises_ends_nothing_and_is_one_line():
    body = """
    def tick(self):
        self.ticks += 1
        raise ValueError("it is broken")
    def has_ended(self): return self.ticks > 20
"""
    code, _, err = finish(start(body=body))
    assert code == 0
    assert err.count("ValueError: it is broken") == err.count("\n") == 1


def test_whatever_ends_the_program_it_rests_first():
    body = """
    def tick(self):
        self.ticks += 1
        if self.ticks == 5:
            raise KeyboardInterrupt
    def begin_stop(self):
        print("resting", flush=True)
        self.ticks = 10
    def is_stopped(self): return self.ticks > 15 and not print("rested", flush=True)
"""
    _, out, _ = finish(start(body=body))
    assert out == "up\nresting\nrested\n"


def test_a_wrong_parameter_is_one_line_and_exit_code_2():
    code, _, err = finish(start(arguments=["--ros-args", "-p", "rate:=-1"]))
    assert code == 2
    assert err == "parameter 'rate' is -1.0, expected 0.1..240\n"


def test_an_argument_that_nobody_understands_is_one_line_and_exit_code_2():
    """A robot that is to be slow must not be fast because of a forgotten word."""
    code, _, err = finish(start(arguments=["-p", "rate:=5.0"]))
    assert code == 2
    assert err == "there is no argument '-p'; write --ros-args -p rate:=5.0\n"


def test_arguments_that_ros_does_not_understand_are_exit_code_2():
    code, _, err = finish(start(arguments=["--ros-args", "-p", "rate"]))
    assert code == 2
    assert "failed to initialize rcl: Couldn't parse parameter override rule" in err
    assert "Traceback" not in err


# Fast DDS: room for images, and this machine only.


def test_both_profiles_have_room_for_images_and_differ_in_who_takes_part():
    closed, opened = (ElementTree.parse(profile(network)).getroot() for network in (False, True))
    here = closed.find(".//{*}interfaceWhiteList")
    assert [address.text for address in here] == ["127.0.0.1"]
    apart = ("interfaceWhiteList", "maxInitialPeersRange", "leaseAnnouncement")
    apart += ("metatrafficUnicastLocatorList", "initialPeersList")
    for parent in [*closed.iter(), *opened.iter()]:
        for child in [c for c in parent if c.tag.rpartition("}")[2] in apart]:
            parent.remove(child)

    def plain(root):
        lines = [(e.tag.rpartition("}")[2], (e.text or "").strip(), e.attrib) for e in root.iter()]
        return [(tag, text.replace("loopback", "network"), rest) for tag, text, rest in lines]

    assert plain(closed) == plain(opened)
    assert int(opened.find(".//{*}maxMessageSize").text) > 3 * 1920 * 1080


OWN = "/somewhere/own.xml"
RANGE, FORMER_RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY"


@pytest.mark.parametrize(
    ("environ", "network", "expected"),
    [
        ({}, False, "closed"),
        ({}, True, "open"),
        ({PROFILE_VARIABLES[0]: "closed"}, True, "open"),
        ({PROFILE_VARIABLES[0]: "open"}, False, "open"),  # the user, or the robot that started it
        ({PROFILE_VARIABLES[0]: OWN}, False, OWN),
        ({PROFILE_VARIABLES[1]: OWN}, True, OWN),
        ({PROFILE_VARIABLES[0]: ""}, False, "closed"),
        (dict(zip(PROFILE_VARIABLES, ("closed", OWN), strict=True)), False, None),
    ],
)
def test_which_profile_is_used(monkeypatch, environ, network, expected):
    files = {"closed": str(profile()), "open": str(profile(network=True))}
    for name in (*PROFILE_VARIABLES, RANGE, FORMER_RANGE):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, files.get(value, value))
    found = dds_variables(network)
    chosen = files.get(expected, expected)
    wanted = {} if chosen is None else {profile_variable(): chosen}
    assert found == (wanted | {RANGE: "SYSTEM_DEFAULT"} if expected == "closed" else wanted)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({RANGE: "LOCALHOST"}, {RANGE: "SYSTEM_DEFAULT"}),
        ({FORMER_RANGE: "1"}, {RANGE: "SYSTEM_DEFAULT", FORMER_RANGE: "0"}),
        ({RANGE: "OFF"}, {}),  # nobody is looked for, as the user wants it
    ],
)
def test_the_range_of_ros_opens_nothing(monkeypatch, environ, expected):
    for name in (*PROFILE_VARIABLES, RANGE, FORMER_RANGE):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert dds_variables() == {profile_variable(): str(profile())} | expected


@pytest.mark.parametrize("network", [False, True])
def test_the_small_profiles_differ_from_the_others_in_their_room(network):
    large, small = (ElementTree.parse(profile(network, i)).getroot() for i in (True, False))
    rooms = {}
    for root in (large, small):
        sizes = [root.find(f".//{{*}}{name}") for name in ("segment_size", "maxMessageSize")]
        rooms[root] = [int(size.text) for size in sizes]
        for size in sizes:
            size.text = ""
    assert ElementTree.tostring(large) == ElementTree.tostring(small)
    segment, message = rooms[small]
    assert 3 * 1280 * 720 < message <= segment < rooms[large][0]


@pytest.mark.parametrize("network", [False, True])
def test_a_process_without_images_takes_less_room_and_is_no_more_open(monkeypatch, network):
    for name in (*PROFILE_VARIABLES, RANGE, FORMER_RANGE):
        monkeypatch.delenv(name, raising=False)
    set_up_dds(network, images=False)
    assert os.environ[profile_variable()] == str(profile(network, images=False))
    assert (why_open() == ASKED_FOR) is network
    assert dds_variables()[profile_variable()] == str(profile(network))
    monkeypatch.setenv(profile_variable(), str(profile(True)))
    set_up_dds(images=False)  # as the robot says that has started it
    assert os.environ[profile_variable()] == str(profile(True, images=False))


def test_a_profile_of_the_users_stays_without_images_too(monkeypatch, tmp_path):
    own = tmp_path / "own.xml"
    own.write_bytes(profile().read_bytes())
    monkeypatch.setenv(profile_variable(), str(own))
    monkeypatch.setenv(RANGE, "SYSTEM_DEFAULT")
    set_up_dds(images=False)
    assert os.environ[profile_variable()] == str(own)


@pytest.mark.parametrize("reach", ["SUBNET", "LOCALHOST", "SYSTEM_DEFAULT"])
def test_a_node_keeps_to_this_machine_whatever_ros_is_told(monkeypatch, reach):
    monkeypatch.setenv(RANGE, reach)
    assert complaint() == ""


def test_a_node_tells_that_a_profile_of_the_users_opens_the_network(monkeypatch, tmp_path):
    own = tmp_path / "own.xml"
    own.write_bytes(profile(network=True).read_bytes())
    monkeypatch.setenv(profile_variable(), str(own))
    monkeypatch.setenv(RANGE, "SUBNET")
    told = complaint(keep=PROFILE_VARIABLES)
    assert f"{OPEN}: {profile_variable()} is {own}; udp 0.0.0.0:" in told


def test_a_network_that_was_asked_for_is_told_by_who_starts_the_robot(monkeypatch):
    monkeypatch.setenv(profile_variable(), str(profile(network=True)))
    assert complaint(keep=PROFILE_VARIABLES) == ""


@pytest.mark.parametrize("content", [None, "<dds", "", "a pipe"])
def test_a_profile_that_cannot_be_read_opens_nothing(monkeypatch, tmp_path, content):
    """Fast DDS would go on without one, or wait for the pipe."""
    path = tmp_path / "profile.xml"
    if content == "a pipe":
        os.mkfifo(path)
    elif content is not None:
        path.write_text(content)
    monkeypatch.setenv(profile_variable(), str(path))
    code, out, err = finish(start(keep=PROFILE_VARIABLES))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{profile_variable()} is {path}, which cannot be read" in err


def complaint(**settings):
    """What a node says of itself until it works."""
    process = start(**settings)
    assert process.stdout.readline() == "up\n"
    assert process.stdout.readline() == "ticks\n"
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code == 0
    return err


def test_open_ports_are_those_that_a_network_reaches():
    with ExitStack() as stack:

        def port(family, kind, address):
            made = stack.enter_context(socket.socket(family, kind))
            made.bind((address, 0))
            if kind is socket.SOCK_STREAM:
                made.listen()
            return made.getsockname()[1]

        udp, tcp = socket.SOCK_DGRAM, socket.SOCK_STREAM
        before = open_ports()
        here = port(socket.AF_INET, udp, "127.0.0.1"), port(socket.AF_INET, tcp, "127.0.0.1")
        assert open_ports() == before, here
        found = {
            f"udp 0.0.0.0:{port(socket.AF_INET, udp, '0.0.0.0')}",
            f"tcp 0.0.0.0:{port(socket.AF_INET, tcp, '0.0.0.0')}",
        }
        if socket.has_ipv6 and Path("/proc/net/if_inet6").exists():
            port(socket.AF_INET6, tcp, "::1")
            found.add(f"udp :::{port(socket.AF_INET6, udp, '::')}")
        assert set(open_ports()) - set(before) == found


@pytest.mark.parametrize("home", [None, "/dev/null"])
def test_a_node_starts_without_a_home(home, tmp_path):
    """As in a container that was started with ``-u`` and may only be read."""
    environ = {"TMPDIR": str(tmp_path), "HOME": home, "ROS_LOG_DIR": None, "ROS_HOME": None}
    process = start(environ=environ)
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    assert finish(process) == (0, "", "")
    assert list(tmp_path.glob("fer-*/ros_log/*.log"))


def test_without_any_place_for_logs_it_is_one_line_and_exit_code_2(tmp_path):
    (tmp_path / f"fer-{os.getuid()}").touch()
    environ = {"TMPDIR": str(tmp_path), "HOME": None, "ROS_LOG_DIR": None, "ROS_HOME": None}
    code, out, err = finish(start(environ=environ))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "set TMPDIR" in err


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"ROS_LOG_DIR": "{file}/log"}, "ROS_LOG_DIR is '{file}/log', where no log can be written"),
        ({"ROS_LOG_DIR": None, "ROS_HOME": "{file}"}, "ROS_HOME is '{file}', where no log"),
        ({"FASTRTPS_DEFAULT_PROFILES_FILE": "{file}"}, "FASTRTPS_DEFAULT_PROFILES_FILE is {file}"),
        ({"FASTDDS_DEFAULT_PROFILES_FILE": "/no/x.xml"}, "FASTDDS_DEFAULT_PROFILES_FILE is /no/"),
        ({"AMENT_PREFIX_PATH": "/no/such"}, "package 'fer_common' not found"),
        ({"ROS_SECURITY_ENABLE": "true", "ROS_SECURITY_STRATEGY": "Enforce"}, "are its keys there"),
    ],
)
def test_what_the_environment_says_wrong_is_one_line_and_exit_code_2(environ, told, tmp_path):
    file = tmp_path / "file"
    file.touch()
    given = {name: value and value.format(file=file) for name, value in environ.items()}
    code, out, err = finish(start(environ=given))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told.format(file=file) in err


LIFECYCLE = """
    def tick(self): pass
    def on_configure(self, state):
        self.get_logger().error("the model is broken")
        return TransitionCallbackReturn.{outcome}
    def on_activate(self, state):
        print("active", flush=True)
        return super().on_activate(state)
"""


def test_a_lifecycle_node_starts_by_itself():
    process = start("LifecycleNode", LIFECYCLE.format(outcome="SUCCESS"))
    assert process.stdout.readline() == "up\n"
    assert process.stdout.readline() == "active\n"
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 0


def test_a_lifecycle_node_that_cannot_start_is_exit_code_2():
    code, _, err = finish(start("LifecycleNode", LIFECYCLE.format(outcome="FAILURE")))
    assert code == 2
    assert "the model is broken" in err
    assert err.endswith("subject could not start, see its message above\n")
    assert "Traceback" not in err


# What spins them.


def test_qualities_that_do_not_fit_are_told_although_nobody_waits_for_it(capfd) -> None:
    told = ""

    def is_told() -> bool:
        nonlocal told
        told += capfd.readouterr().err
        return "incompatible QoS" in told

    with spinning(lambda: Node("deaf"), lambda: Node("weak")) as (executor, (deaf, weak)):
        assert not spin_until(executor, is_told, 0.1)  # the first look is over
        deaf.create_subscription(String, "topic", lambda _: None, QoSProfile(depth=1))
        offered = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        weak.create_publisher(String, "topic", offered)
        assert spin_until(executor, is_told)


@pytest.mark.parametrize("who", ["a callback", "another thread"])
def test_work_that_comes_while_it_works_or_waits_is_done(who: str) -> None:
    with spinning(lambda: Node("node")) as (executor, _):
        tasks: list[Task] = []

        def more() -> None:
            tasks.append(executor.create_task(lambda: None))

        if who == "a callback":
            executor.create_task(more)
            executor.spin_once(DEADLINE_S)
            assert tasks and not tasks[0].done()
        else:
            Thread(target=more).start()
        executor.spin_once(DEADLINE_S)
        assert tasks[0].done()


class Closes(ClosingNode):
    def __init__(self, closed: list[str], fault: Exception | None) -> None:
        super().__init__("subject")
        self.closing.callback(closed.append, "first")
        self.closing.callback(closed.append, "second")
        MADE.append(self)
        if fault is not None:
            raise fault
        self.closing.callback(closed.append, "third")


MADE: list[Closes] = []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(None, ["third", "second", "first"]), (StartError("no robot"), ["second", "first"])],
    ids=["made", "the constructor fails"],
)
def test_a_node_closes_once_what_was_made(fault, expected):
    closed: list[str] = []
    with suppress(StartError), spinning(lambda: Closes(closed, fault)):
        assert closed == []
    MADE.pop().destroy_node()
    assert closed == expected


def test_the_distribution_of_ros_is_the_one_that_runs(monkeypatch):
    monkeypatch.setenv("ROS_DISTRO", "lyrical")
    assert ros_distro() == "lyrical"
    monkeypatch.delenv("ROS_DISTRO")
    packages = Path(rclpy.__file__).parents[1]
    assert list(packages.glob(f"ros_{ros_distro()}_rclpy-*")) or not list(
        packages.glob("ros_*_rclpy-*")
    )


def test_ctrl_c_while_python_still_imports_is_quiet():
    """From the first line of the program on; before it, Python itself is still starting."""
    source = """
import sys, threading
from fer_common.entry import execute
class Slow:  # an import that takes its time
    def find_spec(self, name, path=None, target=None):
        if name == "slow_module":
            print("importing", flush=True)
            threading.Event().wait(120)
sys.meta_path.insert(0, Slow())
sys.exit(execute("slow_module:Node"))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    assert finish(process) == (0, "", "")


def test_garbage_is_not_collected_before_the_start_is_over() -> None:
    source = """
import gc
from fer_common.entry import hurry
from fer_common.runner import settle_memory
before = gc.get_freeze_count()  # Python 3.12 has some from its start
hurry()
print(gc.isenabled(), gc.get_freeze_count() > before)
settle_memory()
print(gc.isenabled(), gc.get_freeze_count() > before)
"""
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["False False", "True True"]


# Memory.

MEMORY_PROGRAM = """
import resource, sys
from fer_common.runner import keep_memory
if sys.argv[1] == "kept":
    keep_memory()
def image():
    return [bytearray(920_000) for _ in range(3)]
for _ in range(5):
    image()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    image()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""


def faults(how: str) -> float:
    """Pages that are fetched from the system for each image."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_PROGRAM, how], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is meant")
def test_images_are_not_fetched_from_the_system_again_and_again() -> None:
    pages_of_an_image = 3 * 920_000 / resource.getpagesize()
    assert faults("kept") < 0.05 * pages_of_an_image < 0.5 * faults("left")


@pytest.mark.parametrize("library", ["fastrtps", "fastdds"])
def test_shared_memory_of_dead_processes_is_given_back(library, tmp_path):
    dead, living, young = (f"{library}_{digit * 16}" for digit in "def")
    port, shared = f"{library}_port7411", f"{library}_port7413"
    for segment in (dead, living, young, port, shared):
        for name in (segment, f"{segment}_el", f"sem.{segment}_mutex"):
            (tmp_path / name).touch()
    (tmp_path / f"{shared}_sl").touch()
    (tmp_path / "somebody_elses_el").touch()
    for path in tmp_path.iterdir():
        if not path.name.startswith(young):
            os.utime(path, (0, 0))
    with (tmp_path / f"{living}_el").open() as one, (tmp_path / f"{shared}_sl").open() as other:
        fcntl.flock(one, fcntl.LOCK_EX)
        fcntl.flock(other, fcntl.LOCK_SH)
        remove_shared_memory_of_the_dead(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {
        *(f"{begin}{name}{end}" for name in (living, young, shared)
          for begin, end in (("", ""), ("", "_el"), ("sem.", "_mutex"))),
        f"{shared}_sl",
        "somebody_elses_el",
    }  # fmt: skip


@pytest.mark.parametrize("network", [False, True])
def test_the_profiles_without_shared_memory_lack_nothing_else(network):
    plain, without = (
        ElementTree.parse(profile(network, shared=s)).getroot() for s in (True, False)
    )
    for parent in list(plain.iter()):
        for child in list(parent):
            texts = (child.text, *(each.text for each in child))
            if "shared_memory" in texts and not child.tag.endswith("userTransports"):
                parent.remove(child)
    assert ElementTree.tostring(plain).split() == ElementTree.tostring(without).split()


def test_without_shared_memory_a_node_says_so_in_one_sentence_and_runs():
    uncounted = "unset COVERAGE_PROCESS_CONFIG"  # `make coverage` writes a larger file
    process = start(before=("sh", "-c", f'{uncounted}; ulimit -f 1; exec "$0" "$@"'))
    for line in process.stdout:
        if line == "ticks\n":
            break
    process.terminate()
    code, _, err = finish(process)
    assert (code, err) == (0, f"{SLOW}: no shared memory in /dev/shm: File too large (ulimit -f)\n")


def test_a_machine_without_shared_memory(tmp_path):
    remove_shared_memory_of_the_dead(tmp_path / "nowhere")


def test_a_node_ends_with_who_has_started_it():
    code = (
        "import os, subprocess, sys\n"
        "from fer_common.entry import ENDS_WITH\n"
        "os.environ[ENDS_WITH] = str(os.getpid())\n"
        f"node = subprocess.Popen([sys.executable, '-c', {NODE_THAT_TELLS!r}])\n"
        "node.wait()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline() == "ready\n"
    parent.kill()
    parent.wait()
    assert parent.stdout.read() == "stopped\n", "its pipe is closed when it has ended"


NODE_THAT_TELLS = """
import signal
from fer_common.entry import program

def work():
    heard = []
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    print("ready", flush=True)
    while not heard:
        signal.sigtimedwait((), 0.01)
    print("stopped", flush=True)
    return 0

program(work, (100, 10))
"""


@pytest.mark.parametrize("hangs", [False, True])
def test_libraries_do_not_go_away_under_a_thread_that_hangs(hangs: bool) -> None:
    code = (
        "import atexit, ctypes, sys, threading\n"
        "from fer_common.entry import program\n"
        "atexit.register(print, 'they go')\n"
        "wait = ctypes.CDLL(None).sleep\n"
        "def work():\n"
        f"    threading.Thread(target=wait, args=({30 if hangs else 0},), daemon=True).start()\n"
        "    while not sys.argv[1] and threading.active_count() > 1: pass\n"
        "    print('works')\n"
        "    return 3\n"
        "sys.exit(program(work, (100, 10)))"
    )
    command = [sys.executable, "-c", code, "hangs" if hangs else ""]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stdout == ("works\n" if hangs else "works\nthey go\n")


def test_a_thread_is_preferred_as_far_as_the_user_may(monkeypatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError

    asked: list[tuple] = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda *given: asked.append(given[:2]))
    assert prefer(7)
    monkeypatch.setattr(os, "sched_setscheduler", denied)
    monkeypatch.setattr(os, "setpriority", lambda *given: asked.append(given))
    assert prefer(7)
    assert asked == [(7, os.SCHED_RR), (os.PRIO_PROCESS, 7, -10)]
    monkeypatch.setattr(os, "setpriority", denied)
    assert not prefer(7)

"""Nothing leaves the machine, and nobody outside commands it, unless that is asked for.

python -m pytest -s tests/test_network.py     # prints what was sent where
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_prefix

from fer_common.runner import ASKED_FOR, OPEN, PROFILE_VARIABLES
from tests.namespaces import ADDRESSES, Machine, one_machine, two_machines
from tests.processes import Process, launch_command, wait_for
from tests.stranger import ORDERS
from tests.system_calls import destinations, stays_here, summary, watching

TABLE = Path(__file__).parents[1] / "docs" / "security.md"
TRIES = 12
"""How often a stranger tries before it is taken to fail; it succeeds in three or four."""


def program(package: str, name: str) -> str:
    return str(Path(get_package_prefix(package), "lib", package, name))


@pytest.fixture(autouse=True)
def fresh_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """ROS as it is where nobody has set anything up."""
    for name in (*PROFILE_VARIABLES, "ROS_AUTOMATIC_DISCOVERY_RANGE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Starts programs; ends what is left of them."""
    processes: list[Process] = []

    def begin(command: list[str], **variables: str) -> Process:
        processes.append(Process(command, {**os.environ, **variables}))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()


# Two machines. A friend is on the robot's, two strangers are on the other one.


@pytest.fixture
def machines() -> Iterator[tuple[Machine, Machine]]:
    with two_machines() as both:
        yield both


def got(process: Process) -> dict:
    """What a `Stranger` has got so far."""
    lines = [line for line in process.output.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {"nodes": [], "obeyed": [], "tries": 0}


def robot_command(network: str, picture: Path, settings: Path) -> list[str]:
    values = {"network": network, "camera": picture, "params_file": settings, "speech": "log"}
    options = [text for name, value in values.items() for text in (f"--{name}", str(value))]
    return [program("fer_bringup", "robot"), *options]


def launched(network: str, picture: Path, settings: Path) -> list[str]:
    values = {"network": network, "camera": picture, "params_file": settings, "speech": "log"}
    return launch_command(*(f"{name}:={value}" for name, value in values.items()))


@pytest.mark.parametrize("network", ["false", "true"])
@pytest.mark.parametrize("command", [robot_command, launched])
def test_another_machine_takes_part_only_when_that_is_asked_for(
    start, machines, parameters, hopper, command, network
) -> None:
    here, there = machines
    settings = parameters(**{"/**/camera_node": {"loop": True, "rate": 4.0}})
    robot = start(here.command(*command(network, hopper, settings)))

    def someone(machine: Machine, name: str, **variables: str) -> Process:
        line = machine.command(sys.executable, "-m", "tests.stranger", name)
        return start(line, **variables)

    friend = someone(here, "friend")
    wait_for(lambda: set(got(friend)["obeyed"]) == set(ORDERS), "the friend to be obeyed")
    wait_for(lambda: got(friend)["images"] and got(friend)["said"], "pictures and words")
    strangers = {
        "caller": someone(there, "caller"),  # calls all at once, by multicast
        "visitor": someone(there, "visitor", ROS_STATIC_PEERS=ADDRESSES[0]),  # knows the address
    }
    met = {}
    for name, process in strangers.items():
        # The friend has no profile of ours: that they meet him shows that the cable works.
        wait_for(lambda p=process: "friend" in got(p)["nodes"], f"{name} to meet the friend")
        met[name] = got(process)["tries"]
    for name, process in strangers.items():

        def is_through(p: Process = process, since: int = met[name]) -> bool:
            if network == "false":
                return got(p)["tries"] >= since + TRIES
            return set(got(p)["obeyed"]) == set(ORDERS) and got(p)["images"] > 5

        wait_for(is_through, f"{name} to try everything")
        found = got(process)
        if network == "true":
            assert "fer_node" in found["nodes"]
            wait_for(lambda n=name: f"{n} was here." in got(friend)["said"], f"{name}'s words")
        else:
            assert (found["obeyed"], found["images"], found["joint_states"]) == ([], 0, 0)
            assert set(found["nodes"]) <= {"friend", *strangers}
            assert f"{name} was here." not in got(friend)["said"]
    assert (f"{OPEN}: {ASKED_FOR}" in robot.output) is (network == "true")
    assert (OPEN in robot.output) is (network == "true")
    friend.kill()
    assert here.listens() == documented("network:=true" if network == "true" else "default")
    robot.interrupt()
    wait_for(lambda: robot.has_ended, "the end of the robot")
    assert "Traceback" not in robot.output


def documented(mode: str) -> set[tuple[str, str]]:
    """What listens where, as the table of docs/security.md has it."""
    rows = re.findall(r"^\| (\S+) \| (\w+) \| ([^|]+) \|", TABLE.read_text(), re.MULTILINE)
    mine = ADDRESSES[0]
    return {
        (protocol, mine if address == "of every network" else address)
        for name, protocol, addresses in rows
        for address in addresses.replace("`", "").split(", ")
        if name.strip("`") == mode
    }


# One machine: everything, with nothing but the loopback, and what it sends where.


@pytest.fixture
def settings(parameters, tmp_path: Path) -> Path:
    return parameters(
        **{
            "/**/behavior_node": {"notice": False, "greet": False},
            "/**/bag_recorder": {"folder": str(tmp_path / "bags")},
            "/**/viewer_node": {"port": free_port()},
        }
    )


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


def demo(video: Path, settings: Path, *more: str) -> list[str]:
    """A robot and all that watches."""
    options = ["--camera", str(video), "--params_file", str(settings), *more]
    options += ["--record", "true", "--record_images", "true", "--view", "lines"]
    if find_spec("rerun"):
        options += ["--viewer", "true"]
    return [program("fer_bringup", "robot"), *options]


def doctor() -> list[str]:
    """What tells whether ROS works here."""
    only = ("ros", "dds", "shm", "sound")
    return [program("fer_monitor", "fer-doctor"), "--json", "--only", *only]


def afterwards(bags: Path) -> list[list[str]]:
    """The programs to be used when a run is over."""
    (bag,) = bags.iterdir()
    return [
        [program("fer_monitor", "fer-report"), str(bag)],
        [program("robot_behavior", "behavior-sim"), str(bag)],
    ]


def test_everything_works_where_there_is_no_network(start, settings, video, tmp_path) -> None:
    again = "/**/camera_node:\n  ros__parameters: {loop: true}\n"  # until it has been answered
    settings.write_text(settings.read_text() + again)
    with one_machine() as machine:
        robot = start(machine.command(*demo(video, settings)))
        if find_spec("rerun"):
            wait_for(lambda: ("tcp", "127.0.0.1") in machine.listens(), "the viewer")
        listens = machine.listens()
        robot.wait_for("answers  happy")
        robot.interrupt()
        assert robot.end() == 0, robot.output
        diagnosis = machine.run(*doctor())
    mode = documented("viewer:=true") if find_spec("rerun") else set()
    assert listens <= documented("default") | mode
    complaints = re.findall(r"Traceback.*|\[(?:ERROR|WARN)\].*", robot.output)
    expected = ("PICTURES OF PEOPLE", "nothing will be heard")  # of a machine without a sound card
    assert [text for text in complaints if not any(word in text for word in expected)] == []
    assert "answered   happy" in robot.output
    assert list((tmp_path / "bags").glob("*/*.mcap"))
    findings = {f["check"]: f for f in json.loads(diagnosis)["findings"]}
    names = ("ros", "ros network", "dds")
    assert {findings[name]["status"] for name in names} == {"OK"}, diagnosis
    assert "this machine only" in findings["ros network"]["text"]


def test_nothing_is_sent_beyond_this_machine(start, settings, video, glimpse, tmp_path) -> None:
    found: dict[str, Counter[tuple[str, str]]] = {}
    told: dict[str, str] = {}

    def watch(command: list[str]) -> None:
        name = Path(command[0]).name
        log = tmp_path / f"{name}.strace"
        process = start(watching(log, *command))
        code = process.end()  # on a slow machine, the doctor finds fault with it
        assert code == 0 or (code, name) == (1, "fer-doctor"), process.output
        told[name] = process.output
        with log.open(errors="replace") as lines:
            found[name] = destinations(lines)

    film = tmp_path / "film"
    watch(demo(video, settings, "--video", str(film)))
    for command in (doctor(), *afterwards(tmp_path / "bags")):
        watch(command)
    camera = [program("fer_node", "camera_node"), "--ros-args", "-p", f"camera:={glimpse}"]
    watch([*camera, "-p", "loop:=false"])
    assert {"demo.mp4", "speech.wav", "summary.json"} <= {path.name for path in film.iterdir()}
    assert list((tmp_path / "bags").glob("*/report.html")), told["fer-report"]
    assert "happy" in told["behavior-sim"]
    for name, calls in found.items():
        print(f"\n{name}\n{summary(calls)}")
        assert [call for call in calls if not stays_here(call[1])] == [], name
    assert not found["fer-report"] and not found["behavior-sim"]  # no socket at all
    # It can see: these two do talk over DDS. Fast DDS sends with either call.
    for name in ("robot", "fer-doctor"):
        assert sum(found[name][call, "127.0.0.1"] for call in ("sendto", "sendmsg")) > 100


def test_a_program_that_leaves_the_machine_is_seen(start, tmp_path) -> None:
    """The watching itself: each kind of call, to addresses that are nobody's (RFC 5737)."""
    source = """
import socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 0))
for work in (
    lambda: udp.sendto(b"x", ("192.0.2.1", 9)),
    lambda: udp.sendmsg([b"x"], [], 0, ("192.0.2.2", 9)),
    lambda: udp.sendto(b"x", ("239.255.0.1", 9)),
    lambda: udp.connect(("192.0.2.3", 9)),
    lambda: udp.send(b"x"),
    lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).connect(("2001:db8::1", 9)),
    lambda: socket.socket(socket.AF_UNIX).connect("/nowhere"),
    lambda: udp.sendto(b"x", ("127.0.0.1", 9)),
):
    try:
        work()
    except OSError:
        pass
"""
    log = tmp_path / "log"
    with one_machine() as machine:
        process = start(machine.command(*watching(log, sys.executable, "-c", source)))
        assert process.end() == 0, process.output
    found = destinations(log.read_text().splitlines())
    assert {place for _, place in found if not stays_here(place)} == {
        "0.0.0.0", "192.0.2.1", "192.0.2.2", "192.0.2.3", "239.255.0.1", "2001:db8::1",
    }  # fmt: skip
    assert {("connect", "unix"), ("sendto", "127.0.0.1")} <= set(found)

"""The commands of the shell, beside a motion player and a simulated robot.

What a command says and does is asked of it in this process: `Shell.do`. What makes it a program is
tested with programs, which take half a second each: exit codes, output, signals: `Shell.run`.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest.mock import ANY

import pytest
from ament_index_python.packages import get_package_prefix
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node

from fer_bringup import remote
from fer_bringup.arguments import read_command
from fer_common.diagnostics import Report
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.qos import EVENTS
from fer_common.testing import spin_until, spinning
from robot_behavior.nodes.motion_player import MotionPlayer
from robot_behavior.nodes.sim_robot import SimRobot
from robot_behavior.robots.kept_stop import KeptStop
from robot_behavior.speech import SPEAKS, SPEAKS_BETTER
from robot_behavior.testing.mocks import MockServer

ROBOT = Path(get_package_prefix("fer_bringup"), "lib", "fer_bringup", "robot")


def start(*arguments: str | bytes) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen([ROBOT, *arguments], stdout=pipe, stderr=pipe, text=True)


class Shell:
    """Carries out commands while the nodes of the robot work."""

    def __init__(self, executor, voice: MockServer) -> None:
        self._executor, self.voice = executor, voice

    def add(self, node: Node) -> None:
        self._executor.add_node(node)

    def remove(self, node: Node) -> None:
        self._executor.remove_node(node)
        node.destroy_node()

    def spin_until(self, condition) -> None:
        assert spin_until(self._executor, condition)

    def ends(self, process: "subprocess.Popen[str]") -> tuple[int, str, str]:
        try:
            self.spin_until(lambda: process.poll() is not None)
        finally:
            process.kill()
            out, err = process.communicate()
        return process.returncode, out, err

    def run(self, *arguments: str | bytes) -> tuple[int, str, str]:
        """Exit code, output and complaint of a program."""
        return self.ends(start(*arguments))

    def do(self, *arguments: str) -> tuple[str, str]:
        """What a command tells in this process, and what it complains of."""
        options, told, complaint = read_command(arguments), [], ""
        names = {"enable_rosout": False, "start_parameter_services": False}
        node = Node("command", namespace=options.namespace, **names)
        self.add(node)
        try:
            remote.WORK[options.command](
                remote.Line(node, self._executor, tell=told.append), options
            )
        except remote.NotDoneError as error:
            complaint = str(error)
        finally:
            self.remove(node)
        return "\n".join(told), complaint


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    with spinning(SimRobot, MotionPlayer, lambda: MockServer(action="say")) as (executor, nodes):
        shell = Shell(executor, nodes[2])
        shell.spin_until(lambda: nodes[1].problem is None)
        yield shell


def test_says_a_sentence(shell: Shell) -> None:
    assert shell.run("say", "Guten Tag!", "--locale", "de", "--priority", "7") == (0, "", "")
    said = shell.voice.goals[-1]
    assert (said.text, said.locale, said.priority, said.outcome) == (
        "Guten Tag!",
        "de",
        7,
        "succeeded",
    )


def test_ctrl_c_ends_the_sentence(shell: Shell) -> None:
    shell.voice.mode = "never"
    process = start("say", "A long story.")
    shell.spin_until(lambda: shell.voice.running)
    process.send_signal(signal.SIGINT)
    assert shell.ends(process) == (130, "", "")
    assert shell.voice.goals[-1].outcome == "canceled"
    shell.voice.mode = "succeed"


def test_a_refusal_is_told(shell: Shell) -> None:
    shell.voice.mode = "reject"
    code, out, err = shell.run("say", "Hello!")
    assert (code, out) == (1, "")
    assert "higher priority than 128" in err
    shell.voice.mode = "succeed"


def test_plays_a_gesture_that_the_list_has(shell: Shell) -> None:
    code, out, err = shell.run("list")
    assert (code, err) == (0, "")
    assert "nod" in out.splitlines()
    assert shell.run("play", "nod") == (0, "", "")
    told, complaint = shell.do("play", "nodd")
    assert told == ""
    assert "no motion 'nodd', expected one such as nod" in complaint


def test_plays_what_expresses_something(shell: Shell) -> None:
    told, complaint = shell.do("play", "comfort")
    assert complaint == ""
    assert told.startswith("comfort_") and len(told.splitlines()) == 1


def test_of_a_robot_that_hangs_the_stop_is_kept(shell: Shell) -> None:
    node = Node("hangs", namespace="/hung")  # serves nothing
    stop = KeptStop(node, "sim")
    try:
        done = alone("stop", "--namespace", "hung")
        assert stop.is_there()
    finally:
        stop.close()
        node.destroy_node()
    assert (done.returncode, done.stdout) == (1, "")
    assert "robot sim, on this machine, does not answer" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_cannot_be_written_is_an_error(shell: Shell) -> None:
    with Path("/dev/full").open("w") as full:
        process = subprocess.Popen([ROBOT, "list"], stdout=full, stderr=-1, text=True)
        code, _, err = shell.ends(process)
    assert (code, err) == (2, "output: No space left on device\n")


def test_a_stop_holds_until_the_release(shell: Shell) -> None:
    code, out, err = shell.run("stop")
    assert (code, err) == (0, "")
    assert {line.partition(":")[0] for line in out.splitlines()} == {"motion_player", "sim_robot"}
    assert "stopped since" in shell.do("play", "nod")[1]
    code, out, err = shell.run("status")
    assert code == 1
    assert "may move  no" in out
    assert "not in order: motion_player" in err
    assert shell.do("release")[1] == ""
    assert shell.do("play", "nod")[1] == ""
    told = json.loads(shell.do("status", "--json")[0])
    assert told["held"] is False and told["voice"] is told["better_voice"] is None
    assert told["nodes"]["motion_player: motions"]["level"] == "ok"


def test_the_status_tells_who_speaks(shell: Shell) -> None:
    assert "voice     none: fer-doctor tells how to get one" in shell.do("status")[0]
    node = Node("speech_node")
    values = {SPEAKS: "eSpeak NG, lang/gmw/en", SPEAKS_BETTER: "more natural: make setup"}
    DiagnosticsPublisher(node, "voice", lambda: Report("silent", values, []))
    shell.add(node)
    try:
        out = shell.do("status")[0]
        told = json.loads(shell.do("status", "--json")[0])
    finally:
        shell.remove(node)
    assert "voice     eSpeak NG, lang/gmw/en\n          more natural: make setup\n" in out
    assert (told["voice"], told["better_voice"]) == tuple(values.values())


def test_sets_a_parameter(shell: Shell) -> None:
    assert shell.run("set", "speed_scale", "0.5") == (0, "motion_player.speed_scale = 0.5\n", "")
    shows = "motion_player.speed_scale = 0.5"
    assert shell.do("set", "motion_player.speed_scale") == (shows, "")
    told, complaint = shell.do("set", "speed_scale", "9")
    assert told == ""
    assert "motion_player refuses 9 for speed_scale" in complaint
    assert "did you mean speed_scale" in shell.do("set", "sped_scale", "1")[1]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1e308", "out of range"),
        ("[1,a]", "'[1,a]' is no value of a parameter"),
        ("9" * 30, "is no value of a parameter"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(shell: Shell, value: str, words: str) -> None:
    told, complaint = shell.do("set", "speed_scale", value)
    assert told == ""
    assert words in complaint and len(complaint.splitlines()) == 1


def test_watches_until_ctrl_c(shell: Shell) -> None:
    process = start("watch", "--view", "lines")
    watching = f"robot_command_{process.pid}"
    shell.spin_until(lambda: watching in shell.voice.get_node_names() or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    assert shell.ends(process) == (0, ANY, "")


def alone(*arguments: str | bytes) -> "subprocess.CompletedProcess[str]":
    """A program that meets no robot."""
    return subprocess.run([ROBOT, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", [["list"], ["stop"], ["say", "Hello!"], ["set", "volume"]])
def test_without_a_robot_it_says_where_it_has_looked(command: Sequence[str]) -> None:
    done = alone(*command, "--namespace", "elsewhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert "namespace /elsewhere" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("robot sto", {"stop"}),
        ("robot stop --name", {"--namespace"}),
        ("robot --cam", {"--camera"}),
        ("robot watch --view pa", {"panel"}),
        ("robot play rea", {"reassure", "reassure_open_palms", "reassure_withdraw"}),
        ("robot set speed_", {"speed_scale"}),
        ("robot say ", set()),
    ],
)
def test_the_shell_completes_it(
    shell: Shell, line: str, expected: set[str], tmp_path: Path
) -> None:
    proposed = tmp_path / "proposed"
    names = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(proposed),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    pipe = subprocess.PIPE
    process = subprocess.Popen([ROBOT], stdout=pipe, stderr=pipe, text=True, env=os.environ | names)
    code, _, err = shell.ends(process)
    assert code == 0, err
    assert {word.strip() for word in proposed.read_text().splitlines()} == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dance"], "no command 'dance', expected one of say, play, stop"),
        (["say", "hi", "--priority", "256"], "'256' is no priority, expected 0 to 255"),
        (["say", b"\xff" * 200], "is no UTF-8"),
        (["say", "\x1b[2J"], "'\\x1b[2J', which has characters that are no text"),
        (["--namespace", "b", "status"], "a command comes before its options: robot status"),
    ],
)
def test_what_makes_no_sense_is_one_line(arguments: Sequence[str | bytes], words: str) -> None:
    done = alone(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_was_ended_before_it_began_has_not_done_it(number: int) -> None:
    text = (
        "import os, fer_common.entry as entry\n"
        f"entry.program(lambda: os.kill(os.getpid(), {int(number)}) or 0, (0, 0), "
        "entry.INTERRUPTED)"
    )
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == 130


def test_the_status_is_of_one_robot_alone(shell: Shell) -> None:
    other = Node("motion_player", namespace="/b")
    publisher = other.create_publisher(DiagnosticArray, "/diagnostics", EVENTS)
    broken = [
        DiagnosticStatus(name=f"{space}motion_player: x", level=b"\2") for space in ("b/", "/b/")
    ]
    timer = other.create_timer(0.2, lambda: publisher.publish(DiagnosticArray(status=broken)))
    shell.add(other)
    try:
        told, complaint = shell.do("status", "--json")
        assert "b/" not in told and json.loads(told)["nodes"], complaint
        told, complaint = shell.do("status", "--namespace", "b")
        assert "sim_robot" not in told and "b/motion_player: x" in complaint
    finally:
        timer.cancel()
        shell.remove(other)

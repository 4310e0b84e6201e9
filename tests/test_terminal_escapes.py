"""What strangers write is shown on a terminal, not obeyed: from messages, names and files."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import cv2
import numpy as np
import pytest
import rclpy
import yaml
from ament_index_python.packages import get_package_prefix
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header, String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from fer_common.qos import EVENTS, LATCHED, STREAM
from fer_common.runner import set_up_dds
from tests.processes import wait_for

ORDERS = {
    "title": "\x1b]0;owned\x07",
    "clear": "\x1b[2J\x1b[H",
    "clipboard": "\x1b]52;c;b3duZWQ=\x07",
    "colour": "\x1b[41m",
    "eight bits": "\x9b2J",
    "back": "\b\b\b\r",
    "direction": "\u202eDENWO\u2066",
}
ALL = "".join(ORDERS.values())
FIRST = "MARK"
"""Before the orders, so that it is seen when they have been shown."""

_OURS = re.compile(r"\x1b\[(?:0|3[1-7])m")  # of ROS's log
_OBEYED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\r*\n)")


class Terminal:
    """A program whose terminal keeps all that is written to it, and the program's exit code."""

    def __init__(self, *command: str, **variables: str) -> None:
        self.written = b""
        master, slave = pty.openpty()
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**os.environ, "COLUMNS": "120", "LINES": "40", "TERM": "xterm", **variables},
        )  # fmt: skip
        os.close(slave)
        self._reader = Thread(target=self._read, args=(master,), daemon=True)
        self._reader.start()

    def _read(self, master: int) -> None:
        with os.fdopen(master, "rb", buffering=0) as terminal:
            try:
                while piece := terminal.read(4096):
                    self.written += piece
            except OSError:  # the program has ended
                return

    @property
    def text(self) -> str:
        return self.written.decode(errors="replace")

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def end(self, signal_number: int | None = None) -> int:
        if signal_number is not None:
            self._process.send_signal(signal_number)
        wait_for(lambda: self.has_ended, f"the end of {self._process.args}: {self.text}")
        self._reader.join()
        return int(self._process.returncode)

    def kill(self) -> None:
        if not self.has_ended:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture
def run() -> Iterator[Callable[..., Terminal]]:
    terminals: list[Terminal] = []

    def start(*command: object, **variables: str) -> Terminal:
        terminals.append(Terminal(*map(str, command), **variables))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.kill()


def program(package: str, name: str) -> str:
    return str(Path(get_package_prefix(package), "lib", package, name))


def obeyed(text: str) -> list[str]:
    """What a terminal would obey, but for the colours of ROS's log."""
    return _OBEYED.findall(_OURS.sub("", text))


# Commands.


def picture(folder: Path) -> Path:
    path = folder / f"{FIRST}{ALL.replace('/', '')}.png"
    path.write_bytes(cv2.imencode(".png", np.zeros((40, 40, 3), np.uint8))[1].tobytes())
    return path


def script(folder: Path) -> Path:
    path = folder / "script.yaml"
    event = {"at": 1.0, "face": "anna", "label": f"{FIRST}{ALL}", "size": 0.1}
    path.write_text(yaml.safe_dump({"duration_s": 2, "events": [event]}))
    return path


COMMANDS: dict[str, Callable[[Path], list[object]]] = {
    "predict": lambda folder: ["ec-rfernet", "predict", picture(folder)],
    "predict, no picture": lambda _: ["ec-rfernet", "predict", f"{FIRST}{ALL}"],
    "predict, no model": lambda _: ["ec-rfernet", "predict", "--bundle", f"{FIRST}{ALL}", "x"],
    "predict, option": lambda _: ["ec-rfernet", "predict", "x", f"--{FIRST}{ALL}"],
    "report": lambda _: [program("fer_monitor", "fer-report"), f"{FIRST}{ALL}.mcap"],
    "simulator": lambda _: [program("robot_behavior", "behavior-sim"), f"{FIRST}{ALL}.yaml"],
    "script": lambda folder: [program("robot_behavior", "behavior-sim"), script(folder)],
    "check": lambda _: [program("robot_behavior", "motion-check"), f"{FIRST}{ALL}"],
    "doctor": lambda _: [program("fer_monitor", "fer-doctor"), f"{FIRST}{ALL}"],
    "robot": lambda _: [program("fer_bringup", "robot"), "--camera", f"{FIRST}{ALL}"],
    "robot, option": lambda _: [program("fer_bringup", "robot"), f"--{FIRST}{ALL}"],
    "robot, parameters": lambda _: [
        program("fer_bringup", "robot"), "--params_file", f"{FIRST}{ALL}"
    ],
    "camera": lambda _: [
        program("fer_node", "camera_node"), "--ros-args", "-p", f"camera:={FIRST}{ALL}.mp4"
    ],
    "recorder": lambda _: [
        program("fer_monitor", "bag_recorder"), "--ros-args", "-p",
        f"folder:=/dev/null/{FIRST}{ALL}",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_shows_names(run: Callable[..., Terminal], tmp_path: Path, name: str) -> None:
    terminal = run(*COMMANDS[name](tmp_path))
    terminal.end()
    assert FIRST in terminal.text
    assert obeyed(terminal.text) == []


def test_a_picture_with_such_a_name_is_judged(run: Callable[..., Terminal], tmp_path: Path) -> None:
    terminal = run("ec-rfernet", "predict", picture(tmp_path))
    assert terminal.end() == 0
    assert r"MARK\x1b]0;owned\x07\x1b[2J" in terminal.text


# Messages.


class Stranger(Node):
    """Publishes orders wherever the robot and those who watch it listen."""

    def __init__(self, orders: str) -> None:
        super().__init__("stranger")
        self._orders = f"{FIRST}{orders}"
        self._publishers_and_messages = [
            (self.create_publisher(type(message), topic, quality), message)
            for topic, message, quality in self._messages()
        ]

    def _messages(self) -> list[tuple[str, object, object]]:
        text = self._orders
        # As the real one does, so that it is what the panel shows.
        state = BehaviorState(state=text, face_id=text, emotion=text, motion=text, speech=text)
        state.reason = text
        emotion = Emotion(face_id=text, label=text, labels=[text, "happy"], confidence=0.9)
        emotion.probabilities, emotion.header.frame_id = [0.9, 0.1], text
        perception = DiagnosticStatus(name=f"fer_node: {text}", level=DiagnosticStatus.ERROR)
        perception.message = text
        image = Image(header=Header(frame_id=text), encoding=text, width=1, height=1, step=3)
        image.data = bytes(3)
        trajectory = JointTrajectory(joint_names=[text])
        trajectory.points = [JointTrajectoryPoint(positions=[0.1])]
        return [
            ("behavior_state", state, LATCHED),
            ("emotion", emotion, EVENTS),
            ("emotions", EmotionArray(emotions=[emotion], labels=emotion.labels), EVENTS),
            ("speech", String(data=text), EVENTS),
            ("/diagnostics", DiagnosticArray(status=[perception]), EVENTS),
            ("joint_states", JointState(name=[text], position=[0.1]), EVENTS),
            ("joint_trajectory", trajectory, EVENTS),
            ("image_raw", image, STREAM),
            ("supervision", DiagnosticStatus(name=text, message=text), LATCHED),
        ]

    def speak(self) -> None:
        for publisher, message in self._publishers_and_messages:
            publisher.publish(message)
        Event().wait(0.05)


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    set_up_dds()
    rclpy.init()
    node = Stranger(ALL)
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


@pytest.mark.parametrize("view", ["lines", "panel"])
def test_the_robot_shows_messages(
    run: Callable[..., Terminal], stranger: Stranger, tmp_path: Path, view: str
) -> None:
    options = ["--camera", "none", "--speech", "log", "--view", view, "--log_level", "debug"]
    robot = run(program("fer_bringup", "robot"), *options)
    wait_for(lambda: robot.text.count(FIRST) > 30 or robot.has_ended, "marks", step=stranger.speak)
    assert robot.end(signal.SIGINT) == 0, robot.text
    if view == "lines":
        assert obeyed(robot.text) == []
    else:  # rich moves the cursor by such orders itself
        shown = {name for name, order in ORDERS.items() if order.strip("\b\r") in robot.text}
        assert shown - {"back"} == set()
    assert "Traceback" not in robot.text


@pytest.mark.parametrize(
    ("package", "name"), [("robot_behavior", "sim_robot"), ("fer_node", "fer_node"),
                          ("robot_behavior", "behavior_node"), ("robot_behavior", "motion_player")]
)  # fmt: skip
def test_a_node_logs_what_it_was_sent(
    run: Callable[..., Terminal], stranger: Stranger, package: str, name: str
) -> None:
    remap = ["-r", "image:=image_raw"]
    node = run(program(package, name), "--ros-args", "--log-level", "info", *remap)
    wait_for(lambda: FIRST in node.text or node.has_ended, "a mark", step=stranger.speak)
    assert node.end(signal.SIGINT) == 0
    assert FIRST in node.text
    assert obeyed(node.text) == []


def test_what_would_be_obeyed_is_found(run: Callable[..., Terminal]) -> None:
    """The watching itself."""
    for order in ORDERS.values():
        terminal = run(sys.executable, "-c", f"print({order!r})", PYTHONIOENCODING="utf-8")
        assert terminal.end() == 0
        assert obeyed(terminal.text)

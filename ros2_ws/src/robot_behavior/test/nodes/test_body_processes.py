"""The nodes as programs of their own: started, stopped with Ctrl-C, told wrong things."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from fer_interfaces.action import PlayMotion, Say
from rclpy.action import ActionClient
from sensor_msgs.msg import JointState

from fer_common.testing import Bystander, spin_until, spinning

URDF = Path(__file__).parents[3] / "fer_bringup" / "urdf" / "humanoid.urdf"
ARM = "left_shoulder_pitch_joint"


def command(node: str, **parameters: str) -> list[str]:
    text = f"import sys; from robot_behavior.nodes.executables import {node}; sys.exit({node}())"
    arguments = [item for k, v in parameters.items() for item in ("-p", f"{k}:={v}")]
    return [sys.executable, "-c", text, "--ros-args", *arguments]


@contextmanager
def processes(log: Path, *commands: list[str]) -> Iterator[list[subprocess.Popen]]:
    with log.open("w") as stream:
        started = [subprocess.Popen(command, stderr=stream) for command in commands]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


class Watcher(Bystander):
    def __init__(self) -> None:
        super().__init__("watcher")
        self.angle = 0.0
        self.motion = ActionClient(self, PlayMotion, "play_motion")
        self.speech = ActionClient(self, Say, "say")
        self.create_subscription(JointState, "joint_states", self._on_state, 10)

    def _on_state(self, message: JointState) -> None:
        self.angle = message.position[message.name.index(ARM)]


def test_ctrl_c_in_the_middle_of_everything(tmp_path: Path, send_goal: Callable) -> None:
    commands = (
        command("sim_robot", urdf=str(URDF)),
        command("motion_player", urdf=str(URDF)),
        command("speech_node", backend="log", record_to=str(tmp_path / "said.wav")),
    )
    log = tmp_path / "log"
    with processes(log, *commands) as running, spinning(Watcher) as (executor, nodes):
        watcher: Any = nodes[0]
        clients = (watcher.motion, watcher.speech)
        assert spin_until(executor, lambda: all(c.server_is_ready() for c in clients))
        goals: list[Any] = []

        def begun() -> bool:
            """Asks again while the robot and its player are still finding each other."""
            if not goals or (goals[-1].over and abs(watcher.angle) < 0.1):
                goals.append(send_goal(watcher.motion, PlayMotion.Goal(motion="happy_arms_up")))
            return watcher.angle > 1.0

        assert spin_until(executor, begun)
        said = send_goal(watcher.speech, Say.Goal(text="word " * 100))
        assert spin_until(executor, lambda: said.progress)
        for process in running:
            process.send_signal(signal.SIGINT)
        assert spin_until(
            executor, lambda: all(process.poll() is not None for process in running), 10.0
        )
        assert [process.returncode for process in running] == [0, 0, 0], log.read_text()
        assert "Traceback" not in log.read_text()
        assert abs(watcher.angle) < 0.05
        assert goals[-1].result.message == "the motion player stops"
        assert said.result.message == "the speech node stops"
    assert (tmp_path / "said.wav").stat().st_size > 44


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (command("sim_robot", urdf="/nowhere.urdf"), "/nowhere.urdf: cannot be read"),
        (command("motion_player", motions_file="/nowhere"), "/nowhere: cannot be read"),
        (command("speech_node", backend="cello"), "expected one of espeak, piper, "),
    ],
)
def test_a_mistake_ends_with_one_clear_line(arguments: list[str], complaint: str) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert complaint in done.stderr and "Traceback" not in done.stderr

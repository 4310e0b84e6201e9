"""Nodes are killed under the real launch: each comes back, and the robot goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from fer_interfaces.msg import Supervision

from fer_bringup.supervisor import MOST
from fer_common.qos import LATCHED
from tests.benchmarks.supervision import stage
from tests.processes import Process, launch_command, pid_of

pytestmark = pytest.mark.skipif(
    find_spec("launch_ros") is None, reason="needs apt install ros-jazzy-launch-ros"
)

NEEDED = ("fer_node", "behavior_node", "motion_player", "sim_robot")
OTHERS = ("camera_node", "speech_node")


def kill_again_and_again(node: str, launched: Process, wait_for) -> None:
    """Once more than it is started again."""
    for life in range(MOST + 1):
        wait_for(lambda: pid_of(node, launched), f"life {life} of {node}")
        pid = pid_of(node, launched)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda p=pid: pid_of(node, launched) != p, "its end")


@pytest.fixture
def launch(run, tmp_path: Path) -> Callable[..., Process]:
    """Launches a robot that looks at a smile for ever."""
    arguments = stage(tmp_path)
    return lambda *more: run(launch_command(*arguments, *more))


class Told:
    """What the supervisor has told last."""

    def __init__(self, observer) -> None:
        self.last = Supervision()
        observer.node.create_subscription(Supervision, "supervision", self._hear, LATCHED)

    def _hear(self, message: Supervision) -> None:
        self.last = message

    @property
    def missing(self) -> list[str]:
        return [*self.last.rests_without, *self.last.goes_on_without]


def gestured(observer, state: int = 0, pose: int = 0) -> bool:
    """Whether the robot has answered and moved, from a state and a pose on."""
    answers = [s for s in observer.states[state:] if s.motion not in ("", "rest")]
    return bool(answers) and observer.movement_since(pose) > 0.15


def test_each_node_that_is_killed_comes_back_and_the_robot_moves_again(
    launch, observer, wait_for
) -> None:
    told, process = Told(observer), launch()
    wait_for(lambda: gestured(observer), "the first gesture")
    for node in NEEDED:
        pid = pid_of(node, process)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda n=node: n in told.last.rests_without, f"{node} to be missed")
        if node != "sim_robot":
            wait_for(lambda: observer.distance_from_rest < 0.3, f"rest without {node}")
        if node != "behavior_node":
            wait_for(
                lambda n=node: f"{n} is missing" in observer.states[-1].reason,
                f"the behaviours to say that {node} is missing",
            )
        wait_for(lambda: not told.missing, f"{node} to return")
        since = len(observer.states), len(observer.poses)
        wait_for(lambda s=since: gestured(observer, *s), f"a gesture after the return of {node}")
        assert pid_of(node, process) not in (None, pid)
    process.interrupt()
    assert process.end() == 0, process.output
    assert "Traceback" not in process.output


def test_without_a_perception_that_hangs_the_robot_rests(launch, observer, wait_for) -> None:
    told, process = Told(observer), launch()
    wait_for(lambda: gestured(observer), "the first gesture")
    pid = pid_of("fer_node", process)
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: "fer_node is missing" in observer.states[-1].reason, "it to be missed")
    wait_for(lambda: observer.distance_from_rest < 0.3, "rest")
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: not told.missing, "its return")
    since = len(observer.states), len(observer.poses)
    wait_for(lambda: gestured(observer, *since), "a gesture")
    assert pid_of("fer_node", process) == pid
    process.interrupt()
    assert process.end() == 0, process.output


@pytest.mark.parametrize("node", ["fer_node", "motion_player"])
def test_a_process_that_hangs_for_long_is_killed_and_comes_back(
    run, observer, wait_for, tmp_path: Path, node: str
) -> None:
    process = run(launch_command(*stage(tmp_path, hang_s=6.0)))
    told = Told(observer)
    wait_for(lambda: gestured(observer), "the first gesture")
    pid = pid_of(node, process)
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: node in told.missing, "it to be missed")
    wait_for(lambda: observer.distance_from_rest < 0.3, "rest")
    assert pid_of(node, process) == pid  # it is given time, and the robot rests by then
    wait_for(lambda: pid_of(node, process) not in (None, pid), "another process")
    wait_for(lambda: not told.missing, "its return")
    since = len(observer.states), len(observer.poses)
    wait_for(lambda: gestured(observer, *since), "a gesture")
    assert f"{node} (process {pid}) has told nothing for 6 s" in process.output
    process.interrupt()
    assert process.end() == 0, process.output


@pytest.mark.parametrize("node", OTHERS)
def test_without_voice_or_camera_the_robot_goes_on_and_says_so(
    launch, observer, wait_for, node: str
) -> None:
    told, process = Told(observer), launch()
    wait_for(lambda: gestured(observer), "the first gesture")
    os.kill(pid_of(node, process), signal.SIGKILL)
    wait_for(lambda: f"{node} is missing" in observer.states[-1].reason, f"{node} to be missed")
    assert node in told.last.goes_on_without
    wait_for(lambda: not told.missing, f"{node} to return")
    process.interrupt()
    assert process.end() == 0, process.output


def test_a_supervisor_that_is_killed_comes_back(launch, observer, wait_for) -> None:
    process = launch()
    wait_for(lambda: gestured(observer), "the first gesture")
    pid = pid_of("supervisor", process)
    os.kill(pid, signal.SIGKILL)
    reason = "the supervisor is missing"
    wait_for(lambda: reason in observer.states[-1].reason, reason)
    wait_for(lambda: reason not in observer.states[-1].reason, "the supervisor")
    assert pid_of("supervisor", process) not in (None, pid)
    process.interrupt()
    assert process.end() == 0, process.output


def test_a_needed_node_that_ends_again_and_again_ends_the_launch(
    launch, observer, wait_for
) -> None:
    process = launch()
    kill_again_and_again("motion_player", process, wait_for)
    process.end()
    assert f"was started again {MOST} times" in process.output
    assert "the robot ends" in process.output


def test_the_robot_goes_on_without_a_voice_that_ends_again_and_again(
    launch, observer, wait_for
) -> None:
    process = launch()
    kill_again_and_again("speech_node", process, wait_for)
    process.wait_for("the robot goes on without it")
    since = len(observer.states), len(observer.poses)
    wait_for(lambda: gestured(observer, *since), "a gesture without a voice")
    assert not process.has_ended
    process.interrupt()
    assert process.end() == 0, process.output


def test_without_respawn_a_node_that_ends_ends_the_launch(launch, observer, wait_for) -> None:
    process = launch("respawn:=false")
    wait_for(lambda: gestured(observer), "the first gesture")
    os.kill(pid_of("speech_node", process), signal.SIGKILL)
    process.end()
    assert process.output.count("process started") == len(NEEDED + OTHERS) + 1

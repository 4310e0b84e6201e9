"""``ros2 launch``, for real, where the launch packages are installed."""

import os
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.processes import launch_command

pytestmark = pytest.mark.skipif(
    find_spec("launch_ros") is None, reason="needs apt install ros-jazzy-launch-ros"
)


@pytest.fixture
def launch(run):
    return lambda *arguments: run(launch_command(*arguments))


def test_the_robot_reacts_and_stops_upon_ctrl_c(launch, observer, parameters, wait_for) -> None:
    quiet = parameters(**{"/**/behavior_node": {"notice": False, "greet": False}})
    process = launch("camera:=none", "speech:=log", f"params_file:={quiet}")
    wait_for(lambda: observer.is_connected, "the robot")

    def moves() -> bool:
        observer.show("happy")
        return observer.largest_movement > 0.15 and any(observer.said)

    wait_for(moves, "a gesture and a sentence")
    process.interrupt()
    assert process.end() == 0, process.output
    wait_for(lambda: observer.distance_from_rest < 0.05, "the end in the rest pose")
    assert "Traceback" not in process.output
    assert "process has died" not in process.output


def test_nodes_end_with_a_launch_that_was_killed(launch, tmp_path: Path, wait_for) -> None:
    settings = tmp_path / "mine.yaml"
    settings.write_text(f"/**/bag_recorder: {{ros__parameters: {{folder: {tmp_path / 'bags'}}}}}")
    process = launch(
        "camera:=none", "speech:=log", "record:=true", f"params_file:={settings}", "robot:=sim"
    )
    wait_for(lambda: list(tmp_path.glob("bags/*/*.mcap")), "a recording")
    process.wait_for("[fer_node]: ")
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: list(tmp_path.glob("bags/*/metadata.yaml")), "its end")
    ended = lambda: process.has_ended and not process.left()  # noqa: E731
    wait_for(ended, "the end of all nodes")


def test_a_misspelt_parameter_is_told(launch, tmp_path: Path) -> None:
    settings = tmp_path / "mine.yaml"
    settings.write_text("motion_player: {ros__parameters: {speed_scal: 0.2}}")
    process = launch("camera:=none", f"params_file:={settings}")
    assert process.end() == 1
    assert "has no parameter 'speed_scal'; did you mean 'speed_scale'?" in process.output


def test_it_ends_with_the_video(launch, video: Path) -> None:
    process = launch(f"camera:={video}", "robot:=none", "speech:=log")
    assert process.end() == 0, process.output
    assert "process has died" not in process.output


def test_a_wrong_model_ends_the_launch_with_its_message(launch) -> None:
    process = launch("camera:=none", "speech:=log", "model:=no_such_model")
    process.end()
    assert "no model 'no_such_model'" in process.output
    assert "Traceback" not in process.output


def test_a_wrong_choice_is_refused(launch) -> None:
    process = launch("robot:=dog")
    assert process.end() != 0
    assert "dog" in process.output and "trajectory" in process.output


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("camra:=clip", "there is no argument 'camra'; did you mean 'camera'?"),
        ("speed_scale:=0.5", "there is no argument 'speed_scale'; --show-args lists all"),
    ],
)
def test_an_unknown_argument_is_refused(launch, argument: str, told: str) -> None:
    process = launch(argument)
    assert process.end() == 1
    assert told in process.output

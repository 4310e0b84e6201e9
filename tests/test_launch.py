"""``ros2 launch``, for real, where the launch packages are installed."""

from pathlib import Path

import pytest

from tests.processes import launch_command


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

"""Wrong input and Ctrl-C: one clear line or a clean end, never a traceback."""

import os
import signal
from pathlib import Path

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory

CONFIG = Path(get_package_share_directory("robot_behavior"), "config")


def refused(process) -> str:
    """The lines of a robot that must not start."""
    assert process.end() == 2, process.output
    assert "Traceback" not in process.output
    return process.output


def is_loading(pid: int) -> bool:
    """Whether a process has begun to load its libraries."""
    return "_multiarray_umath" in Path(f"/proc/{pid}/maps").read_text()


def has_open(pid: int, folder: Path) -> bool:
    """Whether a process writes a file there, which may have no name yet."""
    return any(str(folder) in os.path.realpath(file) for file in Path(f"/proc/{pid}/fd").iterdir())


def test_ctrl_c_while_libraries_are_loaded(robot, wait_for) -> None:
    process = robot("--camera", "none")
    wait_for(lambda: is_loading(process.pid), "numpy")
    process.interrupt()
    assert process.end() == 0, process.output
    assert "Traceback" not in process.output


@pytest.mark.parametrize("moment", ["portraits", "frames"])
def test_ctrl_c_while_the_clip_is_made(
    robot, tmp_path: Path, monkeypatch, wait_for, moment: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    process = robot("--camera", "clip")
    process.wait_for("making the demo clip")
    if moment == "frames":
        wait_for(lambda: has_open(process.pid, tmp_path), "the first frames")
    process.interrupt()
    assert process.end() == 0, process.output
    assert "Traceback" not in process.output
    assert not list(tmp_path.rglob("*.mp4"))


@pytest.mark.parametrize("moment", ["starting sim_robot", "starting fer_node"])
def test_ctrl_c_during_start_up(robot, moment: str) -> None:
    process = robot("--camera", "none")
    process.wait_for(moment)
    process.interrupt()
    assert process.end() == 0, process.output
    assert "Traceback" not in process.output


def test_a_second_ctrl_c_ends_at_once(robot, observer, parameters, wait_for) -> None:
    quiet = parameters(behavior_node={"notice": False, "greet": False})
    process = robot("--camera", "none", "--params_file", str(quiet))
    wait_for(lambda: observer.is_connected, "the robot")

    def moves() -> bool:
        observer.show("surprised")
        return observer.largest_movement > 0.15

    wait_for(moves, "a gesture")
    process.interrupt()
    wait_for(lambda: observer.states[-1].state == "disabled", "the way to rest")
    process.interrupt()
    assert process.end() == 0, process.output
    assert "Traceback" not in process.output


def test_sigterm_is_as_good_as_ctrl_c(robot) -> None:
    process = robot("--camera", "none")
    process.wait_for("starting fer_node")
    os.kill(process.pid, signal.SIGTERM)
    assert process.end() == 0, process.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--camera", "gone.mp4"], "camera 'gone.mp4' does not exist"),
        (["--camera", "none", "--model", "no_such_model"], "no model 'no_such_model'"),
        (["--robot", "dog"], "argument 'robot' is 'dog', expected one of sim, servo_humanoid, "),
        (["--params_file", "gone.yaml"], "there is no file gone.yaml"),
    ],
    ids=["camera", "model", "robot", "params_file"],
)
def test_what_does_not_exist_is_named(robot, options: list[str], message: str) -> None:
    assert message in refused(robot(*options))


def test_a_motion_beyond_a_joint_s_limits_is_refused_and_named(
    robot, parameters, tmp_path: Path
) -> None:
    content = yaml.safe_load((CONFIG / "motions.yaml").read_text())
    motions = content["/motion_player"]["ros__parameters"]["motions"]
    motions["nod"]["positions"][0] = 3.5
    file = tmp_path / "motions.yaml"
    file.write_text(yaml.safe_dump(content))
    options = parameters(motion_player={"motions_file": str(file)})
    process = robot("--camera", "none", "--params_file", str(options))
    process.wait_for("starting speech_node")
    process.interrupt()
    assert process.end() == 0, process.output
    line = next(line for line in process.output.splitlines() if "cannot play 'nod'" in line)
    assert str(file) in line and "3.5" in line


def test_a_parameter_out_of_range_is_named(robot, parameters) -> None:
    options = parameters(fer_node={"detection_score": 7.0})
    output = refused(robot("--camera", "none", "--params_file", str(options)))
    assert "parameter 'detection_score' is 7.0, expected 0..1" in output


def test_two_robots_under_one_name_both_live_and_end_in_order(
    robot, observer, parameters, wait_for
) -> None:
    """Each acts; how far, they dispute. After half a minute, nodes tell of it: see their tests."""
    quiet = parameters(behavior_node={"notice": False, "greet": False})
    options = ("--camera", "none", "--params_file", str(quiet), "--log_level", "info")
    twins = [robot(*options) for _ in range(2)]
    wait_for(lambda: observer.is_connected, "the robots")
    acts = ("[behavior_node]: surprised: ", "[motion_player]: plays 'surprise_", 'says "')

    def both_have_acted() -> bool:
        observer.show("surprised")
        return all(act in twin.output for twin in twins for act in acts)

    wait_for(both_have_acted, "decisions, gestures and sentences of both")
    for twin in twins:
        twin.interrupt()
    for twin in twins:
        assert twin.end() == 0, twin.output
        assert "Traceback" not in twin.output

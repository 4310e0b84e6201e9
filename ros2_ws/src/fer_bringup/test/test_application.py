import sys
from contextlib import closing
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node

from fer_bringup.application import Companions, command
from fer_bringup.arguments import ARGUMENTS, RobotSettings
from fer_bringup.assembly import Part, parts
from fer_common.runner import StartError
from fer_common.testing import until

WAITS_FOR_CTRL_C = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("ready", flush=True)
signal.pause()
"""


def program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_one_that_cannot_start_stops_the_robot() -> None:
    with closing(Companions({"viewer_node": program("exit(2)")}, print)) as companions:
        companions.check()
        assert until(companions.have_failed)
        with pytest.raises(StartError, match="viewer_node could not start"):
            companions.check()


def test_one_that_ends_later_is_told_of_once_and_the_robot_goes_on() -> None:
    told: list[str] = []
    viewer = {"viewer_node": program("exit(1)")}
    with closing(Companions(viewer, told.append, respawn=False)) as companions:

        def is_told() -> bool:
            assert not companions.have_failed()
            return bool(told)

        assert until(is_told)
        companions.have_failed()
        companions.check()
    assert told == ["viewer_node has ended with exit code 1; the robot goes on"]


def test_one_that_fails_is_started_again(tmp_path: Path) -> None:
    told: list[str] = []
    life = tmp_path / "life"
    text = f"""
import pathlib, signal, sys
life = pathlib.Path({str(life)!r})
life.write_text(life.read_text() + "x" if life.exists() else "x")
sys.exit(1) if life.read_text() == "x" else signal.pause()
"""
    with closing(Companions({"viewer_node": program(text)}, told.append)) as companions:
        assert until(
            lambda: not companions.have_failed() and life.exists() and life.read_text() == "xx"
        )
        companions.check()
    assert told == [
        "viewer_node has ended with exit code 1; the robot goes on, and starts it again in 2 s"
    ]


def test_one_that_ends_in_order_is_not_started_again() -> None:
    told: list[str] = []
    with closing(Companions({"bag_recorder": program("exit(0)")}, told.append)) as companions:
        assert until(lambda: not companions.have_failed() and told)
    assert told == ["bag_recorder has ended with exit code 0; the robot goes on"]


def test_all_are_ended_as_by_ctrl_c(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = WAITS_FOR_CTRL_C.replace(
        "sys.exit(0)", f"(open({str(tmp_path / 'end')!r}, 'w'), exit())"
    )
    companions = Companions({"a": program(text)}, print)
    assert until(lambda: "ready" in capfd.readouterr().out)
    companions.close()
    assert (tmp_path / "end").exists()


def test_the_command_line_carries_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "robot.yaml"
    file.touch()
    values = {a.name: a.default for a in ARGUMENTS} | {"namespace": "/lab", "log_level": "warn"}
    settings = RobotSettings.read(values, file)
    part = Part("fer_bringup", "x", "", {"images": True, "port": 3}, (("image", "eye"),))
    program, *arguments = command(part, settings)
    assert program.endswith("lib/fer_bringup/x")
    assert " ".join(arguments) == (
        "--ros-args --log-level INFO --enclave /robot/x -r __ns:=/lab -r image:=eye "
        f"--params-file {file} -p images:=true -p port:=3"
    )


def test_every_command_line_is_understood_and_keeps_text_as_text(tmp_path: Path) -> None:
    file = tmp_path / "robot.yaml"
    file.write_text("{}")
    settings = RobotSettings.read({a.name: a.default for a in ARGUMENTS}, file)
    part = Part("fer_bringup", "x", "", {"host": "", "port": "7", "rate": 2.5, "greet": False})
    for one in (part, *parts(settings, file)):
        context = rclpy.Context()
        context.init(args=command(one, settings)[1:])
        node = Node("x", context=context, automatically_declare_parameters_from_overrides=True)
        found = {name: node.get_parameter_or(name).value for name in one.parameters}
        node.destroy_node()
        context.shutdown()
        assert found == one.parameters

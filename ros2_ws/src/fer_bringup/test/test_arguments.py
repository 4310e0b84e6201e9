import os
from pathlib import Path

import pytest

from ec_rfernet.errors import InputError
from fer_bringup import arguments
from fer_bringup.arguments import ARGUMENTS


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "robot.yaml"
    path.touch()
    return path


def test_defaults_are_those_of_the_arguments(config: Path) -> None:
    read = arguments.read([], config)
    assert read.settings.camera == "auto"
    assert read.settings.robot == "sim"
    assert read.settings.speech == "espeak"
    assert read.settings.model == "ec_rfernet"
    assert read.settings.params_file == config
    assert read.settings.autostart is True
    assert read.video is None
    assert read.profile is False
    assert arguments.read(["--profile"], config).profile is True


@pytest.mark.parametrize("argument", ARGUMENTS, ids=lambda argument: argument.name)
def test_every_argument_is_an_option(argument, config: Path) -> None:  # type: ignore[no-untyped-def]
    value = argument.choices[-1] if argument.choices else str(config)
    if argument.name in ("namespace", "image_topic"):
        value = "/lab/name"
    if argument.name == "locale":
        value = "de-AT"
    settings = arguments.read([f"--{argument.name}", value], config).settings
    expected = {"true": True, "false": False}.get(value, value)
    assert str(getattr(settings, argument.name)) == str(expected)


@pytest.mark.parametrize("name", [a.name for a in ARGUMENTS if a.choices])
def test_a_wrong_choice_is_named_with_the_right_ones(name: str, config: Path) -> None:
    with pytest.raises(InputError, match=f"argument '{name}' is 'nonsense', expected one of "):
        arguments.read([f"--{name}", "nonsense"], config)


@pytest.mark.parametrize(
    ("former", "now"),
    [("serial", "servo_humanoid"), ("naoqi", "naoqi_driver"), ("controller", "ros2_control")],
)
def test_a_former_name_of_a_robot_is_told_its_new_one(former: str, now: str, config: Path) -> None:
    told = f"argument 'robot': '{former}' is now called '{now}'"
    with pytest.raises(InputError, match=told):
        arguments.read(["--robot", former], config)


def test_a_missing_parameter_file_is_named(tmp_path: Path, config: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*gone\.yaml"):
        arguments.read(["--params_file", str(tmp_path / "gone.yaml")], config)


def test_an_unknown_option_ends_with_2(config: Path) -> None:
    with pytest.raises(SystemExit) as error:
        arguments.read(["--camra", "0"], config)
    assert error.value.code == 2


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("robot-1", "'robot_1'"),
        ("my robot", "'my_robot'"),
        ("1st", "'_1st'"),
        ("a/2", "'a/_2'"),
        ("a__b", "'a_b'"),
        ("/lab/robot.1", "'/lab/robot_1'"),
        ("//", None),
        ("a//b", None),
        ("机器人", None),
        ("{x}", "'_x_'"),
    ],
)
def test_a_namespace_that_ros_does_not_know_is_told(
    name: str, near: str | None, config: Path
) -> None:
    with pytest.raises(InputError, match=f"argument 'namespace' is '{name}', expected") as caught:
        arguments.read([f"--namespace={name}"], config)
    told = str(caught.value)
    assert "\n" not in told
    assert told.endswith(f", such as {near}" if near else "with no digit")


@pytest.mark.parametrize("name", ["", "/", "robot_1", "/robot_1", "lab/robot/", "_x"])
def test_other_namespaces_are_welcome(name: str, config: Path) -> None:
    assert arguments.read([f"--namespace={name}"], config).settings.namespace == name


def test_the_folder_of_a_video_may_be_at_home(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert arguments.read(["--video=~/films"], config).video == tmp_path / "films"


def test_a_topic_that_ros_does_not_know_is_told(config: Path) -> None:
    with pytest.raises(InputError, match="'image_topic' is 'my-image', .* such as 'my_image'"):
        arguments.read(["--image_topic", "my-image"], config)
    assert arguments.read(["--image_topic", "/cam/image_raw"], config).settings


@pytest.mark.parametrize("option", ["--camera", "--params_file", "--video", "--namespace"])
def test_a_name_that_ros_cannot_carry_is_told(option: str, config: Path) -> None:
    with pytest.raises(
        InputError, match=rf"'{option[2:]}' is '/tmp/caf\\udce9', which is no UTF-8"
    ):
        arguments.read([option, os.fsdecode(b"/tmp/caf\xe9")], config)

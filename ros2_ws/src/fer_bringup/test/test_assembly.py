import importlib
import math
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory

from ec_rfernet.errors import InputError
from fer_bringup.arguments import ARGUMENTS, RobotSettings
from fer_bringup.assembly import camera_pose, default_file, parameter_file, parts
from fer_common.settings import parameter_blocks

CLIP = Path("/clip.mp4")


@pytest.fixture
def settings(tmp_path: Path) -> RobotSettings:
    (tmp_path / "robot.yaml").touch()
    return RobotSettings.read({a.name: a.default for a in ARGUMENTS}, tmp_path / "robot.yaml")


def names(settings: RobotSettings) -> list[str]:
    return [part.executable for part in parts(settings, CLIP)]


def test_the_camera_comes_last(settings: RobotSettings) -> None:
    assert names(settings) == [
        "supervisor",
        "sim_robot",
        "motion_player",
        "speech_node",
        "behavior_node",
        "fer_node",
        "camera_node",
    ]


def test_a_real_robot_is_not_simulated(settings: RobotSettings) -> None:
    assert "sim_robot" not in names(replace(settings, robot="trajectory"))
    assert "motion_player" in names(replace(settings, robot="trajectory"))
    assert "motion_player" not in names(replace(settings, robot="none"))


@pytest.mark.parametrize(
    ("robot", "expected"),
    [
        (
            "ros2_control",
            [
                ("robot_bridge", {"robot": "ros2_control"}),
                ("motion_player", {"robot": "ros2_control"}),
            ],
        ),
        (
            "nao",
            [
                ("robot_bridge", {"robot": "nao", "host": "127.0.0.1"}),
                ("motion_player", {"robot": "nao"}),
            ],
        ),
        (
            "servo_humanoid",
            [
                ("robot_bridge", {"robot": "servo_humanoid", "port": "/dev/tty9"}),
                ("motion_player", {"robot": "servo_humanoid"}),
            ],
        ),
        ("play_motion2", [("play_motion2_bridge", {})]),
    ],
)
def test_what_leads_to_a_real_robot(settings: RobotSettings, robot: str, expected: list) -> None:
    _, *found = parts(replace(settings, robot=robot, port="/dev/tty9"), CLIP)
    assert [(part.executable, part.parameters) for part in found][: len(expected)] == expected
    assert found[len(expected)].executable == "speech_node"


def test_the_camera_is_where_the_urdf_says(settings: RobotSettings) -> None:
    perception = next(part for part in parts(settings, CLIP) if part.executable == "fer_node")
    assert perception.defaults == {
        "expect_images": True,
        "markers_frame": "base_link",
        "camera_x": 0.14,
        "camera_y": 0.0,
        "camera_z": 1.15,
    }
    pose = camera_pose()
    assert (pose.roll, pose.pitch, pose.yaw) == pytest.approx((-math.pi / 2, 0.0, -math.pi / 2))
    written = yaml.safe_load(default_file(parts(settings, CLIP)))
    assert written["/**/fer_node"] == {"ros__parameters": perception.defaults}


@pytest.mark.parametrize(
    ("camera", "in_person"),
    [
        ("auto", True), ("clip", True), ("none", True), ("0", True), ("/dev/null", True),
        ("bag:walk.mcap", False), (__file__, False), (str(Path(__file__).parent), False),
    ],
)  # fmt: skip
def test_who_is_in_a_picture_or_a_video_is_not_there(
    settings: RobotSettings, camera: str, in_person: bool
) -> None:
    everybody = parts(replace(settings, camera=camera), CLIP)
    behaviour = next(part for part in everybody if part.executable == "behavior_node")
    assert behaviour.defaults["in_person"] == in_person


def test_a_users_files_are_said_once_for_all_nodes_and_win_over_the_parameter_file(
    settings: RobotSettings,
) -> None:
    mine = replace(settings, motions_file="m.yaml", behaviors_file="b.yaml")
    robot = {part.executable: part for part in parts(mine, CLIP)}
    assert robot["motion_player"].parameters["motions_file"] == "m.yaml"
    assert robot["behavior_node"].parameters["motions_file"] == "m.yaml"
    assert robot["behavior_node"].parameters["behaviors_file"] == "b.yaml"
    robot = {part.executable: part for part in parts(settings, CLIP)}
    assert "motions_file" not in robot["motion_player"].parameters
    assert robot["motion_player"].defaults["motions_file"] == ""


@pytest.mark.parametrize(
    ("argument", "behaviours", "parameters", "spoken"),
    [
        ("", None, "", "en"),
        ("de", None, "", "de"),
        ("", "locale: fr", "", "fr"),
        ("de", "locale: fr", "", "de"),
        ("", None, "/**: {ros__parameters: {locale: es}}", "es"),
        ("", "locale: fr", "behavior_node: {ros__parameters: {locale: es}}", "es"),
        ("zh", "locale: fr", "/**: {ros__parameters: {locale: es}}", "zh"),
        ("", "no: YAML: at all", "", "en"),
    ],
)
def test_the_language_is_said_once_and_reaches_everybody_who_speaks(
    settings: RobotSettings,
    tmp_path: Path,
    argument: str,
    behaviours: str | None,
    parameters: str,
    spoken: str,
) -> None:
    settings.params_file.write_text(parameters or "{}")
    mine = replace(settings, locale=argument)
    if behaviours is not None:
        (tmp_path / "mine.yaml").write_text(behaviours)
        mine = replace(mine, behaviors_file=str(tmp_path / "mine.yaml"))
    robot = {part.executable: part for part in parts(mine, CLIP)}
    speech, behaviour = robot["speech_node"], robot["behavior_node"]
    assert (speech.defaults | speech.parameters)["locale"] == spoken
    if argument:  # it wins over all files
        assert behaviour.parameters["locale"] == speech.parameters["locale"] == argument
    else:  # the parameter file may say it, else the behaviours do
        assert behaviour.defaults["locale"] == "" and "locale" not in speech.parameters


@pytest.mark.parametrize("locale", ["German", "d", "de DE", "de.yaml"])
def test_what_is_no_language_is_refused(tmp_path: Path, locale: str) -> None:
    (tmp_path / "robot.yaml").touch()
    values = {a.name: a.default for a in ARGUMENTS} | {"locale": locale}
    with pytest.raises(InputError, match=f"'locale' is '{locale}', expected a language tag such"):
        RobotSettings.read(values, tmp_path / "robot.yaml")


def test_no_node_has_a_language_that_the_argument_does_not_reach() -> None:
    """What is not set by the arguments stands in robot.yaml, which is made from the code."""
    share = Path(get_package_share_directory("fer_bringup"))
    known = [names for _, names in parameter_blocks(share / "config" / "robot.yaml")]
    assert known and not any("locale" in names for names in known)


@pytest.mark.parametrize(
    ("images", "beside"),
    [("image_raw", None), ("/image", "/camera_info"), ("cam/color/image", "cam/color/camera_info")],
)
def test_camera_info_is_looked_for_beside_the_images(
    settings: RobotSettings, images: str, beside: str | None
) -> None:
    robot = parts(replace(settings, image_topic=images, record=True), CLIP)
    for part in robot:
        if part.executable in ("camera_node", "motion_player", "bag_recorder"):
            assert dict(part.remappings).get("camera_info") == beside


def test_simulated_time_is_for_all_nodes_or_refused(settings: RobotSettings) -> None:
    simulated = replace(settings, use_sim_time=True)
    assert all(part.parameters["use_sim_time"] for part in parts(simulated, CLIP))
    assert not any("use_sim_time" in part.parameters for part in parts(settings, CLIP))
    with pytest.raises(InputError, match="robot 'nao' moves in real time"):
        parts(replace(simulated, robot="nao"), CLIP)


def test_another_driver_replaces_the_camera(settings: RobotSettings) -> None:
    robot = parts(replace(settings, camera="none", image_topic="/usb/image"), CLIP)
    assert robot[-1].executable == "fer_node"
    assert robot[-1].remappings == (("image", "/usb/image"),)
    assert robot[-1].defaults["expect_images"] is False  # somebody may say emotions by hand


def test_camera_and_perception_meet_on_the_topic(settings: RobotSettings) -> None:
    *_, perception, camera = parts(replace(settings, image_topic="eyes"), CLIP)
    assert perception.remappings[0][1] == camera.remappings[0][1] == "eyes"


def test_a_device_index_stays_a_text(settings: RobotSettings) -> None:
    values = yaml.safe_load(parameter_file(parts(replace(settings, camera="0"), CLIP)))
    assert values["/**/camera_node"]["ros__parameters"]["camera"] == "0"


def test_the_voice_is_recorded_only_when_asked_for(settings: RobotSettings) -> None:
    def speech(voice: Path | None) -> dict:
        found = [p for p in parts(settings, CLIP, voice) if p.executable == "speech_node"]
        return found[0].parameters

    assert "record_to" not in speech(None)
    assert speech(Path("/here/speech.wav"))["record_to"] == "/here/speech.wav"


def test_every_part_is_a_class_of_an_installed_node(settings: RobotSettings) -> None:
    for part in parts(settings, CLIP):
        module, name = part.target.split(":")
        assert isinstance(getattr(importlib.import_module(module), name), type)


def test_what_watches_starts_first_and_sees_the_same_images(settings: RobotSettings) -> None:
    asked = replace(settings, viewer=True, record=True, image_topic="eye")
    _, viewer, recorder, *rest = parts(asked, CLIP)
    assert (viewer.executable, recorder.executable) == ("viewer_node", "bag_recorder")
    assert viewer.remappings == recorder.remappings == (("image", "eye"),)
    assert rest == parts(replace(settings, image_topic="eye"), CLIP)[1:]


def test_images_are_recorded_only_when_asked_for(settings: RobotSettings) -> None:
    _, recorder, *_ = parts(replace(settings, record=True), CLIP)
    assert recorder.parameters == {"images": False}
    _, recorder, *_ = parts(replace(settings, record_images=True), CLIP)
    assert recorder.parameters == {"images": True}


def test_everybody_is_supervised_and_the_robot_rests_without_what_it_needs(
    settings: RobotSettings,
) -> None:
    supervisor, *others = parts(replace(settings, viewer=True, robot="nao"), CLIP)
    needed, other = supervisor.parameters.values()
    assert needed == "robot_bridge,motion_player,behavior_node,fer_node"
    assert other == "viewer_node,speech_node,camera_node"
    assert len(others) == 7

"""The installed files fit the nodes."""

import dataclasses
import importlib
from pathlib import Path

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory

from fer_common.testing import spinning

SHARE = Path(get_package_share_directory("fer_bringup"))
PARAMETERS = {
    "camera_node": ["fer_node.camera_node:CameraParameters"],
    "fer_node": ["fer_node.fer_parameters:FerParameters"],
    "behavior_node": ["robot_behavior.behavior_params:BehaviorParams"],
    "motion_player": ["robot_behavior.motion_player:PlayerParams"],
    "speech_node": ["robot_behavior.speech_node:SpeechParams"],
    "sim_robot": ["robot_behavior.sim_robot:SimParams"],
    "play_motion2_bridge": ["robot_behavior.backends.play_motion2:PlayMotion2Params"],
    "robot_bridge": [
        "robot_behavior.backends.robot_bridge:BridgeParams",
        "robot_behavior.backends.serial_backend:SerialParams",
        "robot_behavior.backends.naoqi_backend:NaoqiParams",
        "robot_behavior.backends.follow_action:FollowParams",
    ],
}
BY_ARGUMENT = {
    "camera_node": {"camera", "clip"},
    "fer_node": {"model", "autostart"},
    "behavior_node": {"autostart"},
    "speech_node": {"backend"},
    "robot_bridge": {"backend", "port"},
}


@pytest.fixture(scope="module")
def robot_yaml() -> dict:
    return yaml.safe_load((SHARE / "config" / "robot.yaml").read_text())


def test_the_parameter_file_knows_every_node(robot_yaml: dict) -> None:
    assert set(robot_yaml) == {f"/**/{name}" for name in PARAMETERS}


@pytest.mark.parametrize("node", PARAMETERS)
def test_the_parameter_file_has_every_parameter_and_default(node: str, robot_yaml: dict) -> None:
    declared = {}
    for place in PARAMETERS[node]:
        module, name = place.split(":")
        fields = dataclasses.fields(getattr(importlib.import_module(module), name))
        declared |= {field.name: field.default for field in fields}
    for parameter in BY_ARGUMENT.get(node, ()):
        del declared[parameter]
    assert robot_yaml[f"/**/{node}"]["ros__parameters"] == declared


def test_rviz_shows_topics_that_exist() -> None:
    from fer_node.fer_node import FerNode
    from robot_behavior.sim_robot import SimRobot

    config = yaml.safe_load((SHARE / "rviz" / "robot.rviz").read_text())["Visualization Manager"]
    shown = {
        display["Topic"]["Value"]: display["Class"].split("/")[1]
        for display in config["Displays"]
        if "Topic" in display
    }
    with spinning(FerNode, SimRobot) as (_, (perception, simulation)):
        published = {
            topic.removeprefix("/"): types[0].split("/")[-1]
            for node in (perception, simulation)
            for topic, types in node.get_publisher_names_and_types_by_node(node.get_name(), "/")
        }
    assert len(shown) == 3
    for topic, kind in shown.items():
        assert published[topic] == kind


def test_rviz_looks_at_the_robot_from_its_root() -> None:
    from robot_behavior import urdf

    config = yaml.safe_load((SHARE / "rviz" / "robot.rviz").read_text())["Visualization Manager"]
    model = urdf.load(SHARE / "urdf" / "humanoid.urdf")
    assert config["Global Options"]["Fixed Frame"] == model.root

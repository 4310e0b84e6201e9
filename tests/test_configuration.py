"""The installed files fit the nodes."""

import dataclasses
import importlib
from pathlib import Path

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory

SHARE = Path(get_package_share_directory("fer_bringup"))
PARAMETERS = {
    "camera_node": ["fer_node.nodes.camera_node:CameraParameters"],
    "fer_node": ["fer_node.nodes.fer_node:FerParameters"],
    "behavior_node": ["robot_behavior.nodes.behavior_node:BehaviorParams"],
    "motion_player": ["robot_behavior.nodes.motion_player:PlayerParams"],
    "speech_node": ["robot_behavior.nodes.speech_node:SpeechParams"],
    "sim_robot": ["robot_behavior.nodes.sim_robot:SimParams"],
    "viewer_node": ["fer_monitor.viewer.viewer_parameters:ViewerParameters"],
    "bag_recorder": ["fer_monitor.recording.bag_recorder:RecorderParameters"],
    "play_motion2_bridge": ["robot_behavior.robots.play_motion2.bridge:PlayMotion2Params"],
    "robot_bridge": [
        "robot_behavior.nodes.robot_bridge:BridgeParams",
        "robot_behavior.robots.servo_humanoid.driver:SerialParams",
        "robot_behavior.robots.nao.driver:NaoqiParams",
        "robot_behavior.robots.ros2_control.driver:FollowParams",
    ],
}
BY_ARGUMENT = {
    "camera_node": {"camera", "clip"},
    "fer_node": {"model", "autostart"},
    "behavior_node": {"autostart"},
    "speech_node": {"backend"},
    "bag_recorder": {"images"},
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

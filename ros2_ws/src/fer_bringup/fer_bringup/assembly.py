"""Which nodes make up the robot, and with which parameters, for given settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fer_bringup.arguments import RobotSettings

_BACKENDS = {"controller": "trajectory", "serial": "serial", "naoqi": "naoqi"}
"""Of ``robot_bridge``, by the argument ``robot``."""


@dataclass(frozen=True)
class Part:
    """One node of the robot.

    Attributes:
        package: where its executable is.
        executable: its name, which is also the node's name.
        target: its class, as ``module:name``; empty when it always is a process of its own,
            because it only watches.
        parameters: set by the settings; they win over the parameter file.
        remappings: (from, to) of topic names.
        lifecycle: whether it is a lifecycle node.
    """

    package: str
    executable: str
    target: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    remappings: tuple[tuple[str, str], ...] = ()
    lifecycle: bool = False


def parts(settings: RobotSettings, clip: Path, voice: Path | None = None) -> list[Part]:
    """The nodes, in the order in which they start: who watches first, who is listened to last.

    Args:
        settings: which robot.
        clip: path of the demo clip, for cameras that use it.
        voice: file in which to keep what is said; None for none.
    """
    nodes = [*_watching(settings), *_body(settings)]
    nodes += [_speech(settings, voice), _behaviour(settings), _perception(settings)]
    if settings.camera != "none":
        nodes.append(_camera(settings, clip))
    return nodes


def parameter_file(nodes: Iterable[Part]) -> str:
    """The parameters of the parts as a ROS parameter file, for any namespace."""
    blocks = {f"/**/{part.executable}": {"ros__parameters": part.parameters} for part in nodes}
    return yaml.safe_dump(blocks)


def _watching(settings: RobotSettings) -> list[Part]:
    nodes = []
    images = (("image", settings.image_topic),)
    if settings.viewer:
        nodes.append(Part("fer_monitor", "viewer_node", remappings=images))
    if settings.record or settings.record_images:
        parameters = {"images": settings.record_images}
        nodes.append(Part("fer_monitor", "bag_recorder", "", parameters, images))
    return nodes


def _body(settings: RobotSettings) -> list[Part]:
    """What moves: the robot, or what leads to it, and who moves it."""
    nodes = []
    if settings.robot == "sim":
        nodes.append(Part("robot_behavior", "sim_robot", "robot_behavior.nodes.sim_robot:SimRobot"))
    if settings.robot in _BACKENDS:
        parameters = {"backend": _BACKENDS[settings.robot]}
        if settings.robot == "serial":
            parameters["port"] = settings.port
        target = "robot_behavior.nodes.robot_bridge:RobotBridge"
        nodes.append(Part("robot_behavior", "robot_bridge", target, parameters))
    if settings.robot == "play_motion2":
        target = "robot_behavior.robots.play_motion2.bridge:PlayMotion2Bridge"
        nodes.append(Part("robot_behavior", "play_motion2_bridge", target))
    elif settings.robot != "none":
        target = "robot_behavior.nodes.motion_player:MotionPlayer"
        nodes.append(Part("robot_behavior", "motion_player", target))
    return nodes


def _speech(settings: RobotSettings, voice: Path | None) -> Part:
    parameters = {"backend": settings.speech}
    if voice is not None:
        parameters["record_to"] = str(voice)
    return Part(
        "robot_behavior", "speech_node", "robot_behavior.nodes.speech_node:SpeechNode", parameters
    )


def _behaviour(settings: RobotSettings) -> Part:
    return Part(
        "robot_behavior",
        "behavior_node",
        "robot_behavior.nodes.behavior_node:BehaviorNode",
        {"autostart": settings.autostart},
        lifecycle=True,
    )


def _perception(settings: RobotSettings) -> Part:
    return Part(
        "fer_node",
        "fer_node",
        "fer_node.nodes.fer_node:FerNode",
        {"autostart": settings.autostart, "model": settings.model},
        (("image", settings.image_topic),),
        lifecycle=True,
    )


def _camera(settings: RobotSettings, clip: Path) -> Part:
    return Part(
        "fer_node",
        "camera_node",
        "fer_node.nodes.camera_node:CameraNode",
        {"camera": settings.camera, "clip": str(clip)},
        (("image_raw", settings.image_topic),),
    )

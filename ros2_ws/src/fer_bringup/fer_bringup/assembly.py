"""Which nodes make up the robot, and with which parameters, for given settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ec_rfernet.errors import InputError
from ec_rfernet.files import user_path
from fer_bringup.arguments import RobotSettings
from fer_common.settings import check_parameter_file, fields, parameter_blocks
from robot_behavior import yaml_file
from robot_behavior.dialogue.sentences import LAST_RESORT
from robot_behavior.robots import find_robot

CAMERA_FRAME = "camera_optical_frame"
"""Link of the URDF, and frame of the images: where the camera is, and where it looks."""


@dataclass(frozen=True)
class Part:
    """One node of the robot.

    Attributes:
        package: where its executable is.
        executable: its name, which is also the node's name.
        target: its class, as ``module:name``; empty when it always is a process of its own,
            because it only watches.
        parameters: set by the settings; they win over the parameter file.
        defaults: set here; the parameter file wins over them.
        remappings: (from, to) of topic names.
        lifecycle: whether it is a lifecycle node.
        needed: whether the robot rests without it, see `fer_bringup.supervisor`.
    """

    package: str
    executable: str
    target: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    remappings: tuple[tuple[str, str], ...] = ()
    lifecycle: bool = False
    defaults: dict[str, Any] = field(default_factory=dict)
    needed: bool = False


def enclave(node: str = "") -> str:
    """Where SROS 2 keeps the keys of a node's process, in ``config/security/policy.xml``.

    Args:
        node: its name; empty for the process of all nodes together.
    """
    return f"/robot/{node}" if node else "/robot"


@dataclass(frozen=True)
class CameraPose:
    """Where the camera is.

    Attributes:
        frame: in which this is told: the root link of the robot.
        x, y, z: forward, to the left and up, m.
        roll, pitch, yaw: how the axes of `CAMERA_FRAME` are turned, rad.
    """

    frame: str
    x: float
    y: float
    z: float
    roll: float
    pitch: float
    yaw: float


@cache
def camera_pose(robot: str = "sim") -> CameraPose:
    """That of the camera on a robot, from its URDF.

    Args:
        robot: its name.

    Raises:
        InputError: there is no such robot, its URDF cannot be read, or has no camera.
    """
    from robot_behavior.body import urdf
    from robot_behavior.body.robot_model import roll_pitch_yaw

    try:
        file = find_robot(robot).urdf or urdf.humanoid()
        model = urdf.load(file)
        pose = model.frame(CAMERA_FRAME)
    except urdf.UrdfError as error:
        raise InputError(str(error)) from error
    except KeyError as error:
        raise InputError(f"{file}: has no link '{CAMERA_FRAME}'") from error
    x, y, z = (round(float(value), 6) for value in pose[:3, 3])
    return CameraPose(model.root, x, y, z, *roll_pitch_yaw(pose[:3, :3]))


def parts(settings: RobotSettings, clip: Path, voice: Path | None = None) -> list[Part]:
    """The nodes, in the order in which they start: who watches first, who is listened to last.

    Args:
        settings: which robot.
        clip: path of the demo clip, for cameras that use it.
        voice: file in which to keep what is said; None for none.

    Raises:
        InputError: the robot's URDF cannot be read, or has no camera; or it cannot follow the
            clock of a simulator.
    """
    find_robot(settings.robot).check_time(settings.robot, settings.use_sim_time)
    nodes = [*_watching(settings), *_body(settings)]
    nodes += [_speech(settings, voice), _behaviour(settings), _perception(settings)]
    if settings.camera != "none":
        nodes.append(_camera(settings, clip))
    nodes.insert(0, _supervisor(nodes, settings.respawn))
    if settings.use_sim_time:
        for part in nodes:
            part.parameters["use_sim_time"] = True
    return nodes


def parameter_file(nodes: Iterable[Part]) -> str:
    """The parameters of the parts as a ROS parameter file, for any namespace."""
    return _yaml({part.executable: part.parameters for part in nodes})


def default_file(nodes: Iterable[Part]) -> str:
    """Likewise their defaults."""
    return _yaml({part.executable: part.defaults for part in nodes if part.defaults})


def _yaml(nodes: dict[str, dict[str, Any]]) -> str:
    blocks = {f"/**/{name}": {"ros__parameters": values} for name, values in nodes.items()}
    return yaml.safe_dump(blocks)


def check_user_file(settings: RobotSettings, nodes: Iterable[Part], installed: Path) -> None:
    """Sees that everything in the user's parameter file is for something.

    Args:
        settings: of whom the file is.
        nodes: that take part.
        installed: the parameter file that names all there is.

    Raises:
        InputError: nothing has such a name; tells the nearest one.
    """
    file = settings.params_file
    if file.samefile(installed):
        return
    known = {name.rpartition("/")[2]: set(at) for name, at in parameter_blocks(installed)}
    for part in nodes:
        known.setdefault(part.executable, set()).update(part.parameters, part.defaults)
    known.setdefault("robot_bridge", set()).update(fields(find_robot(settings.robot).settings))
    check_parameter_file(file, known, settings.namespace)


def _supervisor(nodes: Sequence[Part], respawn: bool) -> Part:
    parameters: dict[str, Any] = {
        "rests_without": ",".join(part.executable for part in nodes if part.needed),
        "goes_on_without": ",".join(part.executable for part in nodes if not part.needed),
    }
    if not respawn:
        parameters["hang_s"] = 0.0  # nobody would start it again
    return Part("fer_bringup", "supervisor", "fer_bringup.supervisor:Supervisor", parameters)


def _beside_images(settings: RobotSettings) -> tuple[tuple[str, str], ...]:
    """Where the camera's ``camera_info`` is: beside its images, as image_transport has it."""
    space, _, _ = settings.image_topic.rpartition("/")
    absolute = settings.image_topic.startswith("/")
    return (("camera_info", f"{space}/camera_info"),) if space or absolute else ()


def _given(**arguments: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the defaults of a node: what is not given is up to the user's file."""
    given = {name: value for name, value in arguments.items() if value}
    return given, {name: "" for name in arguments if name not in given}


def _watching(settings: RobotSettings) -> list[Part]:
    nodes = []
    images = (("image", settings.image_topic),)
    if settings.viewer:
        parameters = {"robot": settings.robot}
        nodes.append(Part("fer_monitor", "viewer_node", "", parameters, images))
    if settings.face:
        nodes.append(Part("fer_monitor", "face_node"))
    if settings.record or settings.record_images:
        what = {"images": settings.record_images}
        remappings = (*images, *_beside_images(settings))
        nodes.append(Part("fer_monitor", "bag_recorder", "", what, remappings))
    return nodes


def _body(settings: RobotSettings) -> list[Part]:
    """What moves: the robot, or what leads to it, and who moves it."""
    nodes, robot = [], find_robot(settings.robot)
    if unknown := [name for name in robot.arguments if not hasattr(settings, name)]:
        raise InputError(f"robot '{settings.robot}' asks for no argument: {', '.join(unknown)}")
    given = {name: getattr(settings, name) for name in robot.arguments}
    if robot.driver is not None:
        target = "robot_behavior.nodes.robot_bridge:RobotBridge"
        parameters = {"robot": settings.robot, **given}
        nodes.append(Part("robot_behavior", "robot_bridge", target, parameters, needed=True))
    if robot.node is not None:
        node = robot.node
        if node.executable == "stop_keeper":
            given["robot"] = settings.robot
        nodes.append(Part(node.package, node.executable, node.target, given, needed=True))
    if robot.motion_player:
        target = "robot_behavior.nodes.motion_player:MotionPlayer"
        alone = {} if robot.keeps_stop else {"begin_held": False}
        files, no_files = _given(motions_file=settings.motions_file)
        nodes.append(
            Part(
                "robot_behavior",
                "motion_player",
                target,
                {"robot": settings.robot, **files},
                _beside_images(settings),
                defaults=alone | no_files,
                needed=True,
            )
        )
    return nodes


def _speech(settings: RobotSettings, voice: Path | None) -> Part:
    parameters = {
        "backend": settings.speech,
        "host": settings.host,
        "interface": settings.interface,
    }
    defaults = {}
    if settings.locale:
        parameters["locale"] = settings.locale
    else:
        defaults["locale"] = _locale_of_behaviours(settings)
    if voice is not None:
        parameters["record_to"] = str(voice)
    target = "robot_behavior.nodes.speech_node:SpeechNode"
    return Part("robot_behavior", "speech_node", target, parameters, defaults=defaults)


def _locale_of_behaviours(settings: RobotSettings) -> str:
    """The language of the behaviours, for sentences that others ask for without naming one."""
    found = {"behaviors_file": "", "locale": ""}
    try:
        for pattern, values in parameter_blocks(settings.params_file):
            if pattern.rpartition("/")[2] in ("behavior_node", "*", "**"):
                found |= {name: str(values[name]) for name in found.keys() & values.keys()}
        file = settings.behaviors_file or found["behaviors_file"]
        if found["locale"] or not file:
            return found["locale"] or LAST_RESORT
        return yaml_file.read(user_path(file)).text("locale")
    except InputError:  # who uses the file tells what is wrong with it
        return LAST_RESORT


def is_recorded(camera: str) -> bool:
    """Whether an argument ``camera`` names pictures of people who are not there in person.

    The built-in clip stands for people who are: it shows what happens then.

    Raises:
        InputError: no such home is known.
    """
    if camera in ("auto", "clip", "none"):
        return False
    path = user_path(camera)
    return camera.startswith("bag:") or path.is_file() or path.is_dir()


def _behaviour(settings: RobotSettings) -> Part:
    files, no_files = _given(
        behaviors_file=settings.behaviors_file,
        motions_file=settings.motions_file,
        locale=settings.locale,
    )
    return Part(
        "robot_behavior",
        "behavior_node",
        "robot_behavior.nodes.behavior_node:BehaviorNode",
        {"autostart": settings.autostart, "robot": settings.robot, **files},
        lifecycle=True,
        defaults={"in_person": not is_recorded(settings.camera), **no_files},
        needed=True,
    )


def _perception(settings: RobotSettings) -> Part:
    camera = camera_pose(settings.robot)
    return Part(
        "fer_node",
        "fer_node",
        "fer_node.nodes.fer_node:FerNode",
        {"autostart": settings.autostart, "model": settings.model},
        (("image", settings.image_topic),),
        lifecycle=True,
        needed=True,
        defaults={
            "expect_images": settings.camera != "none",
            "markers_frame": camera.frame,
            "camera_x": camera.x,
            "camera_y": camera.y,
            "camera_z": camera.z,
        },
    )


def _camera(settings: RobotSettings, clip: Path) -> Part:
    return Part(
        "fer_node",
        "camera_node",
        "fer_node.nodes.camera_node:CameraNode",
        {"camera": settings.camera, "clip": str(clip)},
        (("image_raw", settings.image_topic), *_beside_images(settings)),
    )

"""Finds and reads the files that tell the nodes which robot they move, and what it can play."""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from ec_rfernet.errors import InputError
from ec_rfernet.files import user_path
from fer_common.runner import StartError
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.body.urdf import UrdfError, humanoid, load
from robot_behavior.motion.check import Checker
from robot_behavior.motion.library import MotionLibrary, load_motions
from robot_behavior.robots import find_robot
from robot_behavior.yaml_file import ConfigError

WHICH_ROBOT = "Which robot, by its name in robot_behavior.robots."
"""Meaning of the parameter ``robot``, which several nodes have."""


def read_model(path: str, robot: str = "sim") -> RobotModel:
    """The robot of a URDF.

    Args:
        path: of the URDF; empty: that of the robot, or of the humanoid of ``fer_bringup``.
        robot: its name.

    Raises:
        StartError: it cannot be read, or there is no such robot.
    """
    try:
        return load(urdf_file(path, robot))
    except (InputError, UrdfError) as error:
        raise StartError(str(error)) from error


def urdf_file(path: str, robot: str) -> Path:
    """The file with a robot's URDF, see `read_model`.

    Raises:
        InputError: there is no such robot, or no such home.
    """
    return user_path(path) if path else find_robot(robot).urdf or humanoid()


def motions_file(path: str, robot: str) -> Path:
    """The file with a robot's motions.

    Args:
        path: of the file; empty: that of the robot, or of the humanoid.
        robot: its name.

    Raises:
        InputError: there is no such robot, or no such home.
        PackageNotFoundError: the humanoid's file is asked for, and this package not installed.
    """
    if path:
        return user_path(path)
    return find_robot(robot).motions or humanoid_motions()


def humanoid_motions() -> Path:
    """The file with the humanoid's motions.

    Raises:
        PackageNotFoundError: this package is not installed.
    """
    return Path(get_package_share_directory("robot_behavior"), "config", "motions.yaml")


def read_motions(path: str, robot: str, model: RobotModel) -> MotionLibrary:
    """The motions that the robot can play, see `motions_file`.

    Raises:
        StartError: the file is unusable, or not there.
    """
    try:
        return load_motions(motions_file(path, robot), model.limits, Checker(model))
    except (ConfigError, InputError, PackageNotFoundError) as error:
        raise StartError(str(error)) from error

"""Reads the files that tell the nodes which robot they move, and what it can play."""

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
from robot_behavior.yaml_file import ConfigError


def read_model(path: str) -> RobotModel:
    """The robot of a URDF; an empty path is the humanoid of ``fer_bringup``.

    Raises:
        StartError: it cannot be read.
    """
    try:
        return load(user_path(path) if path else humanoid())
    except (InputError, UrdfError) as error:
        raise StartError(str(error)) from error


def read_motions(path: str, model: RobotModel) -> MotionLibrary:
    """The motions of a file that the robot can play; an empty path is this package's file.

    Raises:
        StartError: the file is unusable, or the path is empty and the package not installed.
    """
    try:
        if path:
            file = user_path(path)
        else:
            file = Path(get_package_share_directory("robot_behavior"), "config", "motions.yaml")
        return load_motions(file, model.limits, Checker(model))
    except (ConfigError, InputError, PackageNotFoundError) as error:
        raise StartError(str(error)) from error

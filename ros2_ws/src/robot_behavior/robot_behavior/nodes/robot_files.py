"""Finds and reads the files that tell the nodes which robot they move."""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from fer_common.runner import StartError
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.body.urdf import UrdfError, load
from robot_behavior.motion.check import Checker
from robot_behavior.motion.library import MotionLibrary, load_motions
from robot_behavior.yaml_file import ConfigError


def read_model(path: str) -> RobotModel:
    """The robot of a URDF; an empty path is the humanoid of ``fer_bringup``.

    Raises:
        StartError: it cannot be read.
    """
    try:
        return load(_found(path, "urdf", "fer_bringup", "urdf/humanoid.urdf"))
    except UrdfError as error:
        raise StartError(str(error)) from error


def read_motions(path: str, model: RobotModel) -> MotionLibrary:
    """The motions of a file that the robot can play; an empty path is this package's file.

    Raises:
        StartError: the file is unusable.
    """
    try:
        file = _found(path, "motions_file", "robot_behavior", "config/motions.yaml")
        return load_motions(file, model.limits, Checker(model))
    except ConfigError as error:
        raise StartError(str(error)) from error


def config_path(path: str, parameter: str, name: str) -> Path:
    """A configuration file of a parameter; an empty path is a file of this package.

    Args:
        path: value of the parameter.
        parameter: its name, for messages.
        name: of the file in this package's folder ``config``.

    Raises:
        StartError: the path is empty and the package is not installed.
    """
    return _found(path, parameter, "robot_behavior", f"config/{name}")


def _found(path: str, parameter: str, package: str, default: str) -> Path:
    if path:
        return Path(path).expanduser()
    try:
        return Path(get_package_share_directory(package)) / default
    except PackageNotFoundError as error:
        raise StartError(
            f"parameter '{parameter}' is empty and package {package} is not installed, "
            "expected a path"
        ) from error

"""Finds and reads the files that tell the nodes which robot they move."""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from fer_common.runner import StartError
from robot_behavior.motion_library import MotionLibrary, load_motions
from robot_behavior.robot_model import RobotModel
from robot_behavior.urdf import UrdfError, load
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
    """The motions of a file; an empty path is the file of this package.

    Raises:
        StartError: the file is unusable.
    """
    try:
        file = _found(path, "motions_file", "robot_behavior", "config/motions.yaml")
        return load_motions(file, model.limits)
    except ConfigError as error:
        raise StartError(str(error)) from error


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

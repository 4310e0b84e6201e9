"""What the recorder tells about itself on ``/diagnostics``, and so in the bag."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fer_common.diagnostics import Report, error, warn
from fer_monitor.recording.writer import Writer


def versions(middleware: str) -> dict[str, str]:
    """Of what was recorded with what.

    Args:
        middleware: of ROS.
    """
    return {
        "robot": _version("fer_node"),
        "recorder": _version("fer_monitor"),
        "ROS": os.environ.get("ROS_DISTRO") or f"rclpy {_version('rclpy', 'ros-jazzy-rclpy')}",
        "middleware": middleware,
        "Python": platform.python_version(),
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
    }


def _version(*names: str) -> str:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"


def report(folder: Path, images: bool, writer: Writer, about: dict[str, str]) -> Report:
    """How a recording is doing.

    Args:
        folder: where it is written.
        images: whether there are images in it.
        writer: that writes it.
        about: see `versions`.
    """
    slow = "the disk is too slow: messages were dropped" if writer.dropped else ""
    ended = f"the recording has ended: {writer.complete}" if writer.complete else ""
    values = {
        "folder": folder,
        "pictures": "yes" if images else "no",
        "messages": writer.written,
        "megabytes": f"{writer.size / 1e6:.1f}",
        "dropped": writer.dropped,
        **about,
    }
    failed = f"not recording: {writer.error}" if writer.error else ""
    return Report("recording", values, [error(failed), warn(ended), warn(slow)])

"""Starts ROS and stops it again."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fer_monitor.doctor.probes.reply import reply


def work(_arguments: Sequence[str]) -> dict[str, Any]:
    """Version and middleware."""
    import rclpy
    from rclpy.utilities import get_rmw_implementation_identifier

    rclpy.init()
    rclpy.create_node("fer_doctor").destroy_node()
    rclpy.shutdown()
    return {"rclpy": _version(), "rmw": get_rmw_implementation_identifier()}


def _version() -> str:
    for name in ("rclpy", "ros-rclpy"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "of unknown version"


if __name__ == "__main__":
    reply(work)

"""Pepper, spoken to directly: libqi, as NAO."""

from __future__ import annotations

from pathlib import Path

from robot_behavior.robots import Robot
from robot_behavior.robots.nao import NaoqiSettings

HERE = Path(__file__).parent

ROBOT = Robot(
    description="Pepper, over its network",
    driver="robot_behavior.robots.nao.driver:create",
    settings=NaoqiSettings,
    arguments=("host",),
    urdf=HERE / "robot.urdf",
    motions=HERE / "motions.yaml",
)

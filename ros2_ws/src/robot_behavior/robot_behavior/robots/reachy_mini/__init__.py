"""Reachy Mini, behind its maker's daemon: a head on six legs, a body that turns, two antennas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fer_common.settings import setting
from robot_behavior.robots import Robot

HERE = Path(__file__).parent


@dataclass(frozen=True)
class ReachyMiniSettings:
    """Of the driver of Reachy Mini."""

    host: str = setting("127.0.0.1", "Name or address of the computer on which its daemon runs.")
    daemon_port: int = setting(8000, "Port of the daemon.", low=1, high=65535)
    wake: bool = setting(
        True, "Whether the robot is woken where it sleeps, and put to sleep again in the end."
    )


ROBOT = Robot(
    description="Reachy Mini, or its maker's simulator, behind its daemon",
    driver="robot_behavior.robots.reachy_mini.driver:create",
    settings=ReachyMiniSettings,
    arguments=("host",),
    urdf=HERE / "robot.urdf",
    motions=HERE / "motions.yaml",
    painter="robot_behavior.robots.reachy_mini.simulator:Painter",
)

"""Unitree G1, over its maker's SDK: gestures of its two arms, its own actions, voice and lights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fer_common.settings import setting
from robot_behavior.robots import Robot

HERE = Path(__file__).parent


@dataclass(frozen=True)
class G1Settings:
    """Of the driver of Unitree G1."""

    interface: str = setting(
        "", "Network interface of this computer that leads to the robot, such as eth0."
    )
    g1_domain: int = setting(
        0, "DDS domain of the robot; that of its maker's simulator is 1.", low=0, high=232
    )
    wrists: bool = setting(
        True,
        "Whether its arms have seven joints (G1 with 29 degrees of freedom or more); false: five "
        "(23).",
    )
    lights: bool = setting(True, "Whether its lights show whether it attends, waits or is stopped.")


ROBOT = Robot(
    description="Unitree G1, its arms, voice and lights",
    driver="robot_behavior.robots.unitree_g1.driver:create",
    settings=G1Settings,
    arguments=("interface",),
    urdf=HERE / "robot.urdf",
    motions=HERE / "motions.yaml",
)

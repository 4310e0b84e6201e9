"""NAO behind naoqi_driver2, if you have that already."""

from __future__ import annotations

from dataclasses import dataclass

from fer_common.settings import setting
from robot_behavior.robots import Robot


@dataclass(frozen=True)
class NaoqiDriverSettings:
    """Of the driver of NAO."""

    driver_namespace: str = setting("nao", "Namespace in which naoqi_driver runs.")
    nao_file: str = setting("", "Path of the joint mapping; empty: the installed file.")
    nao_speed: float = setting(
        0.6, "Share of its speed that NAO may use to catch up.", low=0.05, high=1.0
    )
    nao_speaks: bool = setting(True, "Whether NAO says what is on the topic speech.")


ROBOT = Robot(
    description="NAO behind naoqi_driver2 of ROS",
    driver="robot_behavior.robots.naoqi_driver.driver:create",
    settings=NaoqiDriverSettings,
)

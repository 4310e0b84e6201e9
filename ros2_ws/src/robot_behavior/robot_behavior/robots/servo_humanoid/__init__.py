"""A humanoid of hobby servos, on an Arduino UNO with the firmware ``servo_humanoid``."""

from __future__ import annotations

from dataclasses import dataclass

from fer_common.settings import setting
from robot_behavior.robots import Robot


@dataclass(frozen=True)
class ServoSettings:
    """Of the driver of the servo board."""

    port: str = setting("/dev/ttyACM0", "Path of the serial port.")
    servos_file: str = setting("", "Path of the servos; empty: the installed file.")


ROBOT = Robot(
    description="servos on an Arduino UNO",
    driver="robot_behavior.robots.servo_humanoid.driver:create",
    settings=ServoSettings,
    arguments=("port",),
    humanoid=True,
)

"""Humanoids of hobby servos: the backend that drives the servo board."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rclpy.node import Node

from fer_common.parameters import declare, parameter
from fer_common.runner import StartError
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.nodes.robot_files import config_path
from robot_behavior.robots.joint_stream import JointStream
from robot_behavior.robots.servo_humanoid.driver import ServoBoard
from robot_behavior.robots.servo_humanoid.serial_port import SerialPort
from robot_behavior.robots.servo_humanoid.servo_map import load_servos
from robot_behavior.yaml_file import ConfigError


@dataclass(frozen=True)
class SerialParams:
    """The parameters of this backend."""

    port: str = parameter("/dev/ttyACM0", "Path of the serial port.")
    servos_file: str = parameter("", "Path of the servos; empty: the installed file.")


def create(node: Node, model: RobotModel) -> JointStream:
    """The backend for a bridge.

    Raises:
        StartError: the servos file is unusable.
    """
    params = declare(node, SerialParams)
    try:
        file = config_path(params.servos_file, "servos_file", "servo_humanoid.yaml")
        servos = load_servos(file, model.limits)
    except ConfigError as error:
        raise StartError(str(error)) from error
    board = ServoBoard(servos, lambda: SerialPort(params.port), params.port, time.monotonic)
    stream = JointStream(model.limits, board)
    if stream.simulated:
        node.get_logger().info(f"simulates joints without a servo: {', '.join(stream.simulated)}")
    return stream

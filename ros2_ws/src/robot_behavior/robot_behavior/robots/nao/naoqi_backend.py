"""NAO: the backend that speaks the topics of naoqi_driver2."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from fer_common.parameters import declare, parameter
from fer_common.qos import EVENTS
from fer_common.runner import StartError
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.nodes.robot_files import config_path
from robot_behavior.robots.joint_stream import JointStream
from robot_behavior.robots.nao.driver import NaoLink
from robot_behavior.robots.nao.nao_map import load_nao
from robot_behavior.robots.optional import message_type
from robot_behavior.yaml_file import ConfigError


@dataclass(frozen=True)
class NaoqiParams:
    """The parameters of this backend."""

    driver_namespace: str = parameter("nao", "Namespace in which naoqi_driver runs.")
    nao_file: str = parameter("", "Path of the joint mapping; empty: the installed file.")
    nao_speed: float = parameter(
        0.6, "Share of its speed that NAO may use to catch up.", low=0.05, high=1.0
    )
    nao_speaks: bool = parameter(True, "Whether NAO says what is on the topic speech.")


def create(node: Node, model: RobotModel) -> JointStream:
    """The backend for a bridge.

    Raises:
        StartError: naoqi_bridge_msgs is not installed, or the mapping is unusable.
    """
    params = declare(node, NaoqiParams)
    angles = message_type("naoqi_bridge_msgs", "msg", "JointAnglesWithSpeed")
    try:
        file = config_path(params.nao_file, "nao_file", "nao.yaml")
        joints = load_nao(file, model.limits)
    except ConfigError as error:
        raise StartError(str(error)) from error
    space = params.driver_namespace.strip("/")
    publisher = node.create_publisher(angles, f"{space}/joint_angles", EVENTS)

    def send(names: list[str], values: list[float]) -> None:
        message = angles(joint_names=names, joint_angles=values, speed=params.nao_speed)
        message.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(message)

    link = NaoLink(joints, send, time.monotonic)
    node.create_subscription(
        JointState,
        f"{space}/joint_states",
        lambda message: link.heard(message.name, message.position),
        qos_profile_sensor_data,
    )
    if params.nao_speaks:
        voice = node.create_publisher(String, f"{space}/speech", EVENTS)
        node.create_subscription(String, "speech", voice.publish, EVENTS)
    stream = JointStream(model.limits, link)
    node.get_logger().info(f"simulates joints that NAO lacks: {', '.join(stream.simulated)}")
    return stream

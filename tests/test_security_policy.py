"""The policy of SROS 2 is that of the nodes, and each node runs in its enclave."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

import rclpy
from ament_index_python.packages import get_package_share_directory
from rclpy.node import Node

from fer_bringup.arguments import ARGUMENTS, RobotSettings
from fer_bringup.assembly import enclave, parts
from fer_common.runner import set_up_dds
from tests.processes import wait_for
from tests.security_policy import POLICY, TOGETHER, document, nodes


def test_each_node_may_do_what_it_does_and_nothing_else(tmp_path: Path) -> None:
    assert POLICY.read_text() == document(dict(nodes(tmp_path))), (
        "a node uses something else than config/security/policy.xml allows: "
        "python -m tests.security_policy writes it anew"
    )


def test_every_part_of_a_robot_has_an_enclave() -> None:
    installed = Path(get_package_share_directory("fer_bringup"), "config")
    tree = Xml.parse(installed / "security" / "policy.xml")
    known = {found.get("path", "") for found in tree.iter("enclave")}
    values = {argument.name: argument.default for argument in ARGUMENTS}
    values |= {"viewer": "true", "face": "true", "record": "true"}
    for robot in ("sim", "servo_humanoid"):
        settings = RobotSettings.read({**values, "robot": robot}, installed / "robot.yaml")
        everybody = parts(settings, Path("clip.mp4"))
        assert {enclave(part.executable) for part in everybody} <= known
    assert TOGETHER in known


def test_nobody_may_do_everything() -> None:
    """A star would give a node what belongs to others; that of ROS4HRI is for names of faces."""
    names = [element.text or "" for element in Xml.parse(POLICY).iter() if element.text]
    assert [name for name in names if "*" in name] == ["/humans/faces/*"] * 2


def test_the_processes_of_a_robot_are_in_their_enclaves(robot) -> None:
    set_up_dds()
    rclpy.init()
    node = Node("visitor")
    try:
        robot("--camera", "none", "--view", "none", "--record", "true")

        def found() -> dict[str, str]:
            triples = node.get_node_names_and_namespaces_with_enclaves()
            return {name: path for name, _, path in triples if name != "visitor"}

        wait_for(lambda: {"bag_recorder", "behavior_node"} <= set(found()), "the robot")

        def placed() -> dict[str, str]:
            alone = {"bag_recorder": enclave("bag_recorder")}
            return dict.fromkeys(found(), TOGETHER) | alone

        wait_for(lambda: found() == placed(), "the enclaves")
    finally:
        node.destroy_node()
        rclpy.try_shutdown()

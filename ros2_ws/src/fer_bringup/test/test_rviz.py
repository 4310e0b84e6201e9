"""RViz and Foxglove are told to show what the nodes really publish, and can show it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory
from fer_interfaces.msg import BehaviorState, Emotion
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    LivelinessPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from std_msgs.msg import String

from ec_rfernet.labels import LABELS
from ec_rfernet.show.palette import COLOURS
from fer_common.testing import spin_until, spinning
from fer_node.nodes.fer_node import FerNode
from robot_behavior.body import urdf
from robot_behavior.nodes.behavior_node import BehaviorNode, BehaviorParams
from robot_behavior.nodes.motion_player import MotionPlayer
from robot_behavior.nodes.sim_robot import SimRobot
from robot_behavior.nodes.speech_node import SpeechNode

SHARE = Path(get_package_share_directory("fer_bringup"))
NAMESPACE = "/somewhere"

# What follows is how RViz of ROS 2 Jazzy names things (rviz_common and rviz_default_plugins 14.1).
DISPLAY = {"Class", "Name", "Enabled", "Value"}
TOPIC = {"Value", "Depth", "Durability Policy", "History Policy", "Reliability Policy"}
DISPLAYS: dict[str, tuple[str, set[str]]] = {
    "Grid": (
        "",
        {"Alpha", "Cell Size", "Color", "Line Style", "Normal Cell Count", "Offset", "Plane"}
        | {"Plane Cell Count", "Reference Frame"},
    ),
    "Image": (
        "sensor_msgs/msg/Image",
        {"Max Value", "Median window", "Min Value", "Normalize Range", "Topic"},
    ),
    "MarkerArray": ("visualization_msgs/msg/MarkerArray", {"Namespaces", "Topic"}),
    "RobotModel": (
        "std_msgs/msg/String",
        {"Alpha", "Collision Enabled", "Description File", "Description Source"}
        | {"Description Topic", "Links", "Mass Properties", "TF Prefix", "Update Interval"}
        | {"Visual Enabled"},
    ),
}
"""Type of the messages, and the properties besides those of `DISPLAY`, of each class."""

TOOLS = {"FocusCamera", "Interact", "Measure", "MoveCamera", "Select"}
VIEWS = {
    "Orbit": {"Class", "Name", "Distance", "Focal Point", "Focal Shape Fixed Size"}
    | {"Focal Shape Size", "Near Clip Distance", "Pitch", "Target Frame", "Value", "Yaw"}
}
PANELS = {
    "Displays": {"Help Height", "Tree Height", "Splitter Ratio", "Property Tree Widget"},
    "Views": {"Expanded", "Splitter Ratio"},
}
POLICIES = {
    "Reliable": ReliabilityPolicy.RELIABLE,
    "Best Effort": ReliabilityPolicy.BEST_EFFORT,
    "Volatile": DurabilityPolicy.VOLATILE,
    "Transient Local": DurabilityPolicy.TRANSIENT_LOCAL,
}


class Shown(NamedTuple):
    """What a display subscribes to."""

    display: str
    topic: str
    type: str
    qos: QoSProfile


def class_of(entry: dict, package: str) -> str:
    found, _, name = entry["Class"].partition("/")
    assert found == package, f"{entry['Class']} is not of {package}"
    return name


def qos_of(topic: dict) -> QoSProfile:
    assert topic["History Policy"] == "Keep Last"
    return QoSProfile(
        depth=topic["Depth"],
        reliability=POLICIES[topic["Reliability Policy"]],
        durability=POLICIES[topic["Durability Policy"]],
        liveliness=LivelinessPolicy.AUTOMATIC,
    )


def read(config: dict) -> list[Shown]:
    """What RViz subscribes to; fails for all that it would not understand."""
    assert set(config) == {"Panels", "Visualization Manager", "Window Geometry"}
    for panel in config["Panels"]:
        known = PANELS[class_of(panel, "rviz_common")]
        assert set(panel) <= known | {"Class", "Name"}, panel["Name"]
    manager, shown = config["Visualization Manager"], []
    for display in manager["Displays"]:
        kind, properties = DISPLAYS[class_of(display, "rviz_default_plugins")]
        assert set(display) <= DISPLAY | properties, display["Name"]
        assert display["Enabled"] == display["Value"]
        for name in ("Topic", "Description Topic"):
            if name in display:
                assert set(display[name]) == TOPIC
                topic = display[name]
                shown.append(Shown(display["Name"], topic["Value"], kind, qos_of(topic)))
    for tool in manager["Tools"]:
        assert class_of(tool, "rviz_default_plugins") in TOOLS
    view = manager["Views"]["Current"]
    assert set(view) <= VIEWS[class_of(view, "rviz_default_plugins")]
    transformer = manager["Transformation"]["Current"]
    assert class_of(transformer, "rviz_default_plugins") == "TF"
    assert set(manager["Global Options"]) == {"Background Color", "Fixed Frame", "Frame Rate"}
    return shown


@pytest.fixture(scope="module")
def config() -> dict:
    return yaml.safe_load((SHARE / "rviz" / "robot.rviz").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def layout() -> dict[str, Any]:
    return json.loads((SHARE / "foxglove" / "robot.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def robot() -> Iterator[Node]:
    """Somebody who sees, over DDS, what a robot in a namespace publishes."""

    def described() -> Node:
        """Stands in for robot_state_publisher, which is not ours."""
        node = Node("robot_state_publisher", namespace=NAMESPACE)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        node.create_publisher(String, "robot_description", latched)
        return node

    kinds = (FerNode, BehaviorNode, MotionPlayer, SimRobot, SpeechNode)
    factories = [lambda kind=kind: kind(namespace=NAMESPACE) for kind in kinds]
    with spinning(*factories, described, lambda: Node("watcher")) as (executor, nodes):
        watcher = nodes[-1]
        last = ("robot_description", "speech", "behavior_node/markers", "sim_robot/markers")
        assert spin_until(
            executor, lambda: all(watcher.count_publishers(f"{NAMESPACE}/{name}") for name in last)
        )
        yield watcher


def test_rviz_understands_its_file(config: dict) -> None:
    assert {shown.display for shown in read(config)} == {
        "Robot",
        "Robot from robot_state_publisher",
        "People",
        "Speech and behaviour",
        "What the robot sees",
    }


def test_every_display_receives_what_it_subscribes_to(config: dict, robot: Node) -> None:
    for shown in read(config):
        # RViz runs in the robot's namespace, in which it resolves relative names.
        assert not shown.topic.startswith("/")
        publishers = robot.get_publishers_info_by_topic(f"{NAMESPACE}/{shown.topic}")
        assert publishers, f"nobody publishes {shown.topic}"
        for publisher in publishers:
            assert publisher.topic_type == shown.type, shown.topic
            verdict, reason = qos_check_compatible(publisher.qos_profile, shown.qos)
            assert verdict == QoSCompatibility.OK, f"{shown.topic}: {reason}"


def test_the_windows_have_the_names_of_the_displays_and_panels(config: dict) -> None:
    """Else RViz would not find the place of a window."""
    docks = {name for name, value in config["Window Geometry"].items() if isinstance(value, dict)}
    state = bytes.fromhex(config["Window Geometry"]["QMainWindow State"])
    assert docks == {"Displays", "Views", "What the robot sees"}
    for dock in docks:
        assert dock.encode("utf-16-be") in state


def test_nothing_that_is_switched_on_needs_tf(config: dict) -> None:
    manager = config["Visualization Manager"]
    frame = manager["Global Options"]["Fixed Frame"]
    assert frame == urdf.load(SHARE / "urdf" / "humanoid.urdf").root
    on = {display["Class"].split("/")[1] for display in manager["Displays"] if display["Enabled"]}
    assert on == {"Grid", "Image", "MarkerArray"}
    assert BehaviorParams().markers_frame == frame


def broken(config: dict, change: str) -> dict:
    config = copy.deepcopy(config)
    manager = config["Visualization Manager"]
    robot = manager["Displays"][1]
    if change == "class":
        robot["Class"] = "rviz_default_plugins/MarkersArray"
    elif change == "package":
        robot["Class"] = "rviz/MarkerArray"
    elif change == "property":
        robot["Namespace"] = {}
    elif change == "policy":
        robot["Topic"]["Reliability Policy"] = "reliable"
    elif change == "topic property":
        robot["Topic"]["QoS"] = 1
    elif change == "tool":
        manager["Tools"][0]["Class"] = "rviz_default_plugins/Move"
    else:
        manager["Views"]["Current"]["Jaw"] = 1.0
    return config


@pytest.mark.parametrize(
    "change", ["class", "package", "property", "policy", "topic property", "tool", "view"]
)
def test_a_slip_in_the_file_is_noticed(config: dict, change: str) -> None:
    with pytest.raises((AssertionError, KeyError)):
        read(broken(config, change))


# Foxglove

PANEL_TOPICS = {"RawMessages": "topicPath", "DiagnosticSummary": "topicToRender"}
PANEL_TYPES = {
    "Image": "sensor_msgs/msg/Image",
    "3D": "visualization_msgs/msg/MarkerArray",
    "DiagnosticSummary": "diagnostic_msgs/msg/DiagnosticArray",
    "RawMessages": "fer_interfaces/msg/BehaviorState",
}
FIELDS = {
    "/emotion": (
        "fer_interfaces/msg/Emotion",
        Emotion(labels=LABELS, probabilities=[0.0] * len(LABELS)),
    ),
    "/behavior_state": ("fer_interfaces/msg/BehaviorState", BehaviorState()),
    "/speech": ("std_msgs/msg/String", String()),
}


def panels(place: Any) -> list[str]:
    """The panels of an arrangement; fails for one that is not a tree of two."""
    if isinstance(place, str):
        return [place]
    assert set(place) == {"first", "second", "direction", "splitPercentage"}
    assert place["direction"] in ("row", "column") and 0 < place["splitPercentage"] < 100
    return panels(place["first"]) + panels(place["second"])


def paths(layout: dict[str, Any]) -> list[str]:
    """What is plotted, such as ``/emotion.valence``."""
    config = layout["configById"].values()
    return [path["value"] for panel in config for path in panel.get("paths", [])]


def test_foxglove_arranges_every_panel_once(layout: dict[str, Any]) -> None:
    assert set(layout) == {"configById", "globalVariables", "userNodes", "playbackConfig", "layout"}
    assert sorted(panels(layout["layout"])) == sorted(layout["configById"])
    kinds = {name.split("!")[0] for name in layout["configById"]}
    assert kinds == {*PANEL_TYPES, "Plot", "StateTransitions"}


def test_foxglove_shows_topics_that_are_published(layout: dict[str, Any], robot: Node) -> None:
    wanted = {path.partition(".")[0]: FIELDS[path.partition(".")[0]][0] for path in paths(layout)}
    for name, config in layout["configById"].items():
        kind = name.split("!")[0]
        topics = list(config.get("topics", {}))
        topics += [config[PANEL_TOPICS[kind]]] if kind in PANEL_TOPICS else []
        topics += [config["imageMode"]["imageTopic"]] if kind == "Image" else []
        assert topics or kind in ("Plot", "StateTransitions")
        wanted |= dict.fromkeys(topics, PANEL_TYPES.get(kind))
    for topic, kind in wanted.items():
        full = topic if topic == "/diagnostics" else NAMESPACE + topic
        types = {info.topic_type for info in robot.get_publishers_info_by_topic(full)}
        assert types == {kind}, topic


def test_foxglove_plots_fields_that_exist(layout: dict[str, Any]) -> None:
    plotted = paths(layout)
    assert len(plotted) == len(set(plotted)) == 7 + 2 + 4
    for path in plotted:
        topic, field, index = re.fullmatch(r"(/\w+)\.(\w+)(?:\[(\d)\])?", path).groups()
        value = getattr(FIELDS[topic][1], field)
        assert index is None or int(index) < len(value), path


def test_foxglove_has_the_colours_of_the_overlay(layout: dict[str, Any]) -> None:
    for index, line in enumerate(layout["configById"]["Plot!probabilities"]["paths"]):
        assert line["value"].endswith(f"[{index}]") and line["label"] == LABELS[index]
        assert tuple(bytes.fromhex(line["color"][1:])) == COLOURS[LABELS[index]]

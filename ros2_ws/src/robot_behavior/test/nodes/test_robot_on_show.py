"""What RViz shows of the robot, while it shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fer_interfaces.action import Say
from rclpy.action import ActionClient
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from visualization_msgs.msg import Marker, MarkerArray

from fer_common.qos import EVENTS, STREAM
from fer_common.runner import start
from fer_common.testing import Bystander, spin_until, spinning
from robot_behavior.nodes.behavior_node import BehaviorNode
from robot_behavior.nodes.motion_player import MotionPlayer
from robot_behavior.nodes.speech_node import SpeechNode


@dataclass
class Show:
    executor: Executor
    viewer: Node
    shown: dict[tuple[str, int], Marker]

    def watch(self, topic: str) -> None:
        """What RViz does: it keeps a marker by its ns and id until that is deleted."""

        def take(array: MarkerArray) -> None:
            for marker in array.markers:
                key = (marker.ns, marker.id)
                if marker.action == Marker.DELETE:
                    self.shown.pop(key, None)
                else:
                    self.shown[key] = marker

        self.viewer.create_subscription(MarkerArray, topic, take, EVENTS)

    def wait_until(self, condition: Any) -> None:
        assert spin_until(self.executor, condition)

    def text(self, space: str) -> str:
        return self.shown[space, 0].text if (space, 0) in self.shown else ""


@pytest.fixture
def show() -> Iterator[Show]:
    def speech() -> Node:
        values = {"backend": "log", "rate_wpm": 400}
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        return SpeechNode(parameter_overrides=overrides)

    nodes = (lambda: Bystander("viewer"), MotionPlayer, BehaviorNode, speech)
    with spinning(*nodes) as (executor, (viewer, _, behavior, _)):
        start(behavior)
        yield Show(executor, viewer, {})


def test_any_robot_that_tells_its_joints_is_drawn(show: Show) -> None:
    """Not only the simulated one: a bridge to a real robot publishes the same."""
    joints = show.viewer.create_publisher(JointState, "joint_states", STREAM)
    show.watch("motion_player/markers")

    def turned(angle: float) -> float:
        joints.publish(JointState(name=["head_yaw_joint"], position=[angle]))
        faces = [m for (ns, _), m in show.shown.items() if ns == "head_link"]
        return faces[0].pose.orientation.z if faces else 0.0

    show.wait_until(lambda: turned(0.5) > 0.2)
    first = set(show.shown)
    show.wait_until(lambda: turned(-0.5) < -0.2)
    assert set(show.shown) == first and len(first) > 40
    assert {marker.header.frame_id for marker in show.shown.values()} == {"base_link"}


def test_no_robot_is_drawn_before_one_tells_its_joints(show: Show) -> None:
    show.watch("motion_player/markers")
    show.watch("behavior_node/markers")
    show.wait_until(lambda: show.text("state"))
    assert not any(ns.endswith("_link") for ns, _ in show.shown)


def test_a_sentence_is_shown_while_it_is_said(show: Show) -> None:
    show.watch("behavior_node/markers")
    show.wait_until(lambda: show.text("state") == "idle" and show.text("reason"))
    assert ("bubble", 2) not in show.shown
    client = ActionClient(show.viewer, Say, "say")
    show.wait_until(client.server_is_ready)
    client.send_goal_async(Say.Goal(text="What a day", priority=200))
    show.wait_until(lambda: show.text("speech") == "What a day" and ("bubble", 2) in show.shown)
    show.wait_until(lambda: ("speech", 0) not in show.shown)
    assert ("bubble", 2) not in show.shown
    client.destroy()

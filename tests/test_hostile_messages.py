"""Messages that make no sense, thrown at every topic of every node over DDS: each node goes on.

Nodes, their topics and the types of these are found by themselves, so that a new node is tested
without a line here, unless its constructor asks for something.
"""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fer_interfaces.action import PlayMotion, Say
from rcl_interfaces.srv import ListParameters
from rclpy._rclpy_pybind11 import RCLError
from rclpy.action import ActionClient
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rosidl_parser.definition import AbstractNestedType, AbstractString, Array, NamespacedType
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from fer_bringup.journal import Journal, Screen
from fer_common.door import door_of
from fer_common.qos import EVENTS
from fer_common.runner import StartError
from fer_common.testing import spin_until, spinning
from fer_study.protocol import StudyProtocol, new_study
from robot_behavior.body import urdf
from robot_behavior.nodes.sim_robot import SimRobot

PACKAGES = ("fer_node", "robot_behavior", "fer_bringup", "fer_monitor", "fer_study")
FOREIGN = ("rcl_interfaces", "rosgraph_msgs", "lifecycle_msgs")  # read by rclpy, not by us

STRONG = QoSProfile(  # whatever a subscriber asks for, it is offered
    depth=200,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    deadline=Duration(seconds=0.5),
)


def nodes() -> Iterator[type[Node]]:
    """The classes of all nodes that run on a robot, robots that are stand-ins included."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            file = Path(package.__path__[0], *module.name.split(".")[1:]).with_suffix(".py")
            if ".testing." in module.name or not file.exists() or "Node):" not in file.read_text():
                continue
            for found in vars(importlib.import_module(module.name)).values():
                own = inspect.isclass(found) and found.__module__ == module.name
                if own and issubclass(found, Node):
                    yield found


ALL = sorted(set(nodes()), key=lambda kind: kind.__name__)


def make(kind: type[Node], folder: Path) -> Node:
    """A node; one that needs a package that is not installed says so."""
    values: dict[str, dict[str, Any]] = {
        "BagRecorder": {"folder": str(folder), "reserve_mb": 0.0, "images": True},
        "CameraNode": {"camera": str(folder / "grey.png")},
        "RobotBridge": {"robot": "servo_humanoid", "port": str(folder / "no_board")},
        "SpeechNode": {"backend": "log"},
        "FaceNode": {"port": 0},
        "ViewerNode": {"port": 0},
    }
    cv2.imwrite(str(folder / "grey.png"), np.full((48, 64, 3), 128, np.uint8))
    study = folder / "study"
    if not study.exists():
        new_study(study)
    overrides = values.get(kind.__name__, {})
    arguments: dict[str, tuple[Any, ...]] = {
        "ViewNode": (Screen(),),
        "StudyStation": (StudyProtocol.load(study), lambda answer: answer()),
        "FilmRecorder": (folder, urdf.humanoid(), Journal(lambda: 0.0, Screen())),
    }
    options: dict[str, Any] = {}
    if overrides:
        options["parameter_overrides"] = [Parameter(k, value=v) for k, v in overrides.items()]
    return kind(*arguments.get(kind.__name__, ()), **options)


# Messages.


@dataclass(frozen=True)
class Stuffing:
    """What all fields of a message are filled with; None leaves them as they are.

    Attributes:
        text: of strings.
        number: of floats.
        whole: of integers: 0 for the lowest, 1 for the highest that there is.
        count: elements of each list; None: another count for each.
    """

    text: str | None = None
    number: float | None = 0.5
    whole: int | None = None
    count: int | None = 2

    def into(self, message: Any) -> Any:
        """Fills a message."""
        names = message.get_fields_and_field_types()
        for turn, (name, kind) in enumerate(zip(names, message.SLOT_TYPES, strict=True)):
            old = getattr(message, name)
            if isinstance(kind, AbstractNestedType):
                setattr(message, name, self._list(old, kind, turn))
            elif isinstance(kind, NamespacedType):
                self.into(old)
            else:
                setattr(message, name, self._value(old, getattr(kind, "typename", "")))
        return message

    def _list(self, old: Any, kind: Any, turn: int) -> Any:
        inner, size = kind.value_type, turn if self.count is None else self.count
        if isinstance(inner, AbstractString):
            return [self.text or f"name {i}" for i in range(size)]
        if isinstance(inner, NamespacedType):
            element = getattr(importlib.import_module(".".join(inner.namespaces)), inner.name)
            size = min(size, 20_000)  # rclpy makes several objects of each
            smaller = replace(self, count=min(size, 2))
            return [smaller.into(element()) for _ in range(min(size, 2))] + [element()] * (size - 2)
        value = self._value(0.0 if inner.typename in ("float", "double") else 0, inner.typename)
        if isinstance(kind, Array):  # of a fixed size
            return np.full(len(old), value, old.dtype)
        return array(old.typecode, [value]) * size

    def _value(self, old: Any, kind: str) -> Any:
        if isinstance(old, str) and self.text is not None:
            return self.text
        if isinstance(old, float) and self.number is not None:
            narrow = kind == "float" and math.isfinite(self.number)
            return max(min(self.number, 3e38), -3e38) if narrow else self.number
        if kind.lstrip("u").startswith("int") and self.whole is not None:
            bits = int(kind.lstrip("uint"))
            low = 0 if kind.startswith("u") else -(2 ** (bits - 1))
            return low + self.whole * (2**bits - 1)
        return old


TEXTS = (
    "x" * 20_000,
    "x" * 90_000,
    "word " * 800,
    "\x1b]0;title\x07\x1b[2J\r\n\t",
    "ünknöwn \u202e label ☃",
)
NUMBERS = (math.nan, math.inf, 1e308, -1e308, 1e9, -3.0)
STUFFINGS = (
    *(Stuffing(count=count) for count in (None, 0, 1, 100_000)),
    *(Stuffing(number=number, count=count) for number in NUMBERS for count in (None, 1, 2)),
    *(Stuffing(text=text) for text in TEXTS),
    *(Stuffing(whole=whole) for whole in (0, 1)),
)


def messages(kind: Any) -> Iterator[Any]:
    """Messages of a type."""
    yield kind()
    for stuffing in STUFFINGS:
        yield stuffing.into(kind())
    if hasattr(kind(), "header"):
        for sec in (-1, -(2**31), 2**31 - 1):
            message = Stuffing().into(kind())
            message.header.stamp.sec, message.header.stamp.nanosec = sec, 2**32 - 1
            yield message


@cache
def hostile(kind: Any) -> tuple[bytes, ...]:
    """Messages of a type, as they are sent, and bytes that claim to be one."""
    sent: list[bytes] = []
    for message in messages(kind):
        with suppress(RCLError):  # the middleware will not even send it
            sent.append(bytes(serialize_message(message)))
    plain = bytes(serialize_message(Stuffing(text="MARK").into(kind())))
    sent.append(plain.replace(b"MARK", b"\xff\xfe\xc3\x28"))  # no UTF-8
    return (*sent, plain[: len(plain) // 2], plain[:5], plain + bytes(100))


def heard(node: Node) -> Iterator[tuple[Any, str]]:
    """Types and topics that a node listens to."""
    for subscription in list(node.subscriptions):
        if subscription.msg_type.__module__.split(".")[0] not in FOREIGN:
            yield subscription.msg_type, subscription.topic_name


def answers(executor: Any, node: Node, person: Node) -> bool:
    """Whether a node still answers a service."""
    client = person.create_client(ListParameters, f"{node.get_name()}/list_parameters")
    if not spin_until(executor, client.service_is_ready):
        return False
    future = client.call_async(ListParameters.Request())
    return spin_until(executor, future.done)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_node_survives_every_message(kind: type[Node], tmp_path: Path) -> None:
    try:
        with spinning(lambda: Node("stranger"), may_fail=True) as (executor, (stranger,)):
            node = make(kind, tmp_path)
            try:
                _throw_everything(executor, node, stranger)
            finally:
                executor.remove_node(node)
                node.destroy_node()
                if hasattr(node, "close"):
                    node.close()
    except StartError as missing:
        assert "is not installed" in str(missing)


def _throw_everything(executor: Any, node: Node, stranger: Node) -> None:
    executor.add_node(node)
    door = door_of(node)
    if isinstance(node, LifecycleNode):
        assert node.trigger_configure() is TransitionCallbackReturn.SUCCESS
        assert node.trigger_activate() is TransitionCallbackReturn.SUCCESS
    for kind, topic in dict.fromkeys(heard(node)):
        publisher = stranger.create_publisher(kind, topic, STRONG)
        assert spin_until(executor, publisher.get_subscription_count), topic
        for message in hostile(kind):
            with suppress(RCLError):  # the middleware will not even send it
                publisher.publish(message)
            for _ in range(3):
                executor.spin_once(timeout_sec=0.005)
    assert answers(executor, node, stranger)
    assert not [finding.text for finding in door.failures]


class Commander(Node):
    """Tells trajectories, and hears where the joints are."""

    def __init__(self) -> None:
        super().__init__("commander")
        self.told = self.create_publisher(JointTrajectory, "joint_trajectory", EVENTS)
        self.states: list[JointState] = []
        self.create_subscription(JointState, "joint_states", self.states.append, EVENTS)

    def go(self, position: float, velocities: tuple[float, ...] = ()) -> None:
        point = JointTrajectoryPoint(positions=[position], velocities=velocities)
        point.time_from_start.nanosec = 200_000_000
        self.told.publish(JointTrajectory(joint_names=["head_yaw_joint"], points=[point]))

    @property
    def head(self) -> float:
        return self.states[-1].position[self.states[-1].name.index("head_yaw_joint")]


def test_the_simulation_survives_trajectories_without_sense() -> None:
    with spinning(Commander, SimRobot) as (executor, (commander, _)):
        assert spin_until(executor, commander.told.get_subscription_count)
        for number in (1e308, -1e308, math.inf, math.nan, 1e9):
            commander.go(number)
            commander.go(0.1, (number,))
        commander.told.publish(Stuffing(count=100_000).into(JointTrajectory()))
        commander.go(0.3)
        assert spin_until(executor, lambda: commander.states and abs(commander.head - 0.3) < 0.01)
        numbers = [x for state in commander.states for x in (*state.position, *state.velocity)]
        assert all(map(math.isfinite, numbers))


# Goals.

SAY = (
    {"text": "Hello!", "rate": math.nan},
    {"text": "Hello!", "rate": 1.0, "volume_db": 1e38},
    {"text": "word " * 50_000, "rate": 1.0},
)
PLAY = ({"motion": "x" * 100_000}, {"motion": "\x1b[2J"}, {})


@pytest.mark.parametrize(
    ("kind", "action", "goals"),
    [("SpeechNode", (Say, "say"), SAY), ("MotionPlayer", (PlayMotion, "play_motion"), PLAY)],
)
def test_every_goal_without_sense_is_answered_with_the_reason(
    kind: str, action: tuple[Any, str], goals: tuple[dict[str, Any], ...], tmp_path: Path
) -> None:
    server = next(found for found in ALL if found.__name__ == kind)
    with spinning(lambda: make(server, tmp_path), lambda: Node("stranger")) as (executor, (_, me)):
        client = ActionClient(me, *action)
        try:
            assert spin_until(executor, client.server_is_ready)
            for fields in goals:
                sent = client.send_goal_async(action[0].Goal(**fields))
                assert spin_until(executor, sent.done)
                ended = sent.result().get_result_async()
                assert spin_until(executor, ended.done)
                assert not ended.result().result.success
                assert ended.result().result.message
        finally:
            client.destroy()

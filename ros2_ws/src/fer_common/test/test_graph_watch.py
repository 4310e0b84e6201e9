"""What the watches find in a real graph."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from fer_interfaces.action import PlayMotion
from rclpy.action import ActionServer
from rclpy.duration import Duration
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState

from fer_common.diagnostics import Limits, Report, warn
from fer_common.graph_watch import (
    GHOST_S,
    PATIENCE_S,
    InputWatch,
    NameWatch,
    OutputWatch,
    ServerWatch,
)
from fer_common.qos import EVENTS, LATCHED, NEWEST
from fer_common.reason import Finding, Level
from fer_common.testing import FakeClock, spin_until, spinning


def me() -> Node:
    return Node("me")


def robot() -> Node:
    return Node("robot")


def soon(executor: Executor, found: Callable[[], list[Finding]], text: str) -> bool:
    """Whether exactly one finding comes, with this text."""
    return spin_until(executor, lambda: [finding.text for finding in found()] == [text])


def listener(node: Node, topic: str = "joint_states", qos: QoSProfile = EVENTS):
    return node.create_subscription(JointState, topic, lambda message: None, qos)


@contextmanager
def another_process(program: str) -> Iterator[None]:
    """Runs statements with a node called ``other`` until the test is over."""
    lines = (
        "import sys, rclpy",
        "from rclpy.node import Node",
        "rclpy.init()",
        "node = Node('other')",
        program,
        "sys.stdin.read()",
    )
    child = subprocess.Popen([sys.executable, "-c", "\n".join(lines)], stdin=subprocess.PIPE)
    try:
        yield
    finally:
        child.communicate(timeout=120)


def test_nobody_publishes() -> None:
    clock = FakeClock()
    with spinning(me) as (_, (node,)):
        watch = InputWatch(
            node, listener(node), "joint states", "is the robot running?", clock=clock
        )
        assert watch.findings() == []
        clock.now += PATIENCE_S + 0.1
        text = "nobody publishes /joint_states: is the robot running?"
        assert watch.findings() == [warn(text)]
        node.create_publisher(JointState, "joint_states", EVENTS)
        assert watch.findings() == []


def test_what_is_optional_is_not_missed() -> None:
    clock = FakeClock()
    with spinning(me) as (_, (node,)):
        watch = InputWatch(node, listener(node), "joint states", None, clock=clock)
        watch.findings()
        clock.now += 100
        assert watch.findings() == []


def test_the_name_of_another_topic_is_guessed() -> None:
    clock = FakeClock()
    with spinning(me, robot) as (executor, (node, other)):
        listener(node, "unrelated")
        node.create_publisher(JointState, "my_own", EVENTS)
        other.create_publisher(JointState, "arm/joint_states", EVENTS)
        watch = InputWatch(node, listener(node), "joint states", "what?", clock=clock)
        watch.findings()
        clock.now += PATIENCE_S + 0.1
        text = (
            "nobody publishes /joint_states: joint states come on /arm/joint_states: "
            "remap with --ros-args -r /joint_states:=/arm/joint_states"
        )
        assert soon(executor, watch.findings, text)


def test_an_incompatible_publisher_is_named() -> None:
    with spinning(me, robot) as (executor, (node, other)):
        other.create_publisher(JointState, "joint_states", NEWEST)
        watch = InputWatch(node, listener(node), "joint states", "what?")
        text = (
            "the publisher of /joint_states is /robot; incompatible QoS: "
            "it offers best effort, me asks for reliable"
        )
        assert soon(executor, watch.findings, text)


def test_best_effort_subscriptions_hear_everybody() -> None:
    with spinning(me, robot) as (executor, (node, other)):
        for qos in (NEWEST, LATCHED):
            other.create_publisher(JointState, "joint_states", qos)
        subscription = listener(node, qos=NEWEST)
        watch = InputWatch(node, subscription, "joint states", "what?")
        assert spin_until(executor, lambda: subscription.get_publisher_count() == 2)
        assert watch.findings() == []


def test_two_publishers_of_what_one_should_publish() -> None:
    with spinning(me, robot, lambda: Node("ghost")) as (executor, (node, *others)):
        for other in others:
            other.create_publisher(JointState, "joint_states", EVENTS)
        clock, subscription = FakeClock(), listener(node)
        single = InputWatch(node, subscription, "joint states", "what?", single=True, clock=clock)
        assert spin_until(executor, lambda: subscription.get_publisher_count() == 2)
        assert single.findings() == []  # one of them may be a ghost
        clock.now += GHOST_S + 0.1
        assert single.findings()
        (finding,) = single.findings()
        assert finding.text in (
            "two nodes publish /joint_states: /robot and /ghost",
            "two nodes publish /joint_states: /ghost and /robot",
        )
        many = InputWatch(node, listener(node), "joint states", "what?")
        assert spin_until(executor, lambda: not many.findings())


def test_a_publisher_of_another_type_is_named() -> None:
    program = (
        "from sensor_msgs.msg import Imu\npublisher = node.create_publisher(Imu, 'joint_states', 1)"
    )
    with spinning(me) as (executor, (node,)), another_process(program):
        watch = InputWatch(node, listener(node), "joint states", "what?")
        text = "/other publishes /joint_states as sensor_msgs/Imu, expected sensor_msgs/JointState"
        assert soon(executor, watch.findings, text)


@pytest.mark.parametrize(
    ("silent_s", "level"),
    [(0.5, Level.OK), (2.0, Level.WARN), (20.0, Level.ERROR)],
)
def test_a_silent_publisher_is_named(silent_s: float, level: Level) -> None:
    with spinning(me, robot) as (executor, (node, other)):
        other.create_publisher(JointState, "joint_states", EVENTS)
        subscription = listener(node)
        watch = InputWatch(node, subscription, "joint states", "why?", silence=Limits(1.0, 10.0))
        assert spin_until(executor, lambda: subscription.get_publisher_count() == 1)
        report = Report("fine", findings=watch.findings(silent_s))
        assert report.level == level
        if level:
            assert report.message == (
                f"no joint states on /joint_states for {silent_s:.0f} s, "
                "though /robot publishes there: why?"
            )


def test_where_nobody_is_expected_only_a_silent_publisher_is_told() -> None:
    with spinning(me, robot) as (executor, (node, other)):
        subscription = listener(node)
        watch = InputWatch(node, subscription, "joint states", None, silence=Limits(1.0, 10.0))
        assert watch.findings(2.0) == []
        other.create_publisher(JointState, "joint_states", EVENTS)
        assert spin_until(executor, lambda: subscription.get_publisher_count() == 1)
        (finding,) = watch.findings(2.0)
        assert finding.text.endswith("though /robot publishes there")


def test_a_subscriber_who_hears_nothing_is_named() -> None:
    with spinning(me, robot) as (executor, (node, other)):
        watch = OutputWatch(node, node.create_publisher(JointState, "joint_states", EVENTS))
        good = listener(other)
        assert spin_until(executor, lambda: good.get_publisher_count() == 1)
        assert watch.findings() == []
        listener(other, qos=LATCHED)
        text = (
            "/robot subscribes to /joint_states and hears nothing; incompatible QoS: "
            "me offers volatile, it asks for transient local"
        )
        assert soon(executor, watch.findings, text)


def test_other_policies_are_named_too() -> None:
    with spinning(me, robot) as (executor, (node, other)):
        watch = OutputWatch(node, node.create_publisher(JointState, "joint_states", EVENTS))
        listener(other, qos=QoSProfile(depth=1, deadline=Duration(seconds=1)))
        text = (
            "/robot subscribes to /joint_states and hears nothing; incompatible QoS: "
            "me offers no deadline, it asks for a deadline of 1 s"
        )
        assert soon(executor, watch.findings, text)


def test_action_servers() -> None:
    clock = FakeClock()
    with spinning(me, robot) as (executor, (node, other)):
        watch = ServerWatch(node, "play_motion", "is motion_player running?", clock)
        assert watch.findings() == []
        clock.now += PATIENCE_S + 0.1
        text = "no action server play_motion: is motion_player running?"
        assert watch.findings() == [warn(text)]
        servers = [ActionServer(other, PlayMotion, "play_motion", lambda goal: None)]
        assert spin_until(executor, lambda: not watch.findings())
        servers.append(ActionServer(other, PlayMotion, "play_motion", lambda goal: None))
        served = "/play_motion/_action/send_goal"
        assert spin_until(executor, lambda: node.count_services(served) == 2)
        assert watch.findings() == []
        clock.now += GHOST_S - 0.1  # until then one may be of a node that was killed
        assert watch.findings() == []
        clock.now += 0.2
        text = "2 nodes serve the action play_motion: stop all but one"
        assert watch.findings() == [warn(text)]
        for server in servers:
            server.destroy()


def test_a_second_node_of_the_same_name() -> None:
    clock = FakeClock()
    with spinning(lambda: Node("other")) as (executor, (node,)):
        watch = NameWatch(node, clock)
        with another_process("pass"):
            names = node.get_node_names
            assert spin_until(executor, lambda: names().count("other") == 2)
            assert watch.findings() == []
            clock.now += GHOST_S - 0.1  # until then it may be one that was killed
            assert watch.findings() == []
            clock.now += 0.2
            text = "another node is called /other, too: does the robot run twice?"
            assert watch.findings() == [warn(text)]
        assert spin_until(executor, lambda: not watch.findings())


def test_a_finding_is_logged_once_while_it_lasts(capfd: pytest.CaptureFixture[str]) -> None:
    with spinning(me) as (_, (node,)):
        watch = InputWatch(node, listener(node), "states", "why?", silence=Limits(1.0))
        for silent_s in (3.0, 4.0, 5.0, 0.0, 3.0):
            watch.findings(silent_s)
    lines = [line for line in capfd.readouterr().err.splitlines() if "no states on" in line]
    assert [line.split("for ")[1] for line in lines] == ["3 s: why?", "3 s: why?"]


def test_what_another_such_node_publishes_is_no_input_of_this_one() -> None:
    clock = FakeClock()
    with spinning(me, lambda: Node("me", namespace="/b")) as (executor, (node, other)):
        other.create_publisher(JointState, "~/shown", EVENTS)
        watch = InputWatch(node, listener(node), "joint states", "what?", clock=clock)
        assert spin_until(executor, lambda: node.count_publishers("/b/me/shown"))
        watch.findings()
        clock.now += PATIENCE_S + 0.1
        assert soon(executor, watch.findings, "nobody publishes /joint_states: what?")

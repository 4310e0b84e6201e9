"""What the nodes of the behaviour say of themselves, over DDS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fer_interfaces.action import PlayMotion, Say
from fer_interfaces.msg import Emotion
from rclpy.action import ActionClient
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from fer_common.diagnostics import Limits
from fer_common.qos import EVENTS
from fer_common.reason import Level
from fer_common.testing import Bystander, DiagnosticsListener, spin_until, spinning
from robot_behavior.nodes.motion_player import MotionPlayer
from robot_behavior.nodes.sim_robot import SimRobot
from robot_behavior.nodes.speech_node import WINDOW_S, SpeechNode, TimeToSound
from robot_behavior.speech.voice import LogVoice, SpeechError
from robot_behavior.testing.mocks import MockServer
from robot_behavior.testing.world import make_node, world

URDF = Path(__file__).parents[3] / "fer_bringup" / "urdf" / "humanoid.urdf"
BEHAVIOR, PLAYER, VOICE, SIM = "/behavior_node", "/motion_player", "/speech_node", "/sim_robot"


def made(kind: type[Node], **values: Any) -> Callable[[], Node]:
    """A node that does not complain of a busy machine, unless its limits are given."""
    if kind is SpeechNode:
        values = {"warn_delay_s": 60.0, **values}
    else:
        values = {"urdf": str(URDF), "warn_rate": 0.0, **values}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return lambda: kind(parameter_overrides=overrides)


def test_the_player_misses_its_robot_and_finds_it() -> None:
    with spinning(DiagnosticsListener, made(MotionPlayer)) as (executor, (physician, _)):
        waits = "waits for the robot's first joint states"
        assert spin_until(executor, lambda: physician.message(PLAYER) == waits)
        assert physician.level(PLAYER) == Level.OK
        text = "nobody publishes /joint_states: is the robot running?"
        assert spin_until(executor, lambda: physician.message(PLAYER) == text)
        assert physician.level(PLAYER) == Level.ERROR
        robot = made(SimRobot)()
        executor.add_node(robot)
        assert spin_until(executor, lambda: physician.level(PLAYER) == Level.OK)
        values = physician.values(PLAYER)
        assert (values["robot"], values["motion"]) == ("ready", "none")
        assert float(values["age of the newest joint state [s]"]) < 1
        robot.destroy_node()


def test_a_robot_that_tells_too_seldom_is_a_warning() -> None:
    with spinning(DiagnosticsListener, made(MotionPlayer, warn_rate=500.0), made(SimRobot)) as (
        executor,
        n,
    ):
        physician, *_ = n
        text = "joint states/s, expected at least 500"
        assert spin_until(executor, lambda: physician.message(PLAYER).endswith(text))
        assert physician.level(PLAYER) == Level.WARN


def test_goals_of_the_player_are_counted() -> None:
    with spinning(DiagnosticsListener, made(MotionPlayer), made(SimRobot)) as (
        executor,
        (physician, *_),
    ):
        client = ActionClient(physician, PlayMotion, "play_motion")
        assert spin_until(executor, lambda: physician.values(PLAYER).get("robot") == "ready")

        def ask(motion: str, priority: int) -> Any:
            return client.send_goal_async(PlayMotion.Goal(motion=motion, priority=priority))

        ask("nod", 100)
        assert spin_until(executor, lambda: physician.message(PLAYER) == "plays nod")
        assert physician.values(PLAYER)["state"] == "playing"
        ask("nod", 50)
        ask("nod", 120)
        ask("no such motion", 120)
        wanted = {"goals done": "1", "goals refused": "2", "goals preempted": "1"}
        assert spin_until(executor, lambda: wanted.items() <= physician.values(PLAYER).items())
        assert float(physician.values(PLAYER)["joint_trajectory [1/s]"]) > 0
        client.destroy()


def test_a_publisher_that_the_simulation_cannot_hear_is_named() -> None:
    with spinning(DiagnosticsListener, made(SimRobot), lambda: Bystander("tool")) as (
        executor,
        nodes,
    ):
        physician, _, tool = nodes
        text = "nobody publishes /joint_trajectory: is motion_player running?"
        assert spin_until(executor, lambda: text in physician.message(SIM))
        tool.create_publisher(JointState, "unrelated", EVENTS)
        weak = type(EVENTS)(depth=1, reliability=2)
        tool.create_publisher(JointTrajectory, "joint_trajectory", weak)
        weakness = (
            "the publisher of /joint_trajectory is /tool; incompatible QoS: "
            "it offers best effort, sim_robot asks for reliable"
        )
        assert spin_until(executor, lambda: weakness in physician.message(SIM))
        assert text not in physician.message(SIM)


def test_the_voice_tells_what_it_says() -> None:
    with spinning(DiagnosticsListener, made(SpeechNode, backend="log")) as (
        executor,
        (physician, _),
    ):
        assert spin_until(executor, lambda: physician.message(VOICE) == "silent")
        client = ActionClient(physician, Say, "say")
        assert spin_until(executor, client.server_is_ready)
        text = "This sentence takes more than a second, so that somebody can see it."
        client.send_goal_async(Say.Goal(text=text))
        assert spin_until(executor, lambda: physician.message(VOICE) == "speaks")
        assert physician.values(VOICE)["saying"] == text
        client.send_goal_async(Say.Goal(text="Short."))
        wanted = {"goals preempted": "1", "goals done": "1", "saying": "nothing"}
        assert spin_until(executor, lambda: wanted.items() <= physician.values(VOICE).items())
        values = physician.values(VOICE)
        assert (values["backend"], values["language"]) == ("log", "en")
        assert float(values["time to sound, median [ms]"]) >= 0
        client.destroy()


def test_a_voice_that_begins_late_is_a_warning() -> None:
    now, limits = 10.0, Limits(1.0)
    delays = TimeToSound(lambda: now)
    for delay_s, late in ((0.1, False), (2.5, True)):
        delays.asked()
        now += delay_s
        delays.began(now)
        delays.began(now + 99)  # of the same sentence
        now += WINDOW_S if not late else 0.0
        finding = delays.finding(limits)
        assert (finding is not None) == late
    assert finding is not None and finding.level is Level.WARN
    assert finding.text == (
        "sentences begin 2.5 s after they are asked for, expected at most 1 s: is the machine busy?"
    )
    assert delays.values["time to sound, median [ms]"] == "2500"


def test_a_voice_that_nobody_hears_is_a_warning() -> None:
    pytest.importorskip("espeakng_loader")
    deaf = made(SpeechNode, backend="espeak", audio_device="no_such_device")
    with spinning(DiagnosticsListener, deaf) as (executor, (physician, _)):
        text = "nothing can be heard: "
        assert spin_until(executor, lambda: physician.message(VOICE).startswith(text))
        assert physician.level(VOICE) == Level.WARN
        values = physician.values(VOICE)
        assert values["voice"].startswith("eSpeak NG ") and values["sound device"] == "none"


def test_a_voice_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> object:
        raise SpeechError("lost its voice")

    monkeypatch.setattr(LogVoice, "synthesise", fail)
    with spinning(DiagnosticsListener, made(SpeechNode, backend="log")) as (
        executor,
        (physician, _),
    ):
        client = ActionClient(physician, Say, "say")
        assert spin_until(executor, client.server_is_ready)
        client.send_goal_async(Say.Goal(text="Hello"))
        assert spin_until(executor, lambda: physician.message(VOICE) == "lost its voice")
        assert physician.level(VOICE) == Level.ERROR
        assert physician.values(VOICE)["goals failed"] == "1"
        client.destroy()


def test_the_behaviour_misses_perception_and_servers(files: tuple[Path, Path]) -> None:
    with spinning(DiagnosticsListener, lambda: make_node(files)) as (executor, (physician, node)):
        assert spin_until(executor, lambda: physician.message(BEHAVIOR) == "unconfigured")
        assert node.trigger_configure() is TransitionCallbackReturn.SUCCESS
        assert spin_until(executor, lambda: physician.message(BEHAVIOR) == "inactive")
        assert node.trigger_activate() is TransitionCallbackReturn.SUCCESS
        wanted = (
            "nobody publishes /emotion: is fer_node running?",
            "no action server play_motion: is motion_player running?",
            "no action server say: is speech_node running?",
        )
        assert spin_until(
            executor, lambda: all(text in physician.message(BEHAVIOR) for text in wanted)
        )
        assert physician.level(BEHAVIOR) == Level.WARN
        values = physician.values(BEHAVIOR)
        assert (values["server play_motion"], values["server say"]) == ("missing", "missing")


def test_two_perceptions_are_named(files: tuple[Path, Path], monkeypatch) -> None:
    monkeypatch.setattr("fer_common.graph_watch.GHOST_S", 0.0)

    def perception(name: str) -> Callable[[], Node]:
        def make() -> Node:
            node = Node(name)
            node.create_publisher(Emotion, "emotion", EVENTS)
            return node

        return make

    factories = (
        DiagnosticsListener,
        lambda: make_node(files),
        perception("one"),
        perception("two"),
    )
    with spinning(*factories) as (executor, (physician, node, *_)):
        node.trigger_configure()
        node.trigger_activate()
        assert spin_until(
            executor, lambda: "two nodes publish /emotion" in physician.message(BEHAVIOR)
        )


def test_two_servers_of_one_action_are_named(files: tuple[Path, Path], monkeypatch) -> None:
    monkeypatch.setattr("fer_common.graph_watch.GHOST_S", 0.0)
    with world(files) as scene:
        physician, twin = DiagnosticsListener(), MockServer(scene.clock, action="play_motion")
        for node in (physician, twin):
            scene.executor.add_node(node)
        text = "2 nodes serve the action play_motion: stop all but one"
        scene.wait_until(lambda: text in physician.message(BEHAVIOR))
        assert physician.level(BEHAVIOR) == Level.WARN
        scene.executor.remove_node(twin)
        twin.destroy_node()
        scene.wait_until(lambda: text not in physician.message(BEHAVIOR))
        scene.executor.remove_node(physician)
        physician.destroy_node()


def test_the_behaviour_tells_what_it_answers(files: tuple[Path, Path]) -> None:
    with world(files) as scene:
        physician = DiagnosticsListener()
        scene.executor.add_node(physician)
        scene.person.label = "happy"
        scene.wait_until(lambda: physician.values(BEHAVIOR).get("responses given", "0") != "0")
        values = physician.values(BEHAVIOR)
        assert values["last response"].startswith("happy (")
        assert values["person"] == "somebody"
        scene.person.leave()
        scene.wait_until(lambda: physician.values(BEHAVIOR).get("behaviour") == "idle")
        assert physician.values(BEHAVIOR)["withheld"] == "nobody is in view"
        assert physician.level(BEHAVIOR) == Level.OK
        scene.executor.remove_node(physician)
        physician.destroy_node()

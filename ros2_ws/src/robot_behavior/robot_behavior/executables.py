"""The executables of this package; exit code 2 when a node cannot start."""

from __future__ import annotations

from fer_common.entry import execute


def behavior_node() -> int:
    """Runs `robot_behavior.behavior_node.BehaviorNode`."""
    return execute("robot_behavior.behavior_node:BehaviorNode")


def mock_person() -> int:
    """Runs `robot_behavior.mock_person.MockPerson`."""
    return execute("robot_behavior.mock_person:MockPerson")


def mock_server() -> int:
    """Runs `robot_behavior.mocks.MockServer`."""
    return execute("robot_behavior.mocks:MockServer")


def motion_player() -> int:
    """Runs `robot_behavior.motion_player.MotionPlayer`."""
    return execute("robot_behavior.motion_player:MotionPlayer")


def sim_robot() -> int:
    """Runs `robot_behavior.sim_robot.SimRobot`."""
    return execute("robot_behavior.sim_robot:SimRobot")


def speech_node() -> int:
    """Runs `robot_behavior.speech_node.SpeechNode`."""
    return execute("robot_behavior.speech_node:SpeechNode")


def robot_bridge() -> int:
    """Runs `robot_behavior.backends.robot_bridge.RobotBridge`."""
    return execute("robot_behavior.backends.robot_bridge:RobotBridge")


def play_motion2_bridge() -> int:
    """Runs `robot_behavior.backends.play_motion2.PlayMotion2Bridge`."""
    return execute("robot_behavior.backends.play_motion2:PlayMotion2Bridge")


def fake_controller() -> int:
    """Runs `robot_behavior.backends.fake_controller.FakeController`."""
    return execute("robot_behavior.backends.fake_controller:FakeController")


def fake_nao() -> int:
    """Runs `robot_behavior.backends.fake_nao.FakeNaoNode`."""
    return execute("robot_behavior.backends.fake_nao:FakeNaoNode")


def fake_play_motion2() -> int:
    """Runs `robot_behavior.backends.fake_play_motion2.FakePlayMotion2`."""
    return execute("robot_behavior.backends.fake_play_motion2:FakePlayMotion2")

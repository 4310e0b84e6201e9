"""The executables of this package; exit code 2 when a node cannot start."""

from __future__ import annotations

from fer_common.entry import execute


def behavior_node() -> int:
    """Runs `robot_behavior.nodes.behavior_node.BehaviorNode`."""
    return execute("robot_behavior.nodes.behavior_node:BehaviorNode")


def mock_person() -> int:
    """Runs `robot_behavior.testing.mocks.MockPerson`."""
    return execute("robot_behavior.testing.mocks:MockPerson")


def mock_server() -> int:
    """Runs `robot_behavior.testing.mocks.MockServer`."""
    return execute("robot_behavior.testing.mocks:MockServer")


def motion_player() -> int:
    """Runs `robot_behavior.nodes.motion_player.MotionPlayer`."""
    return execute("robot_behavior.nodes.motion_player:MotionPlayer", moves=True)


def sim_robot() -> int:
    """Runs `robot_behavior.nodes.sim_robot.SimRobot`."""
    return execute("robot_behavior.nodes.sim_robot:SimRobot", moves=True)


def speech_node() -> int:
    """Runs `robot_behavior.nodes.speech_node.SpeechNode`."""
    return execute("robot_behavior.nodes.speech_node:SpeechNode")


def stop_keeper() -> int:
    """Runs `robot_behavior.robots.sign_of_life.StopNode`."""
    return execute("robot_behavior.robots.sign_of_life:StopNode")


def robot_bridge() -> int:
    """Runs `robot_behavior.nodes.robot_bridge.RobotBridge`."""
    return execute("robot_behavior.nodes.robot_bridge:RobotBridge", moves=True)


def play_motion2_bridge() -> int:
    """Runs `robot_behavior.robots.play_motion2.bridge.PlayMotion2Bridge`."""
    return execute("robot_behavior.robots.play_motion2.bridge:PlayMotion2Bridge", moves=True)


def fake_controller() -> int:
    """Runs `robot_behavior.robots.ros2_control.fake_controller.FakeController`."""
    return execute("robot_behavior.robots.ros2_control.fake_controller:FakeController")


def fake_play_motion2() -> int:
    """Runs `robot_behavior.robots.play_motion2.fake_play_motion2.FakePlayMotion2`."""
    return execute("robot_behavior.robots.play_motion2.fake_play_motion2:FakePlayMotion2")

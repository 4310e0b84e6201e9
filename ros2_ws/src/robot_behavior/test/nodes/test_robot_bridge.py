"""The bridge between the motion player's topics and robots, over real DDS."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fer_interfaces.action import PlayMotion
from rclpy.action import ActionClient
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from fer_common.qos import EVENTS, NEWEST
from fer_common.runner import StartError, ros_distro
from fer_common.testing import Bystander, spin_until, spinning
from robot_behavior.nodes.motion_player import MotionPlayer
from robot_behavior.nodes.robot_bridge import RobotBridge
from robot_behavior.robots.backend import STOPPED, message_type

HEAD = "head_yaw_joint"


def bridge(**values: Any) -> Callable[[], RobotBridge]:
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return lambda: RobotBridge(parameter_overrides=overrides)


class Player(Bystander):
    """What the motion player does of all this."""

    def __init__(self) -> None:
        super().__init__("player")
        self.positions: dict[str, float] = {}
        self.seen = 0
        self._out = self.create_publisher(JointTrajectory, "joint_trajectory", EVENTS)
        self.create_subscription(JointState, "joint_states", self._take, NEWEST)
        self.stop = self.create_client(Trigger, "robot_bridge/stop")
        self.release = self.create_client(Trigger, "robot_bridge/release")

    @property
    def connected(self) -> bool:
        return bool(self._out.get_subscription_count()) and self.stop.service_is_ready()

    def send(self, goal: float, seconds: int = 1, joint: str = HEAD) -> None:
        message = JointTrajectory(joint_names=[joint])
        message.points = [JointTrajectoryPoint(positions=[goal])]
        message.points[0].time_from_start.sec = seconds
        self._out.publish(message)

    def halt(self) -> None:
        self._out.publish(JointTrajectory())

    def at(self, goal: float) -> bool:
        return abs(self.positions.get(HEAD, 9.0) - goal) < 0.02

    def _take(self, message: JointState) -> None:
        self.positions = dict(zip(message.name, message.position, strict=True))
        self.seen += 1


def test_a_trajectory_moves_the_servos_and_the_stop_holds_them(fake_board: Any) -> None:
    factory = bridge(robot="servo_humanoid", port=str(fake_board.link))
    with spinning(factory, Player) as (executor, (node, player)):
        assert spin_until(executor, lambda: player.connected and len(player.positions) == 18)
        assert player.at(0.0)
        player.send(0.8)
        assert spin_until(executor, lambda: player.at(0.8))
        assert spin_until(executor, lambda: abs(fake_board.widths[5] - 2009.3) < 3.0)
        player.send(-0.8, seconds=2)
        assert spin_until(executor, lambda: player.positions[HEAD] < 0.6)
        done = player.stop.call_async(Trigger.Request())
        assert spin_until(executor, done.done)
        begin, held = player.seen, player.positions[HEAD]
        player.send(-0.8)
        assert spin_until(executor, lambda: player.seen > begin + 60)
        assert abs(player.positions[HEAD] - held) < 0.15
        done = player.release.call_async(Trigger.Request())
        assert spin_until(executor, lambda: done.done() and not node.problem)
        player.send(0.3)
        assert spin_until(executor, lambda: player.at(0.3))
        node.begin_stop()
        assert spin_until(executor, node.is_stopped)
        assert spin_until(executor, lambda: player.at(0.0))


def test_a_port_that_disappears_silences_the_joint_states(fake_board: Any) -> None:
    factory = bridge(robot="servo_humanoid", port=str(fake_board.link))
    with spinning(factory, Player) as (executor, (node, player)):
        assert spin_until(executor, lambda: player.connected and player.positions)
        player.send(0.9, seconds=3)
        assert spin_until(executor, lambda: player.positions[HEAD] > 0.1)
        fake_board.kill()
        assert spin_until(executor, lambda: "disappeared" in str(node.problem))
        seen = player.seen
        fake_board.start()
        assert spin_until(executor, lambda: player.seen > seen + 30)
        assert not any(fake_board.widths)  # no leftover of the trajectory moves the robot
        player.send(0.2)
        assert spin_until(executor, lambda: player.at(0.2))


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"robot": "servo_humanoid", "servos_file": "/none.yaml"}, "/none.yaml: cannot be read"),
        ({"robot": "naoqi_driver"}, "naoqi_bridge_msgs is not installed"),
        ({"robot": "ros2_control"}, f"apt install ros-{ros_distro()}-control-msgs"),
        ({"robot": "dog"}, "robot is 'dog', expected one of: sim, servo_humanoid, nao"),
        ({"robot": "naoqi"}, "robot 'naoqi' is now called 'naoqi_driver'"),
        ({"backend": "serial"}, "parameter 'backend' is now called 'robot': .*servo_humanoid"),
        ({"robot": "none"}, "robot 'none' needs no robot_bridge"),
    ],
)
def test_what_is_missing_is_told(
    values: dict, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("naoqi_bridge_msgs", "control_msgs"):
        monkeypatch.setitem(sys.modules, package, None)
        monkeypatch.delitem(sys.modules, f"{package}.msg", raising=False)
        monkeypatch.delitem(sys.modules, f"{package}.action", raising=False)
    with pytest.raises(StartError, match=complaint), spinning(bridge(**values)):
        pass


def test_an_installed_message_is_found() -> None:
    assert message_type("std_msgs", "msg", "String") is String


def test_nao_moves_and_speaks() -> None:
    pytest.importorskip("naoqi_bridge_msgs", reason="naoqi_bridge_msgs is not installed")
    from ros2_ws.src.robot_behavior.test.robots.naoqi_driver.fake_nao import FakeNaoNode

    with spinning(FakeNaoNode, bridge(robot="naoqi_driver"), Player) as (executor, nodes):
        nao, node, player = nodes
        assert spin_until(executor, lambda: player.connected and len(player.positions) == 18)
        assert player.at(0.0)
        player.send(0.6)
        assert spin_until(executor, lambda: abs(nao.nao.angles["HeadYaw"] - 0.6) < 0.02)
        voice = player.create_publisher(String, "speech", EVENTS)
        assert spin_until(executor, voice.get_subscription_count)
        voice.publish(String(data="Hello"))
        assert spin_until(executor, lambda: nao.said == ["Hello"])
        nao.silent = True
        assert spin_until(executor, lambda: "silent" in str(node.problem))


def test_a_controller_follows_is_replaced_and_halted() -> None:
    pytest.importorskip("control_msgs", reason="control_msgs is not installed")
    from robot_behavior.robots.ros2_control.fake_controller import FakeController

    factories = (FakeController, bridge(robot="ros2_control"), Player)
    with spinning(*factories) as (executor, (robot, node, player)):
        assert spin_until(executor, lambda: player.connected and player.positions)
        assert spin_until(executor, lambda: not node.problem)
        player.send(0.9, seconds=3)
        assert spin_until(executor, lambda: player.positions[HEAD] > 0.1)
        player.send(0.4)
        assert spin_until(executor, lambda: player.at(0.4) and node.is_stopped())
        player.send(-0.9, seconds=3)
        assert spin_until(executor, lambda: player.positions[HEAD] < 0.2)
        player.halt()
        assert spin_until(executor, lambda: robot.simulation.is_still and node.is_stopped())
        assert player.positions[HEAD] > -0.5
        player.send(-0.9, seconds=3)
        assert spin_until(executor, lambda: not robot.simulation.is_still)
        done = player.stop.call_async(Trigger.Request())
        assert spin_until(executor, lambda: done.done() and robot.simulation.is_still)
        held = player.positions[HEAD]
        player.send(0.0)
        begin = time.monotonic()
        assert spin_until(executor, lambda: time.monotonic() > begin + 0.5)
        assert abs(player.positions[HEAD] - held) < 0.05
        assert node.problem is not None and node.problem.code == STOPPED


def test_a_controller_holds_when_nobody_commands_it_any_more() -> None:
    pytest.importorskip("control_msgs", reason="control_msgs is not installed")
    from robot_behavior.robots.ros2_control.fake_controller import FakeController

    factories = (FakeController, bridge(robot="ros2_control"), Player)
    with spinning(*factories) as (executor, (robot, node, player)):
        assert spin_until(executor, lambda: player.connected and player.positions)
        assert spin_until(executor, lambda: not node.problem)
        assert not node.driver.calm_down()
        player.send(0.9, seconds=3)
        assert spin_until(executor, lambda: player.positions[HEAD] > 0.1)
        assert node.driver.calm_down()
        assert spin_until(executor, lambda: robot.simulation.is_still and node.is_stopped())
        assert player.positions[HEAD] < 0.8


def test_the_motion_player_plays_on_the_servos(fake_board: Any) -> None:
    class Client(Bystander):
        def __init__(self) -> None:
            super().__init__("client")
            self.action = ActionClient(self, PlayMotion, "play_motion")

        def destroy_node(self) -> None:
            self.action.destroy()
            super().destroy_node()

    factory = bridge(robot="servo_humanoid", port=str(fake_board.link))
    with spinning(factory, MotionPlayer, Client) as (executor, (_, player, client)):
        assert spin_until(executor, lambda: client.action.server_is_ready())
        assert spin_until(executor, lambda: not player.problem), player.problem
        sent = client.action.send_goal_async(PlayMotion.Goal(motion="nod", priority=100))
        assert spin_until(executor, sent.done)
        result = sent.result().get_result_async()
        assert spin_until(executor, result.done)
        assert result.result().result.success, result.result().result.message
        nods = [row.widths[6] for row in fake_board.rows]
        assert max(nods) > 1600.0  # the head went down by more than 0.15 rad


def test_the_servos_file_is_a_parameter(tmp_path: Path, fake_board: Any) -> None:
    file = tmp_path / "servos.yaml"
    entry = "{channel: 2, zero_us: 1500, us_per_rad: 500, lower: -1, upper: 1, speed: 3}"
    file.write_text(f"servos:\n  {HEAD}: {entry}\n")
    factory = bridge(robot="servo_humanoid", port=str(fake_board.link), servos_file=str(file))
    with spinning(factory, Player) as (executor, (_, player)):
        assert spin_until(executor, lambda: player.connected and len(player.positions) == 18)
        player.send(0.5, joint="torso_yaw_joint")  # which has no servo and is simulated
        done = lambda: abs(player.positions["torso_yaw_joint"] - 0.5) < 0.02  # noqa: E731
        assert spin_until(executor, done)
        assert fake_board.widths[2] == pytest.approx(1500.0, abs=1.0)
        assert sum(width > 0 for width in fake_board.widths) == 1

"""A stop that outlives what moves the robot, and robots that have no memory of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy")

from fer_interfaces.msg import HoldState
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from fer_common.qos import EVENTS, LATCHED
from fer_common.runner import ClosingNode, add
from fer_common.testing import spin_until, spinning
from robot_behavior.robots.sign_of_life import HELD, HOLD, StopKeeper, StopMemory, StopNode


class Robot(Node):
    """A robot that hears trajectories, and what people ask of it."""

    def __init__(self) -> None:
        super().__init__("robot")
        self.heard: list[int] = []
        self.told: list[int] = []
        self.create_subscription(
            JointTrajectory, "joint_trajectory", lambda m: self.heard.append(len(m.points)), EVENTS
        )
        self.create_subscription(
            HoldState, HELD, lambda message: self.told.append(message.state), LATCHED
        )
        self.commands = self.create_publisher(JointTrajectory, "joint_trajectory", EVENTS)
        self.stop = self.create_client(Trigger, "/stop_keeper/stop")
        self.release = self.create_client(Trigger, "/stop_keeper/release")
        self.hold = self.create_client(SetBool, HOLD)

    def move(self) -> None:
        point = JointTrajectoryPoint(positions=[0.1])
        self.commands.publish(JointTrajectory(joint_names=["head_yaw_joint"], points=[point]))


class Body(ClosingNode):
    """What moves a robot, and forgets a stop when it starts anew."""

    def __init__(self) -> None:
        super().__init__("body")
        self.held = False
        keeper = StopKeeper(self, self.brake, self.brake, self.free)
        self.create_timer(0.05, lambda: keeper.look(self.held))
        self.stop = self.create_client(Trigger, "/body/stop")

    def brake(self) -> None:
        self.held = True

    def free(self) -> None:
        self.held = False


class Rememberer(Node):
    """As the supervisor does it."""

    def __init__(self) -> None:
        super().__init__("rememberer")
        memory = StopMemory(self)
        self.create_timer(0.05, memory.look)


def test_a_robot_that_hears_trajectories_itself_is_stopped_and_stays_so() -> None:
    with spinning(Robot, StopNode) as (executor, nodes):
        robot: Any = nodes[0]

        def wait(condition: Callable[[], object]) -> None:
            assert spin_until(executor, condition, 20.0)

        wait(robot.stop.service_is_ready)
        wait(lambda: robot.told == [HoldState.NEVER])
        wait(lambda: robot.commands.get_subscription_count() == 2)
        robot.move()
        wait(lambda: robot.heard == [1])
        robot.stop.call_async(Trigger.Request())
        wait(lambda: robot.heard == [1, 0])
        wait(lambda: robot.told[-1] == HoldState.HELD)
        robot.move()
        wait(lambda: robot.heard == [1, 0, 1, 0])
        robot.release.call_async(Trigger.Request())
        wait(lambda: robot.told[-1] == HoldState.RELEASED)
        robot.move()
        wait(lambda: robot.heard == [1, 0, 1, 0, 1])


def test_the_braking_is_let_end() -> None:
    now = [100.0]
    with spinning(Robot, lambda: StopNode(lambda: now[0])) as (executor, nodes):
        robot: Any = nodes[0]
        assert spin_until(executor, robot.hold.service_is_ready, 20.0)
        assert spin_until(executor, lambda: robot.commands.get_subscription_count() == 2, 20.0)
        robot.hold.call_async(SetBool.Request(data=True))
        assert spin_until(executor, lambda: HoldState.HELD in robot.told, 20.0)
        robot.move()
        assert spin_until(executor, lambda: robot.heard == [1], 20.0)
        now[0] += 0.31
        robot.move()
        assert spin_until(executor, lambda: robot.heard == [1, 1, 0], 20.0)


def test_what_moves_the_robot_is_told_again_that_it_was_stopped() -> None:
    with spinning(Rememberer, Robot, Body) as (executor, nodes):
        first: Any = nodes.pop()
        assert spin_until(executor, first.stop.service_is_ready, 20.0)
        first.stop.call_async(Trigger.Request())
        robot: Any = nodes[1]
        assert spin_until(executor, lambda: HoldState.HELD in robot.told, 20.0)
        executor.remove_node(first)
        first.destroy_node()
        second = Body()
        nodes.append(second)
        add(executor, second)
        assert spin_until(executor, lambda: second.held, 20.0), "its own memory is empty"


def test_a_released_robot_is_not_stopped_when_its_body_returns() -> None:
    with spinning(Rememberer, Robot, Body) as (executor, nodes):
        robot, first = nodes[1], nodes.pop()
        assert spin_until(executor, robot.hold.service_is_ready, 20.0)
        for held, state in ((True, HoldState.HELD), (False, HoldState.RELEASED)):
            robot.hold.call_async(SetBool.Request(data=held))
            assert spin_until(executor, lambda state=state: state in robot.told, 20.0)
        executor.remove_node(first)
        first.destroy_node()
        second: Any = Body()
        nodes.append(second)
        add(executor, second)
        before = len(robot.told)
        assert spin_until(executor, lambda: len(robot.told) > before, 20.0)
        assert robot.told[-1] == HoldState.NEVER and not second.held

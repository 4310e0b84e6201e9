"""A stop that outlives what moves the robot, and robots that have no memory of their own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from fer_interfaces.msg import HoldState
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from ec_rfernet.files import RUNTIME_VARIABLE
from fer_common.qos import EVENTS, LATCHED
from fer_common.testing import Bystander, spin_until, spinning
from robot_behavior.robots.kept_stop import stop_here
from robot_behavior.robots.sign_of_life import HELD, HOLD, StopNode


class Robot(Bystander):
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


def test_a_robot_that_hears_trajectories_itself_is_stopped_and_stays_so() -> None:
    with spinning(Robot, StopNode) as (executor, nodes):
        robot: Any = nodes[0]

        def wait(condition: Callable[[], object]) -> None:
            assert spin_until(executor, condition)

        wait(robot.stop.service_is_ready)
        wait(lambda: robot.told == [HoldState.NEVER])
        wait(lambda: robot.commands.get_subscription_count() == 2)
        robot.move()
        wait(lambda: robot.heard == [1])
        robot.stop.call_async(Trigger.Request())
        # A stop overtakes the trajectory where its node is slow: then it halts that one, too.
        wait(lambda: robot.heard[:2] == [1, 0] and robot.told[-1] == HoldState.HELD)
        robot.move()
        wait(lambda: robot.heard.count(1) == 2 and robot.heard[-1] == 0)
        robot.release.call_async(Trigger.Request())
        wait(lambda: robot.told[-1] == HoldState.RELEASED)
        robot.move()
        wait(lambda: robot.heard.count(1) == 3 and robot.heard[-1] == 1)


def test_the_braking_is_let_end() -> None:
    now = [100.0]
    with spinning(Robot, lambda: StopNode(lambda: now[0])) as (executor, nodes):
        robot: Any = nodes[0]
        assert spin_until(executor, robot.hold.service_is_ready)
        assert spin_until(executor, lambda: robot.commands.get_subscription_count() == 2)
        robot.hold.call_async(SetBool.Request(data=True))
        assert spin_until(executor, lambda: HoldState.HELD in robot.told)
        robot.move()
        assert spin_until(executor, lambda: robot.heard == [1])
        now[0] += 0.31
        robot.move()
        assert spin_until(executor, lambda: robot.heard == [1, 1, 0])


def test_a_robot_that_goes_on_obeys_what_this_machine_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUNTIME_VARIABLE, str(tmp_path))  # of other tests, one may still live
    with spinning(Robot, StopNode) as (executor, nodes):
        robot: Any = nodes[0]
        assert spin_until(executor, lambda: HoldState.NEVER in robot.told)
        assert stop_here(int(os.environ["ROS_DOMAIN_ID"]), "") == ["trajectory"]
        assert spin_until(executor, lambda: robot.told[-1] == HoldState.HELD)
        robot.release.call_async(Trigger.Request())
        assert spin_until(executor, lambda: robot.told[-1] == HoldState.RELEASED)
        assert stop_here(int(os.environ["ROS_DOMAIN_ID"]), "") == ["trajectory"]
        assert spin_until(executor, lambda: robot.told[-1] == HoldState.HELD)

"""Robots of ros2_control: trajectories become goals of ``FollowJointTrajectory``."""

from __future__ import annotations

from dataclasses import dataclass

from fer_common.settings import setting
from robot_behavior.robots import Robot


@dataclass(frozen=True)
class ControllerSettings:
    """Of the driver of ros2_control."""

    controller: str = setting(
        "joint_trajectory_controller", "Name of the joint_trajectory_controller."
    )


ROBOT = Robot(
    description="a robot of ros2_control, with FollowJointTrajectory",
    driver="robot_behavior.robots.ros2_control.driver:ControllerDriver",
    settings=ControllerSettings,
    sim_time=True,
)

"""The simulated humanoid: ideal joints, to try everything with."""

from __future__ import annotations

from robot_behavior.robots import Robot, RobotNode

ROBOT = Robot(
    description="the simulated humanoid",
    node=RobotNode("sim_robot", "robot_behavior.nodes.sim_robot:SimRobot", keeps_stop=True),
    humanoid=True,
    sim_time=True,
)

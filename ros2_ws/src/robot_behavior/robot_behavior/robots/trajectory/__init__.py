"""Any robot that listens to ``joint_trajectory`` and tells ``joint_states`` by itself."""

from __future__ import annotations

from robot_behavior.robots import Robot, RobotNode

ROBOT = Robot(
    description="a robot that listens to joint_trajectory itself",
    node=RobotNode("stop_keeper", "robot_behavior.robots.sign_of_life:StopNode", keeps_stop=True),
    sim_time=True,
)

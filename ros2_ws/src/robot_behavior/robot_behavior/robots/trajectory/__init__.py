"""Any robot that listens to ``joint_trajectory`` and tells ``joint_states`` by itself."""

from __future__ import annotations

from robot_behavior.robots import Robot

ROBOT = Robot(description="a robot that listens to joint_trajectory itself")

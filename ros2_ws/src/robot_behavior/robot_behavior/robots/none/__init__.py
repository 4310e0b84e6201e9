"""No robot: faces are read and answered in words, and nothing moves."""

from __future__ import annotations

from robot_behavior.robots import Robot

ROBOT = Robot(description="no gestures", motion_player=False, sim_time=True)

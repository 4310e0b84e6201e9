"""Robots of PAL: play_motion2 plays their gestures by name, in place of the motion player."""

from __future__ import annotations

from robot_behavior.robots import Robot, RobotNode

ROBOT = Robot(
    description="a robot of PAL, which plays its gestures itself",
    node=RobotNode(
        "play_motion2_bridge", "robot_behavior.robots.play_motion2.bridge:PlayMotion2Bridge"
    ),
    motion_player=False,
    sim_time=True,
)

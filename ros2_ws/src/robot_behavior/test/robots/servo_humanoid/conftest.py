"""The boards of the servo humanoid, as fixtures."""

from ros2_ws.src.robot_behavior.test.robots.servo_humanoid.boards import (
    board,
    fake_board,
    launch_board,
    simulated_uno,
    uno,
)

__all__ = ["board", "fake_board", "launch_board", "simulated_uno", "uno"]

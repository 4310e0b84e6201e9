"""What decides where a servo goes needs no ROS."""

from __future__ import annotations

import subprocess
import sys

INNER = (
    "fake_servo_board",
    "frames",
    "joint_link",
    "nao_link",
    "nao_map",
    "serial_port",
    "servo_board",
    "servo_map",
    "servo_protocol",
)


def test_the_drivers_need_no_ros() -> None:
    modules = ", ".join(f"robot_behavior.robots.{name}" for name in INNER)
    check = f"import sys, {modules}; sys.exit('rclpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

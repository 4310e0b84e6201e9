from __future__ import annotations

import subprocess
import sys

import pytest

INNER = [
    "age_gate attention bag bag_images bars camera_choice decode drawing estimate fakes finder",
    "follower frame jpeg mailbox mcap overlay palette perception pictures quality quiet smoother",
    "source stages track tracker video viewpoint webcam worker",
]


@pytest.mark.parametrize("foreign", ["rclpy", "torch", "sensor_msgs"])
def test_the_pure_part_needs_neither_ros_nor_torch(foreign):
    modules = ", ".join(f"fer_node.{name}" for line in INNER for name in line.split())
    check = f"import sys, {modules}; sys.exit({foreign!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

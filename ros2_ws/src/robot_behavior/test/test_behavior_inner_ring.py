"""The decisions need no ROS, and the robot needs no training library."""

from __future__ import annotations

import subprocess
import sys

import pytest

INNER = [
    "arbiter",
    "behavior_sim.command",
    "behaviors",
    "behaviors_file",
    "chooser",
    "conductor",
    "cooldowns",
    "decision",
    "engagement",
    "faults",
    "goal_slot",
    "mood",
    "policy",
    "response",
    "status",
    "watchdog",
    "wording",
]


@pytest.mark.parametrize("foreign", ["rclpy", "torch", "fer_interfaces"])
def test_the_decisions_need_neither_ros_nor_torch(foreign: str) -> None:
    modules = ", ".join(f"robot_behavior.{name}" for name in INNER)
    check = f"import sys, {modules}; sys.exit({foreign!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_the_node_needs_no_torch() -> None:
    check = "import sys, robot_behavior.nodes.behavior_node; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

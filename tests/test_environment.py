"""A variable with which ROS cannot start is one line and exit code 2, for every program."""

import os
import subprocess
import sys

import pytest

PROGRAMS = (
    "fer_bringup.robot:main",
    "fer_bringup.robot:supervisor",
    "fer_node.nodes.executables:fer_node",
    "fer_node.nodes.executables:camera_node",
    "robot_behavior.nodes.executables:behavior_node",
    "robot_behavior.nodes.executables:motion_player",
    "robot_behavior.nodes.executables:robot_bridge",
    "robot_behavior.nodes.executables:sim_robot",
    "robot_behavior.nodes.executables:speech_node",
    "fer_monitor.executables:bag_recorder",
    "fer_monitor.executables:viewer_node",
)
CALL = """
import importlib, sys
module, name = sys.argv.pop(1).split(":")
sys.exit(getattr(importlib.import_module(module), name)())
"""


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_says_it_in_one_line(program):
    environ = {**os.environ, "RMW_IMPLEMENTATION": "nonsense"}
    done = subprocess.run(
        [sys.executable, "-c", CALL, program],
        check=False,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "RMW_IMPLEMENTATION is 'nonsense', which is not installed" in done.stderr

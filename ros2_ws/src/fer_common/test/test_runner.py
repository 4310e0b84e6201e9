"""Nodes are started, stopped and given time to rest; run as real processes."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fer_common.runner import PROFILE_VARIABLE

PROGRAM = """
import sys
from dataclasses import dataclass
from fer_common.parameters import declare
from fer_common.settings import setting
from fer_common.runner import run
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node

@dataclass(frozen=True)
class Params:
    rate: float = setting(30.0, "Frames per second.", low=0.1, high=240.0)
    autostart: bool = setting(True, "Activate at start.")

class {name}({base}):
    def __init__(self):
        super().__init__("subject")
        declare(self, Params)
        self.ticks = 0
        self.create_timer(0.01, self.tick)
        print("up", flush=True)
{body}
sys.exit(run({name}))
"""

STOPPABLE = """
    def tick(self):
        self.ticks += 1
    def begin_stop(self):
        print("resting", flush=True)
        self.ticks = 0
    def is_stopped(self):
        {stopped}
"""


def start(base="Node", body="    def tick(self): pass", arguments=()):
    source = PROGRAM.format(name="Subject", base=base, body=body)
    return subprocess.Popen(
        [sys.executable, "-c", source, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={name: value for name, value in os.environ.items() if name != PROFILE_VARIABLE},
    )  # fmt: skip


def finish(process):
    try:
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_node_rest_first(number):
    body = STOPPABLE.format(stopped="return self.ticks > 5 and not print('rested', flush=True)")
    process = start(body=body)
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    code, out, err = finish(process)
    assert (code, out, err) == (0, "resting\nrested\n", "")


def test_a_second_signal_ends_the_grace():
    process = start(body=STOPPABLE.format(stopped="return False"))
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "resting\n"
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 0


def test_it_ends_when_the_node_says_so():
    body = (
        STOPPABLE.format(stopped="return True") + "    def has_ended(self): return self.ticks > 3"
    )
    code, out, err = finish(start(body=body))
    assert (code, out, err) == (0, "up\nresting\n", "")


def test_a_wrong_parameter_is_one_line_and_exit_code_2():
    code, _, err = finish(start(arguments=["--ros-args", "-p", "rate:=-1"]))
    assert code == 2
    assert err == "parameter 'rate' is -1.0, expected 0.1..240\n"


def test_arguments_that_ros_does_not_understand_are_exit_code_2():
    code, _, err = finish(start(arguments=["--ros-args", "-p", "rate"]))
    assert code == 2
    assert "failed to initialize rcl: Couldn't parse parameter override rule" in err
    assert "Traceback" not in err


def test_a_large_image_fits_through():
    """The profile is found by Fast DDS, and a profile of the user's own is left alone."""
    body = """
    def tick(self): pass
import os
from fer_common.runner import PROFILE_VARIABLE
print(os.environ.get(PROFILE_VARIABLE), flush=True)
run_before = run
def run(kind):
    code = run_before(kind)
    print(os.environ[PROFILE_VARIABLE], flush=True)
    return code
"""
    process = start(body=body)
    before = process.stdout.readline().strip()
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, err) == (0, "")
    assert before == "None"
    assert "shared_memory" in Path(out.strip()).read_text()


LIFECYCLE = """
    def tick(self): pass
    def on_configure(self, state):
        self.get_logger().error("the model is broken")
        return TransitionCallbackReturn.{outcome}
    def on_activate(self, state):
        print("active", flush=True)
        return super().on_activate(state)
"""


def test_a_lifecycle_node_starts_by_itself():
    process = start("LifecycleNode", LIFECYCLE.format(outcome="SUCCESS"))
    assert process.stdout.readline() == "up\n"
    assert process.stdout.readline() == "active\n"
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 0


def test_a_lifecycle_node_that_cannot_start_is_exit_code_2():
    code, _, err = finish(start("LifecycleNode", LIFECYCLE.format(outcome="FAILURE")))
    assert code == 2
    assert "the model is broken" in err
    assert err.endswith("subject could not start, see its message above\n")
    assert "Traceback" not in err


def test_ctrl_c_while_python_still_imports_is_quiet():
    """From the first line of the program on; before it, Python itself is still starting."""
    source = """
import sys, threading
from fer_common.entry import execute
class Slow:  # an import that takes its time
    def find_spec(self, name, path=None, target=None):
        if name == "slow_module":
            print("importing", flush=True)
            threading.Event().wait(20)
sys.meta_path.insert(0, Slow())
sys.exit(execute("slow_module:Node"))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    assert finish(process) == (0, "", "")


# Memory.

MEMORY_PROGRAM = """
import resource, sys
from fer_common.runner import keep_memory
if sys.argv[1] == "kept":
    keep_memory()
def image():
    return [bytearray(920_000) for _ in range(3)]
for _ in range(5):
    image()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    image()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""


def faults(how: str) -> float:
    """Pages that are fetched from the system for each image."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_PROGRAM, how], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is meant")
def test_images_are_not_fetched_from_the_system_again_and_again() -> None:
    pages_of_an_image = 3 * 920_000 / resource.getpagesize()
    assert faults("kept") < 0.05 * pages_of_an_image < 0.5 * faults("left")

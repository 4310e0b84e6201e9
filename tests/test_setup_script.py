"""``scripts/setup.sh`` says in one line what is missing, before it does anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = Path("ros2_ws", "src")
TOOLS = "bash env cat cp rm mkdir find sort sha256sum cut tail head dirname grep"


@pytest.fixture
def machine(tmp_path):
    """A copy of the script and of the doctor, where only basic tools and g++ are installed."""
    for part in (Path("scripts"), SOURCES / "fer_monitor", SOURCES / "fer_common"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "test")
        shutil.copytree(ROOT / part, tmp_path / part, ignore=ignored)
    for tool in TOOLS.split():
        target = shutil.which(tool) or pytest.fail(f"{tool} is not installed")
        script(tmp_path, tool).symlink_to(target)
    program(tmp_path, "g++", "exit 0")
    return tmp_path


def script(machine, name):
    path = machine / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    return path


def program(machine, name, body):
    path = script(machine, name)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def python(machine, fault="pass"):
    """A suitable Python, with a fault: what it runs at its start."""
    (machine / "faults").mkdir()
    (machine / "faults" / "sitecustomize.py").write_text(fault)
    faults = f'PYTHONPATH="{machine}/faults:$PYTHONPATH"'
    program(machine, "python3", f'{faults} exec "{sys.executable}" "$@"')


def run(machine, *arguments, **variables):
    environment = {"PATH": str(machine / "bin"), "HOME": str(machine), **variables}
    result = subprocess.run(
        ["bash", str(machine / "scripts" / "setup.sh"), *arguments],
        check=False, env=environment, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert not (machine / ".venv").exists()
    return result


def refused(result, message):
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("setup: ") and message in result.stderr


def test_no_python(machine):
    refused(run(machine), "needs Python 3.10, 3.11 or 3.12")


def test_an_unsupported_python(machine):
    program(machine, "python3", 'echo "Python 3.14.0"; [ "$1" = --version ]')
    refused(run(machine), "found: Python 3.14.0")


NO_ENSUREPIP = "import sys; sys.modules['ensurepip'] = None"
NO_HEADERS = """
import sysconfig
paths = sysconfig.get_paths
sysconfig.get_paths = lambda *arguments: {**paths(*arguments), "include": "/nowhere"}
"""
FULL = """
import shutil, types
shutil.disk_usage = lambda folder: types.SimpleNamespace(free=100e6)
"""
ARM = "import platform; platform.machine = lambda: 'aarch64'"


@pytest.mark.parametrize(
    ("what", "fault", "variables", "message"),
    [
        ("robot", NO_ENSUREPIP, {}, "no venv module; on Debian or Ubuntu: apt install python3-v"),
        ("robot", NO_HEADERS, {}, "(Python.h); on Debian or Ubuntu: apt install python3-dev"),
        ("robot", FULL, {}, "needs 2000 MB of disk space in "),
        ("viewer", FULL, {}, "needs 2000 MB of disk space in "),
        ("dev", FULL, {}, ", 100 MB are free\n"),
        ("robot", ARM, {}, "x86-64 Linux only; here, install it in /opt/ros/jazzy and source its"),
        (
            "robot", "pass", {"ROS_DISTRO": "noetic-typo"},
            "'noetic-typo', but /opt/ros/noetic-typo is not there; unset it to install ROS from",
        ),
        ("everything", "pass", {}, "'everything' is not known, expected robot, viewer or dev"),
    ],
)  # fmt: skip
def test_what_is_missing(machine, what, fault, variables, message):
    python(machine, fault)
    refused(run(machine, what, **variables), message)


def test_no_compiler(machine):
    python(machine)
    (machine / "bin" / "g++").unlink()
    refused(run(machine), "needs a C++ compiler to build messages and kernels; on Debian or Ubuntu")


def test_the_makefile_has_the_commands_of_the_readme():
    listed = subprocess.run(
        ["make", "-C", str(ROOT), "help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    ).stdout
    for command in ("setup", "demo", "run", "test", "lint", "clean"):
        assert f"\n{command} " in f"\n{listed}"

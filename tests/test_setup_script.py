"""``scripts/setup.sh`` says in one line what is missing, before it does anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = "bash env cat awk df uname cp rm mkdir find sort sha256sum cut tail head dirname grep"


@pytest.fixture
def machine(tmp_path):
    """A copy of the script, on a machine where only the basic tools are installed."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "scripts")
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS.split():
        place(folder, tool, Path(shutil.which(tool) or pytest.fail(f"{tool} is not installed")))
    return tmp_path


def place(folder, name, target):
    (folder / name).symlink_to(target)


def script(folder, name, body):
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def python_that_passes(folder):
    """Stands for a suitable Python with venv and headers."""
    script(folder, "python3", "exit 0")


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
    assert message in result.stderr


def test_no_python(machine):
    refused(run(machine), "needs Python 3.10, 3.11 or 3.12")


def test_an_unsupported_python(machine):
    script(machine / "bin", "python3", 'echo "Python 3.14.0"; [ "$1" = --version ]')
    refused(run(machine), "found: Python 3.14.0")


def test_no_venv_module(machine):
    script(machine / "bin", "python3", 'case "$2" in *ensurepip*) exit 1;; esac')
    refused(run(machine), "apt install python3-venv")


def test_no_compiler(machine):
    python_that_passes(machine / "bin")
    refused(run(machine), "apt install g++")


def test_no_headers(machine):
    script(machine / "bin", "python3", 'case "$2" in *Python.h*) exit 1;; esac')
    script(machine / "bin", "g++", "exit 0")
    refused(run(machine), "apt install python3-dev")


def test_a_full_disk(machine):
    python_that_passes(machine / "bin")
    script(machine / "bin", "g++", "exit 0")
    script(machine / "bin", "df", "echo header; echo /dev/x 9000 8900 100 99% /")
    refused(run(machine), "needs 2000 MB of disk space")
    refused(run(machine, "dev"), "100 MB are free")


def test_a_ros_that_is_not_there(machine):
    python_that_passes(machine / "bin")
    script(machine / "bin", "g++", "exit 0")
    refused(run(machine, ROS_DISTRO="noetic-typo"), "/opt/ros/noetic-typo is not there")


def test_a_machine_without_ros_wheels(machine):
    python_that_passes(machine / "bin")
    script(machine / "bin", "g++", "exit 0")
    script(machine / "bin", "uname", "echo Linux aarch64")
    refused(run(machine), "install it in /opt/ros/jazzy")


def test_an_unknown_word(machine):
    python_that_passes(machine / "bin")
    refused(run(machine, "everything"), "expected robot, viewer or dev")


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

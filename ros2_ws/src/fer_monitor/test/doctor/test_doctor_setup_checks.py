"""The doctor looks at Python, packages, ROS, workspace and models of a made-up machine."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_monitor.doctor.checks import packages, python, ros, workspace
from fer_monitor.doctor.children import Answer
from fer_monitor.doctor.finding import FAIL, OK, WARN
from fer_monitor.doctor.testing import Scripted, empty_machine, only, write
from fer_monitor.doctor.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return empty_machine(tmp_path)


# Python


def version(numbers: list[int]) -> Scripted:
    return Scripted(**{"-c": [numbers, "/somewhere"]})


@pytest.mark.parametrize(
    ("numbers", "status"),
    [([3, 9, 18], FAIL), ([3, 10, 0], OK), ([3, 12, 9], OK), ([3, 13, 0], FAIL)],
)
def test_the_version_of_python(world, numbers, status):
    finding = only(python.examine(replace(world, run=version(numbers))))
    assert finding.status == status
    assert ".".join(map(str, numbers)) in finding.text
    assert (status == OK) == (finding.remedy == "")


def test_no_virtual_environment(world):
    (world.root / ".venv" / "bin" / "python").unlink()
    finding = only(python.examine(world))
    assert finding.status == FAIL and "there is no virtual environment" in finding.text
    assert finding.remedy == f"cd {world.root} && make setup"


def test_an_environment_whose_python_was_removed(world):
    finding = only(python.examine(world))
    assert finding.status == FAIL and "No such file" in finding.text
    assert "rm -rf .venv && make setup" in finding.remedy


def test_an_environment_of_another_user(world):
    run = Scripted(**{"-c": Answer(127, err="python: Permission denied")})
    finding = only(python.examine(replace(world, run=run)))
    assert finding.status == FAIL and "another user has set it up" in finding.text


def test_an_environment_that_was_moved(world):
    write(world.root / ".venv" / "bin" / "activate", 'VIRTUAL_ENV="/old/place/.venv"\n')
    finding = only(python.examine(replace(world, run=version([3, 11, 2]))))
    assert finding.status == FAIL and "/old/place/.venv" in finding.text


# Packages


REQUIREMENTS = """
# What the robot needs.
numpy==1.26.4                      # with a reason
ros-jazzy-rclpy[fastrtps]==7.1.6
mediapipe==0.10.21; platform_machine == "x86_64"
mediapipe==0.10.18; platform_machine == "aarch64"
"""


def test_a_requirement_file():
    for machine, expected in (("x86_64", "0.10.21"), ("aarch64", "0.10.18")):
        found = {p.name: p.version for p in packages.pins(REQUIREMENTS, "a.txt", machine)}
        assert found == {"numpy": "1.26.4", "ros-jazzy-rclpy": "7.1.6", "mediapipe": expected}


@given(st.text())
def test_any_text_as_requirement_file(text):
    packages.pins(text, "a.txt", "x86_64")


ASKED = [packages.Pin("numpy", "1.26.4", "runtime.txt"), packages.Pin("a", "1", "no-deps.txt")]


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ({"numpy": "1.26.4", "a": "1"}, [(OK, "2 packages", "")]),
        ({"numpy": "", "a": "1"}, [(FAIL, "not installed: numpy", "py -m pip install -r req")]),
        (
            {"numpy": "2.1.0", "a": "1"},
            [(WARN, "numpy is 2.1.0, tested 1.26.4", "install -r requirements/runtime.txt")],
        ),
        (
            {"numpy": "2.1.0", "a": ""},
            [
                (FAIL, "not installed: a", "install --no-deps -r requirements/no-deps.txt"),
                (WARN, "numpy is 2.1.0", "requirements/runtime.txt"),
            ],
        ),
    ],
)
def test_versions(installed, expected):
    found = packages.judge(ASKED, installed, "py")
    assert len(found) == len(expected)
    for finding, (status, text, remedy) in zip(found, expected, strict=True):
        assert finding.status == status
        assert text in finding.text and remedy in finding.remedy


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("ImportError: libGL.so.1: cannot open shared object file", "sudo apt install libgl1"),
        ("ImportError: libfoo.so.3: cannot open shared object file", "libfoo.so.3"),
        ("A module compiled using NumPy 1.x cannot be run", "requirements/runtime.txt"),
        ("ModuleNotFoundError: No module named 'cv2'", "make setup"),
    ],
)
def test_a_package_that_does_not_load(world, error, remedy):
    for file in ("runtime", "no-deps", "build", "ros-jazzy"):
        write(world.root / "requirements" / f"{file}.txt", "")
    run = Scripted(**{"probes.imports": {"errors": {"cv2": error}}, "-c": {}})
    versions, imports = packages.examine(replace(world, run=run))
    assert versions.status == OK
    assert imports.status == FAIL and error in imports.text and remedy in imports.remedy


# ROS


@pytest.mark.parametrize(
    ("environ", "status", "words", "remedy"),
    [
        ({}, OK, "domain 0, whole local network", ""),
        ({"ROS_DOMAIN_ID": "63"}, OK, "domain 63", ""),
        ({"ROS_DOMAIN_ID": "232"}, OK, "domain 232", ""),
        ({"ROS_DOMAIN_ID": "233"}, FAIL, "'233', expected 0..232", "export ROS_DOMAIN_ID=0"),
        ({"ROS_DOMAIN_ID": "-1"}, FAIL, "expected 0..232", "export ROS_DOMAIN_ID"),
        ({"ROS_DOMAIN_ID": "lab"}, FAIL, "'lab'", "export ROS_DOMAIN_ID"),
        ({"ROS_DOMAIN_ID": "150"}, WARN, "ports", "0 to 101"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, WARN, "do not find each", "LOCALHOST"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "HOME"}, FAIL, "'HOME'", "unset"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}, OK, "this machine only", ""),
        ({"ROS_LOCALHOST_ONLY": "1"}, WARN, "deprecated", "unset ROS_LOCALHOST_ONLY"),
    ],
)
def test_the_variables_of_ros(environ, status, words, remedy):
    finding = ros.variables(environ)
    assert finding.status == status and words in finding.text and remedy in finding.remedy


ROS_RUNS = {"rclpy": "7.1.6", "rmw": "rmw_fastrtps_cpp"}


@pytest.mark.parametrize(
    ("environ", "answer", "status", "words", "remedy"),
    [
        ({}, ROS_RUNS, OK, "ROS 2 jazzy from PyPI, rclpy 7.1.6, rmw_fastrtps_cpp", ""),
        ({}, {"missing": "No module named 'rclpy'"}, FAIL, "No module named", "make setup"),
        ({"ROS_DISTRO": "rolling"}, ROS_RUNS, FAIL, "/opt/ros/rolling is not", "unset ROS_DISTRO"),
        ({"ROS_DISTRO": "humble"}, ROS_RUNS, WARN, "made for jazzy", "/opt/ros/jazzy/setup.bash"),
        (
            {"RMW_IMPLEMENTATION": "rmw_x_cpp"}, {"error": "no such rmw"}, FAIL, "rmw_x_cpp",
            "sudo apt install ros-$ROS_DISTRO-rmw-x-cpp",
        ),
        ({"ROS_DOMAIN_ID": "900"}, {"error": "port"}, FAIL, "port", "export ROS_DOMAIN_ID=0"),
        ({}, Answer(None), FAIL, "did not end within 5 s", "make setup"),
        ({}, Answer(-11, err="x"), FAIL, "was killed by signal 11", "make setup"),
        (
            {}, Answer(1, err="[ERROR] [17.25] [rcl]: It broke, at /src/a.c:15"), FAIL,
            "(It broke)", "make setup",
        ),
    ],
)  # fmt: skip
def test_ros(world, environ, answer, status, words, remedy):
    write(world.file("/opt/ros/humble/setup.bash"), "")
    run = Scripted(**{"probes.ros": answer})
    finding = ros.examine(replace(world, run=run, environ=environ, robot_environ=environ))[0]
    assert finding.status == status and words in finding.text and remedy in finding.remedy


# Workspace


@pytest.fixture
def workspace_world(world):
    """Two packages, built, and sourced."""
    root = world.root
    install = root / "ros2_ws" / "install"
    write(install / "local_setup.sh", f'_x_COLCON_CURRENT_PREFIX="{install}"\n')
    for name in ("fer_one", "fer_two"):
        write(root / "ros2_ws/src" / name / "package.xml", f"<package><name>{name}</name>")
        write(root / "ros2_ws/src" / name / name / "__init__.py", "")
        write(root / "ros2_ws/build" / name / "colcon_build.rc", "0\n")
        age(root / "ros2_ws/src" / name / "package.xml", 100)
        write(install / name / "share/ament_index/resource_index/packages" / name, "")
    prefixes = ":".join(str(install / name) for name in ("fer_one", "fer_two"))
    return replace(world, environ={"AMENT_PREFIX_PATH": prefixes})


def age(path: Path, seconds: float) -> None:
    stat = path.stat()
    os.utime(path, (stat.st_atime - seconds, stat.st_mtime - seconds))


def test_a_workspace_as_it_should_be(workspace_world):
    built, shell = workspace.examine(workspace_world)
    assert (built.status, shell.status) == (OK, OK)
    assert "2 packages are built" in built.text


def test_a_workspace_that_is_not_built(world):
    finding = only(workspace.examine(world))
    assert finding.status == FAIL and finding.remedy.endswith("make setup")


def test_a_package_that_is_not_built(workspace_world):
    install = workspace_world.install / "fer_two"
    (install / "share/ament_index/resource_index/packages/fer_two").unlink()
    built = only(workspace.examine(workspace_world))
    assert built.status == FAIL and built.text == "not built: fer_two"
    assert "rm -f .venv/.done-build && make setup" in built.remedy


def test_a_shell_that_was_sourced_before_a_package_was_built(workspace_world):
    path = workspace_world.environ["AMENT_PREFIX_PATH"].split(":")[0]
    shell = workspace.examine(replace(workspace_world, environ={"AMENT_PREFIX_PATH": path}))[1]
    assert shell.status == WARN and "before fer_two was built" in shell.text


@pytest.mark.parametrize("code", ["2", "SIGINT"])
def test_a_build_that_failed(workspace_world, code):
    write(workspace_world.root / "ros2_ws/build/fer_one/colcon_build.rc", code)
    built = workspace.examine(workspace_world)[0]
    assert built.status == WARN and "failed or was interrupted: fer_one" in built.text


@pytest.mark.parametrize("file", ["msg/Thing.msg", "setup.py", "package.xml"])
def test_sources_that_changed_after_the_build(workspace_world, file):
    source = workspace_world.root / "ros2_ws" / "src" / "fer_one"
    path = write(source / file, "<name>fer_one</name>")
    age(path, -100)
    built = workspace.examine(workspace_world)[0]
    assert built.status == WARN and f"fer_one/{file}" in built.text
    write(source / "fer_one" / "node.py", "")
    age(path, 300)
    assert workspace.examine(workspace_world)[0].status == OK  # Python is linked, not copied


def test_a_workspace_that_was_moved(workspace_world):
    moved = workspace_world.root.with_name("elsewhere")
    workspace_world.root.rename(moved)
    built, shell = workspace.examine(replace(workspace_world, root=moved))
    assert built.status == FAIL and f"moved to {moved}" in built.text
    assert "make clean && make setup" in built.remedy
    assert shell.status == FAIL and "no longer there" in shell.text


def test_a_shell_that_has_not_sourced_it(workspace_world):
    shell = workspace.examine(replace(workspace_world, environ={}))[1]
    assert shell.status == WARN
    assert shell.remedy == f". {workspace_world.root}/scripts/env.sh"


def test_another_workspace_before_it(workspace_world, tmp_path):
    other = tmp_path / "other" / "fer_one"
    write(other / "share/ament_index/resource_index/packages/fer_one", "")
    path = f"{other}:{workspace_world.environ['AMENT_PREFIX_PATH']}"
    shell = workspace.examine(replace(workspace_world, environ={"AMENT_PREFIX_PATH": path}))[1]
    assert shell.status == FAIL and f"fer_one comes from {other}" in shell.text

    write(tmp_path / "lib" / "fer_two" / "__init__.py", "")
    environ = {**workspace_world.environ, "PYTHONPATH": str(tmp_path / "lib")}
    shell = workspace.examine(replace(workspace_world, environ=environ))[1]
    assert shell.status == FAIL and f"fer_two in {tmp_path / 'lib'}" in shell.text

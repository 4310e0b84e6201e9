"""Each check of the doctor in a world that the test makes up."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_monitor.doctor.checks import (
    camera,
    discovery,
    models,
    packages,
    processor,
    python,
    room,
    ros,
    serial_port,
    shared_memory,
    sound,
    speed,
    workspace,
)
from fer_monitor.doctor.children import Answer
from fer_monitor.doctor.finding import FAIL, OK, WARN
from fer_monitor.doctor.world import MissingError, World

GOOD_LOOK = {
    "kind": "capture", "width": 640, "height": 480, "rate": 30.0, "mean": 110.0, "spread": 50.0,
}  # fmt: skip
HEARD = {
    "voice_error": "", "voice_ms": 4.0, "languages_missing": [], "loudspeaker_error": "",
    "device": "default", "piper_voice": "", "piper_error": "",
}  # fmt: skip


class Scripted:
    """Answers to programs, by a word of their command line."""

    def __init__(self, **answers: object) -> None:
        self.answers = answers
        self.commands: list[Sequence[str]] = []

    def __call__(
        self, command: Sequence[str], limit_s: float, environ: Mapping[str, str] | None = None
    ) -> Answer:
        self.commands.append(command)
        line = " ".join(command)
        for word, answer in self.answers.items():
            if word in line:
                return answer if isinstance(answer, Answer) else Answer(0, json.dumps(answer))
        return Answer(127, err=f"{command[0]}: No such file or directory")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An empty machine with a project whose environment exists."""
    root = tmp_path / "project"
    (root / "ros2_ws" / "src").mkdir(parents=True)
    (root / "requirements").mkdir()
    write(root / ".venv" / "bin" / "python", "")
    slash = tmp_path / "slash"
    for folder in ("dev", "proc", "sys"):
        (slash / folder).mkdir(parents=True)
    return World(root, {}, Scripted(), {}, slash, tmp_path / "home", "x86_64", 4)


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def only(findings):
    (finding,) = findings
    return finding


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


# Models


def bundle(folder: Path, name: str = "ec_rfernet") -> Path:
    model = write(folder / name / "model.onnx", b"network")
    digest = hashlib.sha256(b"network").hexdigest()
    manifest = json.dumps({"sha256": {"model.onnx": digest}})
    write(folder / name / "bundle.json", manifest)
    return model


def test_models_that_are_right(world):
    bundle(world.root / "models")
    finding = only(models.examine(world))
    assert (finding.status, finding.text) == (OK, "ec_rfernet: every sha256 is right")


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("model.onnx", b"nutwork", "model.onnx is damaged or was replaced"),
        ("model.onnx", b"", "damaged"),
        ("model.onnx", None, "No such file"),
        ("bundle.json", b"{", "is not the manifest of a bundle"),
        ("bundle.json", b"[]", "is not the manifest"),
        ("bundle.json", b'{"sha256": 3}', "is not the manifest"),
        ("bundle.json", b"\xff\xfe", "is not the manifest"),
    ],
)
def test_a_damaged_model(world, file, content, words):
    bundle(world.root / "models")
    path = world.root / "models" / "ec_rfernet" / file
    path.unlink() if content is None else path.write_bytes(content)
    finding = only(models.examine(world))
    assert finding.status == FAIL and words in finding.text
    assert finding.remedy == f"git -C {world.root} checkout -- models/ec_rfernet"


def test_an_installed_copy_that_is_damaged(world, tmp_path):
    bundle(world.root / "models")
    copy = bundle(tmp_path / "prefix" / "share" / "fer_models")
    copy.write_bytes(b"old")
    environ = {"AMENT_PREFIX_PATH": str(tmp_path / "prefix")}
    finding = only(models.examine(replace(world, robot_environ=environ)))
    assert finding.status == FAIL and str(copy) in finding.text
    assert f"rm -r {copy.parent}" in finding.remedy


def test_no_model(world):
    bundle(world.root / "models", "other")
    finding = only(models.examine(world))
    assert finding.status == FAIL and "'ec_rfernet' is not there" in finding.text


# Camera


def test_no_camera(world):
    finding = only(camera.examine(world))
    assert finding.status == FAIL and "clip" in finding.text and "make setup" in finding.remedy
    write(world.home / ".cache" / "fer_bringup" / "clip-v1.mp4", "")
    finding = only(camera.examine(world))
    assert finding.status == WARN and "no webcam (no /dev/video*)" in finding.text
    run = Scripted(**{"probes.camera": {"kind": "other"}})
    finding = only(camera.examine(replace(plugged(world, "video10"), run=run)))
    assert finding.status == WARN and "none of the /dev/video*" in finding.text


def plugged(world: World, *names: str) -> World:
    for name in names:
        write(world.file("/dev") / name, "")
    return world


def test_a_camera_with_a_picture_and_one_for_metadata(world):
    run = Scripted(**{"camera 5.0 0": GOOD_LOOK, "camera 5.0 1": {"kind": "other"}})
    finding = only(camera.examine(replace(plugged(world, "video0", "video1", "video-x"), run=run)))
    assert (finding.status, finding.subject) == (OK, "camera 0")
    assert finding.text == "/dev/video0: 640x480 at 30 frames/s"


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"width": 0}, FAIL, "gives no picture"),
        ({"mean": 2.0, "spread": 1.0}, WARN, "but black"),
        ({"mean": 120.0, "spread": 0.5}, WARN, "of one colour"),
        ({"mean": 25.0, "spread": 12.0}, WARN, "but dark"),
        ({"rate": 7.5}, WARN, "at 8 frames/s, the robot is made for 30"),
    ],
)
def test_what_a_camera_shows(change, status, words):
    finding = camera.judge("/dev/video0", {**GOOD_LOOK, **change})
    assert finding.status == status and words in finding.text and finding.remedy


def test_a_camera_that_may_not_be_used(world, monkeypatch):
    monkeypatch.setattr("fer_monitor.doctor.checks.camera.usable", lambda device: False)
    finding = only(camera.examine(plugged(world, "video0")))
    assert finding.status == FAIL and "may not use /dev/video0" in finding.text
    assert finding.remedy.startswith("sudo ")


def hold(world: World, device: str) -> None:
    """A process, made up, that has a device open."""
    write(world.file("/proc/4711/comm"), "zoom\n")
    (world.file("/proc/4711") / "fd").mkdir()
    (world.file("/proc/4711") / "fd" / "5").symlink_to(device)


def test_a_camera_that_another_program_uses(world):
    hold(plugged(world, "video0"), "/dev/video0")
    run = Scripted()
    finding = only(camera.examine(replace(world, run=run)))
    assert finding.status == WARN and "used by zoom (process 4711)" in finding.text
    assert not run.commands


@pytest.mark.parametrize(
    ("answer", "words"),
    [(Answer(None), "did not end within 5 s"), ({"error": "OSError: I/O error"}, "I/O error")],
)
def test_a_camera_that_hangs_or_fails(world, answer, words):
    run = Scripted(**{"probes.camera": answer})
    finding = only(camera.examine(replace(plugged(world, "video3"), run=run)))
    assert (finding.status, finding.subject) == (FAIL, "camera 3") and words in finding.text


# Sound


def test_sound_as_it_should_be(world):
    found = sound.examine(replace(world, run=Scripted(sound=HEARD)))
    assert [(f.status, f.subject) for f in found] == [(OK, "voice"), (OK, "loudspeaker")]


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("libasound.so.2 is not installed", "sudo apt install libasound2"),
        ("sound device 'default': Device or resource busy", "fuser -v /dev/snd"),
        ("sound device 'default': Permission denied", "usermod -aG audio"),
        ("sound device 'default': No such file or directory", "there is no sound card"),
    ],
)
def test_a_loudspeaker_that_is_missing(world, error, remedy):
    run = Scripted(sound={**HEARD, "loudspeaker_error": error})
    finding = sound.examine(replace(world, run=run))[1]
    assert finding.status == WARN and error in finding.text and remedy in finding.remedy


def test_a_sound_server_or_a_card_changes_the_advice(world):
    write(world.file("/proc/asound/cards"), " 0 [PCH]: HDA-Intel")
    run = Scripted(sound={**HEARD, "loudspeaker_error": "No such file or directory"})
    assert "aplay -l" in sound.examine(replace(world, run=run))[1].remedy
    write(world.file("/proc/99/comm"), "pipewire\n")
    assert "PipeWire" in sound.examine(replace(world, run=run))[1].remedy


@pytest.mark.parametrize(
    ("change", "index", "status", "words"),
    [
        ({"voice_error": "espeak-ng finds no voices in /x"}, 0, FAIL, "no voices in /x"),
        ({"languages_missing": ["zh"]}, 0, WARN, "zh"),
        ({"piper_voice": "/v.onnx"}, 2, OK, "/v.onnx"),
        ({"piper_voice": "/v.onnx", "piper_error": "/v.onnx is missing"}, 2, FAIL, "is missing"),
    ],
)
def test_voices(world, change, index, status, words):
    finding = sound.examine(replace(world, run=Scripted(sound={**HEARD, **change})))[index]
    assert finding.status == status and words in finding.text


# DDS


HEARD_PICTURES = {"count": 20, "first_s": 0.8, "median_ms": 3.0}


@pytest.mark.parametrize(
    ("heard", "environ", "status", "words", "remedy"),
    [
        (HEARD_PICTURES, {}, OK, "found each other in 0.8 s", ""),
        ({**HEARD_PICTURES, "first_s": 4.0}, {}, WARN, "4.0 s", "LOCALHOST"),
        ({**HEARD_PICTURES, "median_ms": 90.0}, {}, WARN, "90.0 ms, which is slow", "end other"),
        ({"failed": "no rmw"}, {}, FAIL, "no rmw", "see the lines ros"),
        (
            {"count": 0}, {"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, FAIL, "none arrived",
            "RANGE=LOCALHOST",
        ),
        (
            {"count": 0}, {"FASTRTPS_DEFAULT_PROFILES_FILE": "/x.xml"}, FAIL, "none arrived",
            "unset FASTRTPS_DEFAULT_PROFILES_FILE",
        ),
        (
            {"count": 0}, {"ROS_DISCOVERY_SERVER": "10.0.0.9:11811"}, FAIL, "none arrived",
            "unset ROS_DISCOVERY_SERVER",
        ),
        ({"count": 0}, {}, FAIL, "99 pictures were sent", "ROS"),
    ],
)  # fmt: skip
def test_an_exchange_between_processes(heard, environ, status, words, remedy):
    finding = discovery.judge({"count": 99}, heard, environ)
    assert finding.status == status and words in finding.text and remedy in finding.remedy


def test_processes_that_hang_count_as_silent(world):
    run = Scripted(**{"probes.talk": Answer(None)})
    finding = only(discovery.examine(replace(world, run=run)))
    assert finding.status == FAIL and "none arrived" in finding.text


def test_no_multicast(monkeypatch):
    assert discovery.multicast("127.0.0.1") is False  # no address of a group
    monkeypatch.setattr(discovery, "multicast", lambda: False)
    finding = discovery.judge({"count": 9}, {"count": 0}, {})
    assert "ip link set lo multicast on" in finding.remedy


def test_multicast_does_not_raise():
    assert discovery.multicast() in (True, False)
    assert socket.gethostname()


# Shared memory


@pytest.mark.parametrize(
    ("free", "left", "left_mb", "status", "remedy"),
    [
        (8000, 0, 0, OK, ""),
        (8000, 3, 50, OK, ""),
        (8000, 30, 400, WARN, "fastdds shm clean"),
        (64, 0, 0, WARN, "--shm-size=1g"),
        (10, 0, 0, WARN, "remount,size=1G"),
        (10, 50, 54, WARN, "fastdds shm clean"),
    ],
)
def test_shared_memory(free, left, left_mb, status, remedy):
    finding = shared_memory.judge(free, left, left_mb)
    assert finding.status == status and remedy in finding.remedy


def test_segments_whose_owner_lives_are_not_leftovers(tmp_path):
    for name in ("fastrtps_dead", "fastrtps_alive", "other"):
        write(tmp_path / name, b"x" * 100)
        write(tmp_path / f"{name}_el", "")
    with (tmp_path / "fastrtps_alive_el").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert [path.name for path in shared_memory.leftovers(tmp_path)] == ["fastrtps_dead"]


def test_no_shared_memory(world):
    assert only(shared_memory.examine(world)).status == WARN


# Processor


@pytest.mark.parametrize(
    ("name", "driver", "status"),
    [
        ("schedutil", "cpufreq-dt", OK),
        ("performance", "acpi-cpufreq", OK),
        ("powersave", "intel_pstate", OK),
        ("powersave", "cpufreq-dt", WARN),
    ],
)
def test_the_governor(world, name, driver, status):
    folder = world.file("/sys/devices/system/cpu/cpu0/cpufreq")
    write(folder / "scaling_governor", f"{name}\n")
    write(folder / "scaling_driver", f"{driver}\n")
    finding = processor.governor(world)
    assert finding.status == status and name in finding.text
    assert ("scaling_governor" in finding.remedy) == (status == WARN)


def test_no_governor(world):
    assert processor.governor(world).status == OK


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (Answer(0, "throttled=0x0\n"), OK, "not throttled"),
        (Answer(0, "throttled=0x50005\n"), WARN, "the supply voltage is too low"),
        (Answer(0, "throttled=0x40000\n"), WARN, "throttled since the start"),
        (Answer(0, "VCHI initialization failed\n"), OK, "50 degrees"),
        (Answer(127), OK, "50 degrees"),
        (Answer(None), OK, "50 degrees"),
    ],
)
def test_a_raspberry_pi(world, answer, status, words):
    write(world.file("/sys/class/thermal/thermal_zone0/temp"), "50100\n")
    finding = processor.heat(replace(world, run=Scripted(get_throttled=answer)))
    assert finding.status == status and words in finding.text


def test_a_hot_processor(world):
    write(world.file("/sys/class/thermal/thermal_zone0/temp"), "91000\n")
    write(world.file("/sys/class/thermal/thermal_zone1/temp"), "nonsense\n")
    assert processor.heat(world).status == WARN


@pytest.mark.parametrize(
    ("text", "status"), [("0.5 1 2 3/4 5", OK), ("9.0 1 2 3/4 5", WARN), ("", OK), ("x", OK)]
)
def test_the_load(world, text, status):
    write(world.file("/proc/loadavg"), text)
    assert processor.load(world).status == status


# Room and ports


@pytest.mark.parametrize(
    ("kb", "status"), [("8000000", OK), ("500000", WARN), ("100000", FAIL), ("?", OK)]
)
def test_memory(world, kb, status):
    write(world.file("/proc/meminfo"), f"MemTotal: 9000000 kB\nMemAvailable:   {kb} kB\n")
    assert room.memory(world).status == status


def test_a_log_folder_that_cannot_be_written(world):
    assert room.logs(replace(world, home=world.root)).status == OK
    file = write(world.root / "file", "")
    finding = room.logs(replace(world, environ={"ROS_LOG_DIR": str(file / "log")}))
    assert finding.status == FAIL and "no node starts" in finding.text
    assert finding.remedy == "export ROS_LOG_DIR=/tmp/ros"  # and never chown of what is above


def test_serial_ports(world, monkeypatch):
    assert only(serial_port.examine(world)).status == OK
    hold(plugged(world, "ttyACM0", "ttyUSB1"), "/dev/ttyUSB1")
    free, busy = serial_port.examine(world)
    assert (free.status, busy.status) == (OK, WARN)
    assert "--port /dev/ttyACM0" in free.text and "zoom" in busy.text
    monkeypatch.setattr("fer_monitor.doctor.checks.serial_port.usable", lambda device: False)
    assert serial_port.examine(world)[0].status == WARN


# Speed


TIMES = {
    "runtime": "onnxruntime", "precision": "int8", "warning": "", "face_ms": 1.2, "find_ms": 8.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({}, OK, "1.2 ms with onnxruntime int8"),
        ({"find_ms": 60.0}, WARN, "will be left out"),
        ({"face_ms": 900.0}, FAIL, "fewer than three"),
        ({"warning": "chosen on 'A', this is 'B'"}, WARN, "this is 'B'"),
    ],
)
def test_speed(change, status, words):
    finding = speed.judge({**TIMES, **change})
    assert finding.status == status and words in finding.text
    assert ("--choose" in finding.remedy) == (status != OK)


# All of them


@pytest.mark.parametrize(
    "module", [packages, ros, sound, discovery, speed], ids=lambda m: m.__name__.split(".")[-1]
)
def test_without_an_environment_nothing_is_tried(world, module):
    bundle(world.root / "models")
    (world.root / ".venv" / "bin" / "python").unlink()
    with pytest.raises(MissingError, match=re.escape(".venv")):
        module.examine(world)

"""What the probes find, each by itself."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_monitor.doctor import probes
from fer_monitor.doctor.host import Children, Host
from robot_behavior.robots.unitree_g1.link import sdk

PACKAGE = Path(__file__).parents[2]


class GreyDevice:
    """Gives pictures of one grey, at a rate, for as long as there are any."""

    def __init__(self, level: int, rate: float, count: int = 1000) -> None:
        self.level, self.rate, self.count, self.now = level, rate, count, 0.0

    def read(self):
        self.count -= 1
        self.now += 1 / self.rate
        return (self.count >= 0, np.full((48, 64, 3), self.level, np.uint8))


@pytest.mark.parametrize("rate", [5.0, 30.0, 120.0])
def test_a_look_through_a_camera(rate):
    device = GreyDevice(90, rate)
    seen = probes.look(device, cv2.meanStdDev, lambda: device.now)
    assert seen["rate"] == pytest.approx(rate)
    assert (seen["width"], seen["height"], seen["mean"], seen["spread"]) == (64, 48, 90, 0)
    assert device.now < 2.5


@pytest.mark.parametrize(("count", "width"), [(0, 0), (2, 64)])
def test_a_camera_that_stops(count, width):
    device = GreyDevice(90, 30.0, count)
    assert probes.look(device, cv2.meanStdDev, lambda: device.now)["width"] == width


def test_a_real_video_as_camera(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "a.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 30, (64, 48))
    for _ in range(10):
        writer.write(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
    writer.release()
    seen = probes.look(cv2.VideoCapture(str(tmp_path / "a.mp4")), cv2.meanStdDev)
    assert seen["rate"] > 0 and 80 < seen["mean"] < 170 and seen["spread"] > 20


def test_modules_are_imported_one_by_one(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('half\\ninstalled')")
    monkeypatch.syspath_prepend(tmp_path)
    errors = probes.imports("json", "no_such_module", "broken_module")["errors"]
    assert set(errors) == {"no_such_module", "broken_module"}
    assert errors["broken_module"] == "RuntimeError: half installed"


REQUIREMENTS = """
# What the robot needs.
numpy>=1.26,<99    # with a reason
rich<1  # too old
no-such-distribution[extra]==1.0 --hash=sha256:00
pillow>=99; python_version < "3.9"
mcap>=1 \\
    --hash=sha256:00
"""


def test_what_is_not_as_the_requirement_files_ask(tmp_path):
    (tmp_path / "runtime.txt").write_text(REQUIREMENTS)
    found = probes.requirements(str(tmp_path / "runtime.txt"))
    assert found["count"] == 4
    assert found["absent"] == ["no-such-distribution"]
    (other,) = found["others"]
    assert other.startswith("rich is ") and other.endswith(", expected <1")


def test_a_module_that_kills_the_process_is_named(tmp_path):
    (tmp_path / "deadly.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    environ = {**os.environ, "PYTHONPATH": f"{PACKAGE}:{tmp_path}"}
    host = Host(None, environ, Children().run, environ)
    errors = host.ask("imports", "deadly", limit_s=120.0)["errors"]
    assert "killed the process" in errors["deadly"]


def test_packages_of_others_that_register_something(tmp_path):
    assert probes.registries() == {"foreign": [], "errors": [], "with_port": ["servo_humanoid"]}
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[robot_behavior.robots]\nmine = no_such_module:R\n")
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    found = Host(None, environ, Children().run, environ).ask("registries", limit_s=120.0)
    assert found["foreign"] == ["robot mine"] and "no_such_module" in found["errors"][0]


def test_interfaces_for_a_g1_are_told_only_where_its_sdk_is_installed(monkeypatch):
    pytest.importorskip("unitree_sdk2py")
    assert "lo" in probes.unitree()["interfaces"]
    sdk.cache_clear()
    monkeypatch.setitem(sys.modules, "unitree_sdk2py.utils.crc", None)
    assert probes.unitree()["interfaces"] == []


@pytest.mark.parametrize(
    ("settings", "tried"),
    [
        ('{piper_voice: "/no/voice.onnx"}', "/no/voice.onnx"),
        ("{backend: piper, locale: tlh}", "the installed voice"),  # which speaks no Klingon
    ],
)
def test_a_configured_piper_voice_is_tried(tmp_path, settings, tried):
    pytest.importorskip("espeakng_loader")
    file = tmp_path / "robot.yaml"
    file.write_text(f"/**/speech_node:\n  ros__parameters: {settings}\n")
    command = (sys.executable, "-m", "fer_monitor.doctor.probes", "sound", "20", str(file))
    values = json.loads(Children().run(command, 30.0).out.splitlines()[-1])
    assert values["piper_voice"] == tried
    assert values["piper_error"]
    assert values["voice_error"] is None and values["languages_missing"] == []


def test_ros_starts_without_a_home(tmp_path):
    """As the robot does in a container; a process of its own, for ROS starts once in each."""
    environ = {**os.environ, "HOME": "/dev/null", "TMPDIR": str(tmp_path)}
    for name in ("ROS_LOG_DIR", "ROS_HOME"):
        environ.pop(name, None)
    host = Host(None, environ, Children().run, robot_environ=environ)
    assert host.ask("ros", limit_s=120.0)["rmw"]
    assert list(tmp_path.glob("fer-*/ros_log"))

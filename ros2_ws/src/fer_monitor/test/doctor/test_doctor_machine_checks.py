"""The doctor looks at memory, processor, ports and speed of a made-up machine."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from fer_monitor.doctor.checks import (
    discovery,
    models,
    packages,
    processor,
    room,
    ros,
    shared_memory,
    sound,
    speed,
)
from fer_monitor.doctor.children import Answer
from fer_monitor.doctor.finding import FAIL, OK, WARN
from fer_monitor.doctor.testing import Scripted, empty_machine, only, write
from fer_monitor.doctor.world import MissingError, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return empty_machine(tmp_path)


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


# Room


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

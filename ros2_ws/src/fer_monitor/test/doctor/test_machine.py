"""The doctor looks at processor, memory, disk and speed of a made-up machine."""

from __future__ import annotations

import fcntl
import os
import pwd
from dataclasses import replace
from pathlib import Path

import pytest

from fer_common.reason import Level
from fer_monitor.doctor import machine
from fer_monitor.doctor.host import Outcome

OK, WARN, FAIL = Level

# Processor and memory

CPU, ZONES = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_", "/sys/class/thermal/thermal_zone"
HOT = {f"{ZONES}0/temp": "91000", f"{ZONES}1/temp": "?"}


def clock(governor, driver):
    return {f"{CPU}governor": f"{governor}\n", f"{CPU}driver": f"{driver}\n"}


def memory(kb):
    return {"/proc/meminfo": f"MemTotal: 9000000 kB\nMemAvailable:   {kb} kB\n"}


@pytest.mark.parametrize(
    ("check", "subject", "files", "level", "words"),
    [
        (machine.processor, None, {}, OK, "no governor"),
        (machine.processor, None, clock("schedutil", "cpufreq-dt"), OK, "schedutil"),
        (machine.processor, None, clock("performance", "acpi-cpufreq"), OK, "performance"),
        (machine.processor, None, clock("powersave", "intel_pstate"), OK, "powersave"),
        (machine.processor, None, clock("powersave", "cpufreq-dt"), WARN, "at its lowest"),
        (machine.processor, "load", {"/proc/loadavg": "0.5 1 2 3/4 5"}, OK, "0.5 programs"),
        (machine.processor, "load", {"/proc/loadavg": "9.0 1 2 3/4 5"}, WARN, "will be late"),
        (machine.processor, "load", {"/proc/loadavg": ""}, OK, "does not tell"),
        (machine.processor, "load", {"/proc/loadavg": "x"}, OK, "does not tell"),
        (machine.processor, "heat", {}, OK, "does not tell"),
        (machine.processor, "heat", HOT, WARN, "91 degrees"),
        (machine.room, "memory", memory(8000000), OK, "8,192 MB"),
        (machine.room, "memory", memory(500000), WARN, "the robot needs 600"),
        (machine.room, "memory", memory(100000), FAIL, "the robot needs 600"),
        (machine.room, "memory", memory("?"), OK, "does not tell"),
    ],
)
def test_what_the_kernel_tells(host, write, check, subject, files, level, words):
    for path, text in files.items():
        write(host.file(path), text)
    (finding,) = (finding for finding in check(host) if finding.subject == subject)
    assert finding.level == level and words in finding.text
    assert (finding.remedy is None) == (level == OK)


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        (Outcome(0, "throttled=0x0\n"), OK, "not throttled"),
        (Outcome(0, "throttled=0x50005\n"), WARN, "the supply voltage is too low"),
        (Outcome(0, "throttled=0x40000\n"), WARN, "throttled since the start"),
        (Outcome(0, "VCHI initialization failed\n"), OK, "50 degrees"),
        (Outcome(127), OK, "50 degrees"),
        (Outcome(None), OK, "50 degrees"),
    ],
)
def test_a_raspberry_pi(host, write, answering, answer, level, words):
    write(host.file(f"{ZONES}0/temp"), "50100\n")
    finding = machine.processor(answering(host, {"get_throttled": answer}))[2]
    assert finding.level == level and words in finding.text


# Room


def test_less_disk_is_needed_once_it_is_set_up(host, write):
    host = replace(host, free_mb=lambda folder: 1000.0)
    assert "needed: 2000" in machine.room(host)[1].text
    write(host.venv / ".done-robot")
    assert machine.room(host)[1].level == OK
    assert machine.room(replace(host, free_mb=lambda folder: 100.0))[1].level == FAIL


def test_a_log_folder_that_cannot_be_written(host, write):
    assert machine.room(replace(host, home=host.root))[2].level == OK
    file = write(host.root / "file")
    finding = machine.room(replace(host, environ={"ROS_LOG_DIR": str(file / "log")}))[2]
    assert finding.level == FAIL and "no node starts" in finding.text
    assert finding.remedy == "export ROS_LOG_DIR=/tmp/ros"  # and never chown of what is above


def test_a_home_that_cannot_be_written(host, tmp_path):
    """As in a container: the nodes write their logs elsewhere by themselves."""
    finding = machine.room(replace(host, home=Path("/dev/null"), temporary=tmp_path))[2]
    assert finding.level == OK and str(tmp_path) in finding.text
    gone = tmp_path / "gone"
    finding = machine.room(replace(host, home=Path("/dev/null"), temporary=gone))[2]
    assert finding.level == FAIL and finding.remedy == "export ROS_LOG_DIR=/tmp/ros"


# Shared memory


@pytest.mark.parametrize(
    ("free", "left", "left_mb", "level", "remedy"),
    [
        (8000, 0, 0, OK, ""),
        (8000, 3, 50, OK, ""),
        (8000, 30, 400, WARN, "fastdds shm clean"),
        (64, 0, 0, WARN, "--shm-size=1g"),
        (10, 0, 0, WARN, "remount,size=1G"),
        (10, 50, 54, WARN, "fastdds shm clean"),
    ],
)
def test_shared_memory(host, write, free, left, left_mb, level, remedy):
    folder = host.file("/dev/shm")
    folder.mkdir()
    for index in range(left):
        os.truncate(write(folder / f"fastrtps_{index}"), left_mb * 1_000_000 // left)
        write(folder / f"fastrtps_{index}_el")
    (finding,) = machine.shared_memory(replace(host, free_mb=lambda path: float(free)))
    assert finding.level == level and remedy in str(finding.remedy)
    told = finding.level == OK or "fastdds" in str(finding.remedy)
    assert (f"{left} segments of dead programs" in finding.text) == bool(left and told)


def test_segments_whose_owner_lives_are_not_leftovers(host, write):
    for name in ("fastrtps_dead", "fastrtps_alive", "other"):
        write(host.file(f"/dev/shm/{name}"), b"x" * 100)
        write(host.file(f"/dev/shm/{name}_el"))
    with host.file("/dev/shm/fastrtps_alive_el").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (finding,) = machine.shared_memory(host)
    assert "1 segments of dead programs" in finding.text


def test_no_shared_memory(host):
    (finding,) = machine.shared_memory(host)
    assert finding.level == WARN and "missing" in finding.text


# Speed

TIMES = {
    "runtime": "onnxruntime", "precision": "int8", "warning": None, "face_ms": 1.2, "find_ms": 8.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        (TIMES, OK, "1.2 ms with onnxruntime int8"),
        ({**TIMES, "find_ms": 60.0}, WARN, "will be left out"),
        ({**TIMES, "face_ms": 900.0}, FAIL, "fewer than three"),
        ({**TIMES, "warning": "chosen on 'A', this is 'B'"}, WARN, "this is 'B'"),
        ({"error": "InputError: model.onnx"}, FAIL, "could not be judged: InputError"),
    ],
)
def test_speed(host, bundle, answering, answer, level, words):
    bundle(host.root / "models")
    (finding,) = machine.speed(answering(host, {"probes face": answer}))
    assert finding.level == level and words in finding.text
    assert bool(finding.remedy) == (level != OK)


def test_the_speed_without_a_model(host):
    (finding,) = machine.speed(host)
    assert finding.level == WARN and "no model is there" in finding.text


def test_locks_of_dead_programs_of_others_are_named_with_their_owner(host, write):
    table = write(host.file("/proc/locks"))
    left = write(host.file("/dev/shm/fastrtps_port7411_el"))
    held = write(host.file("/dev/shm/fastrtps_port7413_sl"))
    write(host.file("/dev/shm/fastrtps_port7413"))
    table.write_text(
        f"1: FLOCK  ADVISORY  READ 17 00:1b:{held.stat().st_ino} 0 EOF\n"
        "2: -> FLOCK  ADVISORY  WRITE 0 00:1b:1 0 EOF\n3: nonsense\n"
    )
    closed = replace(host, may_use=lambda path: False)
    _, finding = machine.shared_memory(closed)
    assert finding.level == WARN and finding.remedy == "sudo rm /dev/shm/fastrtps_port7411_el"
    assert pwd.getpwuid(left.stat().st_uid).pw_name in finding.text and left.name in finding.text
    assert len(machine.shared_memory(replace(host, may_use=lambda path: True))) == 1

"""The doctor looks at camera, sound and DDS of a made-up machine."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from fer_monitor.doctor.checks import camera, discovery, serial_port, sound
from fer_monitor.doctor.children import Answer
from fer_monitor.doctor.finding import FAIL, OK, WARN
from fer_monitor.doctor.testing import Scripted, empty_machine, only, write
from fer_monitor.doctor.world import World

GOOD_LOOK = {
    "kind": "capture", "width": 640, "height": 480, "rate": 30.0, "mean": 110.0, "spread": 50.0,
}  # fmt: skip
HEARD = {
    "voice_error": "", "voice_ms": 4.0, "languages_missing": [], "loudspeaker_error": "",
    "device": "default", "piper_voice": "", "piper_error": "",
}  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    return empty_machine(tmp_path)


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


# Ports


def test_serial_ports(world, monkeypatch):
    assert only(serial_port.examine(world)).status == OK
    hold(plugged(world, "ttyACM0", "ttyUSB1"), "/dev/ttyUSB1")
    free, busy = serial_port.examine(world)
    assert (free.status, busy.status) == (OK, WARN)
    assert "--port /dev/ttyACM0" in free.text and "zoom" in busy.text
    monkeypatch.setattr("fer_monitor.doctor.checks.serial_port.usable", lambda device: False)
    assert serial_port.examine(world)[0].status == WARN

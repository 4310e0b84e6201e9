"""The doctor looks at cameras, sound and serial ports of a made-up machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fer_common.reason import Level
from fer_monitor.doctor import devices
from fer_monitor.doctor.host import Outcome

OK, WARN, FAIL = Level

LOOK = {
    "kind": "capture", "width": 640, "height": 480, "rate": 30.0, "mean": 110.0, "spread": 50.0,
}  # fmt: skip
HEARD = {
    "voice_error": None, "voice_ms": 4.0, "languages_missing": [], "loudspeaker_error": None,
    "device": "default", "piper_voice": None, "piper_error": None,
    "voice": "eSpeak NG 1.52, /data/lang/gmw/en", "better_voice": "more natural: make setup",
}  # fmt: skip
NO_CAMERA = {"kind": "other"}


@pytest.fixture
def plug(host, write):
    """Plugs devices into the host."""
    return lambda *names: [write(host.file("/dev") / name) for name in names]


# Cameras


def test_no_camera(host, plug, write, answering):
    (finding,) = devices.cameras(host)
    assert finding.level == FAIL and "clip" in finding.text
    assert "make setup" in finding.remedy
    write(host.home / ".cache" / "fer_bringup" / "clip-v1.mp4")
    (finding,) = devices.cameras(host)
    assert finding.level == WARN and "no webcam (no /dev/video*)" in finding.text
    plug("video10")
    (finding,) = devices.cameras(answering(host, {"probes camera": NO_CAMERA}))
    assert finding.level == WARN and "none of the /dev/video*" in finding.text


def test_a_camera_with_a_picture_and_one_for_metadata(host, plug, answering):
    plug("video0", "video1", "video-x")
    answers = {"camera 5.0 0": LOOK, "camera 5.0 1": NO_CAMERA}
    (finding,) = devices.cameras(answering(host, answers))
    assert (finding.level, finding.subject) == (OK, "camera 0")
    assert finding.text == "/dev/video0: 640x480 at 30 frames/s"


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"width": 0}, FAIL, "gives no picture"),
        ({"mean": 2.0, "spread": 1.0}, WARN, "but black"),
        ({"mean": 120.0, "spread": 0.5}, WARN, "of one colour"),
        ({"mean": 25.0, "spread": 12.0}, WARN, "but dark"),
        ({"rate": 7.5}, WARN, "at 8 frames/s, the robot is made for 30"),
    ],
)
def test_what_a_camera_shows(host, plug, answering, change, level, words):
    plug("video0")
    (finding,) = devices.cameras(answering(host, {"probes camera": {**LOOK, **change}}))
    assert finding.level == level and words in finding.text and finding.remedy


def test_a_camera_that_may_not_be_used(host, plug):
    plug("video0")
    (finding,) = devices.cameras(replace(host, may_use=lambda device: False))
    assert finding.level == FAIL and "may not use /dev/video0" in finding.text
    assert finding.remedy.startswith("sudo ")


def test_a_camera_that_another_program_uses(host, plug, hold):
    plug("video0")
    hold("/dev/video0")
    (finding,) = devices.cameras(host)
    assert finding.level == WARN and "used by zoom (process 4711)" in finding.text
    assert not host.run.commands


@pytest.mark.parametrize(
    ("answer", "words"),
    [(Outcome(None), "did not end within 5 s"), ({"error": "OSError: I/O error"}, "I/O error")],
)
def test_a_camera_that_hangs_or_fails(host, plug, answering, answer, words):
    plug("video3")
    (finding,) = devices.cameras(answering(host, {"probes camera": answer}))
    assert (finding.level, finding.subject) == (FAIL, "camera 3") and words in finding.text


# Sound


def test_sound_as_it_should_be(host, answering):
    found = devices.sound(answering(host, {"probes sound": HEARD}))
    assert [(f.level, f.subject) for f in found] == [(OK, "voice"), (OK, "loudspeaker")]


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("libasound.so.2 is not installed", "sudo apt install libasound2"),
        ("sound device 'default': Device or resource busy", "fuser -v /dev/snd"),
        ("sound device 'default': Permission denied", "usermod -aG audio"),
        ("sound device 'default': No such file or directory", "there is no sound card"),
    ],
)
def test_a_loudspeaker_that_is_missing(host, answering, error, remedy):
    heard = {**HEARD, "loudspeaker_error": error}
    _, finding = devices.sound(answering(host, {"probes sound": heard}))
    assert finding.level == WARN and error in finding.text and remedy in finding.remedy


def test_a_sound_server_or_a_card_changes_the_advice(host, write, answering):
    heard = {**HEARD, "loudspeaker_error": "No such file or directory"}
    host = answering(host, {"probes sound": heard})
    write(host.file("/proc/asound/cards"), " 0 [PCH]: HDA-Intel")
    assert "aplay -l" in list(devices.sound(host))[1].remedy
    write(host.file("/proc/99/comm"), "pipewire\n")
    assert "PipeWire" in list(devices.sound(host))[1].remedy


@pytest.mark.parametrize(
    ("change", "index", "level", "words"),
    [
        ({"voice_error": "espeak-ng finds no voices in /x"}, 0, FAIL, "no voices in /x"),
        ({"languages_missing": ["zh"]}, 0, WARN, "zh"),
        ({"piper_voice": "/v.onnx"}, 2, OK, "/v.onnx"),
        ({"piper_voice": "/v.onnx", "piper_error": "is missing"}, 2, FAIL, "is missing"),
    ],
)
def test_voices(host, answering, change, index, level, words):
    found = list(devices.sound(answering(host, {"probes sound": {**HEARD, **change}})))
    assert found[index].level == level and words in found[index].text


# Serial ports


def test_serial_ports(host, plug, hold, answering):
    (finding,) = devices.serial_ports(host)
    assert finding.level == OK
    plug("ttyACM0", "ttyUSB1")
    hold("/dev/ttyUSB1")
    registered = {"probes registries": {"with_port": ["servo_humanoid"]}}
    free, busy = devices.serial_ports(answering(host, registered))
    assert (free.level, busy.level) == (OK, WARN)
    assert "--robot servo_humanoid --port /dev/ttyACM0" in free.text and "zoom" in busy.text
    forbidden, _ = devices.serial_ports(replace(host, may_use=lambda device: False))
    assert forbidden.level == WARN


# Unitree's G1


def test_the_interfaces_for_a_g1_are_named_where_its_sdk_is_installed(host, answering):
    assert list(devices.unitree(answering(host, {"probes unitree": {"interfaces": []}}))) == []
    there = {"probes unitree": {"interfaces": ["lo", "eth0"]}}
    (finding,) = devices.unitree(answering(host, there))
    assert finding.level == OK and "--robot unitree_g1 --interface eth0" in finding.text

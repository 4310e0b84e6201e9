from __future__ import annotations

import pytest

from ec_rfernet.errors import InputError
from fer_node.camera import CameraSettings, open_source, webcam
from fer_node.testing.fakes import FakeDevice, SimulatedTime


@pytest.fixture
def choose(monkeypatch):
    """Opens what a text means, on a machine with some webcams."""

    def opened(camera, clip="", connect=lambda *wishes: None, devices=()):
        monkeypatch.setattr(webcam, "open_device", connect)
        monkeypatch.setattr(webcam, "device_indices", lambda: list(devices))
        log: list[str] = []
        source = open_source(CameraSettings(camera, clip), SimulatedTime().tools(log.append))
        return source.name, log

    return opened


def test_auto_takes_the_first_webcam_that_answers(choose):
    asked = []

    def connect(index, width, height, rate):
        asked.append((index, width, height, rate))
        return FakeDevice(9) if index == 2 else None

    what, log = choose("auto", "", connect, [0, 2, 3])
    assert what == "webcam /dev/video2"
    assert asked == [(0, 640, 480, 30), (2, 640, 480, 30)]
    assert len(log) == 1 and "/dev/video0 does not answer" in log[0]


def test_auto_without_a_webcam_shows_the_clip(choose, make_video):
    clip = str(make_video(3))
    assert choose("auto", clip)[0] == choose("clip", clip)[0] == f"video {clip} at 25 frames/s"


@pytest.mark.parametrize("camera", ["5", "/dev/video5"])
def test_a_device_by_index_or_path(choose, camera):
    what, _ = choose(camera, connect=lambda index, *_: FakeDevice(1) if index == 5 else None)
    assert what == "webcam /dev/video5"


def test_a_single_picture_and_a_folder(choose, folder):
    assert choose(str(folder / "a.png"))[0].startswith("pictures in")
    assert choose(str(folder))[0].startswith("pictures in")


@pytest.mark.parametrize(
    ("camera", "clip", "complaint"),
    [
        ("auto", "", "no webcam answers, and the parameter 'clip' is empty"),
        ("clip", "", "the parameter 'clip' is empty"),
        ("clip", "/no/clip.mp4", "'/no/clip.mp4' does not exist"),
        ("9", "", "camera /dev/video9 does not answer: is it plugged in"),
        ("/no/such/file.mp4", "", "'/no/such/file.mp4' does not exist; expected auto, clip, a dev"),
        ("", "", "camera '' does not exist"),
    ],
)
def test_impossible_choices_are_one_clear_line(choose, camera, clip, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        choose(camera, clip)
    assert "\n" not in str(caught.value)

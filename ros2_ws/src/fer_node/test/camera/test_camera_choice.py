from __future__ import annotations

from pathlib import Path

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

    def connect(path, width, height, rate):
        asked.append((str(path), width, height, rate))
        return FakeDevice(9) if path.name == "video2" else None

    what, log = choose("auto", "", connect, [0, 2, 3])
    assert what == "webcam /dev/video2"
    assert asked == [("/dev/video0", 640, 480, 30), ("/dev/video2", 640, 480, 30)]
    assert len(log) == 1 and "/dev/video0 does not answer" in log[0]


def test_auto_without_a_webcam_shows_the_clip(choose, make_video):
    clip = str(make_video(3))
    assert choose("auto", clip)[0] == choose("clip", clip)[0] == f"video {clip} at 25 frames/s"


@pytest.mark.parametrize("camera", ["5", "/dev/video5"])
def test_a_device_by_index_or_path(choose, camera):
    found = {Path("/dev/video5"): FakeDevice(1)}
    what, _ = choose(camera, connect=lambda path, *_: found.get(path))
    assert what == "webcam /dev/video5"


@pytest.mark.parametrize(
    "camera",
    [
        "/dev/v4l/by-id/usb-A_Camera-index0",
        "/dev/v4l/by-path/x",
        "/dev/my_camera",
        "link",
    ],
)
def test_a_link_of_udev_is_a_device_also_while_it_is_not_plugged_in(choose, camera, tmp_path):
    if camera == "link":
        camera = str(tmp_path / "camera")
        Path(camera).symlink_to("/dev/video77")
    assert choose(camera, connect=lambda *_: FakeDevice(1))[0] == f"webcam {camera}"
    with pytest.raises(InputError, match=f"camera {camera} does not answer: is it plugged in"):
        choose(camera)


def test_a_link_to_a_device_node_is_followed_anew(choose, tmp_path):
    link = tmp_path / "camera"
    link.symlink_to("/dev/null")  # a character device that every machine has
    with pytest.raises(InputError, match="camera does not answer"):
        choose(str(link), connect=webcam.open_device)


def test_a_folder_below_dev_is_no_device(choose, folder, monkeypatch):
    shared = Path("/dev/shm") / f"pictures-of-{folder.parent.name}"
    shared.symlink_to(folder)
    try:
        assert choose(str(shared))[0] == f"pictures in {shared}"
    finally:
        shared.unlink()


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

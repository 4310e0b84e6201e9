from __future__ import annotations

import cv2
import numpy as np
import pytest

from ec_rfernet.errors import InputError
from fer_node.camera.choice import CameraChoice, open_source
from fer_node.camera.pictures import Pictures
from fer_node.camera.source import Pace
from fer_node.camera.video import Video
from fer_node.camera.webcam import Webcam, open_device


class Time:
    """A clock that waiting moves on; each use of it may take some time."""

    def __init__(self, stop_after: float = 1e9) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        self._stop = self.now + stop_after

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return self.now >= self._stop


@pytest.fixture
def time() -> Time:
    return Time()


def levels(source, number: int = 10**6) -> list[int]:
    """Which frame of `make_video` each frame is."""
    found = []
    while len(found) < number and (frame := source.read()) is not None:
        found.append(round(frame.mean() / 8))
    return found


def test_a_video_plays_at_its_own_rate_and_ends(make_video, time):
    video = Video(make_video(20, fps=10), False, 30, time.clock, time.wait)
    assert video.rate == 10
    assert levels(video) == list(range(20))
    assert time.now - 1000 == pytest.approx(2.0), "20 frames at 10 frames per second"


def test_a_slow_machine_leaves_frames_out_instead_of_falling_behind(make_video, time):
    video = Video(make_video(20, fps=10), False, 30, time.clock, time.wait)
    shown = levels(video, 3)
    time.now += 0.73
    shown += levels(video)
    assert shown[:3] == [0, 1, 2]
    assert shown[-1] == 19 and len(shown) < 16
    assert time.now - 1000 == pytest.approx(2.0), "no drift"


def test_a_looping_video_begins_again(make_video, time):
    video = Video(make_video(3), True, 30, time.clock, time.wait)
    assert levels(video, 8) == [0, 1, 2, 0, 1, 2, 0, 1]
    video.close()


def test_a_video_stops_when_asked(make_video):
    time = Time(stop_after=0.5)
    video = Video(make_video(25, fps=10), True, 30, time.clock, time.wait)
    assert len(levels(video)) == 5


def test_no_drift_over_an_hour(time):
    pace = Pace(29.97, time.clock, time.wait)
    for _ in range(29 * 3600):
        assert pace.next() == 0
        time.now += 0.003
    assert time.now - 1000 == pytest.approx(29 * 3600 / 29.97, abs=0.04)


@pytest.mark.parametrize("content", [b"", b"rubbish" * 1000], ids=["empty", "rubbish"])
def test_a_file_that_is_no_video(tmp_path, time, content):
    path = tmp_path / "movie.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"movie\.mp4' is not a readable video"):
        Video(path, False, 30, time.clock, time.wait)


@pytest.fixture
def folder(tmp_path):
    """Three pictures, one broken picture and a text."""
    for index, name in enumerate(("b.PNG", "a.png", "d.jpg")):
        path = tmp_path / name
        cv2.imwrite(str(path), np.full((20 + index, 30, 3), (8, 0, 24)[index], np.uint8))
    (tmp_path / "c.png").write_bytes(b"rubbish")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_pictures_are_shown_by_name_each_for_a_while(folder, time):
    warnings: list[str] = []
    pictures = Pictures(folder, False, 10, 0.3, time.clock, time.wait, warnings.append)
    assert levels(pictures) == [0, 0, 0, 1, 1, 1, 3, 3, 3]
    assert time.now - 1000 == pytest.approx(0.9)
    assert len(warnings) == 1 and "c.png' is not a readable picture" in warnings[0]


def test_looping_pictures_warn_once(folder, time):
    warnings: list[str] = []
    pictures = Pictures(folder, True, 10, 0.1, time.clock, time.wait, warnings.append)
    assert levels(pictures, 7) == [0, 1, 3, 0, 1, 3, 0]
    assert len(warnings) == 1


def test_a_folder_without_pictures(tmp_path, time):
    (tmp_path / "x.png").write_bytes(b"rubbish")
    with pytest.raises(InputError, match="no readable picture"):
        Pictures(tmp_path, False, 10, 1, time.clock, time.wait, lambda text: None)


class FakeDevice:
    """A webcam that gives some frames and is then unplugged."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.released = False

    def read(self):
        assert not self.released
        self.frames -= 1
        return (True, np.zeros((4, 4, 3), np.uint8)) if self.frames >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


def test_an_unplugged_webcam_is_waited_for_with_growing_patience(time):
    first, second = FakeDevice(3), FakeDevice(2)
    answers = [first, None, None, None, None, None, second]
    log: list[str] = []
    webcam = Webcam("/dev/video7", lambda: answers.pop(0), time.wait, log.append)
    for _ in range(5):
        assert webcam.read() is not None
    assert first.released and not second.released
    assert [w for w in time.waits if w] == [0.5, 1, 2, 4, 5, 5]
    assert log == ["camera /dev/video7 is gone, waiting for it to come back"]


def test_waiting_for_a_webcam_ends_when_asked():
    time = Time(stop_after=60)
    devices = [FakeDevice(1)]
    webcam = Webcam("w", lambda: devices.pop() if devices else None, time.wait, lambda text: None)
    assert webcam.read() is not None
    assert webcam.read() is None
    webcam.close()


def test_single_missed_frames_are_no_loss(time):
    class Hiccup(FakeDevice):
        def read(self):
            self.frames += 1
            return (True, np.zeros((4, 4, 3))) if self.frames % 3 == 0 else (False, None)

    log: list[str] = []
    webcam = Webcam("w", lambda: Hiccup(0), time.wait, log.append)
    assert all(webcam.read() is not None for _ in range(10))
    assert log == []


def test_a_missing_device_makes_no_noise(capfd):
    assert open_device(97, 640, 480, 30) is None
    assert capfd.readouterr().err == ""


def choose(camera: str, clip: str = "", connect=lambda *wishes: None, devices=lambda: []):
    time = Time()
    choice = CameraChoice(camera, clip, 640, 480, 30, 1.0, False)
    log: list[str] = []
    source, what = open_source(choice, time.wait, log.append, time.clock, connect, devices)
    return source, what, log


def test_auto_takes_the_first_webcam_that_answers(make_video):
    asked = []

    def connect(index, width, height, rate):
        asked.append((index, width, height, rate))
        return FakeDevice(9) if index == 2 else None

    _, what, log = choose("auto", "", connect, lambda: [0, 2, 3])
    assert what == "webcam /dev/video2"
    assert asked == [(0, 640, 480, 30), (2, 640, 480, 30)]
    assert len(log) == 1 and "/dev/video0 does not answer" in log[0]


def test_auto_without_a_webcam_shows_the_clip(make_video):
    clip = str(make_video(3))
    assert choose("auto", clip)[1] == choose("clip", clip)[1] == f"video {clip} at 25 frames/s"


@pytest.mark.parametrize("camera", ["5", "/dev/video5"])
def test_a_device_by_index_or_path(camera):
    _, what, _ = choose(camera, connect=lambda index, *_: FakeDevice(1) if index == 5 else None)
    assert what == "webcam /dev/video5"


def test_a_single_picture_and_a_folder(folder):
    assert choose(str(folder / "a.png"))[1].startswith("pictures in")
    assert choose(str(folder))[1].startswith("pictures in")


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
def test_impossible_choices_are_one_clear_line(camera, clip, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        choose(camera, clip)
    assert "\n" not in str(caught.value)

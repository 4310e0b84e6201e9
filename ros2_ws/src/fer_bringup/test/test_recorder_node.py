"""A painter draws the robot into the video when the recording is over."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from rclpy.node import Node
from sensor_msgs.msg import JointState

from ec_rfernet.video_file import VideoFile
from fer_bringup.film import PICTURE, VIDEO
from fer_bringup.journal import Journal, Screen
from fer_bringup.recorder_node import PAINTED, FilmRecorder
from fer_common.qos import STREAM
from fer_common.testing import spin_until, spinning, until
from fer_monitor.testing.headless_browser import CHROMIUM, browser
from robot_behavior.body import urdf
from robot_behavior.speech.loudspeaker import Recorder
from robot_behavior.speech.voice import Sound


def test_voice_and_picture_are_in_step_and_a_browser_plays_them(tmp_path: Path) -> None:
    began, tone = 1.7e9, (9000 * np.sin(np.arange(22050) / 8)).astype(np.int16)
    voice = Recorder(tmp_path / "speech.wav", 22050, began + 0.3)
    voice.add(Sound(tone, 22050), 0.7)
    voice.add(Sound(tone, 22050), 2.7)
    voice.close()
    video = VideoFile(tmp_path / "demo.mp4", 20, (320, 240))
    for number in range(80):
        bright = 200 if number // 20 in (1, 3) else 20
        video.write(np.full((240, 320, 3), bright, np.uint8))
    video.complete(tmp_path / "speech.wav", began)
    with av.open(str(tmp_path / "demo.mp4")) as made:
        loud = [f.time for f in made.decode(audio=0) if np.abs(f.to_ndarray()).mean() > 0.05]
    with av.open(str(tmp_path / "demo.mp4")) as made:
        bright = [f.time for f in made.decode(video=0) if f.to_ndarray(format="gray").mean() > 99]
    for times in (loud, bright):
        assert times[0] == pytest.approx(1.0, abs=0.1)
        assert next(b for a, b in pairwise(times) if b - a > 0.5) == pytest.approx(3.0, abs=0.1)
    if CHROMIUM is None:
        return  # decoded above all the same
    with browser(tmp_path / "profile") as tab:
        tab.open((tmp_path / "demo.mp4").as_uri())
        video_of = "document.querySelector('video')"
        assert until(lambda: tab.run(f"{video_of}.readyState") == 4)
        assert until(lambda: tab.run(f"{video_of}.currentTime") > 0)
        assert tab.run(f"{video_of}.duration") == pytest.approx(4.0, abs=0.1)
        assert tab.run(f"{video_of}.videoWidth") == 320
        assert tab.run(f"{video_of}.webkitAudioDecodedByteCount") > 0


class GreenPainter:
    """Draws any robot green; remembers its ways."""

    def __init__(self) -> None:
        self.ways: list[list[tuple[float, dict[str, float]]]] = []
        self.closed = False

    def picture(self, way: list[tuple[float, dict[str, float]]]) -> np.ndarray:
        self.ways.append(way)
        return np.full((PAINTED[1], PAINTED[0], 3), (0, 200, 0), np.uint8)

    def close(self) -> None:
        self.closed = True


class Nodder(Node):
    """A robot that tells where its head is."""

    def __init__(self) -> None:
        super().__init__("nodder")
        self.count = 0  # while somebody listens
        self._states = self.create_publisher(JointState, "joint_states", STREAM)
        self.create_timer(0.02, self._tell)

    def _tell(self) -> None:
        self.count += self._states.get_subscription_count()
        self._states.publish(JointState(name=["head_pitch_joint"], position=[0.001 * self.count]))


def test_the_video_shows_what_the_painter_draws(tmp_path: Path) -> None:
    painter, folder = GreenPainter(), tmp_path / "film"
    with spinning(
        lambda: FilmRecorder(folder, urdf.humanoid(), Journal(time.monotonic, Screen()), painter),
        Nodder,
    ) as (
        executor,
        (recorder, nodder),
    ):
        assert spin_until(executor, lambda: nodder.count > 100)
        recorder.close()
    assert painter.closed
    seconds = sum(share for way in painter.ways for share, _ in way)
    assert 0.3 < seconds < 30.0
    pitches = [way[-1][1]["head_pitch_joint"] for way in painter.ways]
    assert pitches == sorted(pitches) and pitches[-1] > pitches[0]
    reader = cv2.VideoCapture(str(folder / VIDEO), cv2.CAP_FFMPEG)
    last = None
    while (read := reader.read())[0]:
        last = read[1]
    reader.release()
    assert last is not None
    robot = last[: PICTURE[1], PICTURE[0] :].reshape(-1, 3).mean(axis=0)
    assert robot[1] > 150 and max(robot[0], robot[2]) < 50
    assert last[: PICTURE[1], : PICTURE[0]].mean() < 20  # nothing was seen by a camera

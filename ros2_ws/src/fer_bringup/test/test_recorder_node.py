"""A painter draws the robot into the video when the recording is over."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState

from fer_bringup.film import PICTURE, VIDEO
from fer_bringup.journal import Journal, Screen
from fer_bringup.recorder_node import PAINTED, FilmRecorder
from fer_common.qos import STREAM
from fer_common.testing import spin_until, spinning
from robot_behavior.body import urdf


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
        self.count = 0
        self._states = self.create_publisher(JointState, "joint_states", STREAM)
        self.create_timer(0.02, self._tell)

    def _tell(self) -> None:
        self.count += 1
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
        assert spin_until(executor, lambda: nodder.count > 60)
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

"""The ROS node that records a run: a video, a still, the voice and the summary."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState

from ec_rfernet.errors import InputError
from ec_rfernet.files import write_bytes, write_text
from ec_rfernet.video_file import VideoFile
from fer_bringup.film import HEIGHT, PICTURE, STILL, SUMMARY, VIDEO, VOICE, WIDTH, Composer
from fer_bringup.journal import Journal
from fer_common.diagnostics import Report
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.door import known_positions
from fer_common.qos import NEWEST
from fer_node.nodes.messages import to_bgr
from fer_node.perception.frame import DecodeError
from robot_behavior.body import figure as robot_figure
from robot_behavior.body import urdf
from robot_behavior.nodes.face_watch import FaceWatch
from robot_behavior.robots import RobotPainter

RATE = 20.0
"""Frames per second of the video."""

PAINTED = (400, 480)
"""Width and height of a painter's picture of the robot, which stands in the middle of its half."""

PAINTED_EVERY = 2
"""Frames of the video that show the same picture of a painter's."""


class FilmRecorder(Node):
    """Writes ``demo.mp4``, ``demo.png`` and ``summary.json`` into a folder.

    The video keeps real time: it is written in a thread of its own, which repeats frames
    when it is late. What ``speech_node`` records into the same folder is heard in it.

    Args:
        folder: made if it does not exist.
        description: the robot's URDF.
        journal: what is said, and why.
        painter: draws the robot when the recording is over; None: its shapes are drawn meanwhile.
        options: for `rclpy.node.Node`.

    Raises:
        InputError: the folder or the video cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        description: Path,
        journal: Journal,
        painter: RobotPainter | None = None,
        **options: Any,
    ) -> None:
        super().__init__("robot_recorder", **options)
        self._folder, self._journal, self._painter = folder, journal, painter
        self._earlier = self._times()
        self._poses: list[dict[str, float]] = []  # of every frame, for the painter
        self._model = urdf.load(description)
        self._video = VideoFile(folder / VIDEO, RATE, (WIDTH, HEIGHT), private=True)
        self._still = _Still()
        self._overlay: Image | None = None
        self._positions: dict[str, float] = {}
        self._began = time.time()
        self.create_subscription(Image, "fer_node/overlay", self._on_overlay, NEWEST)
        self.create_subscription(JointState, "joint_states", self._on_joints, NEWEST)
        self._face = FaceWatch(self)
        DiagnosticsPublisher(self, "film", lambda: Report(f"films into {folder}"))
        self._stop = Event()
        self._thread = Thread(target=self._record, name="recorder", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Completes the files.

        Raises:
            InputError: that is not possible.
        """
        self._stop.set()
        self._thread.join()
        text = json.dumps(self._journal.summary().as_dict(), indent=2, ensure_ascii=False)
        try:
            self._still.write(self._folder / STILL)
            write_text(self._folder / SUMMARY, text + "\n", private=True)
        except OSError as error:
            raise InputError(f"{self._folder}: cannot be written ({error.strerror})") from error
        finally:
            self._complete(self._video)
        if self._painter is not None:
            try:
                self._paint(self._painter)
            finally:
                self._painter.close()

    @property
    def files(self) -> list[Path]:
        """What there is of the recording by now; files of an earlier one do not count."""
        return [path for path, at in self._times().items() if at != self._earlier.get(path)]

    def _times(self) -> dict[Path, int]:
        """When each file was written last, ns."""
        paths = (self._folder / name for name in (VIDEO, STILL, VOICE, SUMMARY))
        return {path: path.stat().st_mtime_ns for path in paths if path.is_file()}

    def _complete(self, video: VideoFile) -> None:
        try:
            video.complete(self._folder / VOICE, self._began)
        except InputError as error:
            if not video.partial.is_file():
                raise
            raise InputError(f"{error}; what was filmed until then is {video.partial}") from error

    def _paint(self, painter: RobotPainter) -> None:
        """Puts the painter's pictures of the robot into the video."""
        print(f"draws the robot into {self._folder / VIDEO}", flush=True)
        reader = cv2.VideoCapture(str(self._folder / VIDEO), cv2.CAP_FFMPEG)
        video = VideoFile(self._folder / VIDEO, RATE, (WIDTH, HEIGHT), private=True)
        robot = np.zeros((0, 0, 3), np.uint8)
        way: list[tuple[float, dict[str, float]]] = []
        try:
            for number, pose in enumerate(self._poses):
                read, frame = reader.read()
                if not read:
                    break
                if pose:
                    way.append((1.0 / RATE, pose))
                if way and number % PAINTED_EVERY == 0:
                    robot, way = painter.picture(way), []
                if robot.size:
                    half = frame[: PICTURE[1], PICTURE[0] :]
                    half[:] = robot[0, 0]
                    left = (PICTURE[0] - robot.shape[1]) // 2
                    half[:, left : left + robot.shape[1]] = robot
                if number == self._still.number:
                    self._still.replace(frame)
                video.write(frame)
            self._still.write(self._folder / STILL)
            video.complete(self._folder / VOICE, self._began)
        finally:
            reader.release()
            video.discard()

    def _on_overlay(self, message: Image) -> None:
        self._overlay = message

    def _on_joints(self, message: JointState) -> None:
        self._positions = known_positions(message.name, message.position)

    def _record(self) -> None:
        composer, written = Composer(), 0
        began, self._began = time.monotonic(), time.time()
        drawn = None
        while not self._stop.wait(max(0.0, began + written / RATE - time.monotonic())):
            pose, face = self._positions, self._face.look()
            if drawn != (pose, face):
                drawn = (pose, face)
                robot = robot_figure.render(self._model, pose, PICTURE, face)
                robot_figure.inset(robot, face)
            frame = composer.frame(self._seen(), robot, self._journal.moment)
            self._still.consider(written, frame, pose, self._journal)
            due = int((time.monotonic() - began) * RATE) + 1
            for _ in range(due - written):
                self._video.write(frame)
                self._poses.append(pose)
            written = max(written, due)

    def _seen(self) -> np.ndarray | None:
        message = self._overlay
        with suppress(DecodeError):  # of somebody else, on the topic of the overlay
            return None if message is None else to_bgr(message)
        return None


class _Still:
    """Picks the picture in which the robot answers an expression with the widest gesture.

    Attributes:
        number: of the frame in the video; -1 before there is one.
    """

    def __init__(self) -> None:
        self.number = -1
        self._best: np.ndarray | None = None
        self._reach = 0.0

    def replace(self, frame: np.ndarray) -> None:
        """Takes another picture of the moment that was picked."""
        self._best = frame.copy()

    def consider(
        self, number: int, frame: np.ndarray, pose: Mapping[str, float], journal: Journal
    ) -> None:
        """Keeps the frame if it is better than those before.

        Args:
            number: of the frame in the video.
            frame: BGR, uint8 [H, W, 3].
            pose: rad by joint.
            journal: knows what the robot is doing.
        """
        if not (journal.responding and journal.answers and journal.answers[-1].emotion):
            return
        reach = sum(abs(angle) for angle in pose.values())
        if reach > self._reach:
            self.number, self._best, self._reach = number, frame, reach

    def write(self, path: Path) -> None:
        """Writes the best one, if there was any.

        Raises:
            OSError: it cannot be written.
        """
        if self._best is not None:
            write_bytes(path, cv2.imencode(path.suffix, self._best)[1].tobytes(), private=True)

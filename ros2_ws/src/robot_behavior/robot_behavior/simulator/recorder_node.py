"""Writes what perception says to a CSV file, for `behavior-sim`."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

from fer_interfaces.msg import Emotion, EmotionArray
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo

from ec_rfernet.labels import LABELS, UNKNOWN
from fer_common.qos import EVENTS
from fer_common.runner import StartError
from robot_behavior.simulator.recording import COLUMNS, Sighting, View, rows

_IMAGE_WIDTH = 640
_ATTENDED_S = 0.5  # a face whose emotion was published so lately is the attended one


class RecorderNode(Node):
    """Records ``emotions``, and which face is attended to; a row is on disk at once.

    Args:
        file: is replaced if it is there.
        options: passed on to the node.

    Raises:
        StartError: the file cannot be written.
    """

    def __init__(self, file: Path, **options: Any) -> None:
        try:
            self._stream = file.open("w", newline="", encoding="utf-8", buffering=1)
        except OSError as error:
            raise StartError(f"{file}: cannot be written ({error})") from error
        super().__init__("emotion_recorder", **options)
        self._writer = csv.writer(self._stream)
        self._writer.writerow(COLUMNS)
        self._start: float | None = None
        self._attended, self._attended_at = "", 0.0
        self._width = _IMAGE_WIDTH
        self.create_subscription(Emotion, "emotion", self._on_emotion, EVENTS)
        self.create_subscription(EmotionArray, "emotions", self._on_emotions, EVENTS)
        self.create_subscription(
            CameraInfo, "camera_info", self._on_camera_info, qos_profile_sensor_data
        )
        self.get_logger().info(f"records to {file}; no pictures, Ctrl-C ends it")

    def destroy_node(self) -> None:
        """Also closes the file."""
        self._stream.close()
        super().destroy_node()

    def _on_emotion(self, msg: Emotion) -> None:
        self._attended, self._attended_at = msg.face_id, time.monotonic()

    def _on_emotions(self, msg: EmotionArray) -> None:
        now = time.monotonic()
        if self._start is None:
            self._start = now
        faces = tuple(
            Sighting(
                face.face_id, face.label, face.confidence, min(face.roi.width / self._width, 1)
            )
            for face in msg.emotions
            if face.face_id and face.label in (*LABELS, UNKNOWN)
        )
        recent = now - self._attended_at <= _ATTENDED_S
        attended = [face for face in faces if recent and face.face_id == self._attended]
        view = View(now - self._start, faces, attended[0] if attended else None)
        self._writer.writerows(rows(view))

    def _on_camera_info(self, msg: CameraInfo) -> None:
        self._width = msg.width or _IMAGE_WIDTH

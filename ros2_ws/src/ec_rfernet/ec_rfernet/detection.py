"""Face detection with MediaPipe's BlazeFace (Bazarevsky et al., 2019)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.faces import KEYPOINTS, Box, Face

_SMALLEST = 8  # pixels; below that there is nothing to detect


class MediaPipeDetector:
    """Several faces within about five metres, with six key points each.

    Args:
        min_score: faces below this confidence are dropped, 0..1.

    Raises:
        InputError: mediapipe is not installed, or has no bundled face models.
    """

    def __init__(self, min_score: float = 0.5) -> None:
        try:
            from mediapipe.python.solutions.face_detection import FaceDetection
        except ImportError as error:
            raise InputError(
                f"face detection needs mediapipe < 0.10.30, which carries its models ({error}); "
                "install requirements/no-deps.txt"
            ) from error
        # The full-range model (1): in 640x480 it still finds faces 35 pixels wide, where the
        # short-range one needs 85 and more, that is, a person within arm's length.
        with _silent_stderr():
            self._network = FaceDetection(min_detection_confidence=min_score, model_selection=1)
            self.detect(np.zeros((64, 64, 3), np.uint8))

    def detect(self, image: np.ndarray) -> list[Face]:
        """The faces of a BGR image uint8 [H, W, 3], most confident first."""
        height, width = image.shape[:2]
        if min(height, width) < _SMALLEST:
            return []
        result = self._network.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        scale = np.array([width, height], dtype=np.float32)
        faces = []
        for detection in result.detections or ():
            data = detection.location_data
            box = data.relative_bounding_box
            if box.width <= 0 or box.height <= 0:
                continue
            points = [[point.x, point.y] for point in data.relative_keypoints[: len(KEYPOINTS)]]
            faces.append(
                Face(
                    Box(
                        box.xmin * width, box.ymin * height, box.width * width, box.height * height
                    ),
                    float(detection.score[0]),
                    np.array(points, dtype=np.float32) * scale,
                )
            )
        return sorted(faces, key=lambda face: -face.score)

    def close(self) -> None:
        """Frees the detection graph."""
        self._network.close()


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Drops what native code writes to stderr: mediapipe greets with warnings at its start."""
    sys.stderr.flush()
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)

"""Face detection with MediaPipe's BlazeFace (Bazarevsky et al., 2019)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from ec_rfernet.faces.face import KEYPOINTS, Box, Face
from ec_rfernet.faces.solution import solution

_SMALLEST = 8  # pixels; below that there is nothing to detect

ENOUGH = 320
"""Pixels of the longer side that the detector makes use of. Its network sees 192x192; brought
there from 640x480 in one step, which aliases, it finds fewer small faces than by way of 320x240."""


class MediaPipeDetector:
    """Several faces within about five metres, with six key points each.

    Args:
        min_score: faces below this confidence are dropped, 0..1.

    Raises:
        InputError: mediapipe is not installed, or has no bundled face models.
    """

    def __init__(self, min_score: float = 0.5) -> None:
        make = solution("face_detection").FaceDetection
        # The full-range model (1): in 640x480 it finds faces half as wide as the short-range one
        # does, see `python -m tests.benchmarks --only faces`.
        with _silent_stderr():
            self._network = make(min_detection_confidence=min_score, model_selection=1)
            self.detect(np.zeros((64, 64, 3), np.uint8))

    def detect(self, image: np.ndarray) -> list[Face]:
        """The faces of a BGR image uint8 [H, W, 3], most confident first."""
        height, width = image.shape[:2]
        if min(height, width) < _SMALLEST:
            return []
        result = self._network.process(cv2.cvtColor(_reduced(image), cv2.COLOR_BGR2RGB))
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


def _reduced(image: np.ndarray) -> np.ndarray:
    """Averages down to `ENOUGH`, or somewhat more."""
    height, width = image.shape[:2]
    shrink = max(height, width) // ENOUGH
    if shrink < 2:
        return image
    size = (max(1, width // shrink), max(1, height // shrink))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


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

"""Stand-ins for the networks, for tests and for trying things out without a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ec_rfernet.bundle import Bundle
from ec_rfernet.faces.face import Box, Face
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.labels import LABELS

FAKE_BUNDLE = Bundle(
    folder=Path("nowhere"),
    name="fake",
    architecture="none",
    input_size=44,
    mean=0.5,
    std=0.25,
    framing=FER2013,
    reject_threshold=0.4,
)
"""What a `FakeClassifier` says of itself."""


def frontal_face(x: float, y: float, size: float, turn: float = 0.0) -> Face:
    """A face with plausible key points.

    Args:
        x: of the middle of the box, pixels.
        y: of the middle of the box, pixels.
        size: side of the box, pixels.
        turn: of the head, see `fer_node.perception.pipeline.turn`.
    """
    eye = 0.2
    points = [(-eye, -0.15), (eye, -0.15), (2 * eye * turn, 0.1), (0, 0.25), (-0.5, 0), (0.5, 0)]
    keypoints = np.array(points, dtype=np.float32) * size + np.array([x, y], dtype=np.float32)
    return Face(Box(x - size / 2, y - size / 2, size, size), 0.9, keypoints)


def surely(label: str, probability: float = 0.94) -> np.ndarray:
    """Probabilities [7] of which one stands out."""
    row = np.full(len(LABELS), (1 - probability) / (len(LABELS) - 1), dtype=np.float32)
    row[LABELS.index(label)] = probability
    return row


class FakeDetector:
    """Finds what it is told to find.

    Args:
        faces: the faces of an image uint8 [H, W, 3]; may raise.
    """

    def __init__(self, faces: Callable[[np.ndarray], Sequence[Face]]) -> None:
        self._faces = faces
        self.closed = False
        """Whether `close` was called."""

    def detect(self, image: np.ndarray) -> list[Face]:
        """See `ec_rfernet.faces.face.FaceDetector`."""
        if self.closed:
            raise RuntimeError("the detector was used after it was closed")
        return list(self._faces(image))

    def close(self) -> None:
        """See `ec_rfernet.faces.face.FaceDetector`."""
        self.closed = True


class FakeClassifier:
    """Judges every face alike.

    Args:
        row: probabilities [7].
        bundle: what to say of itself.
    """

    def __init__(self, row: np.ndarray, bundle: Bundle = FAKE_BUNDLE) -> None:
        self.row = row
        """What the next faces will be judged; may be replaced."""
        self.bundle = bundle
        self.runtime, self.precision, self.warning = "fake", "fp32", ""
        self.batches: list[int] = []
        """How many faces each call had."""

    def probabilities(self, crops: np.ndarray) -> np.ndarray:
        """See `ec_rfernet.runtimes.classifier.Classifier`."""
        self.batches.append(len(crops))
        return np.tile(self.row, (len(crops), 1))

"""Stand-ins for the networks and for time, for tests and for trying things out without a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ec_rfernet.bundle import Bundle
from ec_rfernet.faces.face import Box, Face
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.labels import LABELS
from fer_node.camera.source import SourceTools

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
    nose, ears = 2 * eye * turn, -2.5 * eye * turn  # before and behind the eyes
    points = [(-eye, -0.15), (eye, -0.15), (nose, 0.1), (0, 0.25), (ears - 0.5, 0), (ears + 0.5, 0)]
    keypoints = np.array(points, dtype=np.float32) * size + np.array([x, y], dtype=np.float32)
    return Face(Box(x - size / 2, y - size / 2, size, size), 0.9, keypoints)


def surely(label: str, probability: float = 0.94, labels: tuple[str, ...] = LABELS) -> np.ndarray:
    """Probabilities [K] of labels of which one stands out."""
    row = np.full(len(labels), (1 - probability) / (len(labels) - 1), dtype=np.float32)
    row[labels.index(label)] = probability
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
        row: probabilities [K] of the bundle's labels.
        bundle: what to say of itself.
    """

    def __init__(self, row: np.ndarray, bundle: Bundle = FAKE_BUNDLE) -> None:
        self.row = row
        """What the next faces will be judged; may be replaced."""
        self.bundle = bundle
        self.runtime, self.precision = "fake", "fp32"
        self.warning: str | None = None
        self.batches: list[int] = []
        """How many faces each call had."""

    def probabilities(self, crops: np.ndarray) -> np.ndarray:
        """See `ec_rfernet.runtimes.classifier.Classifier`."""
        self.batches.append(len(crops))
        return np.tile(self.row, (len(crops), 1))


class SimulatedTime:
    """A clock that waiting moves on.

    Args:
        stop_after: when everything is to stop, seconds.

    Attributes:
        now: seconds.
        waits: for how long it was waited, each time.
    """

    def __init__(self, stop_after: float = 1e9) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        self._stop = self.now + stop_after

    def clock(self) -> float:
        """What it shows."""
        return self.now

    def wait(self, seconds: float) -> bool:
        """See `fer_node.camera.source.Wait`."""
        self.waits.append(seconds)
        self.now += seconds
        return self.now >= self._stop

    def tools(self, log: Callable[[str], object] = lambda text: None) -> SourceTools:
        """For a source of frames that lives in this time."""
        return SourceTools(self.wait, log, self.clock)


class FakeDevice:
    """A webcam that gives some frames and is then unplugged; see `fer_node.camera.webcam.Device`.

    Args:
        frames: how many.

    Attributes:
        released: whether it was closed.
    """

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.released = False

    def read(self) -> tuple[bool, np.ndarray | None]:
        """Whether a frame came, and the frame."""
        if self.released:
            raise RuntimeError("the device was used after it was closed")
        self.frames -= 1
        return (True, np.zeros((4, 4, 3), np.uint8)) if self.frames >= 0 else (False, None)

    def release(self) -> None:
        """Closes it."""
        self.released = True

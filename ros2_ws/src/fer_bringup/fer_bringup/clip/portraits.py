"""The two people of the clip, and the expressions that are put on their faces.

The people are public-domain NASA and Navy portraits inside installed packages. An expression
is a set of action units, those of the Facial Action Coding System (Ekman & Friesen, 1978). Each
moves a few points of the face; a smooth field carries the skin around them along.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.faces.mediapipe_detector import solution

EYE_DISTANCE = 90.0
"""Pixels between the eyes of a loaded portrait."""

HOPPER = ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")
COLLINS = ("skimage", "data/astronaut.png")

_RIGHT_EYE, _LEFT_EYE = (33, 133), (263, 362)  # outer and inner corner in the face mesh


@dataclass(frozen=True, eq=False)
class Portrait:
    """One person, cut out of the background.

    Attributes:
        image: BGR, uint8 [H, W, 3], scaled to `EYE_DISTANCE`.
        alpha: float32 [H, W], 1 where the person is.
        landmarks: float32 [468, 2], (x, y) pixels of the MediaPipe face mesh.
    """

    image: np.ndarray
    alpha: np.ndarray
    landmarks: np.ndarray

    @property
    def eyes(self) -> tuple[np.ndarray, np.ndarray]:
        """Centres of the right and of the left eye, the person's own; float32 [2] each."""
        return self.landmarks[list(_RIGHT_EYE)].mean(0), self.landmarks[list(_LEFT_EYE)].mean(0)


def load(source: tuple[str, str]) -> Portrait:
    """Reads one of `HOPPER` and `COLLINS`, finds its face and cuts the person out.

    Raises:
        InputError: the package, its picture or mediapipe is missing.
    """
    with _silence():
        return _load(source)


def _load(source: tuple[str, str]) -> Portrait:
    image = _read(source)
    landmarks = _landmarks(image, source)
    right, left = landmarks[list(_RIGHT_EYE)].mean(0), landmarks[list(_LEFT_EYE)].mean(0)
    scale = EYE_DISTANCE / float(np.linalg.norm(left - right))
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return Portrait(image, _cut_out(image), (landmarks * scale).astype(np.float32))


def _read(source: tuple[str, str]) -> np.ndarray:
    package, name = source
    # Located, not imported: importing scikit-image takes a second.
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / name if spec and spec.origin else None
    image = None
    if path is not None and path.is_file():
        pixels = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        image = cv2.imdecode(pixels, cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(
            f"the clip needs the portrait {package}/{name}, which is not installed here: "
            "pip install matplotlib scikit-image"
        )
    return image


def _landmarks(image: np.ndarray, source: tuple[str, str]) -> np.ndarray:
    face_mesh = solution("face_mesh")
    enlarged = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    with face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1) as mesh:
        result = mesh.process(cv2.cvtColor(enlarged, cv2.COLOR_BGR2RGB))
    if not result.multi_face_landmarks:
        raise InputError(f"no face was found in the portrait {'/'.join(source)}")
    points = [[point.x, point.y] for point in result.multi_face_landmarks[0].landmark]
    return np.array(points, dtype=np.float32) * [image.shape[1], image.shape[0]]


def _cut_out(image: np.ndarray) -> np.ndarray:
    segmentation = solution("selfie_segmentation")
    with segmentation.SelfieSegmentation(model_selection=0) as network:
        mask = network.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).segmentation_mask
    # The network is unsure of the outermost pixels, which still show the old background.
    sharp = np.clip((mask - 0.45) / 0.45, 0, 1)
    return cv2.GaussianBlur(sharp.astype(np.float32), (0, 0), 1.2)


@contextmanager
def _silence() -> Iterator[None]:
    """Keeps what libpng and MediaPipe write to stderr away from the user."""
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


# Expressions.

# (right, left) landmark of the MediaPipe face mesh, the person's own right and left
_CORNER, _CHEEK = (61, 291), (50, 280)
_BROW_INNER, _BROW_MID, _BROW_OUTER = (107, 336), (105, 334), (70, 300)
_LID_UPPER, _LID_LOWER = (159, 386), (145, 374)
_LIP_UPPER, _LIP_LOWER, _CHIN = (0, 0), (17, 17), (199, 199)

# unit: (points, outward, downward, radius), all in eye distances at strength 1
_UNITS: dict[str, tuple[tuple[tuple[int, int], float, float, float], ...]] = {
    "inner_brow_raiser": ((_BROW_INNER, -0.02, -0.14, 0.20),),
    "outer_brow_raiser": ((_BROW_MID, 0.0, -0.08, 0.20), (_BROW_OUTER, 0.0, -0.12, 0.22)),
    "brow_lowerer": ((_BROW_INNER, -0.06, 0.13, 0.18), (_BROW_MID, -0.03, 0.06, 0.18)),
    "upper_lid_raiser": ((_LID_UPPER, 0.0, -0.06, 0.11),),
    "lid_tightener": ((_LID_UPPER, 0.0, 0.04, 0.11), (_LID_LOWER, 0.0, -0.04, 0.11)),
    "cheek_raiser": ((_CHEEK, 0.02, -0.08, 0.30), (_LID_LOWER, 0.0, -0.03, 0.12)),
    "lip_corner_puller": ((_CORNER, 0.12, -0.16, 0.22), (_LIP_LOWER, 0.0, 0.02, 0.15)),
    "lip_corner_depressor": ((_CORNER, 0.02, 0.16, 0.22), (_LIP_LOWER, 0.0, -0.04, 0.18)),
    "chin_raiser": ((_CHIN, 0.0, -0.06, 0.25), (_LIP_LOWER, 0.0, -0.05, 0.2)),
    "lip_pressor": ((_LIP_UPPER, 0.0, 0.05, 0.14), (_LIP_LOWER, 0.0, -0.06, 0.14)),
}
_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)  # its inner edge
_STEP = 4  # pixels between the points at which the warp is computed
_JAW_DROP = 0.42  # how far the lower lip sinks at strength 1, in eye distances
_MOUTH_BGR = np.array([22, 14, 40], dtype=np.float32)


@dataclass(frozen=True)
class Expression:
    """Strength of each action unit; 0 leaves the portrait as it is, 1 is strong.

    Negative values undo what the portrait already shows.
    """

    inner_brow_raiser: float = 0.0
    outer_brow_raiser: float = 0.0
    brow_lowerer: float = 0.0
    upper_lid_raiser: float = 0.0
    lid_tightener: float = 0.0
    cheek_raiser: float = 0.0
    lip_corner_puller: float = 0.0
    lip_corner_depressor: float = 0.0
    chin_raiser: float = 0.0
    lip_pressor: float = 0.0
    jaw_drop: float = 0.0

    def towards(self, other: Expression, share: float) -> Expression:
        """The expression ``share`` (0..1) of the way to another."""
        mixed = {
            field.name: (1 - share) * getattr(self, field.name) + share * getattr(other, field.name)
            for field in fields(self)
        }
        return Expression(**mixed)


AT_REST = Expression()
"""The portrait as it is."""


def put_on(portrait: Portrait, expression: Expression) -> np.ndarray:
    """The portrait's picture with another expression.

    Returns:
        BGR, uint8 [H, W, 3], of the size of the portrait.
    """
    face = _Face(portrait)
    picture = portrait.image.copy()
    x0, y0, x1, y1 = face.region
    grid = np.stack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)), axis=-1).astype(np.float32)
    source = _pulled_back(grid, face.pushes(expression))
    if expression.jaw_drop > 0.01:
        source, mouth = face.open_jaw(source, expression.jaw_drop)
    else:
        mouth = np.zeros(grid.shape[:2], dtype=np.float32)
    warped = cv2.remap(portrait.image, source[..., 0], source[..., 1], cv2.INTER_CUBIC)
    mouth = cv2.GaussianBlur(mouth, (0, 0), 1.5)[..., None]
    picture[y0:y1, x0:x1] = (warped * (1 - mouth) + _MOUTH_BGR * mouth).astype(np.uint8)
    return picture


def _pulled_back(grid: np.ndarray, pushes: np.ndarray) -> np.ndarray:
    """Where each pixel comes from: the inverse of the sum of Gaussian pushes.

    Args:
        grid: float32 [H, W, 2] pixel positions; H and W are multiples of `_STEP`.
        pushes: float32 [N, 5]: centre, displacement, radius, in pixels.
    """
    # The field is smooth, so a coarse one, enlarged, is as good. A pixel of it lies in
    # the middle of the pixels that it stands for.
    coarse = grid[::_STEP, ::_STEP] + (_STEP - 1) / 2
    moved = np.zeros_like(coarse)
    for _ in range(4):  # each round comes nearer to the fixed point
        source = coarse - moved
        moved = np.zeros_like(coarse)
        for x, y, dx, dy, radius in pushes:
            near = (source[..., 0] - x) ** 2 + (source[..., 1] - y) ** 2
            weight = np.exp(near / (-2 * radius * radius))
            moved[..., 0] += dx * weight
            moved[..., 1] += dy * weight
    return grid - cv2.resize(moved, grid.shape[1::-1], interpolation=cv2.INTER_LINEAR)


class _Face:
    """The face of a portrait in its own axes: across, down, eye distance."""

    def __init__(self, portrait: Portrait) -> None:
        self._points = portrait.landmarks
        right, left = portrait.eyes
        self._unit = float(np.linalg.norm(left - right))
        self._across = (left - right) / self._unit
        self._down = np.array([-self._across[1], self._across[0]])
        low = self._points.min(0) - 0.6 * self._unit
        high = self._points.max(0) + 0.6 * self._unit
        height, width = portrait.image.shape[:2]
        x, y = max(0, int(low[0])), max(0, int(low[1]))
        columns = (min(width, int(high[0])) - x) // _STEP
        rows = (min(height, int(high[1])) - y) // _STEP
        self.region = (x, y, x + _STEP * columns, y + _STEP * rows)

    def pushes(self, expression: Expression) -> np.ndarray:
        """What moves: float32 [N, 5], see `_pulled_back`."""
        rows = []
        for name, moves in _UNITS.items():
            strength = getattr(expression, name)
            if abs(strength) < 0.01:
                continue
            for pair, outward, downward, radius in moves:
                single = pair[0] == pair[1]
                for point, side in zip(pair, (-1.0, 1.0), strict=True):
                    x, y = self._points[point]
                    share = 0.5 if single else 1.0
                    step = side * outward * self._across + downward * self._down
                    dx, dy = strength * share * self._unit * step
                    rows.append((x, y, dx, dy, radius * self._unit))
        return np.array(rows, dtype=np.float32).reshape(-1, 5)

    def open_jaw(self, source: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
        """Parts the lips: below them the picture sinks, above it stays.

        Args:
            source: where each pixel comes from so far, float32 [H, W, 2].
            strength: 0..1.

        Returns:
            The new ``source``, and float32 [H, W]: 1 inside the open mouth.
        """
        seam = self._points[list(_LOWER_LIP)]
        middle = seam.mean(0)
        offset = source - middle
        across, down = offset @ self._across / self._unit, offset @ self._down / self._unit
        half = float(np.ptp(seam @ self._across)) / self._unit / 2
        line = np.interp(
            across,
            (seam - middle) @ self._across / self._unit,
            (seam - middle) @ self._down / self._unit,
        ).astype(np.float32)
        # The lips part as a half ellipse between the corners of the mouth; cheeks and
        # neck follow less and less.
        lips = np.sqrt(np.clip(1 - (across / (1.02 * half)) ** 2, 0, 1))
        cheeks = np.exp(-((across / (1.9 * half)) ** 2))
        depth = np.clip((down - line) / 0.5, 0, 1)
        neck = 1 - np.clip((down - 0.65) / 0.9, 0, 1)
        drop = strength * _JAW_DROP * (lips * (1 - depth) + cheeks * depth) * neck * neck
        below = down - drop
        lower = below >= line
        upper = down <= line
        moved = np.where(upper, down, np.maximum(below, line))
        target = middle + self._unit * (
            across[..., None] * self._across + moved[..., None] * self._down
        )
        mouth = (~upper & ~lower).astype(np.float32)
        return target.astype(np.float32), mouth

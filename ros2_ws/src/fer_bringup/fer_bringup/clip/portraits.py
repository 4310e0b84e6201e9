"""The two people of the clip: public-domain NASA and Navy portraits inside installed packages."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

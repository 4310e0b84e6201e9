"""Crop geometry: bringing a face into the framing that the network was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ec_rfernet.faces import KEYPOINTS, Face

ANCHORS = ("right_eye", "left_eye", "mouth")
"""The key points that a framing places."""

_ANCHOR_ROWS = [KEYPOINTS.index(name) for name in ANCHORS]


@dataclass(frozen=True)
class Framing:
    """Where the eyes and the mouth lie in the pictures of a data set.

    Attributes:
        size: side of the square pictures, pixels.
        anchors: (x, y) of `ANCHORS` in such a picture, pixels from its upper left corner.
    """

    size: int
    anchors: tuple[tuple[float, float], ...]


FER2013 = Framing(48, ((15.2, 19.4), (33.0, 19.3), (24.6, 36.8)))
"""Medians over the training images, see `ec_rfernet.framing_survey`."""


def anchor_points(face: Face) -> np.ndarray:
    """The `ANCHORS` of a face, float64 [3, 2], image pixels."""
    return face.keypoints[_ANCHOR_ROWS].astype(np.float64)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The similarity transform nearest to mapping some points onto others.

    Rotation, one scale and translation, by least squares (Umeyama, IEEE TPAMI 13,
    1991), written with complex numbers.

    Args:
        source: float [N, 2], at least two different points.
        target: float [N, 2].

    Returns:
        float64 [2, 3], for ``cv2.warpAffine``.
    """
    a = source[:, 0] + 1j * source[:, 1]
    b = target[:, 0] + 1j * target[:, 1]
    a0, b0 = a.mean(), b.mean()
    spread = np.vdot(a - a0, a - a0).real
    factor = np.vdot(a - a0, b - b0) / max(spread, 1e-9)
    shift = b0 - factor * a0
    return np.array(
        [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    )


def align(image: np.ndarray, face: Face, framing: Framing, size: int) -> np.ndarray:
    """Cuts a face out as the network wants to see it.

    Args:
        image: uint8 [H, W, 3] BGR or [H, W] grey.
        face: where the face is.
        framing: the pictures the network was trained on.
        size: side of the network's input, the centre crop of such a picture.

    Returns:
        uint8 [size, size], grey. Beyond the image's border its edge is repeated.
    """
    margin = (framing.size - size) / 2
    target = np.array(framing.anchors) - margin
    # Points are measured from the image's corner; OpenCV counts from the first pixel's centre.
    matrix = similarity(anchor_points(face) - 0.5, target - 0.5)
    patch, matrix = _reduced(image, matrix, size)
    crop = cv2.warpAffine(
        patch, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return crop if crop.ndim == 2 else cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)


def _reduced(image: np.ndarray, matrix: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts out and averages down what ``matrix`` would shrink: warping alone aliases."""
    inverse = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], dtype=np.float64)
    reach = corners @ inverse[:, :2].T + inverse[:, 2]
    height, width = image.shape[:2]
    left, top = np.clip(np.floor(reach.min(axis=0)) - 2, 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(
        np.ceil(reach.max(axis=0)) + 3, (left + 1, top + 1), (width, height)
    ).astype(int)
    patch = image[top:bottom, left:right]
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (left, top)
    shrink = int(1 / max(np.hypot(*matrix[:, 0]), 1e-3))
    if shrink < 2:
        return patch, moved
    rows, columns = max(1, patch.shape[0] // shrink), max(1, patch.shape[1] // shrink)
    scale = np.array([patch.shape[1] / columns, patch.shape[0] / rows])
    small = cv2.resize(patch, (columns, rows), interpolation=cv2.INTER_AREA)
    # A reduced pixel (u, v) covers the pixels around scale * (u, v) + (scale - 1) / 2.
    moved[:, 2] += moved[:, :2] @ ((scale - 1) / 2)
    moved[:, :2] *= scale
    return small, moved

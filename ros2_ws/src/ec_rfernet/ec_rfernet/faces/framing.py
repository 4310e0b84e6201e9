"""Crop geometry: bringing a face into the framing that the network was trained on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from ec_rfernet.faces.face import KEYPOINTS, Box, Face, Similarity

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
"""Medians over the training images, see `ec_rfernet.datasets.framing_survey`."""


def anchor_points(face: Face) -> np.ndarray:
    """The `ANCHORS` of a face, float64 [3, 2], image pixels."""
    return face.keypoints[_ANCHOR_ROWS].astype(np.float64)


def filling(image: np.ndarray, framing: Framing) -> Face:
    """The face of an image, uint8 [H, W] or [H, W, C], that is nothing but a face.

    It is taken for one of the data set's pictures: its key points are where theirs are.
    """
    height, width = image.shape[:2]
    side = min(width, height)
    shift = np.array([width - side, height - side]) / 2
    right, left, mouth = np.array(framing.anchors) * (side / framing.size) + shift
    eyes = (right + left) / 2
    points = (
        right,
        left,
        (eyes + mouth) / 2,
        mouth,
        1.5 * right - left / 2,
        1.5 * left - right / 2,
    )
    return Face(Box(0, 0, width, height), 1.0, np.array(points, np.float32))


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
    return cut(image, placement(face, framing, size), size)


def placement(face: Face, framing: Framing, size: int) -> Similarity:
    """From the pixels of an image to those of the crop that `align` makes of it."""
    margin = (framing.size - size) / 2
    target = np.array(framing.anchors) - margin
    # Points are measured from the image's corner; OpenCV counts from the first pixel's centre.
    return Similarity.fit(anchor_points(face) - 0.5, target - 0.5)


def grey(image: np.ndarray) -> np.ndarray:
    """Grey uint8 [H, W] of an image uint8 [H, W, 3] BGR or [H, W] grey."""
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def cut(
    image: np.ndarray,
    place: Similarity,
    size: int,
    to_grey: Callable[[np.ndarray], np.ndarray] = grey,
) -> np.ndarray:
    """Cuts a square out of an image, turned and scaled.

    Only the part of the image that is needed is converted to grey.

    Args:
        image: uint8 [H, W] or [H, W, C].
        place: from the image's pixels to those of the square, counted from their centres.
        size: side of the square.
        to_grey: makes grey uint8 [h, w] of a part of the image that begins at an even column
            and has an even width, where the image has.

    Returns:
        uint8 [size, size]. Beyond the image's border its edge is repeated.
    """
    shrink = int(1 / max(place.scale, 1e-3))
    left, top, right, bottom = _reach(image.shape[1], image.shape[0], place, size, max(2, shrink))
    patch = to_grey(image[top:bottom, left:right])
    matrix = place.matrix
    matrix[:, 2] += matrix[:, :2] @ (left, top)
    if shrink >= 2:
        patch, matrix = _reduced(patch, matrix, shrink)
    return cv2.warpAffine(
        patch, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _reach(
    width: int, height: int, place: Similarity, size: int, unit: int
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of an image that a square is made of.

    Where the image is large enough, the sides are multiples of ``unit``: averaging whole
    numbers of pixels is several times faster.
    """
    if abs(place.factor) < 1e-9:
        return 0, 0, width, height
    back = place.inverse()
    side = size * back.factor
    # The corners are the shift, and from there along one side, the other, or both.
    left, right = _span(back.shift.real, side.real, -side.imag, width, unit)
    top, bottom = _span(back.shift.imag, side.imag, side.real, height, unit)
    return left, top, right, bottom


def _span(origin: float, one: float, other: float, length: int, unit: int) -> tuple[int, int]:
    """Where a part begins, at an even number, and ends, within 0..length."""
    first = origin + min(one, 0.0) + min(other, 0.0)
    last = origin + max(one, 0.0) + max(other, 0.0)
    begin = min(max(math.floor(first) - 2, 0), length - 1) // 2 * 2
    end = min(max(math.ceil(last) + 3, begin + 2), length)
    step = unit * (1 + unit % 2)  # even, too
    return begin, min(begin - (begin - end) // step * step, length)


def _reduced(patch: np.ndarray, matrix: np.ndarray, shrink: int) -> tuple[np.ndarray, np.ndarray]:
    """Averages down what ``matrix`` would shrink: warping alone aliases."""
    rows, columns = max(1, patch.shape[0] // shrink), max(1, patch.shape[1] // shrink)
    scale = np.array([patch.shape[1] / columns, patch.shape[0] / rows])
    small = cv2.resize(patch, (columns, rows), interpolation=cv2.INTER_AREA)
    # A reduced pixel (u, v) covers the pixels around scale * (u, v) + (scale - 1) / 2.
    moved = matrix.copy()
    moved[:, 2] += moved[:, :2] @ ((scale - 1) / 2)
    moved[:, :2] *= scale
    return small, moved

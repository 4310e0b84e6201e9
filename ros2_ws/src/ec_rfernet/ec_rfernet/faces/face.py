"""A face in an image, and what finds faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ec_rfernet.faces.similarity import Similarity

KEYPOINTS = ("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear")
"""The order of `Face.keypoints`; right and left are the person's own."""


@dataclass(frozen=True)
class Box:
    """An upright rectangle in image pixels; may reach beyond the image.

    Attributes:
        x: left edge.
        y: upper edge.
        width: greater than zero.
        height: greater than zero.
    """

    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """In square pixels."""
        return self.width * self.height

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    def overlap(self, other: Box) -> float:
        """Intersection over union with another box, 0..1."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True, eq=False)
class Face:
    """One detected face.

    Attributes:
        box: around brow, chin and cheeks.
        score: the detector's confidence, 0..1.
        keypoints: float32 [6, 2], (x, y) pixels in the order of `KEYPOINTS`.
    """

    box: Box
    score: float
    keypoints: np.ndarray

    def moved(self, motion: Similarity) -> Face:
        """This face where a motion of the picture, in pixels, takes it.

        The box stays upright; its middle moves, and its sides are scaled.
        """
        middle = complex(*self.box.center) * motion.factor + motion.shift
        width, height = self.box.width * motion.scale, self.box.height * motion.scale
        box = Box(middle.real - width / 2, middle.imag - height / 2, width, height)
        return Face(box, self.score, motion.apply(self.keypoints).astype(np.float32))


class FaceDetector(Protocol):
    """Finds faces; implementations are not thread-safe."""

    def detect(self, image: np.ndarray) -> list[Face]:
        """The faces of a BGR image uint8 [H, W, 3], most confident first."""
        ...

    def close(self) -> None:
        """Frees what the detector holds."""
        ...

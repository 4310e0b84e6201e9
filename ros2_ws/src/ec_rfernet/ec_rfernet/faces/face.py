"""A face in an image, how it moves there, and what finds faces."""

from __future__ import annotations

import cmath
from dataclasses import dataclass
from typing import Protocol

import numpy as np

# ----------------------------------------------------------------------
# Turning, scaling and shifting: the motion of a face in the picture plane.


@dataclass(frozen=True)
class Similarity:
    """Rotation, one scale and translation, with the plane as complex numbers.

    A point z = x + iy goes to ``factor * z + shift``.

    Attributes:
        factor: its modulus is the scale, its argument the angle.
        shift: where the origin goes.
    """

    factor: complex = 1.0
    shift: complex = 0.0

    @classmethod
    def fit(cls, source: np.ndarray, target: np.ndarray) -> Similarity:
        """The one nearest to mapping some points onto others, by least squares.

        (Umeyama, IEEE TPAMI 13, 1991.)

        Args:
            source: float [N, 2], at least two different points.
            target: float [N, 2].
        """
        return cls.fit_complex(_complex(source), _complex(target))

    @classmethod
    def fit_complex(cls, source: np.ndarray, target: np.ndarray) -> Similarity:
        """See `fit`; the points are complex [N]."""
        a0, b0 = source.sum() / len(source), target.sum() / len(target)
        a = source - a0
        factor = np.vdot(a, target) / max(np.vdot(a, a).real, 1e-9)
        return cls(complex(factor), complex(b0 - factor * a0))

    @property
    def scale(self) -> float:
        """Length of what had length 1."""
        return abs(self.factor)

    @property
    def angle(self) -> float:
        """Radians, -pi..pi, from x towards y."""
        return cmath.phase(self.factor)

    @property
    def matrix(self) -> np.ndarray:
        """float64 [2, 3], for ``cv2.warpAffine``."""
        a, b = self.factor, self.shift
        return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])

    def after(self, first: Similarity) -> Similarity:
        """The one that does ``first``, then this one."""
        return Similarity(self.factor * first.factor, self.factor * first.shift + self.shift)

    def inverse(self) -> Similarity:
        """The way back; the scale must not be zero."""
        return Similarity(1 / self.factor, -self.shift / self.factor)

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Where points float [N, 2] go, float64 [N, 2]."""
        moved = self.factor * _complex(points) + self.shift
        return np.stack([moved.real, moved.imag], axis=-1)


def _complex(points: np.ndarray) -> np.ndarray:
    return points[:, 0] + 1j * points[:, 1]


# ----------------------------------------------------------------------
# Faces.

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

    def scaled(self, scale: float) -> Box:
        """The same part of an image that is so many times as large."""
        return Box(scale * self.x, scale * self.y, scale * self.width, scale * self.height)

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

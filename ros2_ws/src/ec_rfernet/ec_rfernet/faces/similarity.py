"""Turning, scaling and shifting: the motion of a face in the picture plane."""

from __future__ import annotations

import cmath
from dataclasses import dataclass

import numpy as np


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

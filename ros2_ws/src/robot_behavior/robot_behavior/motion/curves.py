"""Piecewise cubic paths through points, for several joints at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spline:
    """A cubic Hermite path.

    Attributes:
        times: [K] s, strictly increasing, K >= 1.
        positions: [K,J] rad.
        velocities: [K,J] rad/s.
    """

    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray

    @classmethod
    def through(cls, times: np.ndarray, positions: np.ndarray) -> Spline:
        """The monotone path through points, at rest at both ends.

        Between two points it stays between them, so a path through points within the
        limits is within the limits: the tangents are those of Fritsch and Butland,
        "A method for constructing local monotone piecewise cubic interpolants" (1984).

        Args:
            times: [K] s, strictly increasing.
            positions: [K,J] rad.
        """
        velocities = np.zeros_like(positions)
        if len(times) > 2:
            steps = np.diff(times)[:, None]
            slopes = np.diff(positions, axis=0) / steps
            before, after = slopes[:-1], slopes[1:]
            weight = (1.0 + steps[1:] / (steps[:-1] + steps[1:])) / 3.0
            blend = weight * after + (1.0 - weight) * before
            same = before * after > 0.0
            harmonic = before * after / np.where(same, blend, 1.0)
            velocities[1:-1] = np.where(same, harmonic, 0.0)
        return cls(times, positions, velocities)

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions [N,J] and velocities [N,J] at ``times`` [N]; it rests before and after."""
        inside = np.clip(times, self.times[0], self.times[-1])
        if len(self.times) == 1:
            positions = np.repeat(self.positions, len(times), axis=0)
            return positions, np.zeros_like(positions)
        i = np.clip(np.searchsorted(self.times, inside, side="right") - 1, 0, len(self.times) - 2)
        step = (self.times[i + 1] - self.times[i])[:, None]
        u = (inside - self.times[i])[:, None] / step
        p, q = self.positions[i], self.positions[i + 1]
        v, w = self.velocities[i] * step, self.velocities[i + 1] * step
        a, b = 2.0 * (p - q) + v + w, 3.0 * (q - p) - 2.0 * v - w
        positions = ((a * u + b) * u + v) * u + p
        velocities = ((3.0 * a * u + 2.0 * b) * u + v) / step
        moves = (times >= self.times[0]) & (times <= self.times[-1])
        return positions, np.where(moves[:, None], velocities, 0.0)

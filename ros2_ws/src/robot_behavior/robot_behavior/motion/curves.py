"""Piecewise cubic paths through points, for several joints at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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


# ----------------------------------------------------------------------
# Paths through points with continuous acceleration, for several joints at once.

SAMPLES = 65
"""Points per piece at which peaks are sought; what lies between them differs by < 0.1 %."""


@dataclass(frozen=True)
class Quintic:
    """A quintic Hermite path.

    Attributes:
        times: [K] s, strictly increasing, K >= 1.
        positions: [K,J] rad.
        velocities: [K,J] rad/s.
        accelerations: [K,J] rad/s2.
    """

    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray
    accelerations: np.ndarray

    @classmethod
    def through(cls, times: np.ndarray, positions: np.ndarray) -> Quintic:
        """The monotone path through points, at rest at both ends.

        A single piece is the minimum-jerk path of Flash and Hogan (1985). Between two
        points the path stays between them, so a path through points within the limits is
        within the limits: in Bernstein form, the velocity of a piece from p to q in h
        seconds has the coefficients v, v + a h/4, b, w - c h/4, w (velocities v, w and
        accelerations a, c at its ends), whose mean is the slope (q - p)/h. All five have
        the slope's sign when each end's two add up to at most 2.5 slopes. Points that are
        passed through get the velocity of Fritsch and Butland (1984), at most 1.25 slopes,
        and no acceleration. Where a joint turns back, it has no velocity and the
        acceleration of five slopes per second of piece, nearly that of a sine.

        Args:
            times: [K] s, strictly increasing.
            positions: [K,J] rad.
        """
        velocities, accelerations = np.zeros_like(positions), np.zeros_like(positions)
        if len(times) > 2:
            steps = np.diff(times)[:, None]
            slopes = np.diff(positions, axis=0) / steps
            before, after = slopes[:-1], slopes[1:]
            weight = (1.0 + steps[1:] / (steps[:-1] + steps[1:])) / 3.0
            blend = weight * after + (1.0 - weight) * before
            passes, turns = before * after > 0.0, before * after < 0.0
            harmonic = before * after / np.where(passes, blend, 1.0)
            most = 1.25 * np.minimum(np.abs(before), np.abs(after))
            velocities[1:-1] = np.where(passes, np.clip(harmonic, -most, most), 0.0)
            bend = 5.0 * np.minimum(np.abs(before) / steps[:-1], np.abs(after) / steps[1:])
            accelerations[1:-1] = np.where(turns, np.copysign(bend, after), 0.0)
        return cls(times, positions, velocities, accelerations)

    @cached_property
    def _coefficients(self) -> np.ndarray:
        """[6,K-1,J] of the powers of the share 0..1 of a piece that has passed."""
        step = np.diff(self.times)[:, None]
        p, way = self.positions[:-1], np.diff(self.positions, axis=0)
        v, w = self.velocities[:-1] * step, self.velocities[1:] * step
        a, c = self.accelerations[:-1] * step**2, self.accelerations[1:] * step**2
        return np.stack(
            [
                p,
                v,
                a / 2.0,
                10.0 * way - 6.0 * v - 4.0 * w - 1.5 * a + 0.5 * c,
                -15.0 * way + 8.0 * v + 7.0 * w + 1.5 * a - c,
                6.0 * way - 3.0 * (v + w) - 0.5 * (a - c),
            ]
        )

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions [N,J] and velocities [N,J] at ``times`` [N]; it rests before and after."""
        if len(self.times) == 1:
            positions = np.repeat(self.positions, len(times), axis=0)
            return positions, np.zeros_like(positions)
        inside = np.clip(times, self.times[0], self.times[-1])
        i = np.clip(np.searchsorted(self.times, inside, side="right") - 1, 0, len(self.times) - 2)
        step = (self.times[i + 1] - self.times[i])[:, None]
        u = (inside - self.times[i])[:, None] / step
        pieces = self._coefficients[:, i]
        moves = (times >= self.times[0]) & (times <= self.times[-1])
        velocities = np.where(moves[:, None], _value(_derived(pieces), u) / step, 0.0)
        return _value(pieces, u), velocities

    def peak_speeds(self) -> np.ndarray:
        """[K-1,J] largest absolute velocity within each piece, rad/s."""
        return self._peaks(1)

    def peak_accelerations(self) -> np.ndarray:
        """[K-1,J] largest absolute acceleration within each piece, rad/s2."""
        return self._peaks(2)

    def _peaks(self, order: int) -> np.ndarray:
        step = np.diff(self.times)[:, None]
        u = np.linspace(0.0, 1.0, SAMPLES)[:, None, None]
        pieces = self._coefficients
        for _ in range(order):
            pieces = _derived(pieces)
        peaks: np.ndarray = np.abs(_value(pieces, u)).max(axis=0) / step**order
        return peaks


def _value(coefficients: np.ndarray, u: np.ndarray) -> np.ndarray:
    value: np.ndarray = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = value * u + coefficient
    return value


def _derived(coefficients: np.ndarray) -> np.ndarray:
    powers = np.arange(1, len(coefficients))[:, None, None]
    return np.asarray(coefficients[1:] * powers)

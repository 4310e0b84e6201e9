"""Steady expressions from jittering ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ec_rfernet.labels import LABELS, UNKNOWN

NO_IDEA: np.ndarray = np.full(len(LABELS), 1 / len(LABELS), dtype=np.float32)
"""What to feed for a face that could not be judged: it fades into `UNKNOWN`."""

_LEAST = 2 / len(LABELS)
"""Less than twice as likely as by chance is never an answer, whatever the model says."""


@dataclass(frozen=True)
class Smoothing:
    """How steady the expressions are.

    Attributes:
        time_constant_s: of the exponential average; 0 switches it off.
        hysteresis: by how much a new label must beat the present one, and by how
            much the reject threshold must be passed to leave `UNKNOWN`; 0..1.
        dwell_s: for how long a new label must beat the present one.
    """

    time_constant_s: float = 0.4
    hysteresis: float = 0.08
    dwell_s: float = 0.15


class Smoother:
    """Smooths the probabilities of one face and holds on to its label.

    A single-image classifier jumps from one frame to the next; averaging over time
    raises its accuracy (Savchenko, ECCV Workshops 2024), and a robot must not twitch
    between two answers.

    Args:
        smoothing: see there.
        reject_threshold: a label less probable than that is `UNKNOWN`, 0..1.
    """

    def __init__(self, smoothing: Smoothing, reject_threshold: float) -> None:
        self._smoothing = smoothing
        self._threshold = max(reject_threshold, _LEAST)
        self._mean = NO_IDEA
        self._updated: float | None = None
        self._label: int | None = None
        self._rival: int | None = None
        self._rival_since = 0.0

    @property
    def probabilities(self) -> np.ndarray:
        """The average, float32 [7], summing to 1."""
        return self._mean

    @property
    def label(self) -> str:
        """One of `LABELS`, or `UNKNOWN`."""
        return UNKNOWN if self._label is None else LABELS[self._label]

    @property
    def confidence(self) -> float:
        """Probability of the label; of the likeliest one when that is `UNKNOWN`."""
        return float(self._mean.max() if self._label is None else self._mean[self._label])

    def update(self, probabilities: np.ndarray, now: float) -> None:
        """Takes in one image.

        Args:
            probabilities: float [7], in the order of `LABELS`, summing to 1.
            now: when it was taken, seconds; intervals may be irregular.
        """
        first = self._updated is None
        self._mean = self._average(probabilities, now)
        self._updated = now
        self._reject()
        if self._label is None:
            # The first image of a face has nothing yet to flicker against.
            self._accept(0.0 if first else self._smoothing.hysteresis)
        else:
            self._challenge(now)

    def _average(self, probabilities: np.ndarray, now: float) -> np.ndarray:
        tau = self._smoothing.time_constant_s
        sample = np.asarray(probabilities, dtype=np.float64)
        if self._updated is not None and tau > 0:
            weight = -math.expm1(-max(0.0, now - self._updated) / tau)
            sample = (1 - weight) * self._mean + weight * sample
        return (sample / sample.sum()).astype(np.float32)

    def _reject(self) -> None:
        if self._label is not None and self._mean[self._label] < self._threshold:
            self._label, self._rival = None, None

    def _accept(self, margin: float) -> None:
        best = int(self._mean.argmax())
        if self._mean[best] >= self._threshold + margin:
            self._label = best

    def _challenge(self, now: float) -> None:
        best = int(self._mean.argmax())
        ahead = self._mean[best] - self._mean[self._label]
        if best == self._label or ahead < self._smoothing.hysteresis:
            self._rival = None
            return
        if self._rival != best:
            self._rival, self._rival_since = best, now
        if now - self._rival_since >= self._smoothing.dwell_s:
            self._label, self._rival = best, None

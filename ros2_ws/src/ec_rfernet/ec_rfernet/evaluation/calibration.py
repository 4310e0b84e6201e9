"""Probabilities that mean what they say, and when to say nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ec_rfernet.runtimes.classifier import softmax

_BINS = 15


def log_loss(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean negative log-likelihood of the true classes, in nats.

    It punishes wrong answers and wrong confidence at once; 0 is always right and sure
    of it, ln K the answer of who knows nothing about K classes.

    Args:
        probabilities: float [N, K]; below 1e-12 they count as that much.
        truth: int [N].
    """
    chosen = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(chosen, 1e-12)).sum() / max(len(truth), 1))


def fit_temperature(values: np.ndarray, truth: np.ndarray) -> float:
    """The temperature at which logits [N, K] are least surprised by the true classes.

    Minimises the log loss (Guo et al., ICML 2017) over 0.25..4 by golden section; it is
    unimodal in the temperature.
    """

    def surprise(log_temperature: float) -> float:
        return log_loss(softmax(values / np.exp(log_temperature)), truth)

    low, high, golden = np.log(0.25), np.log(4.0), (np.sqrt(5) - 1) / 2
    while high - low > 1e-4:
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if surprise(left) < surprise(right) else (left, high)
    return float(np.exp((low + high) / 2))


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often answers of about the same confidence are right.

    Attributes:
        confidence: mean of each bin, float [15]; bins are of equal width, 0 where empty.
        accuracy: of each bin, float [15], 0 where empty.
        share: of all answers that fall into each bin, float [15], sums to 1.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    share: np.ndarray

    @classmethod
    def of(cls, probabilities: np.ndarray, truth: np.ndarray) -> Reliability:
        """From probabilities float [N, K] and true classes int [N]."""
        confidence = probabilities.max(axis=1)
        right = probabilities.argmax(axis=1) == truth
        bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
        count = np.bincount(bins, minlength=_BINS)
        filled = np.maximum(count, 1)
        return cls(
            np.bincount(bins, confidence, _BINS) / filled,
            np.bincount(bins, right, _BINS) / filled,
            count / max(len(truth), 1),
        )

    @property
    def error(self) -> float:
        """Expected calibration error (Naeini et al., AAAI 2015), 0..1."""
        return float((self.share * np.abs(self.confidence - self.accuracy)).sum())


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """What answering only when confident costs and brings (Geifman & El-Yaniv, NeurIPS 2017).

    Point i describes a classifier that answers from ``confidence[i]`` upwards and is
    silent below.

    Attributes:
        confidence: the different confidences that occurred, falling, float [M].
        coverage: share of the pictures that are answered, rising to 1, float [M].
        risk: share of wrong answers among those, float [M].
    """

    confidence: np.ndarray
    coverage: np.ndarray
    risk: np.ndarray

    @classmethod
    def of(cls, probabilities: np.ndarray, truth: np.ndarray) -> RiskCoverage:
        """From probabilities float [N, K] and true classes int [N], N > 0."""
        confidence = probabilities.max(axis=1)
        wrong = probabilities.argmax(axis=1) != truth
        rising, group = np.unique(confidence, return_inverse=True)
        answered = np.cumsum(np.bincount(group)[::-1])
        mistakes = np.cumsum(np.bincount(group, wrong)[::-1])
        return cls(rising[::-1], answered / len(truth), mistakes / answered)

    @property
    def area(self) -> float:
        """Mean risk over all coverages (AURC), 0..1; 0 is a classifier without mistakes."""
        return float((self.risk * np.diff(self.coverage, prepend=0.0)).sum())

    def at(self, threshold: float) -> tuple[float, float]:
        """(coverage, risk) of answering from a confidence upwards; (0, 0) if nothing is."""
        answered = int((self.confidence >= threshold).sum())
        if answered == 0:
            return 0.0, 0.0
        return float(self.coverage[answered - 1]), float(self.risk[answered - 1])

    def threshold(self, risk: float, coverage: float) -> float:
        """The confidence from which on to answer.

        The point of the largest coverage whose risk is at most the wanted one; if that
        answers too little, the first point that answers enough, whatever its risk.

        Args:
            risk: wanted share of wrong answers, 0..1.
            coverage: least share of answered pictures, 0..1.

        Returns:
            0..1.
        """
        good = np.flatnonzero(self.risk <= risk)
        enough = int(np.searchsorted(self.coverage, coverage))
        chosen = max(int(good[-1]) if good.size else 0, min(enough, len(self.coverage) - 1))
        return float(self.confidence[chosen])

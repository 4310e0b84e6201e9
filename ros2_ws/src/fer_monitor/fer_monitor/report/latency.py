"""How long perception took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_BARS = 40


@dataclass(frozen=True)
class Latencies:
    """Figures of a series of latencies, in seconds.

    Attributes:
        median: half are shorter.
        p95: 95 of 100 are shorter.
        p99: likewise.
        longest: of all.
        edges: of the bars of the histogram, float [B + 1].
        counts: of the bars, int [B]; longer ones than the last edge are in the last bar.
    """

    median: float
    p95: float
    p99: float
    longest: float
    edges: np.ndarray
    counts: np.ndarray


def latencies(values: np.ndarray) -> Latencies | None:
    """The figures; None when there is nothing to count.

    Args:
        values: seconds, float [N]; may be negative where two clocks disagree.
    """
    if not len(values):
        return None
    median, p95, p99 = np.percentile(values, (50, 95, 99))
    low, high = min(0.0, float(values.min())), float(max(p99 * 1.2, median * 2, 1e-3))
    edges = np.linspace(low, high, _BARS + 1)
    counts, _ = np.histogram(np.clip(values, low, high), edges)
    return Latencies(float(median), float(p95), float(p99), float(values.max()), edges, counts)

"""How fast and how steadily something comes or is done."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from threading import Lock

import numpy as np


@dataclass(frozen=True)
class Summary:
    """Figures over the last seconds.

    Attributes:
        count: since the beginning.
        rate: per second.
        median_s: median latency, seconds.
        p99_s: 99th percentile of the latency, seconds.
        age_s: since the last one; infinite when there was none.
        span_s: over which the rate was taken, seconds.
    """

    count: int
    rate: float
    median_s: float
    p99_s: float
    age_s: float
    span_s: float


class Statistics:
    """Latency and rate over a sliding window of time. Thread-safe.

    Args:
        window_s: what is older is forgotten, seconds.
    """

    def __init__(self, window_s: float = 10.0) -> None:
        self._window_s = window_s
        self._lock = Lock()
        self._samples: deque[tuple[float, float]] = deque()
        self._count = 0
        self._began: float | None = None
        self._last = -math.inf

    def add(self, latency_s: float, now: float) -> None:
        """Counts one that came, or was done, at ``now``, on a monotonic clock, seconds."""
        with self._lock:
            if self._began is None:
                self._began = now
            self._count += 1
            self._last = now
            self._samples.append((now, latency_s))
            self._forget(now)

    def summary(self, now: float) -> Summary:
        """The figures; zeros while there is nothing to count."""
        with self._lock:
            self._forget(now)
            latencies = [latency for _, latency in self._samples]
            count, began, age = self._count, self._began, now - self._last
        span = min(self._window_s, now - began) if began is not None else 0.0
        if not latencies:
            return Summary(count, 0.0, 0.0, 0.0, age, span)
        median, p99 = np.percentile(latencies, (50, 99))
        rate = len(latencies) / span if span > 0 else 0.0
        return Summary(count, rate, float(median), float(p99), age, span)

    def _forget(self, now: float) -> None:
        while self._samples and now - self._samples[0][0] > self._window_s:
            self._samples.popleft()

"""How fast and how steadily images are processed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock

import numpy as np


@dataclass(frozen=True)
class Summary:
    """Figures over the last images.

    Attributes:
        processed: images since the beginning.
        rate: images per second.
        median_s: median latency, seconds.
        p99_s: 99th percentile of the latency, seconds.
    """

    processed: int
    rate: float
    median_s: float
    p99_s: float


class Statistics:
    """Latency and rate over a sliding window of time. Thread-safe.

    Args:
        window_s: what is older is forgotten, seconds.
    """

    def __init__(self, window_s: float = 10.0) -> None:
        self._window_s = window_s
        self._lock = Lock()
        self._samples: deque[tuple[float, float]] = deque()
        self._processed = 0
        self._began: float | None = None

    def add(self, latency_s: float, now: float) -> None:
        """Counts an image that was finished at ``now``, on a monotonic clock, seconds."""
        with self._lock:
            if self._began is None:
                self._began = now
            self._processed += 1
            self._samples.append((now, latency_s))
            self._forget(now)

    def summary(self, now: float) -> Summary:
        """The figures; zeros while there is nothing to count."""
        with self._lock:
            self._forget(now)
            latencies = [latency for _, latency in self._samples]
            processed, began = self._processed, self._began
        if not latencies or began is None:
            return Summary(processed, 0.0, 0.0, 0.0)
        median, p99 = np.percentile(latencies, (50, 99))
        span = min(self._window_s, now - began)
        rate = len(latencies) / span if span > 0 else 0.0
        return Summary(processed, rate, float(median), float(p99))

    def _forget(self, now: float) -> None:
        while self._samples and now - self._samples[0][0] > self._window_s:
            self._samples.popleft()

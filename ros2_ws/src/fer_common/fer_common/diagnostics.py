"""How a node is doing, in words and figures; without ROS, see `diagnostics_publisher`."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

import numpy as np

from fer_common.reason import Finding, Level, Reason

# How fast and how steadily something comes or is done.


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


# What is worth telling.

SETTLED_S = 3.0
"""A rate is known after so long."""


def warn(problem: Reason | str | None) -> Finding | None:
    """Something unexpected, that should be mended; ``None`` where there is nothing to tell."""
    return Finding(Level.WARN, str(problem)) if problem else None


def error(problem: Reason | str | None) -> Finding | None:
    """The node cannot do its work; ``None`` where there is nothing to tell."""
    return Finding(Level.ERROR, str(problem)) if problem else None


@dataclass(frozen=True)
class Limits:
    """From where on a value is worth a warning, and an error.

    Attributes:
        warn: the first.
        error: the second; nothing is bad enough for an error where it is missing.
    """

    warn: float
    error: float | None = None

    def above(self, value: float, text: str) -> Finding | None:
        """A finding when the value is larger than that."""
        return self._finding(value, text, 1.0)

    def below(self, value: float, text: str) -> Finding | None:
        """A finding when the value is smaller than that."""
        return self._finding(value, text, -1.0)

    def _finding(self, value: float, text: str, sign: float) -> Finding | None:
        if self.error is not None and sign * value > sign * self.error:
            return error(text)
        return warn(text) if sign * value > sign * self.warn else None


@dataclass(frozen=True)
class Report:
    """How a node is doing.

    Attributes:
        summary: the message while all is well.
        values: figures and states by name, in the order in which they are shown.
        findings: what is not well, in any order; ``None`` among them is nothing.
        hardware: which device this is about; empty for software.
    """

    summary: str
    values: Mapping[str, object] = field(default_factory=dict)
    findings: Sequence[Finding | None] = ()
    hardware: str = ""

    def plus(self, findings: Iterable[Finding | None]) -> Report:
        """The same with more findings."""
        return replace(self, findings=[*self.findings, *findings])

    @property
    def found(self) -> list[Finding]:
        """What is not well, each thing once, the worst first."""
        unique = dict.fromkeys(finding for finding in self.findings if finding is not None)
        return sorted(unique, key=lambda finding: -finding.level)

    @property
    def level(self) -> Level:
        """That of the worst finding."""
        return max((finding.level for finding in self.found), default=Level.OK)

    @property
    def message(self) -> str:
        """All that is not well, the worst first; the summary when all is."""
        return "; ".join(finding.text for finding in self.found) or self.summary


class Mishaps:
    """What has gone wrong, of which the last is remembered.

    Args:
        clock: monotonic seconds.
        shown_s: for so long it counts as an error of the node.

    Attributes:
        count: how many there were.
    """

    def __init__(self, clock: Callable[[], float], shown_s: float = 5.0) -> None:
        self._clock, self._shown_s = clock, shown_s
        self._last: str | None = None
        self._at, self.count = -math.inf, 0

    def note(self, problem: Reason | str) -> None:
        """Something has gone wrong."""
        self.count += 1
        self._last, self._at = str(problem), self._clock()

    @property
    def recent(self) -> str | None:
        """What has gone wrong a moment ago; None when nothing has."""
        return self._last if self._clock() - self._at < self._shown_s else None

    @property
    def values(self) -> dict[str, object]:
        """How many there were, and the last one with its age, for `Report`."""
        last = f"{self._last} ({self._clock() - self._at:.0f} s ago)" if self._last else "none"
        return {"errors": self.count, "last error": last}


def figures(summary: Summary, what: str | None = None) -> dict[str, object]:
    """Rate, latency and age of something that comes again and again, for `Report`.

    Args:
        summary: of it.
        what: its name, where a node has several.
    """
    of = f"{what}, " if what else ""
    return {
        f"{of}rate [1/s]": f"{summary.rate:.1f}",
        f"{of}latency, median [ms]": f"{1000 * summary.median_s:.1f}",
        f"{of}latency, 99th percentile [ms]": f"{1000 * summary.p99_s:.1f}",
    }


def slowness(
    summary: Summary, least: Limits, what: str, question: str | None = None
) -> Finding | None:
    """Whether something comes too seldom, once that is known.

    Args:
        summary: of it.
        least: per second.
        what: it is, in the plural.
        question: to ask then.
    """
    text = f"only {summary.rate:.1f} {what}/s, expected at least {least.warn:g}"
    finding = least.below(summary.rate, f"{text}: {question}" if question else text)
    return finding if summary.span_s > SETTLED_S else None


def age(seconds: float) -> str:
    """An age for `Report`; infinite is never."""
    return f"{seconds:.1f}" if math.isfinite(seconds) else "never"


def status_name(node: str, subject: str) -> str:
    """The name of a status, after REP-107.

    Args:
        node: full name of the node, such as ``/robot/fer_node``.
        subject: what the status is about.
    """
    return f"{node.lstrip('/')}: {subject}"


def node_of(status: str) -> str:
    """The full name of the node whose status has this name, see `status_name`."""
    return "/" + status.split(":")[0].lstrip("/")

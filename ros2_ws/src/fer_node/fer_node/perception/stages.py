"""Where the time of an image goes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import Lock
from types import TracebackType

import numpy as np

STAGES = (
    "receive",
    "wait",
    "decode",
    "detect",
    "follow",
    "align",
    "classify",
    "smooth",
    "publish",
)
"""In the order of their work; ``receive`` is from the camera's stamp to the arrival."""

Timed = Callable[[str], AbstractContextManager[object]]
"""Times what is done within ``with timed(stage):``."""

_WINDOW = 300  # images; ten seconds of a usual camera


def untimed(stage: str) -> AbstractContextManager[object]:
    """A `Timed` that does not care."""
    return nullcontext()


@dataclass(frozen=True)
class Figures:
    """The time of one stage over the last images.

    Attributes:
        stage: one of `STAGES`.
        images: in which it took place.
        median_s: of these, seconds.
        p99_s: of these, seconds.
        mean_s: of all images, seconds.
    """

    stage: str
    images: int
    median_s: float
    p99_s: float
    mean_s: float


class Stages:
    """Adds up the time of each stage, image by image.

    A stage within another one stops the clock of the outer one. Stages are entered in one
    thread; the figures may be read in any.

    Args:
        clock: monotonic, seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._timers = {stage: _Timer(self, stage) for stage in STAGES}
        self._open: list[str] = []
        self._since = 0.0
        self._now: dict[str, float] = {}
        self._lock = Lock()
        self._images: deque[dict[str, float]] = deque(maxlen=_WINDOW)

    def __call__(self, stage: str) -> AbstractContextManager[object]:
        """See `Timed`."""
        return self._timers[stage]

    def begin(self) -> None:
        """Begins an image; what is left of an unfinished one is forgotten."""
        self._now = {}

    def add(self, stage: str, seconds: float) -> None:
        """Counts time that was measured elsewhere."""
        self._now[stage] = self._now.get(stage, 0.0) + seconds

    def finish(self) -> None:
        """Ends an image."""
        with self._lock:
            self._images.append(self._now)

    def figures(self) -> list[Figures]:
        """Of the stages that took place, in their order."""
        with self._lock:
            images = list(self._images)
        found = []
        for stage in STAGES:
            times = [image[stage] for image in images if stage in image]
            if times:
                median, p99 = np.percentile(times, (50, 99)).tolist()
                mean = sum(times) / len(images)
                found.append(Figures(stage, len(times), median, p99, mean))
        return found

    def enter(self, stage: str) -> None:
        """Begins a stage; prefer the ``with`` statement."""
        self._lap()
        self._open.append(stage)

    def leave(self) -> None:
        """Ends the stage that was begun last."""
        self._lap()
        self._open.pop()

    def _lap(self) -> None:
        now = self._clock()
        if self._open:
            self.add(self._open[-1], now - self._since)
        self._since = now


class _Timer:
    """Made once for each stage: an image passes many."""

    def __init__(self, stages: Stages, stage: str) -> None:
        self._stages, self._stage = stages, stage

    def __enter__(self) -> None:
        self._stages.enter(self._stage)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stages.leave()


def table(figures: list[Figures]) -> str:
    """The figures for people, one line for each stage."""
    total = max(sum(row.mean_s for row in figures), 1e-9)
    lines = ["stage       images  median ms   p99 ms  mean ms  share"]
    lines += [
        f"{row.stage:<10}{row.images:>8}{1e3 * row.median_s:>11.2f}{1e3 * row.p99_s:>9.2f}"
        f"{1e3 * row.mean_s:>9.2f}{row.mean_s / total:>7.0%}"
        for row in figures
    ]
    return "\n".join([*lines, f"{'all':<38}{1e3 * total:>9.2f}"])

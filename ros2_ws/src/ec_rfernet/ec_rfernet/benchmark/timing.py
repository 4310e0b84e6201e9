"""How long something takes, measured beside everything that it is compared with."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ec_rfernet.benchmark.energy import Meter

Name = TypeVar("Name", bound=Hashable)

Clock = Callable[[], float]
"""Seconds of a clock that never goes back."""

WARM_UP = 2
"""Untimed runs at the start of a turn: caches and threads still belong to the one before."""

LONG_S = 0.1
"""A run of this length warms itself up, seconds."""


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Attributes:
        rounds: in each, everything that is compared has a turn, in an order drawn anew.
        turn_s: a turn ends when it has taken this long, seconds; it has one run at least.
        most_s: about what all turns of one may take together, seconds; what is slow sits
            out some rounds, spread over all of them.
    """

    rounds: int = 8
    turn_s: float = 0.02
    most_s: float = 1.5


@dataclass(frozen=True)
class Timing:
    """What one run took.

    Attributes:
        runs: how many were timed.
        median_s: seconds.
        p99_s: 99 of 100 runs took less, seconds; of few runs, close to the longest.
        energy_j: per run, joules; None where no meter can be read.
    """

    runs: int
    median_s: float
    p99_s: float
    energy_j: float | None = None

    @classmethod
    def of(cls, seconds: Sequence[float], energy_j: float | None = None) -> Timing:
        """From the durations of single runs; ``energy_j`` is that of all of them."""
        median, p99 = np.percentile(seconds, (50, 99))
        per_run = None if energy_j is None else energy_j / len(seconds)
        return cls(len(seconds), float(median), float(p99), per_run)


def measure(
    works: Mapping[Name, Callable[[], object]],
    settings: Settings,
    meter: Meter | None = None,
    clock: Clock = time.perf_counter,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _round: None,
) -> dict[Name, Timing]:
    """Times all works side by side.

    What disturbs the machine for a while disturbs all of them alike, and none profits
    from always following the same other one.

    Args:
        works: what is timed, by name.
        settings: how much.
        meter: reads the energy that was used.
        clock: gives the time.
        seed: of the order.
        progress: told each finished round, from 1.

    Returns:
        The timings, by name, in the order of ``works``.
    """
    shuffle = random.Random(seed).shuffle
    turns = {name: _Turns(work, settings, meter, clock) for name, work in works.items()}
    order = list(works)
    for number in range(settings.rounds):
        shuffle(order)
        for name in order:
            turns[name].take(number)
        progress(number + 1)
    return {name: turn.timing() for name, turn in turns.items()}


class _Turns:
    """All turns of one work."""

    def __init__(
        self, work: Callable[[], object], settings: Settings, meter: Meter | None, clock: Clock
    ) -> None:
        self._work, self._settings, self._meter, self._clock = work, settings, meter, clock
        self._seconds: list[float] = []
        self._joules = 0.0
        self._spent = 0.0

    def take(self, number: int) -> None:
        """The turn in a round, counted from 0, unless earlier ones took its part of the time."""
        if self._spent > self._settings.most_s * number / self._settings.rounds:
            return
        start = self._clock()
        if not self._seconds or self._seconds[-1] < LONG_S:
            self._run(WARM_UP)
        before = self._meter.read() if self._meter else ()
        self._seconds += self._run()
        if self._meter:
            self._joules += self._meter.joules(before, self._meter.read())
        self._spent += self._clock() - start

    def timing(self) -> Timing:
        return Timing.of(self._seconds, self._joules if self._meter else None)

    def _run(self, most: int | None = None) -> list[float]:
        """Durations of as many runs as fit into a turn; one at least, ``most`` at most."""
        taken: list[float] = []
        start = before = self._clock()
        while not taken or (before - start < self._settings.turn_s and len(taken) != most):
            self._work()
            after = self._clock()
            taken.append(after - before)
            before = after
        return taken

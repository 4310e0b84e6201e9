"""What computes a bundle fastest on this machine, at hardly any loss of accuracy."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ec_rfernet.benchmark import own
from ec_rfernet.benchmark.result import aligned
from ec_rfernet.benchmark.subject import Subject
from ec_rfernet.benchmark.timing import Timing, TimingSettings, measure
from ec_rfernet.bundle import Bundle
from ec_rfernet.runtimes import choice, cpu
from ec_rfernet.runtimes.choice import Choice


@dataclass(frozen=True)
class RuntimeDecision:
    """What to take, and what it was taken from.

    Attributes:
        timings: of one image on one core, by subject.
        allowed: the precisions that lose hardly any accuracy.
    """

    timings: Mapping[Subject, Timing]
    allowed: Sequence[str]

    @property
    def best(self) -> Subject:
        """The fastest of those that are allowed."""
        allowed = [subject for subject in self.timings if subject.precision in self.allowed]
        return min(allowed, key=lambda subject: self.timings[subject].median_s)

    def choice(self) -> Choice:
        """For the user's configuration."""
        return Choice(
            self.best.runtime,
            self.best.precision,
            cpu.name(),
            datetime.date.today().isoformat(),
            {
                f"{subject.runtime} {subject.precision}": round(1e3 * timing.median_s, 3)
                for subject, timing in self.timings.items()
                if subject.precision in self.allowed
            },
        )

    def table(self) -> str:
        """All that was measured, the fastest first, and why it was taken or not."""
        order = sorted(self.timings, key=lambda subject: self.timings[subject].median_s)
        rows = [
            (
                subject.runtime,
                subject.precision,
                self._verdict(subject),
                f"{1e3 * self.timings[subject].median_s:.2f}",
                f"{1e3 * self.timings[subject].p99_s:.2f}",
                "-" if subject.accuracy is None else f"{subject.accuracy:.2%}",
            )
            for subject in order
        ]
        header = ("runtime", "precision", "verdict", "median ms", "p99 ms", "accuracy")
        return aligned(header, rows, words=3)

    def _verdict(self, subject: Subject) -> str:
        if subject == self.best:
            return "chosen"
        if subject.precision in self.allowed:
            return "slower"
        if subject.accuracy is None:
            return "accuracy not measured"
        return f"loses more than {100 * choice.TOLERANCE:.1f} points"


def decide(bundle: Bundle, settings: TimingSettings) -> RuntimeDecision:
    """Measures what this machine can do with a bundle.

    One image on one core, because that is what a robot does.

    Raises:
        InputError: a network or the bundle's figures are damaged.
    """
    allowed = choice.accurate(bundle)
    works = {c.subject: partial(c.open(1), c.batch(1)) for c in own.candidates(bundle)}
    return RuntimeDecision(measure(works, settings), allowed)

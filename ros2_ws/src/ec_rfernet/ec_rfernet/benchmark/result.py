"""What a benchmark found, and what follows from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ec_rfernet.benchmark.ceiling import Ceiling
from ec_rfernet.benchmark.footprint import Footprint
from ec_rfernet.benchmark.machine import Machine
from ec_rfernet.benchmark.subject import Subject
from ec_rfernet.benchmark.timing import Settings, Timing

FORMAT = 1

EAGER = ("torch", "fp32")
"""Runtime and precision in which a network was trained."""

USUAL = ("onnxruntime", "fp32")
"""Runtime and precision that most people would take."""


@dataclass(frozen=True)
class Case:
    """How a subject was timed: on a number of threads, with a number of images at once."""

    subject: Subject
    threads: int
    batch: int


@dataclass(frozen=True)
class Result:
    """One run of the benchmark.

    Attributes:
        machine: it was measured on.
        settings: how much was measured.
        ceilings: of one core, by precision.
        timings: of whole batches.
        footprints: of the subjects that were also started alone.
        left_out: what could not be measured, each with the reason.
        neighbours: cores that other programs used meanwhile.
    """

    machine: Machine
    settings: Settings
    ceilings: Mapping[str, Ceiling]
    timings: Mapping[Case, Timing]
    footprints: Mapping[Subject, Footprint]
    left_out: tuple[str, ...]
    neighbours: float

    def subjects(self) -> list[Subject]:
        """In the order in which they were given."""
        return list(dict.fromkeys(case.subject for case in self.timings))

    def gmacs_per_s(self, case: Case) -> float | None:
        """1e9 multiply-accumulates per second, by the median."""
        macs = case.subject.macs
        return None if macs is None else macs * case.batch / self.timings[case].median_s / 1e9

    def share(self, case: Case) -> float | None:
        """Of the ceiling of all its threads, 0..1."""
        rate, ceiling = self.gmacs_per_s(case), self.ceilings.get(case.subject.precision)
        if rate is None or ceiling is None:
            return None
        return rate / ceiling.gmacs_per_s / case.threads

    def speedup(self, case: Case, other: tuple[str, str]) -> float | None:
        """How many times faster than the same network in another runtime and precision."""
        subject = case.subject
        for reference, timing in self.timings.items():
            known = reference.subject
            same = (known.network, known.runtime, known.precision) == (subject.network, *other)
            if same and (reference.threads, reference.batch) == (case.threads, case.batch):
                return timing.median_s / self.timings[case].median_s
        return None

    def as_dict(self) -> dict[str, Any]:
        """For JSON; times in milliseconds, energy in millijoules per image."""
        return {
            "format": FORMAT,
            "machine": dataclasses.asdict(self.machine),
            "settings": dataclasses.asdict(self.settings),
            "neighbours_cores": round(self.neighbours, 3),
            "ceilings": {
                precision: {
                    "gmacs_per_s": round(ceiling.gmacs_per_s, 2),
                    "method": ceiling.product.method,
                    "size": ceiling.product.size,
                    "other_methods": {
                        name: round(rate, 2) for name, rate in ceiling.others.items()
                    },
                }
                for precision, ceiling in self.ceilings.items()
            },
            "subjects": [self._subject(subject) for subject in self.subjects()],
            "left_out": list(self.left_out),
        }

    def _subject(self, subject: Subject) -> dict[str, Any]:
        alone = self.footprints.get(subject)
        return {
            **dataclasses.asdict(subject),
            "start_s": alone and round(alone.start_s, 3),
            "peak_mb": alone and alone.peak_mb,
            "timings": [self._timing(case) for case in self.timings if case.subject == subject],
        }

    def _timing(self, case: Case) -> dict[str, Any]:
        timing = self.timings[case]
        energy = timing.energy_j
        return {
            "threads": case.threads,
            "batch": case.batch,
            "runs": timing.runs,
            "median_ms": round(1e3 * timing.median_s, 4),
            "p99_ms": round(1e3 * timing.p99_s, 4),
            "gmacs_per_s": _rounded(self.gmacs_per_s(case), 2),
            "share_of_ceiling": _rounded(self.share(case), 4),
            "times_faster_than_eager": _rounded(self.speedup(case, EAGER), 3),
            "times_faster_than_onnxruntime_fp32": _rounded(self.speedup(case, USUAL), 3),
            "energy_mj_per_image": None if energy is None else round(1e3 * energy / case.batch, 3),
        }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)

"""What a benchmark found, and what follows from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ec_rfernet.benchmark.ceiling import Ceiling
from ec_rfernet.benchmark.subject import Footprint, Subject
from ec_rfernet.benchmark.timing import Machine, Timing, TimingSettings

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
    settings: TimingSettings
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


# ----------------------------------------------------------------------
# A benchmark's result as text.

BUSY = 0.3
"""Cores used by other programs above which figures are to be doubted."""

_NONE = "-"


def render(result: Result) -> str:
    """The tables, with what one must know to read them."""
    parts = [
        _machine(result),
        _one_face(result),
        _batches(result),
        *([_left_out(result)] if result.left_out else []),
    ]
    return "\n\n".join(parts)


def warning(result: Result) -> str:
    """One sentence if the figures are to be doubted, else empty."""
    if result.neighbours <= BUSY:
        return ""
    return (
        f"other programs kept {result.neighbours:.1f} cores busy meanwhile; "
        "the times may be too long, and ratios less certain"
    )


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> str:
    """Columns under their headers.

    Args:
        header: names of the columns.
        rows: of the same length.
        words: how many of the first columns hold words; the others hold numbers and end
            at the right.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if index < words else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (header, *rows)
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def _machine(result: Result) -> str:
    machine = result.machine
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    tops = "; ".join(
        f"{precision} {top.gmacs_per_s:.1f} ({top.product.method}, {top.product.size})"
        for precision, top in result.ceilings.items()
    )
    governor = f", governor {machine.governor}" if machine.governor else ""
    return "\n".join(
        (
            f"{machine.processor} ({machine.architecture}), {machine.cores} cores{governor}, "
            f"{machine.system}, {machine.date}",
            f"Python {machine.python}, {versions}",
            f"load {machine.load:.2f} before; other programs used {result.neighbours:.2f} cores "
            "meanwhile",
            f"ceiling of one core, GMAC/s: {tops or 'not measured'}",
        )
    )


def _one_face(result: Result) -> str:
    header = (
        "network", "runtime", "precision", "median ms", "p99 ms", "GMAC/s", "ceiling", "x eager",
        "x ORT fp32", "accuracy", "mJ",
    )  # fmt: skip
    cases = [Case(subject, 1, 1) for subject in result.subjects()]
    rows = []
    for case in sorted(cases, key=lambda case: result.timings[case].median_s):
        subject, timing = case.subject, result.timings[case]
        rows.append(
            (
                *_names(subject),
                _number(1e3 * timing.median_s, ".2f"),
                _number(1e3 * timing.p99_s, ".2f"),
                _number(result.gmacs_per_s(case), ".1f"),
                _number(result.share(case), ".0%"),
                _number(result.speedup(case, EAGER), ".2f"),
                _number(result.speedup(case, USUAL), ".2f"),
                _number(subject.accuracy, ".2%"),
                _number(timing.energy_j and 1e3 * timing.energy_j, ".1f"),
            )
        )
    return "\n".join(
        (
            "One image on one core, slowest last. Timed is the network alone: peers get scaled",
            "numbers, bundles get grey pixels and scale them within that time. 'ceiling' is the",
            "share of the precision's ceiling, 'x eager' and 'x ORT fp32' tell how many times",
            "faster it is than the same network in eager PyTorch and in ONNX Runtime fp32.",
            "",
            aligned(header, rows, words=3),
        )
    )


def _batches(result: Result) -> str:
    threads = sorted({case.threads for case in result.timings})
    batches = sorted({case.batch for case in result.timings})
    shapes = [(count, batch) for count in threads for batch in batches]
    several = len(batches) > 1
    ratio = f"{batches[-1]}:{batches[0]}"
    header = [
        "network", "runtime", "precision", "input", "M params", "MMACs",
        *(f"{count}c x{batch}" for count, batch in shapes),
        *([ratio] if several else []), "start s", "peak MB",
    ]  # fmt: skip
    rows = []
    for subject in result.subjects():
        medians = [
            1e3 * result.timings[case].median_s if case in result.timings else None
            for case in (Case(subject, *shape) for shape in shapes)
        ]
        first, last = medians[0], medians[len(batches) - 1]
        growth = last / first if first and last else None
        alone = result.footprints.get(subject)
        start, peak = (alone.start_s, alone.peak_mb) if alone else (None, None)
        rows.append(
            (
                *_names(subject),
                str(subject.size),
                _number(subject.parameters and subject.parameters / 1e6, ".2f"),
                _number(subject.macs and subject.macs / 1e6, ".1f"),
                *(_number(median, ".2f") for median in medians),
                *([_number(growth, ".1f")] if several else []),
                _number(start, ".2f"),
                _number(peak, ".0f"),
            )
        )
    return "\n".join(
        (
            "Median milliseconds of a batch: '1c x16' is 16 images at once on one core. 'start s'",
            "and 'peak MB': from nothing to the first answer, in a process of its own. 'input' is",
            "the side of the square image, pixels.",
            "",
            aligned(header, rows, words=3),
        )
    )


def _left_out(result: Result) -> str:
    return "\n".join(("Left out", *(f"  {reason}" for reason in result.left_out)))


def _names(subject: Subject) -> tuple[str, str, str]:
    return subject.network, subject.runtime, subject.precision


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else f"{value:{form}}"

"""A benchmark's result as text."""

from __future__ import annotations

from collections.abc import Sequence

from ec_rfernet.benchmark.result import EAGER, USUAL, Case, Result
from ec_rfernet.benchmark.subject import Subject

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

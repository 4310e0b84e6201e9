"""Networks side by side: timed together in one process, told as tables, JSON and a chart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ec_rfernet.benchmark import ceiling
from ec_rfernet.benchmark.subject import Candidate, Footprint, Subject, footprint
from ec_rfernet.benchmark.timing import (
    Machine,
    Meter,
    Neighbours,
    Speed,
    Timing,
    TimingSettings,
    block,
    measure,
)
from ec_rfernet.errors import InputError
from ec_rfernet.files import staged

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
        pictures: what was timed of whole pictures, by name.
        robot: runtime and precision that the robot takes, by network.
    """

    machine: Machine
    settings: TimingSettings
    ceilings: Mapping[str, ceiling.Ceiling]
    timings: Mapping[Case, Timing]
    footprints: Mapping[Subject, Footprint]
    left_out: tuple[str, ...]
    neighbours: float
    pictures: Mapping[str, Timing] = field(default_factory=dict)
    robot: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def subjects(self) -> list[Subject]:
        """In the order in which they were given."""
        return list(dict.fromkeys(case.subject for case in self.timings))

    def speeds(self) -> list[Speed]:
        """Each bundle as the robot runs it, and where it is faster; then the pictures.

        One image on one core.
        """
        single = {
            case.subject: Speed.of(case.subject.title, timing)
            for case, timing in self.timings.items()
            if (case.threads, case.batch) == (1, 1) and case.subject.accuracy is not None
        }
        told = []
        for network in dict.fromkeys(subject.network for subject in single):
            own = [subject for subject in single if subject.network == network]
            for subject in own:
                if (subject.runtime, subject.precision) == self.robot.get(network):
                    named = f"{subject.title} (the robot's)"
                    told.append(dataclasses.replace(single[subject], name=named))
            fastest = min(own, key=lambda subject: single[subject].median_ms)
            if (fastest.runtime, fastest.precision) != self.robot.get(network):
                told.append(single[fastest])
        return [*told, *(Speed.of(*picture) for picture in self.pictures.items())]

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
            "speeds": [dataclasses.asdict(speed) for speed in self.speeds()],
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
        block(result.machine, result.speeds()),
    ]
    return "\n\n".join(parts)


def warning(result: Result) -> str | None:
    """One sentence if the figures are to be doubted, else None."""
    if result.neighbours <= BUSY:
        return None
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


Progress = Callable[[str], None]
"""Told what is done next."""


def compare(
    candidates: Sequence[Candidate],
    threads: Sequence[int],
    batches: Sequence[int],
    settings: TimingSettings,
    *,
    pictures: Mapping[str, Callable[[], object]] | None = None,
    robot: Mapping[str, tuple[str, str]] | None = None,
    sizes: Sequence[int] = ceiling.SIZES,
    meter: Meter | None = None,
    left_out: Sequence[str] = (),
    progress: Progress = lambda _text: None,
) -> Result:
    """Measures everything.

    Args:
        candidates: what to compare.
        threads: numbers of threads to use; the first is 1.
        batches: numbers of images at once.
        settings: how much to measure.
        pictures: works on whole pictures, by name.
        robot: runtime and precision that the robot takes, by network.
        sizes: of the matrices that show the ceiling.
        meter: reads the energy that is used, where there is one.
        left_out: what is not even a candidate, each with the reason.
        progress: told what is done next.

    Returns:
        What was found; a candidate that does not run is among what was left out.
    """
    machine = Machine.this()
    works: dict[Hashable, Callable[[], object]] = {}
    missing = list(left_out)
    running = []
    for candidate in candidates:
        progress(f"making ready: {candidate.subject.title}")
        try:
            works |= _cases(candidate, threads, batches)
        except Exception as error:  # those of the runtimes share no base class
            missing.append(f"{candidate.subject.title}: does not run here ({_line(error)})")
        else:
            running.append(candidate)
    products, reasons = ceiling.products(sizes)
    works.update(products.items())
    works.update(pictures or {})
    neighbours = Neighbours()
    timings = measure(
        works,
        settings,
        meter,
        progress=lambda done: progress(f"round {done} of {settings.rounds}"),
    )
    busy = neighbours.cores()
    footprints: dict[Subject, Footprint] = {}
    for candidate, found in _footprints(running, progress):
        if isinstance(found, Footprint):
            footprints[candidate.subject] = found
        else:
            missing.append(found)
    return Result(
        machine,
        settings,
        ceiling.ceilings({product: timings[product] for product in products}),
        {case: timing for case, timing in timings.items() if isinstance(case, Case)},
        footprints,
        (*missing, *reasons),
        busy,
        {name: timings[name] for name in pictures or {}},
        robot or {},
    )


def _cases(
    candidate: Candidate, threads: Sequence[int], batches: Sequence[int]
) -> dict[Hashable, Callable[[], object]]:
    cases: dict[Hashable, Callable[[], object]] = {}
    for count in threads if candidate.all_cores else threads[:1]:
        run = candidate.open(count)
        for batch in batches:
            work = partial(run, candidate.batch(batch))
            work()  # what fails, or compiles for this size, does so now
            cases[Case(candidate.subject, count, batch)] = work
    return cases


def _footprints(
    candidates: Sequence[Candidate], progress: Progress
) -> Iterator[tuple[Candidate, Footprint | str]]:
    in_memory = set()
    for candidate in candidates:
        if candidate.alone:
            progress(f"starting alone: {candidate.subject.title}")
            if candidate.subject.runtime not in in_memory:  # the disk is not what is measured
                footprint(candidate)
                in_memory.add(candidate.subject.runtime)
            yield candidate, footprint(candidate)


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


_OWN = {"fp32": "#2c6fad", "bf16": "#3f9f6b", "int8": "#e08a1e"}
_PEER = "#b0b0b0"


def draw(result: Result, own: set[str], path: Path) -> None:
    """One bar for each subject: milliseconds for one image on one core, on a log scale.

    Args:
        result: what to draw.
        own: names of the networks that came as bundles; the others are peers.
        path: the PNG to write.

    Raises:
        InputError: it is not a picture that can be written.
        OSError: it cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    times = {subject: result.timings[Case(subject, 1, 1)] for subject in result.subjects()}
    subjects = sorted(times, key=lambda subject: times[subject].median_s, reverse=True)
    colours = [_OWN[subject.precision] if subject.network in own else _PEER for subject in subjects]
    medians = [1e3 * times[subject].median_s for subject in subjects]
    rows = range(len(subjects))
    figure = Figure(figsize=(9.6, 0.3 * len(subjects) + 1.9), layout="constrained")
    axes = figure.subplots()
    axes.barh(rows, medians, color=colours)
    longest = max(1e3 * times[subject].p99_s for subject in subjects)
    for row, (subject, median) in enumerate(zip(subjects, medians, strict=True)):
        p99 = 1e3 * times[subject].p99_s
        axes.plot((median, p99), (row, row), color="black", linewidth=1, marker="|", markersize=5)
        accuracy = "" if subject.accuracy is None else f"   {subject.accuracy:.1%}"
        axes.text(1.06 * p99, row, f"{median:.2f} ms{accuracy}", va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(0.6 * min(medians), 3.5 * longest)
    axes.set_yticks(rows, [_label(s.network, s.runtime, s.precision) for s in subjects], fontsize=8)
    axes.margins(y=0.01)
    axes.set_xlabel("milliseconds: median (bar), 99th percentile (line); accuracy where measured")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    keys = {**{f"from a bundle, {name}": c for name, c in _OWN.items()}, "peer, fp32": _PEER}
    axes.legend(
        handles=[Patch(color=c, label=name) for name, c in keys.items() if c in colours],
        loc="upper right", fontsize=8,
    )  # fmt: skip
    axes.set_title(f"One image on one core, {result.machine.processor}", fontsize=11)
    try:
        with staged(path.parent) as draft:
            figure.savefig(draft / path.name, dpi=120)
    except ValueError as error:
        raise InputError(f"{path}: not a picture that can be written ({error})") from error


def _label(network: str, runtime: str, precision: str) -> str:
    return f"{network}   {runtime} {precision}"

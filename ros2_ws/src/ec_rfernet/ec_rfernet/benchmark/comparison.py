"""The benchmark itself: everything ready in one process, then timed side by side."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial

from ec_rfernet.benchmark import ceiling
from ec_rfernet.benchmark.result import Case, Result
from ec_rfernet.benchmark.subject import Candidate, Footprint, Subject, footprint
from ec_rfernet.benchmark.timing import Machine, Meter, Neighbours, TimingSettings, measure

Progress = Callable[[str], None]
"""Told what is done next."""


def compare(
    candidates: Sequence[Candidate],
    threads: Sequence[int],
    batches: Sequence[int],
    settings: TimingSettings,
    *,
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

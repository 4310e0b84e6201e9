"""A benchmark's result as a picture. Importing this needs matplotlib."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ec_rfernet.benchmark.result import Case, Result
from ec_rfernet.errors import InputError
from ec_rfernet.files import staged

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

"""The drawings of the page: where each mark, bar and curve is; `page.html.j2` writes them down.

They need no script. Lengths along a chart are percents of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ec_rfernet.labels import UNKNOWN
from ec_rfernet.show import palette
from fer_monitor.report.analysis import GivenResponse, Latencies, SilentGap, durations, thinned
from fer_monitor.report.session import FaceSeries

ROW, STRIP = 22, 6
"""Height of a row of a face, and of the strip at its bottom, units of the drawing."""

ZOOMS = (1, 2, 4, 8, 16)
"""Of the timeline; the style and the script know them too."""

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_TICKS = 8  # at most, in what is seen at once


@dataclass(frozen=True)
class ChartMark:
    """Something at a place along a chart.

    Attributes:
        left: where it begins, percent.
        text: of it; may be empty.
        width: percent.
        height: percent.
        title: shown under the pointer.
        kind: class in the style.
        colour: as CSS has it.
    """

    left: float
    text: str = ""
    width: float = 0.0
    height: float = 0.0
    title: str = ""
    kind: str = ""
    colour: str = ""


@dataclass(frozen=True)
class FaceChart:
    """The rows of one face.

    Attributes:
        width: units of the drawing.
        height: likewise.
        paths: class in the style, colour, and the path as SVG has it.
        shown: for each unit of the width a sign, see `signs`.
    """

    width: int
    height: int
    paths: Sequence[tuple[str, str, str]]
    shown: str


@dataclass(frozen=True)
class Histogram:
    """The bars of the latencies, with the median and the percentiles marked."""

    bars: Sequence[ChartMark]
    lines: Sequence[ChartMark]
    ticks: Sequence[ChartMark]


def colour(label: str) -> str:
    """The overlay's colour of an expression, as CSS has it; grey for none."""
    return "#{:02x}{:02x}{:02x}".format(*palette.colour_of(label or UNKNOWN))


def clock(seconds: float, tenths: bool = False) -> str:
    """A time since the beginning, such as ``1:02:03`` or ``2:03.4``."""
    total = round(10 * seconds) if tenths else 10 * round(seconds)
    minutes, rest = divmod(total, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 10:04.1f}" if tenths else f"{rest // 10:02d}"
    return f"{hours}:{minutes:02d}:{text}" if hours else f"{minutes}:{text}"


def axis(duration: float) -> list[ChartMark]:
    """Times along the timeline, a set of its own for each zoom."""
    marks = []
    for zoom in ZOOMS:
        step = next((s for s in _STEPS if duration / s <= _TICKS * zoom), _STEPS[-1])
        marks += [
            ChartMark(
                _percent(index * step, duration), clock(index * step, step < 1), kind=f"z{zoom}"
            )
            for index in range(int(duration / step) + 1)
        ]
    return marks


def response_marks(responses: Iterable[GivenResponse], duration: float) -> list[ChartMark]:
    """A block for each response, as long as it took."""
    marks = []
    for response in responses:
        name = response.emotion or response.motion or "speech"
        title = f"{clock(response.start)} {name}: {response.motion} “{response.speech}”"
        marks.append(
            ChartMark(
                _percent(response.start, duration),
                name,
                _percent(response.end - response.start, duration),
                title=title,
                colour=colour(response.emotion),
            )
        )
    return marks


def gap_marks(gaps: Iterable[SilentGap], duration: float) -> list[ChartMark]:
    """A hatched block for each gap."""
    return [
        ChartMark(
            _percent(gap.start, duration),
            width=_percent(gap.length, duration),
            title=f"no emotions for {gap.length:.1f} s, from {clock(gap.start, True)}",
        )
        for gap in gaps
    ]


def face_chart(series: FaceSeries, names: Sequence[str], duration: float, bins: int) -> FaceChart:
    """Rows of one face: a curve of the probability of each expression, above a strip.

    The strip is there while the expression is the one that is reported, so that a row can
    be told by its place as well as by its colour.

    Args:
        series: see there.
        names: the labels, and at the end that for unknown.
        duration: of the recording, seconds.
        bins: points of each curve.
    """
    labels = len(names) - 1
    columns = np.column_stack([series.probabilities, np.eye(len(names))[series.label]])
    means = thinned(series.time, columns, durations(series.time), duration, bins)
    curves, strips = means[:, :labels], means[:, labels:]
    paths = []
    for index, name in enumerate(names):
        base = (index + 1) * ROW
        paths.append(("ground", "", f"M0 {base}H{bins}"))
        if index < labels:
            area = _area(curves[:, index], base - STRIP, ROW - STRIP - 2)
            paths.append(("curve", colour(name), area))
        kind = "strip unknown" if index == labels else "strip"
        paths.append((kind, colour(name), _area(strips[:, index], base, STRIP)))
    return FaceChart(bins, ROW * len(names), paths, signs(strips))


def signs(strips: np.ndarray) -> str:
    """For each part of the recording the sign of the label shown longest; a dot for nothing.

    The sign of the first label is 0, those of the others follow it in Unicode.

    Args:
        strips: share of each label in each part, float [parts, labels]; NaN where nobody was.
    """
    best = np.argmax(np.nan_to_num(strips), axis=1)
    return "".join(
        "." if np.isnan(row[0]) else chr(ord("0") + index)
        for row, index in zip(strips, best, strict=True)
    )


def histogram(figures: Latencies) -> Histogram:
    """See `Histogram`."""
    edges, counts = figures.edges, figures.counts
    most, span = max(1, int(counts.max())), edges[-1] - edges[0]
    bars = [
        ChartMark(
            100 * i / len(counts),
            width=100 / len(counts),
            height=100 * int(n) / most,
            title=f"{1000 * edges[i]:.1f} to {1000 * edges[i + 1]:.1f} ms: {n}",
        )
        for i, n in enumerate(counts)
        if n
    ]
    marks = (("median", figures.median), ("95 %", figures.p95), ("99 %", figures.p99))
    lines = [
        ChartMark(100 * (value - edges[0]) / span, name)
        for name, value in marks
        if edges[0] <= value <= edges[-1]
    ]
    ticks = [
        ChartMark(100 * (tick - 1000 * edges[0]) / (1000 * span), f"{tick:g}")
        for tick in _round_ticks(1000 * edges[0], 1000 * edges[-1])
    ]
    return Histogram(bars, lines, ticks)


def _round_ticks(low: float, high: float) -> list[float]:
    raw = max((high - low) / 8, 1e-6)
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * f for f in (1, 2, 5, 10) if power * f >= raw)
    first = math.ceil(low / step)
    return [round(step * i, 6) for i in range(first, math.floor(high / step) + 1)]


def _area(values: np.ndarray, base: float, height: float) -> str:
    """A filled curve over its base; a stretch without values is left out."""
    parts: list[str] = []
    known = ~np.isnan(values)
    tops = np.where(known, np.round(base - height * np.clip(values, 0, 1), 1), base)
    start = None
    for index in range(len(values) + 1):
        inside = index < len(values) and known[index] and tops[index] < base
        if inside and start is None:
            start = index
        elif not inside and start is not None:
            parts.append(f"M{start} {base:g}{_steps(tops, start, index)}V{base:g}Z")
            start = None
    return "".join(parts)


def _steps(tops: np.ndarray, start: int, stop: int) -> str:
    """Upright to each value and level until the next one; equal neighbours share a line."""
    parts = []
    previous = None
    for index in range(start, stop):
        if tops[index] != previous:
            if previous is not None:
                parts.append(f"H{index}")
            parts.append(f"V{tops[index]:g}")
            previous = tops[index]
    return "".join(parts) + f"H{stop}"


def _percent(value: float, whole: float) -> float:
    return 100 * value / max(whole, 1e-9)

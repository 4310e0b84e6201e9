"""The drawings of the page: parts of HTML that need no script."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

import numpy as np

from ec_rfernet.labels import LABELS, UNKNOWN
from fer_monitor.report.latency import Latencies
from fer_monitor.report.markup import clock
from fer_monitor.report.responses import Response
from fer_monitor.report.session import Series
from fer_monitor.report.timeline import Gap, durations, thinned
from fer_node.show.palette import COLOURS

NAMES = (*LABELS, UNKNOWN)
ROW, STRIP = 22, 6
"""Height of a row of a face, and of the strip at its bottom, units of the drawing."""

ZOOMS = (1, 2, 4, 8, 16)
"""Of the timeline; the style and the script know them too."""

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_TICKS = 8  # at most, in what is seen at once


def colour(label: str) -> str:
    """The overlay's colour of an expression, as CSS has it."""
    return "#{:02x}{:02x}{:02x}".format(*COLOURS.get(label, COLOURS[UNKNOWN]))


def axis(duration: float) -> str:
    """Times along the timeline, a set of its own for each zoom."""
    marks = []
    for zoom in ZOOMS:
        step = next((s for s in _STEPS if duration / s <= _TICKS * zoom), _STEPS[-1])
        marks += [
            f'<span class="tick z{zoom}" style="left:{_percent(index * step, duration)}">'
            f"{clock(index * step, step < 1)}</span>"
            for index in range(int(duration / step) + 1)
        ]
    return "".join(marks)


def response_marks(responses: Iterable[Response], duration: float) -> str:
    """A block for each response, as long as it took."""
    marks = []
    for response in responses:
        name = response.emotion or response.motion or "speech"
        title = f"{clock(response.start)} {name}: {response.motion} “{response.speech}”"
        marks.append(
            f'<span class="mark" style="left:{_percent(response.start, duration)};'
            f"width:{_percent(response.end - response.start, duration)};"
            f'--c:{colour(response.emotion)}" title="{escape(title)}">'
            f"{escape(name)}</span>"
        )
    return "".join(marks)


def gap_marks(gaps: Iterable[Gap], duration: float) -> str:
    """A hatched block for each gap."""
    return "".join(
        f'<span class="gap" style="left:{_percent(gap.start, duration)};'
        f'width:{_percent(gap.length, duration)}" title="no emotions for {gap.length:.1f} s, from '
        f'{clock(gap.start, True)}"></span>'
        for gap in gaps
    )


def face_chart(series: Series, duration: float, bins: int, name: str) -> str:
    """Rows of one face: a curve of the probability of each expression, above a strip.

    The strip is there while the expression is the one that is reported, so that a row can
    be told by its place as well as by its colour.

    Args:
        series: see there.
        duration: of the recording, seconds.
        bins: points of each curve.
        name: of the face, for those who hear the page.
    """
    shown = np.eye(len(NAMES))[series.label]
    columns = np.column_stack([series.probabilities, shown])
    means = thinned(series.time, columns, durations(series.time), duration, bins)
    curves, strips = means[:, : len(LABELS)], means[:, len(LABELS) :]
    parts = []
    for index, label in enumerate(NAMES):
        base = (index + 1) * ROW
        parts.append(f'<path class="ground" d="M0 {base}H{bins}"/>')
        if index < len(LABELS):
            path = _area(curves[:, index], base - STRIP, ROW - STRIP - 2)
            parts.append(f'<path class="curve" style="fill:{colour(label)}" d="{path}"/>')
        path = _area(strips[:, index], base, STRIP)
        kind = "strip unknown" if label == UNKNOWN else "strip"
        parts.append(f'<path class="{kind}" style="fill:{colour(label)}" d="{path}"/>')
    height, face = ROW * len(NAMES), escape(series.face_id or "attended:")
    return (
        f'<svg viewBox="0 0 {bins} {height}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(name)}" data-face="{face}" data-shown="{_dominant(strips)}">'
        f"{''.join(parts)}</svg>"
    )


def histogram(figures: Latencies) -> str:
    """Bars of the latencies, with the median and the percentiles marked."""
    edges, counts = figures.edges, figures.counts
    most, span = max(1, int(counts.max())), edges[-1] - edges[0]
    bars = "".join(
        f'<span class="bar" style="left:{100 * i / len(counts):.3f}%;'
        f'width:{100 / len(counts):.3f}%;height:{100 * n / most:.2f}%" '
        f'title="{1000 * edges[i]:.1f} to {1000 * edges[i + 1]:.1f} ms: {n}"></span>'
        for i, n in enumerate(counts)
        if n
    )
    marks = (("median", figures.median), ("95 %", figures.p95), ("99 %", figures.p99))
    lines = "".join(
        f'<span class="line" style="left:{100 * (value - edges[0]) / span:.2f}%">'
        f"<b>{name}</b></span>"
        for name, value in marks
        if edges[0] <= value <= edges[-1]
    )
    ticks = "".join(
        f'<span class="tick" style="left:{100 * (tick - 1000 * edges[0]) / (1000 * span):.2f}%">'
        f"{tick:g}</span>"
        for tick in _round_ticks(1000 * edges[0], 1000 * edges[-1])
    )
    return f'<div class="bars">{bars}{lines}</div><div class="axis">{ticks}</div>'


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


def _dominant(strips: np.ndarray) -> str:
    """For each part of the recording a digit, the label shown longest; a dot for nothing."""
    best = np.argmax(np.nan_to_num(strips), axis=1)
    return "".join(
        "." if np.isnan(row[0]) else str(index) for row, index in zip(strips, best, strict=True)
    )


def _percent(value: float, whole: float) -> str:
    return f"{100 * value / max(whole, 1e-9):.3f}%"


def row_names() -> str:
    """The names of the rows of a face, as items of a list."""
    return "".join(f'<li style="--c:{colour(name)}">{name}</li>' for name in NAMES)

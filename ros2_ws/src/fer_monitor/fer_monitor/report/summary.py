"""The top of the page."""

from __future__ import annotations

from html import escape

from fer_monitor.report.analysis import Analysis, mostly
from fer_monitor.report.markup import clock, milliseconds, tile

_SEVERITY = ("", "warn", "bad", "bad")


def remarks(analysis: Analysis) -> str:
    """What could not be read, and what is not shown."""
    session = analysis.session
    lines = [escape(text) for text in session.notes]
    if session.flaw:
        lines.insert(
            0,
            f"<b>The recording is incomplete:</b> {escape(session.flaw)}. "
            "What could be read is shown.",
        )
    return "".join(f'<p class="flaw">{line}</p>' for line in lines)


def tiles(analysis: Analysis) -> str:
    """The figures that matter most."""
    session = analysis.session
    worst = max((problem.level for problem in analysis.problems), default=0)
    shown = analysis.attended if analysis.attended.any() else analysis.everyone
    emotions = dict.fromkeys(r.emotion for r in analysis.responses if r.emotion)
    figures = [
        tile("Duration", clock(session.duration)),
        tile("Images processed", f"{len(session.images):,}", _rate(analysis)),
        tile("Faces", f"{len(session.faces)}", "a face that returns counts again"),
        tile("Mostly", *(mostly(shown) if shown.any() else ("–", "no face was seen"))),
        tile(
            "Responses",
            f"{len(analysis.responses)}",
            f"to {', '.join(emotions)}" if emotions else "",
        ),
        _latency(analysis),
        _model(analysis),
        tile(
            "Warnings and errors",
            f"{len(analysis.problems)}",
            f"{sum(analysis.losses.values()):,} images or messages dropped",
            _SEVERITY[min(worst, 3)],
        ),
    ]
    return f'<dl class="tiles">{"".join(figures)}</dl>'


def _rate(analysis: Analysis) -> str:
    images = analysis.session.images
    span = images[-1] - images[0] if len(images) > 1 else 0.0
    return f"{(len(images) - 1) / span:.1f} per second" if span else ""


def _latency(analysis: Analysis) -> str:
    figures = analysis.latencies
    if figures is None:
        return tile("Latency", "–", "no image was processed")
    remark = f"median; 99 of 100 within {milliseconds(figures.p99)}"
    return tile("Latency", milliseconds(figures.median), remark)


def _model(analysis: Analysis) -> str:
    known = analysis.about
    remark = [known[key] for key in ("model hash", "runtime") if key in known]
    return tile("Model", known.get("model", "unknown"), " · ".join(remark))

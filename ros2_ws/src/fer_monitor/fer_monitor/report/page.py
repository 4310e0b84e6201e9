"""A recording as one page of HTML that needs nothing else: what `page.html.j2` writes down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

import numpy as np

from ec_rfernet.errors import writable
from fer_monitor.report import charts
from fer_monitor.report.analysis import Analysis, analysed, seconds_by_state, seconds_shown
from fer_monitor.report.charts import clock
from fer_monitor.report.session import FaceSeries, Session

FACES = 8
"""So many faces are drawn: those that were seen longest."""

_ROWS = 1000  # of a table; a page with more would be slow, and nobody would read it
_MOST_POINTS = 3600  # over the whole recording
_SHORTEST_S = 0.05  # that a point stands for; images are hardly more frequent
_ALL_POINTS = 6000  # of all faces, so that the page stays small
_LEVELS = ("fine", "warning", "error", "no news")
_SEVERITY = ("", "warn", "bad", "bad")


@dataclass(frozen=True)
class Tile:
    """One figure of the summary.

    Attributes:
        name: of the figure.
        value: the figure.
        remark: below it; may be empty.
        kind: class in the style: ``warn``, ``bad`` or none.
    """

    name: str
    value: str
    remark: str = ""
    kind: str = ""


def page(session: Session) -> str:
    """The page: no network, no other file.

    Args:
        session: see there.
    """
    import jinja2  # only here, so that nobody waits for it who asks for --help
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fer_monitor.report", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        # Letters that turn the direction of writing would turn that of what follows.
        finalize=lambda value: value if hasattr(value, "__html__") else writable(str(value)),
    )
    analysis = analysed(session)
    began = datetime.fromtimestamp(session.began).astimezone()
    return environment.get_template("page.html.j2").render(
        session=session,
        names=analysis.names,
        colour=charts.colour,
        most_rows=_ROWS,
        style=Markup(_file("style.css")),
        script=Markup(_file("page.js")),
        date=f"{began.day} {began:%B %Y, %H:%M}",
        seconds=f"{began:%S} {began.tzname() or ''}",
        tiles=_video_tiles(analysis) if session.videos else _tiles(analysis),
        videos=_videos(session),
        shares=_shares(analysis),
        latency=_latency(analysis),
        missing=_missing(analysis),
        **_timeline(analysis),
        **_answers(analysis),
        **_contents(analysis),
    )


def _file(name: str) -> str:
    return (files("fer_monitor.report") / name).read_text(encoding="utf-8")


def milliseconds(seconds: float) -> str:
    """A short time for people."""
    value = 1000 * seconds
    return f"{value:.0f} ms" if abs(value) >= 10 else f"{value:.1f} ms"


# The top.


def _tiles(analysis: Analysis) -> list[Tile]:
    """The figures that matter most."""
    session = analysis.session
    worst = max((problem.level for problem in analysis.problems), default=0)
    emotions = dict.fromkeys(r.emotion for r in analysis.responses if r.emotion)
    return [
        Tile("Duration", clock(session.duration)),
        Tile("Images processed", f"{len(session.images):,}", _rate(session)),
        Tile("Faces", f"{len(session.faces)}", "a face that returns counts again"),
        _mostly(analysis),
        Tile(
            "Answers",
            f"{len(analysis.responses)}",
            f"to {', '.join(emotions)}" if emotions else "",
        ),
        _median(analysis),
        _model(analysis),
        Tile(
            "Warnings and errors",
            f"{len(analysis.problems)}",
            f"{sum(analysis.losses.values()):,} images or messages dropped",
            _SEVERITY[min(worst, 3)],
        ),
    ]


def _video_tiles(analysis: Analysis) -> list[Tile]:
    """The figures of videos, in which no robot was."""
    session = analysis.session
    without = sum(video.without_face for video in session.videos)
    lost = sum(video.not_decoded for video in session.videos)
    detail = f"{without:,} without a face" + (f", {lost:,} more not decoded" if lost else "")
    return [
        Tile("Duration", clock(session.duration)),
        Tile("Frames", f"{len(session.images):,}", detail),
        Tile("Faces", f"{len(session.faces)}", "a face that returns counts again"),
        _mostly(analysis),
    ]


def _videos(session: Session) -> list[tuple[str, ...]]:
    """Each video, where it is on the time line, and what was found in it."""
    return [
        (
            video.name,
            clock(video.begin, True),
            f"{video.duration:.1f} s",
            f"{video.frames:,}",
            f"{video.without_face:,}",
            f"{video.not_decoded:,}",
        )
        for video in session.videos
    ]


def _mostly(analysis: Analysis) -> Tile:
    shown = analysis.attended if analysis.attended.any() else analysis.everyone
    if not shown.any():
        return Tile("Mostly", "–", "no face was seen")
    name, share = analysis.mostly(shown)
    return Tile("Mostly", name, f"{share:.0%} of the time")


def _rate(session: Session) -> str:
    images = session.images
    span = images[-1] - images[0] if len(images) > 1 else 0.0
    return f"{(len(images) - 1) / span:.1f} per second" if span else ""


def _median(analysis: Analysis) -> Tile:
    figures = analysis.latencies
    if figures is None:
        return Tile("Latency", "–", "no image was processed")
    remark = f"median; 99 of 100 within {milliseconds(figures.p99)}"
    return Tile("Latency", milliseconds(figures.median), remark)


def _model(analysis: Analysis) -> Tile:
    known = analysis.about
    remark = [known[key] for key in ("model hash", "runtime") if key in known]
    return Tile("Model", known.get("model", "unknown"), " · ".join(remark))


# What was seen.


def _shares(analysis: Analysis) -> dict[str, Any] | None:
    """Share of time per expression; None when no face was seen."""
    columns = [("whoever was attended to", analysis.attended), ("all faces", analysis.everyone)]
    columns = [(name, seconds) for name, seconds in columns if seconds.any()]
    if not columns:
        return None
    rows = [
        {
            "name": name,
            "colour": charts.colour(name),
            "cells": [(seconds[i] / seconds.sum(), seconds[i]) for _, seconds in columns],
        }
        for i, name in enumerate(analysis.names)
    ]
    return {"who": [name for name, _ in columns], "rows": rows}


def _timeline(analysis: Analysis) -> dict[str, Any]:
    """Expressions and responses over time."""
    session = analysis.session
    drawn = sorted(session.faces, key=lambda face: -seconds_shown(face).sum())[:FACES]
    left_out = [face for face in session.faces if not any(face is one for one in drawn)]
    drawn.sort(key=lambda face: float(face.time[0]))
    if len(drawn) > 1 and len(session.attended.time):
        drawn.insert(0, session.attended)
    points = _points(drawn, session.duration)
    return {
        "points": points,
        "axis": charts.axis(session.duration),
        "response_marks": charts.response_marks(analysis.responses, session.duration),
        "gap_marks": charts.gap_marks(analysis.gaps, session.duration),
        "left_out": [float(seconds_shown(face).sum()) for face in left_out],
        "faces": [
            {
                "name": _title(analysis, face),
                "face_id": face.face_id,
                "chart": charts.face_chart(face, analysis.names, session.duration, points),
            }
            for face in drawn
        ],
    }


def _points(faces: Sequence[FaceSeries], duration: float) -> int:
    """Into how many parts the recording is divided for the curves."""
    most = min(_MOST_POINTS, duration / _SHORTEST_S)
    spans = sum(float(face.time[-1] - face.time[0]) for face in faces)
    return max(1, int(min(most, _ALL_POINTS * duration / max(spans, 1e-9))))


def _title(analysis: Analysis, face: FaceSeries) -> str:
    seconds = seconds_shown(face)
    name = f"Face {face.face_id}" if face.face_id else "Whoever was attended to"
    name += f" · {clock(face.time[0])} to {clock(face.time[-1])}, {seconds.sum():.1f} s in view"
    if not seconds.any():
        return name
    label, share = analysis.mostly(seconds)
    return f"{name}, {label} {share:.0%} of the time"


def _missing(analysis: Analysis) -> list[tuple[str, str, str]]:
    """Where images or emotions are missing."""
    found = [(gap, "emotions") for gap in analysis.gaps]
    found += [(gap, "images") for gap in analysis.camera_gaps]
    found.sort(key=lambda pair: pair[0].start)
    return [(clock(gap.start, True), f"{gap.length:.1f} s", what) for gap, what in found]


# What was done, and how well.


def _answers(analysis: Analysis) -> dict[str, Any]:
    """The responses, and how the behaviour spent its time."""
    session = analysis.session
    spent = seconds_by_state(session.states, session.duration)
    total = max(sum(spent.values()), 1e-9)
    return {
        "spent": ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in spent.items()),
        "responses": [
            (
                clock(one.start, True),
                one.emotion or "–",
                one.motion,
                one.speech and f"“{one.speech}”",
                one.reason,
            )
            for one in analysis.responses
        ],
    }


def _latency(analysis: Analysis) -> dict[str, Any] | None:
    """Median, percentiles and histogram; None when no image was processed."""
    figures, values = analysis.latencies, analysis.session.latencies
    if figures is None:
        return None
    numbers = (figures.median, figures.p95, figures.p99, figures.longest)
    return {
        "row": [milliseconds(number) for number in numbers],
        "over": int(np.count_nonzero(values > figures.edges[-1])),
        "disagree": bool(figures.edges[0] < 0),
        "chart": charts.histogram(figures),
    }


def _contents(analysis: Analysis) -> dict[str, Any]:
    """Warnings, errors and drops; versions and topics."""
    return {
        "problems": [
            (
                clock(one.first),
                clock(one.last) if one.count > 1 else "",
                f"{one.count}×",
                _LEVELS[min(one.level, 3)],
                one.node,
                one.text,
            )
            for one in analysis.problems
        ],
        "losses": [
            (*place, f"{count:,}") for place, count in sorted(analysis.losses.items()) if count
        ],
        "about": list(analysis.about.items()),
        "topics": [
            (topic.name, topic.type, f"{topic.count:,}") for topic in analysis.session.topics
        ],
    }

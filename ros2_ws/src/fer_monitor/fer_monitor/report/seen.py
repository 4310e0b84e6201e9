"""The sections about what was seen: expressions, the timeline, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from fer_monitor.report import charts
from fer_monitor.report.analysis import Analysis, mostly, seconds_shown
from fer_monitor.report.charts import NAMES
from fer_monitor.report.markup import clock, note, section, table
from fer_monitor.report.session import Series

FACES = 8
"""So many faces are drawn: those that were seen longest."""

_MOST_POINTS = 3600  # over the whole recording
_SHORTEST_S = 0.05  # that a point stands for; images are hardly more frequent
_ALL_POINTS = 6000  # of all faces, so that the page stays small


def expressions(analysis: Analysis) -> str:
    """Share of time per expression."""
    who = [("whoever was attended to", analysis.attended), ("all faces", analysis.everyone)]
    who = [(name, seconds) for name, seconds in who if seconds.any()]
    if not who:
        return section("Expressions", "<p>No face was seen.</p>")
    heads = "".join(
        f'<th scope="col" class="n">{name}</th><th scope="col" class="n">seconds</th>'
        for name, _ in who
    )
    rows = "".join(
        _share_row(index, [seconds for _, seconds in who]) for index in range(len(NAMES))
    )
    remark = note(
        "Share of the time in which a face was seen. An expression is what a face shows, as the "
        "network sees it, not what a person feels; <i>unknown</i>: it was not sure enough."
    )
    return section(
        "Expressions",
        f'{remark}<div class="scroll"><table id="shares"><thead><tr><th scope="col">expression</th>'
        f'<th scope="col">share</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>',
    )


def _share_row(index: int, columns: Sequence[np.ndarray]) -> str:
    style = f"--c:{charts.colour(NAMES[index])}"
    shares = [float(seconds[index] / seconds.sum()) for seconds in columns]
    cells = "".join(
        f'<td class="n">{share:.1%}</td><td class="n">{seconds[index]:.1f}</td>'
        for share, seconds in zip(shares, columns, strict=True)
    )
    return (
        f'<tr><th scope="row" class="key" style="{style}">{NAMES[index]}</th>'
        f'<td class="share"><i style="{style};width:{100 * shares[0]:.2f}%"></i></td>{cells}</tr>'
    )


def timeline(analysis: Analysis) -> str:
    """Expressions and responses over time."""
    session = analysis.session
    drawn = sorted(session.faces, key=lambda face: -seconds_shown(face).sum())[:FACES]
    left_out = [face for face in session.faces if not any(face is one for one in drawn)]
    drawn.sort(key=lambda face: float(face.time[0]))
    if len(drawn) > 1 and len(session.attended.time):
        drawn.insert(0, session.attended)
    points = _points(drawn, session.duration)
    lanes = [
        _lane("time", f'<div class="axis">{charts.axis(session.duration)}</div>', "still"),
        _lane("robot", charts.response_marks(analysis.responses, session.duration), "robot"),
        _lane("gaps", charts.gap_marks(analysis.gaps, session.duration), "still"),
        *(_face(face, session.duration, points) for face in drawn),
    ]
    remark = note(
        "One row for each expression: the curve is its probability, the strip below it is there "
        "while the robot takes it for what the face shows. "
        f"A point is the mean over {session.duration / points:.2g} s."
    )
    more = ""
    if left_out:
        seconds = sum(float(seconds_shown(face).sum()) for face in left_out)
        more = note(f"{len(left_out)} more faces, {seconds:.0f} s in total, are not drawn.")
    return section(
        "Timeline",
        f'{remark}<div class="tools" hidden><label>zoom <input id="zoom" type="range" min="0" '
        'max="4" step="1" value="0"></label><output id="readout"></output></div>'
        f'<div class="timeline" tabindex="0" data-zoom="1" data-duration="{session.duration:.3f}" '
        f'data-names="{" ".join(NAMES)}"><div class="lanes">{"".join(lanes)}</div>'
        f'<div class="cursor"></div></div>{more}',
    )


def _points(faces: Sequence[Series], duration: float) -> int:
    """Into how many parts the recording is divided for the curves."""
    most = min(_MOST_POINTS, duration / _SHORTEST_S)
    spans = sum(float(face.time[-1] - face.time[0]) for face in faces)
    return max(1, int(min(most, _ALL_POINTS * duration / max(spans, 1e-9))))


def _lane(name: str, body: str, kind: str) -> str:
    return f'<div class="name lane">{name}</div><div class="plot lane {kind}">{body}</div>'


def _face(face: Series, duration: float, points: int) -> str:
    seconds = seconds_shown(face)
    name = f"Face {face.face_id}" if face.face_id else "Whoever was attended to"
    name += f" · {clock(face.time[0])} to {clock(face.time[-1])}, {seconds.sum():.1f} s in view"
    if seconds.any():
        name += f", {' '.join(mostly(seconds))}"
    return (
        f'<div class="title"><div><h3>{escape(name)}</h3></div></div>'
        f'<ul class="name rows">{charts.row_names()}</ul>'
        f'<div class="plot face">{charts.face_chart(face, duration, points, name)}</div>'
    )


def missing(analysis: Analysis) -> str:
    """Where images or emotions are missing."""
    found = [(gap, "emotions") for gap in analysis.gaps]
    found += [(gap, "images") for gap in analysis.camera_gaps]
    if not found:
        return section("Gaps", "<p>Nothing was missing for more than one second.</p>")
    found.sort(key=lambda pair: pair[0].start)
    rows = [(clock(gap.start, True), f"{gap.length:.1f} s", what) for gap, what in found]
    remark = note(
        "Nothing came for more than one second. Before the first image and after the last one "
        "that is usual."
    )
    return section("Gaps", remark + table("gaps", ("from", "length", "no"), rows))

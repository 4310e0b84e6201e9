"""The terminal view as text: who is seen, what they show, what the robot does and why."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Callable

from ec_rfernet.labels import LABELS, UNKNOWN
from fer_bringup.journal import Moment
from fer_node.show.palette import COLOURS

HEIGHT = 9
"""Lines of a panel."""

NARROWEST = 48
"""Columns below which a panel is not drawn."""

Paint = Callable[[str, str], str]
"""Gives a text a style: the numbers of an ANSI escape sequence, such as ``1;31``."""

_EIGHTHS = " ▏▎▍▌▋▊▉"
_PLAIN, _BOLD, _DIM = "", "1", "2"


def draw(moment: Moment, elapsed: float, width: int, colours: bool = True) -> list[str]:
    """The panel's lines, each ``width`` columns wide.

    Args:
        moment: what to show.
        elapsed: seconds since the start.
        width: columns of the terminal, at least `NARROWEST`.
        colours: whether to use ANSI colours.
    """
    paint = _painted if colours else _unpainted
    bar = min(max(width // 4 - 4, 10), 32)
    left = [_bar(moment, index, bar, paint) for index in range(len(LABELS))]
    right = _right(moment, width - bar - 21, paint)
    title, footer = f" {_who(moment)} ", f" {clock(elapsed)} · {_rate(moment)} "
    return [
        _rule(title, width, paint),
        *(f" {a}  {b} " for a, b in zip(left, right, strict=True)),
        _rule(footer, width, paint),
    ]


def fit(text: str, width: int) -> str:
    """The text in exactly ``width`` columns: cut off with an ellipsis, or padded."""
    if columns(text) > width:
        while columns(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - columns(text))


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _who(moment: Moment) -> str:
    if moment.health:
        return moment.health
    if moment.faces < 0:
        return "waiting for the camera"
    if moment.faces == 0:
        return "nobody in view"
    return "1 face in view" if moment.faces == 1 else f"{moment.faces} faces in view"


def clock(elapsed: float) -> str:
    """Minutes and seconds of a time in seconds."""
    return f"{int(elapsed) // 60}:{int(elapsed) % 60:02d}"


def _rate(moment: Moment) -> str:
    if not moment.rate:
        return "Ctrl-C stops"
    return f"{moment.rate:.0f} images/s · {1000 * moment.latency_s:.0f} ms · Ctrl-C stops"


def _rule(text: str, width: int, paint: Paint) -> str:
    inner = fit(text, min(columns(text), width - 4))
    return paint("──", _DIM) + paint(inner, _BOLD) + paint("─" * (width - 2 - columns(inner)), _DIM)


def _bar(moment: Moment, index: int, width: int, paint: Paint) -> str:
    label = LABELS[index]
    share = moment.probabilities[index] if moment.probabilities else 0.0
    eighths = round(8 * width * min(max(share, 0.0), 1.0))
    full, rest = divmod(eighths, 8)
    bar = fit("█" * full + (_EIGHTHS[rest] if rest else ""), width)
    percent = f"{share:4.0%}" if moment.probabilities else "    "
    shown = label == moment.label
    style = f"{_BOLD};{_colour(label)}" if shown else _DIM
    mark = "▸" if shown else " "
    bar_style = _colour(label) if shown else f"{_DIM};{_colour(label)}"
    return paint(f"{mark} {label:<10}", style) + paint(bar, bar_style) + paint(f" {percent}", style)


def _right(moment: Moment, width: int, paint: Paint) -> list[str]:
    """Seven lines about the robot."""
    rows = [
        ("shows", _shown(moment), _colour(moment.label or UNKNOWN), 1),
        ("robot", moment.state or "starting", _BOLD, 1),
        ("moves", moment.motion or "–", _PLAIN, 1),
        ("says", f"“{moment.speech}”" if moment.speech else "–", _BOLD, 2),
        ("why", moment.reason or "–", _PLAIN, 2),
    ]
    lines = []
    for name, text, style, height in rows:
        wrapped = textwrap.wrap(text, max(width - 7, 10)) or [""]
        if len(wrapped) > height:
            wrapped = [*wrapped[: height - 1], " ".join(wrapped[height - 1 :])]
        wrapped += [""] * (height - len(wrapped))
        for number, part in enumerate(wrapped):
            head = f"{name:<7}" if number == 0 else " " * 7
            lines.append(paint(head, _DIM) + paint(fit(part, width - 7), style))
    return lines


def _shown(moment: Moment) -> str:
    if not moment.label:
        return "–"
    if moment.label == UNKNOWN:
        return "unclear"
    return f"{moment.label}, {moment.confidence:.0%}"


def _colour(label: str) -> str:
    red, green, blue = COLOURS[label]
    return f"38;2;{red};{green};{blue}"


def _painted(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if style and text.strip() else text


def _unpainted(text: str, style: str) -> str:
    return text

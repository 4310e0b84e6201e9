"""The terminal: a panel that stays in place, and lines that scroll above it."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Protocol, TextIO

from ec_rfernet.labels import LABELS, UNKNOWN
from fer_bringup.journal import Answered, Journal, JournalMoment
from fer_node.show.palette import COLOURS

# What MediaPipe's libraries write to stderr whatever they are told.
_CHATTER = re.compile(
    r"^([IW]\d{4} \d\d:\d\d:|INFO: Created TensorFlow Lite|WARNING: All log messages before absl)"
)
_ESCAPE = re.compile(r"\x1b\[[\d;]*m")
_HIDE_CURSOR, _SHOW_CURSOR, _END_OF_LINE = "\x1b[?25l", "\x1b[?25h", "\x1b[K"


class Terminal:
    """Writes lines, and a panel below them. Thread-safe.

    Args:
        out: where to write.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = Lock()
        self._panel: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Columns."""
        try:
            return os.get_terminal_size(self._out.fileno()).columns or 80
        except OSError:  # not a terminal
            return 80

    def line(self, text: str) -> None:
        """Writes a line that stays; the panel moves down."""
        with self._lock:
            above = f"{self._up()}{text}{_END_OF_LINE if self._panel else ''}\n"
            self._write(above + self._drawn())

    def panel(self, lines: Sequence[str]) -> None:
        """Draws the panel anew."""
        with self._lock:
            text = _HIDE_CURSOR + self._up()
            self._panel = tuple(lines)
            self._write(text + self._drawn())

    def close(self) -> None:
        """Removes the panel."""
        with self._lock:
            if self._panel:
                self._write(f"{self._up()}\x1b[J{_SHOW_CURSOR}")
                self._panel = ()

    def _up(self) -> str:
        """To the panel's beginning; a terminal made narrower has wrapped its lines."""
        if not self._panel:
            return ""
        width = self.width
        rows = sum(-(-len(_ESCAPE.sub("", line)) // width) for line in self._panel)
        return f"\r\x1b[{rows}A" + ("\x1b[J" if rows > len(self._panel) else "")

    def _drawn(self) -> str:
        return "".join(f"{line}{_END_OF_LINE}\n" for line in self._panel)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


@contextmanager
def above_panel() -> Iterator[Terminal]:
    """A terminal above whose panel everything appears that this process writes.

    Messages of nodes and libraries would break the panel otherwise: both standard
    streams lead through a pipe meanwhile.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    receiver, sender = os.pipe()
    with os.fdopen(os.dup(saved[0]), "w", encoding="utf-8", errors="replace") as out:
        terminal = Terminal(out)
        thread = Thread(target=_forward, args=(receiver, terminal), name="messages", daemon=True)
        thread.start()
        os.dup2(sender, 1)
        os.dup2(sender, 2)
        os.close(sender)
        try:
            yield terminal
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, original in enumerate(saved, start=1):
                os.dup2(original, number)
                os.close(original)
            thread.join(1.0)
            terminal.close()


def _forward(receiver: int, terminal: Terminal) -> None:
    with os.fdopen(receiver, encoding="utf-8", errors="replace") as messages:
        for message in messages:
            text = message.rstrip()
            if text and not _CHATTER.match(text):
                terminal.line(text)


# ----------------------------------------------------------------------
# The terminal view as text: who is seen, what they show, what the robot does and why.

HEIGHT = 9
"""Lines of a panel."""

NARROWEST = 48
"""Columns below which a panel is not drawn."""

Paint = Callable[[str, str], str]
"""Gives a text a style: the numbers of an ANSI escape sequence, such as ``1;31``."""

_EIGHTHS = " ▏▎▍▌▋▊▉"
_PLAIN, _BOLD, _DIM = "", "1", "2"


def draw(moment: JournalMoment, elapsed: float, width: int, colours: bool = True) -> list[str]:
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


def _who(moment: JournalMoment) -> str:
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


def _rate(moment: JournalMoment) -> str:
    if not moment.rate:
        return "Ctrl-C stops"
    return f"{moment.rate:.0f} images/s · {1000 * moment.latency_s:.0f} ms · Ctrl-C stops"


def _rule(text: str, width: int, paint: Paint) -> str:
    inner = fit(text, min(columns(text), width - 4))
    return paint("──", _DIM) + paint(inner, _BOLD) + paint("─" * (width - 2 - columns(inner)), _DIM)


def _bar(moment: JournalMoment, index: int, width: int, paint: Paint) -> str:
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


def _right(moment: JournalMoment, width: int, paint: Paint) -> list[str]:
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


def _shown(moment: JournalMoment) -> str:
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


# ----------------------------------------------------------------------
# How the view appears: as a panel, as lines, or not at all.


class Screen(Protocol):
    """Where the view appears."""

    def line(self, text: str) -> None:
        """Something to be said once."""
        ...

    def seen(self, line: str) -> None:
        """Someone else is seen, or something else in the face."""
        ...

    def answered(self, answer: Answered) -> None:
        """The robot has begun to respond."""
        ...

    def draw(self, journal: Journal) -> None:
        """Called ten times a second."""
        ...


@contextmanager
def opened(view: str) -> Iterator[Screen]:
    """A screen for one of `fer_bringup.arguments.VIEWS`; cleaned up at the end."""
    size = shutil.get_terminal_size()
    fits = size.columns > NARROWEST and size.lines > HEIGHT + 2
    if view == "panel" or (view == "auto" and sys.stdout.isatty() and fits):
        with above_panel() as terminal:
            yield _Panel(terminal, colours="NO_COLOR" not in os.environ)
    elif view == "none":
        yield _Nothing()
    else:
        yield _Lines()


class _Nothing:
    def line(self, text: str) -> None:
        pass

    def seen(self, line: str) -> None:
        pass

    def answered(self, answer: Answered) -> None:
        pass

    def draw(self, journal: Journal) -> None:
        pass


class _Lines(_Nothing):
    def line(self, text: str) -> None:
        print(text, flush=True)

    def seen(self, line: str) -> None:
        self.line(f"sees     {line}")

    def answered(self, answer: Answered) -> None:
        self.line(f"answers  {answer.what} ({answer.reason})")


class _Panel(_Nothing):
    """What the robot sees is in the panel; its answers stay above it."""

    def __init__(self, terminal: Terminal, colours: bool) -> None:
        self._terminal, self._colours = terminal, colours

    def line(self, text: str) -> None:
        self._terminal.line(text)

    def answered(self, answer: Answered) -> None:
        text = f" {clock(answer.at_s)}  {answer.what}"
        self.line(fit(text, self._terminal.width).rstrip())

    def draw(self, journal: Journal) -> None:
        # The last column stays free: writing there makes some terminals wrap.
        width = max(self._terminal.width - 1, NARROWEST)
        self._terminal.panel(draw(journal.moment, journal.elapsed, width, self._colours))

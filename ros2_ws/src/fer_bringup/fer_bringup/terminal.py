"""The terminal view: a panel that stays in place below all other lines, or lines alone.

Imported only when something is to be shown: rich takes 50 ms and 3 MB.
"""

from __future__ import annotations

import fcntl
import math
import os
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import zip_longest
from threading import Lock, Thread

from rich import box
from rich.color import Color
from rich.console import Console, ConsoleDimensions, Group
from rich.control import Control
from rich.live import Live
from rich.panel import Panel
from rich.segment import ControlType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from ec_rfernet.cli import lossy
from ec_rfernet.errors import writable
from ec_rfernet.labels import UNKNOWN
from ec_rfernet.show.palette import colour_of
from fer_bringup.journal import Answered, Journal, JournalMoment, Screen

# What MediaPipe's libraries write to stderr whatever they are told.
_CHATTER = re.compile(
    r"^([IW]\d{4} \d\d:\d\d:|INFO: Created TensorFlow Lite|WARNING: All log messages before absl)"
)

_AT_ONCE = 1 << 16  # bytes
_ROOM = 1 << 20  # bytes

_COLOUR = re.compile(r"(\x1b\[[\d;]*m)")
"""What ROS's log writes around a line."""

NARROWEST = 48
"""Columns below which a panel is not drawn."""

_LOWEST = 11
"""Lines below which a panel is not drawn."""


@contextmanager
def opened(view: str) -> Iterator[Screen]:
    """A screen for one of `fer_bringup.arguments.VIEWS` but ``none``; cleaned up at the end."""
    console = Console()
    fits = console.width > NARROWEST and console.height > _LOWEST
    obeys = console.is_terminal and not console.is_dumb_terminal
    if view == "panel" or (view == "auto" and obeys and fits):
        with above_panel() as panel:
            yield panel
    else:
        yield Lines()


class Lines(Screen):
    """One line for each change."""

    def line(self, text: str) -> None:
        """See `Screen`."""
        print(text, flush=True)

    def seen(self, line: str) -> None:
        """See `Screen`."""
        self.line(f"sees     {line}")

    def answered(self, answer: Answered) -> None:
        """See `Screen`."""
        self.line(f"answers  {answer.what}" + (f" ({answer.reason})" if answer.reason else ""))


class PanelBelowLines(Screen):
    """What the robot sees is in the panel; its answers stay above it. Thread-safe.

    Args:
        console: where to write, see `ec_rfernet.cli.lossy`.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(
            console=console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
        )
        self._lock = Lock()
        self._shown = (0, 0)  # columns and lines of the panel

    def line(self, text: str) -> None:
        """Writes a line that stays; the panel moves down. It may have colours."""
        parts = _COLOUR.split(text)
        parts[::2] = [writable(part) for part in parts[::2]]
        with self._lock:
            self._measure()
            self._console.print(Text.from_ansi("".join(parts)), soft_wrap=True)

    def answered(self, answer: Answered) -> None:
        """See `Screen`; what is done is cut off where the terminal's line ends, why is not."""
        line = Text(f" {clock(answer.at_s)}  {_one_line(answer.what)}")
        with self._lock:
            width = self._measure()
            self._console.print(line, no_wrap=True, overflow="ellipsis")
            for part in textwrap.wrap(_one_line(answer.reason or ""), width - _NAME):
                self._console.print(Text(f"{'':{_NAME}}{part}", _DIM), no_wrap=True)

    def draw(self, journal: Journal) -> None:
        """See `Screen`."""
        with self._lock:
            width = self._measure()
            panel = draw(journal.moment, journal.elapsed, width)
            self._live.start()
            # The cursor rests below the panel, where the ^C that a terminal writes does no harm.
            self._live.update(Group(panel, Text()), refresh=True)
            self._shown = width, panel.height or 0

    def close(self) -> None:
        """Removes the panel."""
        with self._lock:
            self._measure()
            self._live.stop()

    def _measure(self) -> int:
        """Follows the terminal's size; the columns of a panel.

        A terminal that was made narrower has wrapped the panel's lines.
        """
        try:
            columns, lines = os.get_terminal_size(self._console.file.fileno())
        except OSError:  # not a terminal
            columns, lines = 0, 0
        columns, lines = columns or 80, lines or 25  # some terminals do not know their size
        self._console.size = ConsoleDimensions(columns, lines)
        width, height = self._shown
        if columns < width:
            wrapped = height * (-(-width // columns) - 1)
            erase = (ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)
            self._console.control(Control(*erase * wrapped))
            self._shown = columns, height
        # The last column stays free: writing there makes some terminals wrap.
        return max(columns - 1, NARROWEST)


@contextmanager
def above_panel() -> Iterator[PanelBelowLines]:
    """A panel above which everything appears that this process writes.

    Messages of nodes and libraries would break the panel otherwise: both standard
    streams lead through a pipe meanwhile.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    receiver, sender = os.pipe()
    # ROS logs in C while it keeps Python from running: who waited here would wait for ever for
    # the thread that reads. What has no room is lost.
    os.set_blocking(sender, False)
    with suppress(OSError):  # a user may have only so much
        fcntl.fcntl(sender, fcntl.F_SETPIPE_SZ, _ROOM)
    with lossy(os.dup(saved[0]), sys.stdout, owned=True, obeyed=True) as out:
        panel = PanelBelowLines(Console(file=out, highlight=False, markup=False, emoji=False))
        thread = Thread(target=_forward, args=(receiver, panel), name="messages", daemon=True)
        thread.start()
        os.dup2(sender, 1)
        os.dup2(sender, 2)
        os.close(sender)
        try:
            yield panel
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, original in enumerate(saved, start=1):
                os.dup2(original, number)
                os.close(original)
            thread.join(1.0)
            panel.close()


def _forward(receiver: int, screen: Screen) -> None:
    """Shows what comes, as many lines at once as there are: each time the panel is drawn anew."""
    rest = b""
    with os.fdopen(receiver, "rb", buffering=0) as messages:
        while piece := messages.read(_AT_ONCE):
            whole, newline, rest = (rest + piece).rpartition(b"\n")
            if newline:
                _show(whole, screen)
    _show(rest, screen)


def _show(messages: bytes, screen: Screen) -> None:
    lines = (line.rstrip() for line in messages.decode(errors="replace").split("\n"))
    if shown := [line for line in lines if line and not _CHATTER.match(line)]:
        screen.line("\n".join(shown))


# Who is seen, what they show, what the robot does and why.

_BOLD, _DIM, _PLAIN = Style(bold=True), Style(dim=True), Style()
_LABEL = 10  # columns of a label, at least
_NAME = 7  # columns of what is told about the robot
_LEAST = 16  # columns of what the robot does, with its name
_EIGHTHS = " ▏▎▍▌▋▊▉"


def draw(moment: JournalMoment, elapsed: float, width: int) -> Panel:
    """The panel: a line for each label, beside what the robot does.

    One flat table: nested ones take four times as long, which is taken from the robot.

    Args:
        moment: what to show.
        elapsed: seconds since the start.
        width: columns, at least `NARROWEST`.
    """
    bar = min(max(width // 4 - 4, 10), 32)
    most = max(_LABEL, width - bar - 12 - _LEAST)  # a longer label is cut off
    label = min(max(_LABEL, *map(len, moment.labels)), most)
    rest = width - label - bar - 12
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=label + bar + 8, no_wrap=True)
    table.add_column(width=rest, no_wrap=True, overflow="ellipsis")
    for row in zip_longest(_labels(moment, label, bar), _robot(moment, rest), fillvalue=Text()):
        table.add_row(*row)
    return Panel(
        table,
        box.HORIZONTALS,
        title=Text(_one_line(_who(moment)), _BOLD, no_wrap=True, overflow="ellipsis"),
        subtitle=Text(f"{clock(elapsed)} · {_rate(moment)}", _BOLD),
        title_align="left",
        subtitle_align="left",
        border_style=_DIM,
        padding=0,
        width=width,
        height=table.row_count + 2,
    )


def clock(elapsed: float) -> str:
    """Minutes and seconds of a time in seconds."""
    return f"{int(elapsed) // 60}:{int(elapsed) % 60:02d}"


def _one_line(text: str) -> str:
    return " ".join(writable(text).split())


def _who(moment: JournalMoment) -> str:
    if moment.problem:
        return moment.problem
    if moment.faces is None:
        return (
            "waiting for the camera" if moment.expects_images else "no camera: nobody is looked for"
        )
    if moment.faces == 0:
        return "nobody in view"
    return "1 face in view" if moment.faces == 1 else f"{moment.faces} faces in view"


def _rate(moment: JournalMoment) -> str:
    if not moment.rate:
        return "Ctrl-C stops"
    return f"{moment.rate:.0f} images/s · {1000 * moment.latency_s:.0f} ms · Ctrl-C stops"


def _labels(moment: JournalMoment, columns: int, width: int) -> Iterator[Text]:
    """A line for each label: name, bar and probability."""
    probabilities: Sequence[float | None] = moment.probabilities or (None,) * len(moment.labels)
    for label, share in zip(moment.labels, probabilities, strict=True):
        is_shown = label == moment.label
        style = _BOLD if is_shown else _DIM
        name = _one_line(label)[:columns]
        line = Text().append(f"{'▸' if is_shown else ' '} {name:<{columns}} ", style)
        if share is not None:
            line.append(f"{_bar(share, width):<{width}}", style + _colour(label))
            line.append(f" {share:4.0%}", style)
        yield line


def _bar(share: float, width: int) -> str:
    share = min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
    full, rest = divmod(round(8 * width * share), 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


def _robot(moment: JournalMoment, width: int) -> Iterator[Text]:
    """Seven lines about the robot."""
    label = moment.label or UNKNOWN
    what = label if label == UNKNOWN else f"{label}, {moment.confidence:.0%}"
    for name, text, style, height in (
        ("shows", what if moment.label else None, _BOLD + _colour(label), 1),
        ("robot", moment.trouble or moment.state or "starting", _robot_style(moment), 1),
        ("moves", moment.motion, _PLAIN, 1),
        ("says", moment.speech and f"“{moment.speech}”", _BOLD, 2),
        ("why", moment.reason, _PLAIN, 2),
    ):
        # Wrapping takes long for a long text.
        shown = writable((text or "–")[: width * (height + 1)])
        lines = textwrap.wrap(shown, width - _NAME)
        lines[height - 1 :] = [" ".join(lines[height - 1 :])]  # what is too long is cut off
        for number in range(height):
            line = Text().append(f"{name if number == 0 else '':<{_NAME}}", _DIM)
            yield line.append(lines[number] if number < len(lines) else "", style)


def _robot_style(moment: JournalMoment) -> Style:
    return _BOLD + Style(color="red") if moment.trouble else _BOLD


def _colour(label: str) -> Style:
    return Style(color=Color.from_rgb(*colour_of(label)))

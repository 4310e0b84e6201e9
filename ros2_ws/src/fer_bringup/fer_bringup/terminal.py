"""The terminal: a panel that stays in place, and lines that scroll above it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock, Thread
from typing import TextIO

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

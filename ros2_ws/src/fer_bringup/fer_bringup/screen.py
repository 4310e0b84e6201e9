"""How the view appears: as a panel, as lines, or not at all."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from fer_bringup import panel
from fer_bringup.journal import Journal
from fer_bringup.summary import Answer
from fer_bringup.terminal import Terminal, above_panel


class Screen(Protocol):
    """Where the view appears."""

    def line(self, text: str) -> None:
        """Something to be said once."""
        ...

    def seen(self, line: str) -> None:
        """Someone else is seen, or something else in the face."""
        ...

    def answered(self, answer: Answer) -> None:
        """The robot has begun to respond."""
        ...

    def draw(self, journal: Journal) -> None:
        """Called ten times a second."""
        ...


@contextmanager
def opened(view: str) -> Iterator[Screen]:
    """A screen for one of `fer_bringup.options.VIEWS`; cleaned up at the end."""
    size = shutil.get_terminal_size()
    fits = size.columns > panel.NARROWEST and size.lines > panel.HEIGHT + 2
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

    def answered(self, answer: Answer) -> None:
        pass

    def draw(self, journal: Journal) -> None:
        pass


class _Lines(_Nothing):
    def line(self, text: str) -> None:
        print(text, flush=True)

    def seen(self, line: str) -> None:
        self.line(f"sees     {line}")

    def answered(self, answer: Answer) -> None:
        self.line(f"answers  {answer.what} ({answer.reason})")


class _Panel(_Nothing):
    """What the robot sees is in the panel; its answers stay above it."""

    def __init__(self, terminal: Terminal, colours: bool) -> None:
        self._terminal, self._colours = terminal, colours

    def line(self, text: str) -> None:
        self._terminal.line(text)

    def answered(self, answer: Answer) -> None:
        text = f" {panel.clock(answer.at_s)}  {answer.what}"
        self.line(panel.fit(text, self._terminal.width).rstrip())

    def draw(self, journal: Journal) -> None:
        # The last column stays free: writing there makes some terminals wrap.
        width = max(self._terminal.width - 1, panel.NARROWEST)
        self._terminal.panel(panel.draw(journal.moment, journal.elapsed, width, self._colours))

"""Who is looking: each browser gets a stream of its own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Protocol

from fer_monitor.viewer.rows import Bubble, Gap, Line, Page, Pose, Row

SLOW_S = 1.0
"""Who has not taken anything for so long gets nothing but lines of the log until it does."""

_LINES = 200
_STATES = (Pose, Page, Bubble)


class Stream(Protocol):
    """What rows become; see `fer_monitor.viewer.stream.RerunStream`."""

    def put(self, time_ns: int, rows: Iterable[Row]) -> None:
        """Adds rows."""

    def read(self) -> bytes:
        """What has been added since the last call."""
        ...

    def close(self) -> None:
        """Ends it."""


class Spectator:
    """One browser.

    Args:
        stream: what it is sent.
        clock: seconds, monotonic.
    """

    def __init__(self, stream: Stream, clock: Callable[[], float]) -> None:
        self._stream, self._clock = stream, clock
        self._read = clock()

    def put(self, time_ns: int, rows: Iterable[Row]) -> None:
        """Shows rows, unless it is too slow for them."""
        if self._clock() - self._read > SLOW_S:
            rows = [row for row in rows if isinstance(row, Line)]
        self._stream.put(time_ns, rows)

    def read(self) -> bytes:
        """What to send now."""
        self._read = self._clock()
        return self._stream.read()

    def close(self) -> None:
        """Ends the stream."""
        self._stream.close()


class Audience:
    """All browsers that look. Thread-safe.

    Who joins late is told the lines of the log so far, and where the robot is.

    Args:
        open_stream: makes a stream.
        clock: seconds, monotonic.
    """

    def __init__(
        self, open_stream: Callable[[], Stream], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open, self._clock = open_stream, clock
        self._lock = Lock()
        self._spectators: list[Spectator] = []
        self._lines: deque[tuple[int, Line]] = deque(maxlen=_LINES)
        self._states: dict[str, tuple[int, Row]] = {}

    @property
    def is_there(self) -> bool:
        """Whether anybody looks."""
        return bool(self._spectators)

    @property
    def size(self) -> int:
        """How many look."""
        return len(self._spectators)

    @contextmanager
    def joined(self) -> Iterator[Spectator]:
        """Somebody looks."""
        spectator = Spectator(self._open(), self._clock)
        try:
            with self._lock:
                for time_ns, row in sorted(
                    [*self._lines, *self._states.values()], key=lambda item: item[0]
                ):
                    spectator.put(time_ns, [row])
                self._spectators.append(spectator)
            yield spectator
        finally:
            with self._lock:
                if spectator in self._spectators:
                    self._spectators.remove(spectator)
                spectator.close()

    def show(self, time_ns: int, rows: list[Row]) -> None:
        """Shows rows to everybody.

        Args:
            time_ns: since 1970.
            rows: may be empty.
        """
        if not rows:
            return
        with self._lock:
            for row in rows:
                self._remember(time_ns, row)
            for spectator in self._spectators:
                spectator.put(time_ns, rows)

    def _remember(self, time_ns: int, row: Row) -> None:
        if isinstance(row, Line):
            self._lines.append((time_ns, row))
        elif isinstance(row, _STATES):
            self._states[row.path] = (time_ns, row)
        elif isinstance(row, Gap):
            self._states.pop(row.path, None)

"""Who looks, and what they are sent: one recording of Rerun's for all of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Any

import rerun as rr

from fer_monitor.viewer.screen import TIMELINE, Row

APPLICATION = "robot"
"""The viewer keeps what the user arranges by this name."""

PERIOD_S = 0.1
"""Between two pieces."""

MOST = 16
"""So many browsers may look at the same time."""

BEHIND_BYTES = 8_000_000
"""Who has not taken so much is sent away, and comes back to the present."""

_LINES = 200
_LASTING = (rr.SeriesLines, rr.Transform3D, rr.TextDocument, rr.Points3D)  # until replaced
_CLEARED = (rr.TextDocument, rr.Points3D)  # by `rr.Clear`


class Spectator:
    """One browser. Thread-safe."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._news = Condition()
        self._is_behind = False

    @property
    def is_behind(self) -> bool:
        """Whether it has taken too little for too long; nothing more comes."""
        return self._is_behind

    def put(self, piece: bytes) -> None:
        """Hands over a piece, unless the browser is behind."""
        with self._news:
            self._is_behind |= sum(map(len, self._pieces)) > BEHIND_BYTES
            self._pieces = [] if self._is_behind else [*self._pieces, piece]
            self._news.notify()

    def take(self, timeout_s: float) -> list[bytes]:
        """The pieces that have come; waits for one, at most so long."""
        with self._news:
            self._news.wait_for(lambda: self._pieces or self._is_behind, timeout_s)
            pieces, self._pieces = self._pieces, []
            return pieces


class Audience:
    """All browsers that look. Thread-safe.

    Who joins late is told the lines of the log so far, and what else still holds.

    Args:
        blueprint: how the windows are arranged.
        fixtures: rows that never change.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        blueprint: Any,
        fixtures: Iterable[Row],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # It is flushed when it is drained, and only then.
        never = rr.ChunkBatcherConfig.NEVER()
        self._recording = rr.RecordingStream(APPLICATION, batcher_config=never)
        self._recording.set_log_time_enabled(False)
        self._recording.set_log_tick_enabled(False)
        self._memory = self._recording.memory_recording()
        self._recording.send_blueprint(blueprint)
        for path, what in fixtures:
            self._recording.log(path, what, static=True)
        self._beginning = self._memory.drain_as_bytes()
        self._clock, self._handed_out = clock, clock()
        self._lock = Lock()
        self._spectators: set[Spectator] = set()
        self._lines: deque[tuple[int, Row]] = deque(maxlen=_LINES)
        self._states: dict[tuple[type, str], tuple[int, Row]] = {}

    @property
    def size(self) -> int:
        """How many look."""
        return len(self._spectators)

    @contextmanager
    def joined(self) -> Iterator[Spectator | None]:
        """Somebody looks; gives None where there is no room."""
        with self._lock:
            spectator = self._welcome() if self.size < MOST else None
        try:
            yield spectator
        finally:
            with self._lock:
                self._spectators -= {spectator}

    def show(self, time_ns: int, rows: Iterable[Row]) -> None:
        """Shows rows to everybody; to be called several times a second, also without rows.

        Args:
            time_ns: since 1970.
            rows: what is new.
        """
        with self._lock:
            for row in rows:
                self._remember(time_ns, row)
                if self._spectators:
                    self._log(time_ns, row)
            if self._clock() - self._handed_out >= PERIOD_S:
                self._hand_out()

    def close(self) -> None:
        """Ends the recording."""
        self._recording.disconnect()

    def _welcome(self) -> Spectator:
        self._hand_out()  # the others have no use for what comes now
        for time_ns, row in sorted([*self._lines, *self._states.values()], key=lambda x: x[0]):
            self._log(time_ns, row)
        spectator = Spectator()
        spectator.put(self._beginning)
        spectator.put(self._memory.drain_as_bytes())
        self._spectators.add(spectator)
        return spectator

    def _hand_out(self) -> None:
        self._handed_out = self._clock()
        if self._spectators and self._memory.num_msgs():
            piece = self._memory.drain_as_bytes()
            for spectator in self._spectators:
                spectator.put(piece)

    def _log(self, time_ns: int, row: Row) -> None:
        path, what = row
        self._recording.set_time(TIMELINE, timestamp=1e-9 * time_ns)
        self._recording.log(path, what, static=isinstance(what, rr.SeriesLines))

    def _remember(self, time_ns: int, row: Row) -> None:
        path, what = row
        if isinstance(what, rr.TextLog):
            self._lines.append((time_ns, row))
        elif isinstance(what, _LASTING):
            self._states[type(what), path] = (time_ns, row)
        elif isinstance(what, rr.Clear):
            for kind in _CLEARED:
                self._states.pop((kind, path), None)

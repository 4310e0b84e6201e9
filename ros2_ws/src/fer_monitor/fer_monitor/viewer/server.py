"""The page of the viewer and its data, for each browser that looks.

Rerun's own servers listen at every address of the machine, and answer to every ``Host``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from importlib import metadata, resources
from pathlib import Path

import rerun as rr

from ec_rfernet.errors import InputError
from fer_monitor.page_server import PIECES, Onlookers
from fer_monitor.viewer.screen import TIMELINE, Row

APPLICATION = "robot"
"""The viewer keeps what the user arranges by this name."""

_LINES = 200
_PAGE = ("page.html", "page.js")
_WIDGET = ("widget.js", "re_viewer_bg.wasm")


class Audience(Onlookers):
    """All browsers that look. Thread-safe.

    Who joins late is told the lines of the log so far, and what else still holds. There is one
    recording for all: the threads of one are never ended by Rerun.

    Args:
        begin: logs what never changes; is told whether the window is higher than wide.
    """

    def __init__(self, begin: Callable[[rr.RecordingStream, bool], None]) -> None:
        super().__init__()
        self._begin = begin
        never = rr.ChunkBatcherConfig.NEVER()  # it is flushed when it is drained
        self._recording = rr.RecordingStream(APPLICATION, batcher_config=never)
        self._recording.set_log_time_enabled(False)
        self._recording.set_log_tick_enabled(False)
        self._memory = self._recording.memory_recording()
        self._opening = self._memory.drain_as_bytes()
        self._lines: deque[tuple[int, Row]] = deque(maxlen=_LINES)
        self._states: dict[tuple[str, type], tuple[int, Row]] = {}

    def _first(self, is_tall: bool) -> list[bytes]:
        self._hand_out()  # the others have no use for what comes now
        self._begin(self._recording, is_tall)
        for time_ns, row in sorted([*self._lines, *self._states.values()], key=_time):
            self._log(time_ns, row)
        return [self._opening, self._memory.drain_as_bytes()]

    def show(self, time_ns: int, rows: Iterable[Row]) -> None:
        """Shows rows to everybody.

        Args:
            time_ns: since 1970.
            rows: what is new.
        """
        with self._lock:
            for row in rows:
                path, what = row
                if isinstance(what, rr.TextLog):
                    self._lines.append((time_ns, row))
                elif not isinstance(what, rr.EncodedImage):  # nobody wants to see an old one
                    self._states[path, type(what)] = (time_ns, row)
                if self._looking:
                    self._log(time_ns, row)

    def close(self) -> None:
        """Ends the recording."""
        with self._lock:
            self._memory.drain_as_bytes()  # Rerun would complain that nobody took it
            self._recording.disconnect()

    def _hand_out(self) -> None:
        if self._memory.num_msgs():
            piece = self._memory.drain_as_bytes()
            for news in self._looking:
                news.append(piece)

    def _log(self, time_ns: int, row: Row) -> None:
        path, what = row
        self._recording.set_time(TIMELINE, timestamp=1e-9 * time_ns)
        self._recording.log(path, what, static=isinstance(what, rr.SeriesLines))


def _time(told: tuple[int, Row]) -> int:
    return told[0]


def viewer_files() -> dict[str, Path]:
    """What a browser may ask for, by path: our page, and Rerun's viewer out of rerun-notebook.

    Raises:
        InputError: rerun-notebook is missing, or does not fit to rerun-sdk.
    """
    mend = "scripts/setup.sh viewer installs what fits"
    try:
        notebook = metadata.distribution("rerun-notebook")
    except metadata.PackageNotFoundError as error:
        text = f"the viewer needs rerun-notebook, which is not installed: {mend}"
        raise InputError(text) from error
    if rr.__version__ != notebook.version:
        text = f"rerun-sdk is {rr.__version__}, but rerun-notebook {notebook.version}: {mend}"
        raise InputError(text)
    here = Path(str(resources.files(__package__)))
    widget = Path(str(notebook.locate_file("rerun_notebook/static")))
    files = {f"/{name}": here / name for name in _PAGE} | {"/pieces.js": PIECES}
    files |= {f"/{name}": widget / name for name in _WIDGET}
    return {"/": files["/page.html"], **files}

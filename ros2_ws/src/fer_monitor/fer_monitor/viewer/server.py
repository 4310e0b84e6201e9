"""The page of the viewer and its data, for each browser that looks; on this machine only."""

from __future__ import annotations

import http.server
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from threading import Event, Lock, Thread
from typing import Any, Protocol
from urllib.parse import urlsplit

from ec_rfernet.errors import InputError
from fer_monitor.viewer.assets import Assets
from fer_monitor.viewer.rows import Cleared, Curve, LinkPose, LogLine, Row, SpeechBubble, TextPage

# Who looks.

SLOW_S = 1.0
"""Who has not taken anything for so long gets no pictures, poses and points until it does."""

_LINES = 200
_LASTING = (Curve, LinkPose, TextPage, SpeechBubble)  # until another one, or `Cleared`


class RowStream(Protocol):
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

    def __init__(self, stream: RowStream, clock: Callable[[], float]) -> None:
        self._stream, self._clock = stream, clock
        self._read = clock()

    def put(self, time_ns: int, rows: Iterable[Row]) -> None:
        """Shows rows, unless it is too slow for them."""
        if self._clock() - self._read > SLOW_S:
            rows = [row for row in rows if isinstance(row, (LogLine, Curve))]
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
        self, open_stream: Callable[[], RowStream], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open, self._clock = open_stream, clock
        self._lock = Lock()
        self._spectators: list[Spectator] = []
        self._lines: deque[tuple[int, LogLine]] = deque(maxlen=_LINES)
        self._states: dict[tuple[type, str], tuple[int, Row]] = {}

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
        if isinstance(row, LogLine):
            self._lines.append((time_ns, row))
        elif isinstance(row, _LASTING):
            self._states[type(row), row.path] = (time_ns, row)
        elif isinstance(row, Cleared):
            for kind in (LinkPose, TextPage, SpeechBubble):
                self._states.pop((kind, row.path), None)


# The page.

HOST = "127.0.0.1"

PERIOD_S = 0.1
"""Between two pieces of data."""

_NAMES = frozenset({HOST, "localhost"})
_POLL_S = 0.1  # how long a stop may take to be noticed
_STUCK_S = 10.0  # a browser that takes nothing for so long is gone

_HEADERS = {
    # Nothing from elsewhere is loaded, and nothing is sent elsewhere.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; "
        "connect-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'"
    ),
    # Another page in the same browser gets nothing.
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class ViewerServer:
    """Serves until it is stopped, in threads of its own.

    Args:
        port: to listen on; 0 takes any.
        assets: what the browser runs.
        audience: who looks joins it.

    Raises:
        InputError: the port is taken.
    """

    def __init__(self, port: int, assets: Assets, audience: Audience) -> None:
        self._stop = Event()
        try:
            self._server = _Server(port, _files(assets), audience, self._stop)
        except OSError as error:
            raise InputError(
                f"parameter 'port' is {port}, which cannot be used ({error.strerror}): "
                "choose another one, or stop what uses it"
            ) from error
        self._thread = Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="viewer", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://{HOST}:{self._server.server_port}/"

    def stop(self) -> None:
        """Ends all connections."""
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _files(assets: Assets) -> dict[str, tuple[bytes, str]]:
    """Content and type by path."""
    here = resources.files(__package__)
    return {
        "/": (here.joinpath("page.html").read_bytes(), "text/html; charset=utf-8"),
        "/page.js": (here.joinpath("page.js").read_bytes(), "text/javascript; charset=utf-8"),
        "/re_viewer.js": (assets.script, "text/javascript; charset=utf-8"),
        "/re_viewer_bg.wasm": (assets.module, "application/wasm"),
        "/alive": (b"", "text/plain"),
    }


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        port: int,
        files: Mapping[str, tuple[bytes, str]],
        audience: Audience,
        stopping: Event,
    ) -> None:
        super().__init__((HOST, port), _Handler)
        self.files, self.audience, self.stopping = files, audience, stopping

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: a browser that leaves is no error."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    timeout = _STUCK_S

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        # A page of another site may give its own name this address, and read all.
        if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in _NAMES:
            self.send_error(http.HTTPStatus.FORBIDDEN)
        elif path == "/live.rrd":
            self._begin("application/octet-stream")
            with self.server.audience.joined() as spectator:
                self._send(spectator)
        elif path in self.server.files:
            content, kind = self.server.files[path]
            self._begin(kind, len(content))
            self.wfile.write(content)
        else:
            self.send_error(http.HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nobody wants to read it."""

    def _begin(self, kind: str, length: int | None = None) -> None:
        self.send_response(http.HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, spectator: Spectator) -> None:
        while not self.server.stopping.wait(PERIOD_S) and not self._has_left():
            data = spectator.read()
            if data:
                self.wfile.write(data)

    def _has_left(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0.0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

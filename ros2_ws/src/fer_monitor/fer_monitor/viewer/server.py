"""The page of the viewer and its data, over HTTP on this machine only."""

from __future__ import annotations

import http.server
import select
import socket
from collections.abc import Mapping
from importlib import resources
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

from ec_rfernet.errors import InputError
from fer_monitor.viewer.assets import Assets
from fer_monitor.viewer.audience import Audience, Spectator

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

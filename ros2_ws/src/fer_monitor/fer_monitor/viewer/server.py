"""The page of the viewer and its data, for each browser that looks; on this machine only."""

from __future__ import annotations

import http.server
import select
import shutil
import socket
from importlib import metadata, resources
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ec_rfernet.errors import InputError

if TYPE_CHECKING:  # it needs rerun-sdk, whose lack is told here
    from fer_monitor.viewer.audience import Audience, Spectator

HOST = "127.0.0.1"

OLDEST = (0, 39)
"""Of rerun-sdk, whose interface changes with every version."""

_NAMES = frozenset({HOST, "localhost"})
_POLL_S = 0.1  # how long it may take to notice a stop, or that a browser has left
_STUCK_S = 10.0  # a browser that takes nothing for so long is gone
_BUFFER_BYTES = 1 << 18  # of the system, for each browser

_PAGE = ("page.html", "page.js")
_WIDGET = ("widget.js", "re_viewer_bg.wasm")
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".wasm": "application/wasm",
}

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


def viewer_files() -> dict[str, Path]:
    """What a browser may ask for, by path: our page, and Rerun's viewer out of rerun-notebook.

    Raises:
        InputError: rerun-sdk or rerun-notebook is missing, or they do not fit.
    """
    mend = "scripts/setup.sh viewer installs what fits"
    versions = {}
    for package in ("rerun-sdk", "rerun-notebook"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError as error:
            raise InputError(
                f"the viewer needs {package}, which is not installed: {mend}"
            ) from error
    sdk, notebook = versions.values()
    if tuple(int(part) for part in sdk.split(".")[:2]) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise InputError(f"rerun-sdk is {sdk}, expected {oldest} or newer: {mend}")
    if sdk != notebook:
        raise InputError(f"rerun-sdk is {sdk}, but rerun-notebook {notebook}: {mend}")
    here = Path(str(resources.files(__package__)))
    widget = Path(str(metadata.distribution("rerun-notebook").locate_file("rerun_notebook/static")))
    files = {f"/{name}": here / name for name in _PAGE}
    files |= {f"/{name}": widget / name for name in _WIDGET}
    return {"/": files["/page.html"], **files}


class ViewerServer:
    """Serves until it is stopped, in threads of its own.

    Args:
        port: to listen on; 0 takes any.
        files: what a browser may ask for, by path.
        audience: who looks joins it.

    Raises:
        InputError: the port is taken.
    """

    def __init__(self, port: int, files: dict[str, Path], audience: Audience) -> None:
        self._stop = Event()
        try:
            self._server = _Server(port, files, audience, self._stop)
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


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(
        self, port: int, files: dict[str, Path], audience: Audience, stopping: Event
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
        if not self._is_for_us() or (path == "/live" and not self._asks_our_page()):
            self.send_error(http.HTTPStatus.FORBIDDEN)
        elif path == "/live":
            with self.server.audience.joined() as spectator:
                self._live(spectator)
        elif path == "/alive":
            self._begin("text/plain")
        elif path in self.server.files:
            file = self.server.files[path]
            with file.open("rb") as content:
                self._begin(_KINDS[file.suffix], file.stat().st_size)
                shutil.copyfileobj(content, self.wfile)
        else:
            self.send_error(http.HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nobody wants to read it."""

    def _is_for_us(self) -> bool:
        # A page of another site may give its own name this address, and read all.
        return urlsplit(f"//{self.headers.get('Host', '')}").hostname in _NAMES

    def _asks_our_page(self) -> bool:
        # Other pages cannot read what they are sent, but would keep the robot busy.
        return self.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")

    def _begin(self, kind: str, length: int | None = None) -> None:
        self.send_response(http.HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

    def _live(self, spectator: Spectator | None) -> None:
        if spectator is None:
            self.send_response(http.HTTPStatus.SERVICE_UNAVAILABLE)
            self.end_headers()
            self.wfile.write(b"Many browsers look already. This page goes on when one leaves.")
            return
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        self._begin("application/octet-stream")
        while not (self.server.stopping.is_set() or spectator.is_behind or self._has_left()):
            for piece in spectator.take(_POLL_S):
                self.wfile.write(len(piece).to_bytes(4, "big") + piece)

    def _has_left(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0.0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

"""A page for browsers on this machine, and the news that it shows; nobody else is let in.

Whoever looks gets the news in pieces, each after its length in four bytes (big endian).
"""

from __future__ import annotations

import http.server
import select
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore, Event, Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from ec_rfernet.errors import InputError

HOST = "127.0.0.1"

CONNECTIONS = 64
"""So many are served at the same time, each by a thread; a browser has up to six."""

MOST = 16
"""So many browsers may look at the same time."""

PIECES = Path(__file__).with_name("pieces.js")
"""The module with which a page reads the news."""

PERIOD_S = 0.1
"""Between two looks for news."""

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


class Onlookers:
    """Those who look at a page, and what is new to each of them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._looking: list[list[bytes]] = []

    @property
    def size(self) -> int:
        """How many look."""
        return len(self._looking)

    @contextmanager
    def joined(self, is_tall: bool = False) -> Iterator[list[bytes] | None]:
        """Somebody looks; gives what `take` needs, or None where there is no room.

        Args:
            is_tall: whether the window is higher than wide.
        """
        news: list[bytes] = []
        with self._lock:
            if is_room := self.size < MOST:
                news += self._first(is_tall)
                self._looking.append(news)
        try:
            yield news if is_room else None
        finally:
            with self._lock:
                self._looking = [other for other in self._looking if other is not news]

    def take(self, news: list[bytes]) -> list[bytes]:
        """What is new to somebody who has joined."""
        with self._lock:
            self._hand_out()
            taken, news[:] = news[:], []
            return taken

    def _first(self, is_tall: bool) -> list[bytes]:
        """What somebody who joins is told; the lock is held."""
        raise NotImplementedError

    def _hand_out(self) -> None:
        """Brings the news of all up to date; the lock is held."""


class PageServer(http.server.ThreadingHTTPServer):
    """Serves until it is stopped, in threads of its own.

    Args:
        port: to listen on; 0 takes any.
        files: what a browser may ask for, by path.
        audience: who looks joins it.
        patience_s: a browser that does not take what it is sent for so long is sent away; its
            page begins anew.
        period_s: between two looks for news.

    Raises:
        InputError: the port is taken.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = CONNECTIONS  # a browser opens many at once

    def __init__(
        self,
        port: int,
        files: dict[str, Path],
        audience: Onlookers,
        patience_s: float = 10.0,
        period_s: float = PERIOD_S,
    ) -> None:
        self.files, self.audience, self.patience_s = files, audience, patience_s
        self.period_s = period_s
        self.stopping = Event()
        self._room = BoundedSemaphore(CONNECTIONS)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise InputError(
                f"parameter 'port' is {port}, which cannot be used ({error.strerror}): "
                "choose another one, or stop what uses it"
            ) from error
        self._thread = Thread(target=self.serve_forever, args=(0.1,), name="page", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://{HOST}:{self.server_port}/"

    def stop(self) -> None:
        """Ends all connections."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serves a connection in a thread of its own, or closes it where there are too many."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves it until its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: a browser that leaves is no error."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: PageServer

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.patience_s)

    def do_GET(self) -> None:
        hosts = self.headers.get_all("Host", [])
        try:
            asked, host = urlsplit(self.path), urlsplit(f"//{''.join(hosts)}")
            is_ours = host.hostname in (HOST, "localhost") and host.username is None
            is_sound = len(hosts) == 1 and (host.port or True)
        except ValueError:  # such as [::1, or a port that is no number
            is_sound = False
        if not is_sound:
            self.send_error(http.HTTPStatus.BAD_REQUEST)
            return
        path = asked.path
        # A page of another site may give its own name this address, and read all. Other pages of
        # the browser cannot read what they are sent, but would keep the robot busy.
        asks_us = self.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")
        if not is_ours or (path == "/live" and not asks_us):
            self.send_error(http.HTTPStatus.FORBIDDEN)
        elif path == "/live":
            with self.server.audience.joined("tall" in asked.query) as news:
                self._live(news)
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

    def _begin(self, kind: str, length: int | None = None) -> None:
        self.send_response(http.HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

    def _live(self, news: list[bytes] | None) -> None:
        if news is None:
            self.send_response(http.HTTPStatus.SERVICE_UNAVAILABLE)
            self.end_headers()
            self.wfile.write(b"Many browsers look already. This page goes on when one leaves.")
            return
        self._begin("application/octet-stream")
        while not self._has_left():
            # In one go: who takes less than comes has ever more to take, and loses patience.
            pieces = self.server.audience.take(news)
            self.wfile.write(b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces))
            if self.server.stopping.wait(self.server.period_s):
                return

    def _has_left(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0.0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

"""The operator's page and its line to the desk, for browsers on this machine only.

The page is plain HTML, CSS and JavaScript. It opens one WebSocket, on which the state of the
session and the robot's pictures come, and orders go. Who may: `check` and `StudyServer`.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from importlib.resources import files
from itertools import count
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.http_exceptions import HttpProcessingError

from ec_rfernet.errors import InputError
from fer_study.session import Desk

HOST = "127.0.0.1"

PERIOD_S = 0.1
"""Between two states that a page is sent."""

MOST_PAGES = 8
"""So many pages may be open at the same time."""

_LARGEST_ORDER = 16_384  # bytes
_BEAT_S = 10.0  # a page that does not answer for so long is gone
_KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_HEADERS = {
    # Nothing from elsewhere is loaded, and nothing is sent elsewhere.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob: data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Another page in the same browser gets nothing.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def _is_of_ours(record: logging.LogRecord) -> bool:
    """Whether something went wrong here; a request that is none is answered, and not told."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


_LOG = logging.getLogger(__name__)
_LOG.addFilter(_is_of_ours)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PictureSource(Protocol):
    """Where the robot's pictures come from; see `fer_study.station.StudyStation`."""

    looking: bool
    picture: tuple[int, bytes] | None


class StudyServer:
    """Serves the operator's page.

    Only who has the address with its token gets in: the browser then keeps the token as a cookie
    of this port. A page of another site can neither guess it nor have it sent along.

    Args:
        desk: where the pages sit.
        pictures: of the robot.
        token: that the address carries; None: a random one.

    Attributes:
        application: of aiohttp, for tests; `start` runs it.
        url: of the page, once it is started.
    """

    def __init__(self, desk: Desk, pictures: PictureSource, token: str | None = None) -> None:
        self._desk, self._pictures = desk, pictures
        self._token = token or secrets.token_urlsafe(24)
        self._numbers = count(1)
        self._open: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None
        self.url = ""
        folder = files("fer_study") / "page"
        self._files = {
            name: (folder / name).read_bytes() for name in ("page.html", "page.js", "page.css")
        }
        self.application = web.Application(middlewares=[self._checked], client_max_size=1024)
        self.application.router.add_get("/", self._page)
        self.application.router.add_get("/live", self._live)
        for name in ("page.js", "page.css"):
            self.application.router.add_get(f"/{name}", self._file)

    async def start(self, port: int = 0) -> None:
        """Begins to serve.

        Args:
            port: to listen on; 0 takes any.

        Raises:
            InputError: the port is taken.
        """
        self._runner = web.AppRunner(
            self.application, access_log=None, logger=_LOG, shutdown_timeout=1.0
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise InputError(
                f"port {port} cannot be used ({error.strerror}): choose another one, or 0 for any"
            ) from error
        port = self._runner.addresses[0][1]
        self.url = f"http://{HOST}:{port}/?token={self._token}"

    async def stop(self) -> None:
        """Tells the pages how the session has ended, and closes them."""
        for page in list(self._open):
            await page.close(code=WSCloseCode.GOING_AWAY)
        if self._runner is not None:
            await self._runner.cleanup()

    # Who may come in.

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._is_from_here(request):
            answer: web.StreamResponse = web.Response(status=403, text="not from here")
        elif request.path == "/" and "token" in request.query:
            answer = self._welcome(request)
        elif not self._has_token(request.cookies.get(_cookie(request), "")):
            answer = web.Response(
                status=403,
                text="Open the address that fer-study has printed: it carries a token, and this "
                "one does not, or that of another session.",
            )
        else:
            try:
                answer = await handler(request)
            except web.HTTPException as error:
                answer = error
        if not answer.prepared:
            answer.headers.update(_HEADERS)
        return answer

    def _is_from_here(self, request: web.Request) -> bool:
        """Whether the page of this server asks: no other site, under whatever name."""
        hosts = request.headers.getall("Host", [])
        origins = request.headers.getall("Origin", [])
        try:
            host = urlsplit(f"//{''.join(hosts)}")
            sound = len(hosts) == 1 and host.username is None and (host.port or True)
        except ValueError:  # such as [::1, or a port that is no number
            return False
        if not sound or host.hostname not in (HOST, "localhost"):
            return False
        if origins and origins != [f"http://{hosts[0]}"]:
            return False
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        entering = request.path == "/" and request.headers.get("Sec-Fetch-Mode") == "navigate"
        return site in ("same-origin", "none") or entering

    def _has_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), self._token.encode())

    def _welcome(self, request: web.Request) -> web.Response:
        """Turns the token of the address into a cookie, so that the address does not keep it."""
        if not self._has_token(request.query["token"]):
            return web.Response(status=403, text="The token is that of another session.")
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.set_cookie(_cookie(request), self._token, httponly=True, samesite="Strict", path="/")
        return answer

    # What they get.

    async def _page(self, _request: web.Request) -> web.Response:
        return self._answer("page.html")

    async def _file(self, request: web.Request) -> web.Response:
        return self._answer(request.path.removeprefix("/"))

    def _answer(self, name: str) -> web.Response:
        kind = _KINDS[name[name.rindex(".") :]]
        return web.Response(body=self._files[name], content_type=kind, charset="utf-8")

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if "Origin" not in request.headers:  # every browser tells it for a WebSocket
            return web.Response(status=403, text="not from here")
        if len(self._open) >= MOST_PAGES:
            return web.Response(status=503, text="many pages are open already: close one")
        line = web.WebSocketResponse(heartbeat=_BEAT_S, max_msg_size=_LARGEST_ORDER)
        await line.prepare(request)
        page = next(self._numbers)
        self._open.add(line)
        self._desk.opened(page)
        self._look()
        sender = asyncio.create_task(self._send(line, page))
        try:
            async for message in line:
                if message.type is WSMsgType.TEXT:
                    self._take(page, message.data)
        finally:
            sender.cancel()
            self._open.discard(line)
            self._desk.closed(page)
            self._look()
        return line

    def _take(self, page: int, text: str) -> None:
        try:
            order = json.loads(text)
            name, value = str(order["order"]), order.get("value")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return  # no page of ours sends such a thing
        self._desk.order(page, name, value)

    async def _send(self, line: web.WebSocketResponse, page: int) -> None:
        """Sends what is new; a page that takes less gets fewer pictures, not older ones."""
        last, picture, lists = "", 0, ""
        try:
            while not line.closed:
                state = self._desk.state(page)
                robot = state["robot"]
                own = {name: robot.pop(name, None) for name in ("gestures", "sentences")}
                if (text := json.dumps(own)) != lists:  # they are long, and hardly ever change
                    lists = text
                    await line.send_str(json.dumps({"lists": own}))
                if (text := json.dumps(state)) != last:
                    last = text
                    await line.send_str(text)
                newest = self._pictures.picture
                if newest is not None and newest[0] != picture and self._desk.is_recorded:
                    picture = newest[0]
                    await line.send_bytes(newest[1])
                await asyncio.sleep(PERIOD_S)
        except (ConnectionError, RuntimeError):  # it was closed meanwhile
            pass

    def _look(self) -> None:
        self._pictures.looking = bool(self._open)


def _cookie(request: web.Request) -> str:
    """Its name: browsers keep cookies for all ports of a host together."""
    return f"fer_study_{urlsplit('//' + request.headers['Host']).port or 80}"

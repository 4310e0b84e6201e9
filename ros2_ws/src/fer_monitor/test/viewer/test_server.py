"""The page of the viewer over HTTP."""

import http.client
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from ec_rfernet.errors import InputError
from fer_common.testing import until
from fer_monitor.viewer import rows as entities
from fer_monitor.viewer.assets import Assets
from fer_monitor.viewer.rows import (
    Cleared,
    Curve,
    CurvePoint,
    LinkPose,
    LogLine,
    Row,
    ShownPicture,
    TextPage,
)
from fer_monitor.viewer.server import HOST, SLOW_S, Audience, ViewerServer

stream = pytest.importorskip("fer_monitor.viewer.stream", reason="needs rerun-sdk")

ASSETS = Assets(b"script", b"module")
NOW_NS = 1_700_000_000_000_000_000


@contextmanager
def serving(port: int = 0) -> Iterator[tuple[ViewerServer, Audience]]:
    audience = Audience(lambda: stream.RerunStream({}))
    server = ViewerServer(port, ASSETS, audience)
    try:
        yield server, audience
    finally:
        server.stop()


def get(server: ViewerServer, path: str, host: str = "localhost") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(HOST, port_of(server), timeout=10)
    connection.request("GET", path, headers={"Host": host})
    return connection.getresponse()


def port_of(server: ViewerServer) -> int:
    return int(server.url.rstrip("/").rsplit(":", 1)[1])


@pytest.mark.parametrize(
    ("path", "kind", "content"),
    [
        ("/", "text/html", b"re_viewer.js"),
        ("/?renderer=webgl", "text/html", b"page.js"),
        ("/page.js", "text/javascript", b"live.rrd"),
        ("/re_viewer.js", "text/javascript", b"script"),
        ("/re_viewer_bg.wasm", "application/wasm", b"module"),
    ],
)
def test_serves_the_page_and_forbids_it_everything_else(
    path: str, kind: str, content: bytes
) -> None:
    with serving() as (server, _):
        answer = get(server, path)
        assert answer.status == http.client.OK
        assert (answer.getheader("Content-Type") or "").startswith(kind)
        assert content in answer.read()
        policy = answer.getheader("Content-Security-Policy") or ""
        assert "default-src 'none'" in policy and "connect-src 'self'" in policy
        assert "http" not in policy  # no other site is allowed


def test_listens_on_this_machine_only() -> None:
    with serving() as (server, _):
        assert server.url.startswith("http://127.0.0.1:")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port_of(server)), timeout=2)


@pytest.mark.parametrize("host", ["evil.example", "192.168.0.1", "127.0.0.1.evil.example", ""])
def test_refuses_pages_of_other_sites(host: str) -> None:
    """Such a page has its own name point to 127.0.0.1 in order to read what is served there."""
    with serving() as (server, _):
        assert get(server, "/live.rrd", host).status == http.client.FORBIDDEN


@pytest.mark.parametrize("path", ["/nothing", "/../../etc/passwd", "/page.html%00"])
def test_there_is_nothing_else(path: str) -> None:
    with serving() as (server, _):
        assert get(server, path).status == http.client.NOT_FOUND


def test_a_port_in_use_is_refused_with_its_number() -> None:
    with serving() as (server, _):
        port = port_of(server)
        with pytest.raises(InputError, match=rf"'port' is {port}.*in use"):
            ViewerServer(port, ASSETS, Audience(lambda: stream.RerunStream({})))


def test_streams_while_somebody_looks() -> None:
    with serving() as (server, audience):
        assert not audience.is_there
        answer = get(server, "/live.rrd")
        assert answer.read(4) == b"RRF2"  # what Rerun's files begin with
        assert audience.is_there
        picture = ShownPicture(entities.PICTURE, b"\xff\xd8\xff" + bytes(range(256)) * 40)
        audience.show(NOW_NS, [picture])
        seen = b""
        while entities.PICTURE.encode() not in seen:
            seen += answer.read1()
        answer.close()
        assert until(lambda: not audience.is_there), "who has left is still thought to look"


def test_stops_at_once_although_somebody_looks() -> None:
    with serving() as (server, _):
        answer = get(server, "/live.rrd")
        answer.read(4)
        server.stop()
        while answer.read1():
            pass  # the end is reached


class Notes:
    """A stream that keeps its rows."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def put(self, time_ns: int, rows: Iterable[Row]) -> None:
        self.rows += rows

    def read(self) -> bytes:
        return b""

    def close(self) -> None:
        pass


def test_who_comes_late_is_told_what_still_holds() -> None:
    notes = Notes()
    audience = Audience(lambda: notes)
    old, new = LinkPose("robot/arm", np.eye(4)), LinkPose("robot/arm", 2 * np.eye(4))
    page, said = TextPage("now", "# happy"), LogLine("log/voice", "Hello!")
    curve = Curve("curve", "happy", (240, 228, 66))
    for row in (old, said, new, page, TextPage("gone", "x"), Cleared("gone")):
        audience.show(NOW_NS, [row])
    for row in (curve, CurvePoint("curve", 1.0), Cleared("curve")):
        audience.show(NOW_NS, [row])
    with audience.joined():
        assert notes.rows == [said, new, page, curve]


def test_who_is_too_slow_misses_pictures_but_no_line_and_no_curve() -> None:
    notes, now = Notes(), [0.0]
    audience = Audience(lambda: notes, lambda: now[0])
    picture, line = ShownPicture("camera", b"jpeg"), LogLine("log", "Hello!")
    curve = Curve("expression/happy", "happy", (240, 228, 66))
    with audience.joined() as spectator:
        spectator.read()
        now[0] = SLOW_S + 0.1
        audience.show(NOW_NS, [picture, curve, line])
        assert notes.rows == [curve, line]
        spectator.read()
        audience.show(NOW_NS, [picture])
        assert notes.rows == [curve, line, picture]

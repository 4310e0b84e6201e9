"""The page of the viewer over HTTP."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from ec_rfernet.errors import InputError
from fer_monitor.viewer import assets as assets_module
from fer_monitor.viewer import entities
from fer_monitor.viewer.assets import Assets
from fer_monitor.viewer.audience import SLOW_S, Audience
from fer_monitor.viewer.rows import Frame, Frames, Gap, Line, Number, Page, Picture, Pose, Row
from fer_monitor.viewer.server import HOST, ViewerServer

stream = pytest.importorskip("fer_monitor.viewer.stream", reason="needs rerun-sdk")
dataframe = pytest.importorskip("rerun.dataframe")

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
        picture = Picture(entities.PICTURE, b"\xff\xd8\xff" + bytes(range(256)) * 40)
        audience.show(NOW_NS, [picture])
        seen = b""
        while entities.PICTURE.encode() not in seen:
            seen += answer.read1()
        answer.close()
        wait_until_alone(audience)


def test_stops_at_once_although_somebody_looks() -> None:
    with serving() as (server, _):
        answer = get(server, "/live.rrd")
        answer.read(4)
        server.stop()
        while answer.read1():
            pass  # the end is reached


def wait_until_alone(audience: Audience) -> None:
    deadline = time.monotonic() + 10.0
    while audience.is_there:
        assert time.monotonic() < deadline, "who has left is still thought to look"


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
    old, new = Pose("robot/arm", np.eye(4)), Pose("robot/arm", 2 * np.eye(4))
    page, said = Page("now", "# happy"), Line("log/voice", "Hello!")
    for row in (old, said, new, page, Page("gone", "x"), Gap("gone"), Number("curve", 1.0)):
        audience.show(NOW_NS, [row])
    with audience.joined():
        assert notes.rows == [said, new, page]


def test_who_is_too_slow_misses_pictures_but_no_line() -> None:
    notes, now = Notes(), [0.0]
    audience = Audience(lambda: notes, lambda: now[0])
    picture, line = Picture("camera", b"jpeg"), Line("log", "Hello!")
    with audience.joined() as spectator:
        spectator.read()
        now[0] = SLOW_S + 0.1
        audience.show(NOW_NS, [picture, line])
        assert notes.rows == [line]
        spectator.read()
        audience.show(NOW_NS, [picture])
        assert notes.rows == [line, picture]


def test_every_row_becomes_something_of_reruns(tmp_path: Path) -> None:
    recording = stream.RerunStream({})
    frame = Frame((1.0, 2.0, 3.0, 4.0), "happy", (255, 0, 0), True)
    rows = [
        Picture(entities.PICTURE, b"\xff\xd8\xff"),
        Frames(entities.FACES, (frame,)),
        Frames(entities.FACES, ()),
        Number(entities.VALENCE.path, 0.5),
        Gap(entities.VALENCE.path),
        Line(entities.BEHAVIOUR, "idle: nobody is in view"),
        Page(entities.NOW, "# nobody"),
        Pose(entities.ROBOT + "/base_link", np.eye(4)),
    ]
    recording.put(NOW_NS, rows)
    file = tmp_path / "stream.rrd"
    file.write_bytes(recording.read())
    recording.close()
    schema = dataframe.load_recording(str(file)).schema()
    columns = {str(column.entity_path) for column in schema.component_columns()}
    assert {f"/{row.path}" for row in rows} <= columns
    assert {f"/{curve.path}" for curve in entities.CURVES} <= columns


def test_hands_out_the_viewer_of_the_installed_package() -> None:
    found = assets_module.load_assets()
    assert b"WebHandle" in found.script
    assert found.module.startswith(b"\0asm")


@pytest.mark.parametrize(
    ("installed", "message"), [(None, "not installed"), ("0.99.0", "is 0.99.0, expected 0.22.1")]
)
def test_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, installed: str | None, message: str
) -> None:
    def version(name: str) -> str:
        if installed is None:
            raise metadata.PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(InputError, match=rf"{message}.*pip install rerun-sdk==0\.22"):
        assets_module.load_assets()


def test_the_node_can_be_loaded_without_it() -> None:
    """So that it can tell what to install."""
    program = "import fer_monitor.viewer.viewer_node, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "rerun" not in done.stdout.split()

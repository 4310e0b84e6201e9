"""The page of the viewer over HTTP, and what it is sent."""

import http.client
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib import metadata
from pathlib import Path

import pytest

from ec_rfernet.errors import InputError
from fer_common.testing import until
from fer_monitor.viewer.server import HOST, ViewerServer, viewer_files

rr = pytest.importorskip("rerun", reason="needs requirements/viewer.txt")

from rerun.chunk import RrdReader  # noqa: E402

from fer_monitor.viewer import screen  # noqa: E402
from fer_monitor.viewer.audience import BEHIND_BYTES, MOST, PERIOD_S, Audience  # noqa: E402
from fer_monitor.viewer.screen import Row  # noqa: E402

NOW_NS = 1_700_000_000_000_000_000
PICTURE = rr.EncodedImage(contents=b"\xff\xd8\xff" + os.urandom(100_000), media_type="image/jpeg")


class Show:
    """An audience whose time stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.audience = Audience(screen.blueprint(1.5), screen.fixtures(), lambda: self.now)

    def row(self, *rows: Row) -> None:
        """Shows rows and hands them out."""
        self.now += PERIOD_S
        self.audience.show(NOW_NS, rows)


@pytest.fixture
def show() -> Iterator[Show]:
    found = Show()
    with closing(found.audience):
        yield found


@contextmanager
def serving(show: Show, port: int = 0) -> Iterator[ViewerServer]:
    server = ViewerServer(port, viewer_files(), show.audience)
    try:
        yield server
    finally:
        server.stop()


def get(server: ViewerServer, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(HOST, port_of(server), timeout=10)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers={"Host": "localhost", **names})
    return connection.getresponse()


def port_of(server: ViewerServer) -> int:
    return int(server.url.rstrip("/").rsplit(":", 1)[1])


def piece_of(answer: http.client.HTTPResponse) -> bytes:
    return answer.read(int.from_bytes(answer.read(4), "big"))


def told(*pieces: bytes) -> dict[str, int]:
    """How many rows there are by entity, also those without a time."""
    rows: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for piece in pieces:
            file = Path(folder, "piece.rrd")
            file.write_bytes(piece)
            for chunk in RrdReader(file).stream():
                rows[chunk.entity_path] = rows.get(chunk.entity_path, 0) + chunk.num_rows
    return rows


@pytest.mark.parametrize(
    ("path", "kind", "content"),
    [
        ("/", "text/html", b"page.js"),
        ("/?whatever=1", "text/html", b"page.js"),
        ("/page.js", "text/javascript", b"widget.js"),
        ("/widget.js", "text/javascript", b"re_viewer_bg.wasm"),
        ("/re_viewer_bg.wasm", "application/wasm", b"\0asm"),
    ],
)
def test_serves_the_page_and_forbids_it_everything_else(
    show: Show, path: str, kind: str, content: bytes
) -> None:
    with serving(show) as server:
        answer = get(server, path)
        assert answer.status == http.client.OK
        assert (answer.getheader("Content-Type") or "").startswith(kind)
        assert content in answer.read()
        policy = answer.getheader("Content-Security-Policy") or ""
        assert "default-src 'none'" in policy and "connect-src 'self'" in policy
        assert "http" not in policy  # no other site is allowed


def test_listens_on_this_machine_only(show: Show) -> None:
    with serving(show) as server:
        assert server.url.startswith("http://127.0.0.1:")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port_of(server)), timeout=2)


@pytest.mark.parametrize("host", ["evil.example", "192.168.0.1", "127.0.0.1.evil.example", ""])
def test_refuses_pages_of_other_sites(show: Show, host: str) -> None:
    """Such a page has its own name point to 127.0.0.1 in order to read what is served there."""
    with serving(show) as server:
        assert get(server, "/live", Host=host).status == http.client.FORBIDDEN


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_pages_of_the_browser_cannot_keep_the_robot_busy(show: Show, site: str) -> None:
    with serving(show) as server:
        assert get(server, "/live", Sec_Fetch_Site=site).status == http.client.FORBIDDEN
        assert get(server, "/", Sec_Fetch_Site=site).status == http.client.OK  # a link
        assert get(server, "/live", Sec_Fetch_Site="same-origin").status == http.client.OK


@pytest.mark.parametrize("path", ["/nothing", "/../../etc/passwd", "/page.html%00"])
def test_there_is_nothing_else(show: Show, path: str) -> None:
    with serving(show) as server:
        assert get(server, path).status == http.client.NOT_FOUND


def test_a_port_in_use_is_refused_with_its_number(show: Show) -> None:
    with serving(show) as server:
        port = port_of(server)
        with pytest.raises(InputError, match=rf"'port' is {port}.*in use"):
            ViewerServer(port, {}, show.audience)


def test_streams_while_somebody_looks(show: Show) -> None:
    with serving(show) as server:
        assert not show.audience.size
        answer = get(server, "/live")
        assert screen.VALENCE in told(piece_of(answer))
        assert show.audience.size == 1
        piece_of(answer)  # what still holds: nothing
        show.row((screen.PICTURE, PICTURE))
        assert told(piece_of(answer)) == {screen.PICTURE: 1}
        answer.close()
        assert until(lambda: not show.audience.size), "who has left is still thought to look"


def test_a_visit_leaves_nothing_behind(show: Show) -> None:
    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    with serving(show) as server:
        before = threads()
        for _ in range(10):
            answer = get(server, "/live")
            piece_of(answer)
            answer.close()
        assert until(lambda: not show.audience.size and threads() <= before), threads()


def test_no_more_browsers_than_there_is_room_for(show: Show) -> None:
    with serving(show) as server, ExitStack() as visits:
        for _ in range(MOST):
            visits.enter_context(show.audience.joined())
        answer = get(server, "/live")
        assert answer.status == http.client.SERVICE_UNAVAILABLE
        assert b"when one leaves" in answer.read()


def test_stops_at_once_although_somebody_looks(show: Show) -> None:
    with serving(show) as server:
        answer = get(server, "/live")
        answer.read(4)
        server.stop()
        while answer.read1():
            pass  # the end is reached


def test_who_comes_late_is_told_what_still_holds(show: Show) -> None:
    arm, page, bubble = "/scene/robot/arm", screen.NOW, screen.SPEECH
    show.row((arm, rr.Transform3D(translation=(1, 0, 0))), (page, rr.TextDocument("old")))
    show.row((arm, rr.Transform3D(translation=(2, 0, 0))), (page, rr.TextDocument("new")))
    show.row((screen.VOICE, rr.TextLog("Hello!")), (bubble, rr.Points3D([(0, 0, 2)])))
    show.row(screen.expression_curve("happy"), ("/expression/happy", rr.Scalars(1.0)))
    show.row(("/expression/happy", rr.Clear(recursive=False)), (bubble, rr.Clear(recursive=False)))
    with show.audience.joined() as spectator:
        assert spectator is not None
        beginning, present = spectator.take(0.0)
        assert screen.MEDIAN in told(beginning)
        assert told(present) == {arm: 1, page: 1, screen.VOICE: 1, "/expression/happy": 1}


def test_each_gets_what_happens_after_it_came(show: Show) -> None:
    with show.audience.joined() as first, show.audience.joined() as second:
        assert first is not None and second is not None
        first.take(0.0)
        second.take(0.0)
        show.row((screen.VOICE, rr.TextLog("Hello!")))
        with show.audience.joined() as third:
            assert third is not None
            assert told(*first.take(0.0)) == told(*second.take(0.0)) == {screen.VOICE: 1}
            assert told(third.take(0.0)[1]) == {screen.VOICE: 1}
            assert not first.take(0.0)  # what the third was told is no news


def test_who_does_not_take_what_is_sent_is_sent_away(show: Show) -> None:
    with show.audience.joined() as slow, show.audience.joined() as quick:
        assert slow is not None and quick is not None
        shown = 0
        while not slow.is_behind:
            show.row((screen.PICTURE, PICTURE))
            quick.take(0.0)
            shown += 1
        assert shown * 100_000 < 1.2 * BEHIND_BYTES
        assert not quick.is_behind
        assert slow.take(0.0) == []  # nothing is kept for it


@pytest.mark.parametrize(
    ("installed", "message"),
    [
        ({}, "needs rerun-sdk, which is not installed"),
        ({"rerun-sdk": "0.41.0"}, "needs rerun-notebook, which is not installed"),
        (
            {"rerun-sdk": "0.22.1", "rerun-notebook": "0.22.1"},
            r"is 0\.22\.1, expected 0\.39 or newer",
        ),
        (
            {"rerun-sdk": "0.41.0", "rerun-notebook": "0.39.0"},
            r"is 0\.41\.0, but rerun-notebook 0\.39",
        ),
    ],
)
def test_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], message: str
) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(InputError, match=f"{message}.*setup.sh viewer"):
        viewer_files()

"""The page of the viewer over HTTP, and what it is sent."""

import http.client
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib import metadata
from pathlib import Path

import pytest

from ec_rfernet.errors import InputError
from fer_common.testing import DEADLINE_S, until
from fer_monitor.page_server import CONNECTIONS, HOST, MOST, PageServer

rr = pytest.importorskip("rerun", reason="needs requirements/viewer.txt")

from rerun.chunk import RrdReader  # noqa: E402

from fer_monitor.viewer import screen  # noqa: E402
from fer_monitor.viewer.screen import Row  # noqa: E402
from fer_monitor.viewer.server import Audience, viewer_files  # noqa: E402

NOW_NS = 1_700_000_000_000_000_000
PICTURE = rr.EncodedImage(contents=b"\xff\xd8\xff" + os.urandom(100_000), media_type="image/jpeg")


def begin(recording: rr.RecordingStream, is_tall: bool) -> None:
    recording.log("/tall" if is_tall else "/wide", rr.TextDocument("shape"), static=True)


@pytest.fixture
def audience() -> Iterator[Audience]:
    with closing(Audience(begin)) as found:
        yield found


@contextmanager
def serving(audience: Audience, **options: float) -> Iterator[PageServer]:
    server = PageServer(0, viewer_files(), audience, **options)
    try:
        yield server
    finally:
        server.stop()


def get(server: PageServer, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(HOST, port_of(server), timeout=DEADLINE_S)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers={"Host": "localhost", **names})
    return connection.getresponse()


def port_of(server: PageServer) -> int:
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
    rows.pop("/__properties", None)
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
    audience: Audience, path: str, kind: str, content: bytes
) -> None:
    with serving(audience) as server:
        answer = get(server, path)
        assert answer.status == http.client.OK
        assert (answer.getheader("Content-Type") or "").startswith(kind)
        assert content in answer.read()
        policy = answer.getheader("Content-Security-Policy") or ""
        assert "default-src 'none'" in policy and "connect-src 'self'" in policy
        assert "http" not in policy  # no other site is allowed


def test_listens_on_this_machine_only(audience: Audience) -> None:
    with serving(audience) as server:
        assert server.url.startswith("http://127.0.0.1:")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port_of(server)), timeout=2)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "192.168.0.1", "127.0.0.1.evil.example", "me@localhost", "",
     "localhost@evil.example", "localhost.evil.example:9090", "0.0.0.0", "[::1]"],
)  # fmt: skip
def test_refuses_pages_of_other_sites(audience: Audience, host: str) -> None:
    """Such a page has its own name point to 127.0.0.1 in order to read what is served there."""
    with serving(audience) as server:
        assert get(server, "/live", Host=host).status == http.client.FORBIDDEN


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_pages_of_the_browser_cannot_keep_the_robot_busy(
    audience: Audience, site: str
) -> None:
    with serving(audience) as server:
        assert get(server, "/live", Sec_Fetch_Site=site).status == http.client.FORBIDDEN
        assert get(server, "/", Sec_Fetch_Site=site).status == http.client.OK  # a link
        assert get(server, "/live", Sec_Fetch_Site="same-origin").status == http.client.OK


@pytest.mark.parametrize("path", ["/nothing", "/../../etc/passwd", "/page.html%00"])
def test_there_is_nothing_else(audience: Audience, path: str) -> None:
    with serving(audience) as server:
        assert get(server, path).status == http.client.NOT_FOUND


def answer_to(server: PageServer, request: bytes) -> bytes:
    """All that comes back for some bytes; what the server does not want, it need not read."""
    with socket.create_connection((HOST, port_of(server)), timeout=DEADLINE_S) as connection:
        with suppress(ConnectionError):
            connection.sendall(request)
        with suppress(ConnectionError):
            return b"".join(iter(lambda: connection.recv(65536), b""))
    return b""


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 1000 + b"\r\n", b"431"),
        (b"POST /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n123456789", b"501"),
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", b"505"),
        (b"\x16\x03\x01 what a browser says for https\r\n\r\n", b"400"),
    ],
    ids=["line", "header", "headers", "method", "version", "https"],
)  # fmt: skip
def test_other_requests_are_refused_and_the_next_is_served(
    audience: Audience, request_: bytes, status: bytes
) -> None:
    with serving(audience) as server:
        assert status in answer_to(server, request_)  # of Python 3.10 only in its page
        assert get(server, "/").status == http.client.OK


def test_what_a_request_says_is_not_said_back(audience: Audience) -> None:
    """An answer with a part of the request in it would be a page of its sender's."""
    with serving(audience) as server:
        head = b"GET /<script>alert(1)</script> HTTP/1.1\r\nHost: "
        for host in (b"localhost", b"<script>alert(2)</script>"):
            assert b"<script>" not in answer_to(server, head + host + b"\r\n\r\n")


def test_more_connections_than_there_is_room_for_are_closed(audience: Audience) -> None:
    with serving(audience) as server, ExitStack() as crowd:
        idle = [
            crowd.enter_context(
                socket.create_connection((HOST, port_of(server)), timeout=DEADLINE_S)
            )
            for _ in range(CONNECTIONS + 20)
        ]
        closed = [connection for connection in idle[CONNECTIONS:] if connection.recv(1) == b""]
        assert len(closed) == 20
        for connection in idle:
            connection.close()
        assert until(
            lambda: b"200"
            in answer_to(server, b"GET /alive HTTP/1.0\r\nHost: localhost\r\n\r\n")[:20]
        )


def test_a_port_in_use_is_refused_with_its_number(audience: Audience) -> None:
    with serving(audience) as server:
        port = port_of(server)
        with pytest.raises(InputError, match=rf"'port' is {port}.*in use"):
            PageServer(port, {}, audience)


def test_streams_while_somebody_looks(audience: Audience) -> None:
    with serving(audience) as server:
        assert not audience.size
        answer = get(server, "/live?wide")
        assert told(piece_of(answer), piece_of(answer)) == {"/wide": 1}
        assert audience.size == 1
        audience.show(NOW_NS, [(screen.PICTURE, PICTURE)])
        assert told(piece_of(answer)) == {screen.PICTURE: 1}
        answer.close()
        assert until(lambda: not audience.size), "who has left is still thought to look"


def test_a_tall_window_has_its_own_beginning(audience: Audience) -> None:
    with serving(audience) as server:
        answer = get(server, "/live?tall")
        assert told(piece_of(answer), piece_of(answer)) == {"/tall": 1}


def test_a_visit_leaves_nothing_behind(audience: Audience) -> None:
    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    with serving(audience) as server:
        before = threads()
        for _ in range(10):
            answer = get(server, "/live")
            piece_of(answer)
            answer.close()
        assert until(lambda: not audience.size and threads() <= before), threads()


def test_no_more_browsers_than_there_is_room_for(audience: Audience) -> None:
    with serving(audience) as server, ExitStack() as visits:
        for _ in range(MOST):
            visits.enter_context(audience.joined())
        answer = get(server, "/live")
        assert answer.status == http.client.SERVICE_UNAVAILABLE
        assert b"when one leaves" in answer.read()


def test_stops_at_once_although_somebody_looks(audience: Audience) -> None:
    with serving(audience) as server:
        answer = get(server, "/live")
        answer.read(4)
        server.stop()
        while answer.read1():
            pass  # the end is reached


def test_who_comes_late_is_told_what_still_holds(audience: Audience) -> None:
    arm, page, bubble, curve = "/scene/robot/arm", screen.NOW, screen.SPEECH, "/expression/happy"
    told_so_far: list[list[Row]] = [
        [(arm, rr.Transform3D(translation=(1, 0, 0))), (page, rr.TextDocument("old"))],
        [(arm, rr.Transform3D(translation=(2, 0, 0))), (page, rr.TextDocument("new"))],
        [(screen.VOICE, rr.TextLog("Hello!")), (bubble, rr.Points3D([(0, 0, 2)]))],
        [(screen.VOICE, rr.TextLog("Goodbye!")), (screen.PICTURE, PICTURE)],
        [(curve, rr.SeriesLines(names="happy")), (curve, rr.Scalars(0.5))],
        [(bubble, rr.Clear(recursive=False)), (curve, rr.Scalars(1.0))],
    ]
    for second, rows in enumerate(told_so_far):
        audience.show(NOW_NS + second * 10**9, rows)
    with audience.joined() as news:
        assert news is not None
        assert told(*audience.take(news)) == {
            "/wide": 1,
            arm: 1,
            page: 1,
            screen.VOICE: 2,
            bubble: 2,  # what was said, and that it has ended
            curve: 2,  # how it looks, and where it ends
        }


def test_each_gets_what_happens_after_it_came(audience: Audience) -> None:
    with audience.joined() as first, audience.joined() as second:
        assert first is not None and second is not None
        audience.take(first)
        audience.take(second)
        audience.show(NOW_NS, [(screen.VOICE, rr.TextLog("Hello!"))])
        with audience.joined() as third:
            assert third is not None
            said = {screen.VOICE: 1}
            assert told(*audience.take(first)) == told(*audience.take(second)) == said
            assert told(*audience.take(third)) == {"/wide": 1, **said}
            assert not audience.take(first)  # what the third was told is no news


def test_who_does_not_take_what_is_sent_is_sent_away(audience: Audience) -> None:
    with serving(audience, patience_s=0.3) as server:
        get(server, "/live").read(4)
        quick = get(server, "/live")

        def is_alone() -> bool:
            audience.show(NOW_NS, [(screen.PICTURE, PICTURE)])
            piece_of(quick)
            return audience.size == 1

        assert until(is_alone), "who takes nothing is still sent pictures"


@pytest.mark.parametrize("host", ["[::1", "127.0.0.1:x", "127.0.0.1:99999", "]"])
def test_a_host_that_is_none_is_a_bad_request(audience: Audience, host: str) -> None:
    with serving(audience) as server:
        assert get(server, "/", Host=host).status == http.client.BAD_REQUEST


@pytest.mark.parametrize(
    "request_", ["GET / HTTP/1.1", "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost"]
)
@pytest.mark.parametrize("path", ["/", "//[", "http://[x"])
def test_one_host_is_named(audience: Audience, request_: str, path: str) -> None:
    with (
        serving(audience) as server,
        socket.create_connection((HOST, port_of(server)), timeout=DEADLINE_S) as line,
    ):
        line.sendall(f"{request_.replace(' / ', f' {path} ')}\r\n\r\n".encode())
        assert line.recv(1000).split()[1] == b"400"


@pytest.mark.parametrize(
    ("installed", "message"),
    [
        (None, "needs rerun-notebook, which is not installed"),
        ("0.1.0", r"rerun-sdk is .*, but rerun-notebook 0\.1\.0"),
    ],
)
def test_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, installed: str | None, message: str
) -> None:
    class Other:
        version = installed

    def distribution(name: str) -> Other:
        if installed is None:
            raise metadata.PackageNotFoundError(name)
        return Other()

    monkeypatch.setattr(metadata, "distribution", distribution)
    with pytest.raises(InputError, match=f"{message}.*setup.sh viewer"):
        viewer_files()

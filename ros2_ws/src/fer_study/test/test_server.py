"""Who gets the operator's page, and what goes over its line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="needs requirements/study.txt")

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from ec_rfernet.errors import InputError
from fer_study.run import open_browser
from fer_study.server import MOST_PAGES, StudyServer
from fer_study.session import Desk

TOKEN = "the-token"
Use = Callable[[TestClient, str], Awaitable[None]]


def served(desk: Desk, link: Any, use: Use) -> None:
    """Does something with a server, whose address is given too."""

    async def work() -> None:
        server = StudyServer(desk, link, TOKEN)
        async with TestClient(TestServer(server.application, host="127.0.0.1")) as client:
            await use(client, str(client.make_url("/")).rstrip("/"))

    asyncio.run(work())


async def enter(client: TestClient) -> None:
    answer = await client.get("/", params={"token": TOKEN})
    assert answer.status == 200, await answer.text()


async def line(client: TestClient, origin: str) -> ClientWebSocketResponse:
    return await client.ws_connect("/live", headers={"Origin": origin})


async def state(page: ClientWebSocketResponse, wanted: Callable[[dict[str, Any]], object]) -> Any:
    """The first state that is as wanted."""
    while True:
        message = await page.receive(timeout=120)
        assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
        found = json.loads(message.data) if message.type is WSMsgType.TEXT else {"lists": None}
        if "lists" not in found and wanted(found):
            return found


@pytest.mark.parametrize(
    "path", ["/", "/page.js", "/page.css", "/live", "/etc/passwd", "/?token=x"]
)
def test_nobody_gets_anything_without_the_token(
    desk: Callable[..., Desk], link: Any, path: str
) -> None:
    async def use(client: TestClient, _here: str) -> None:
        answer = await client.get(path)
        assert answer.status == 403
        assert "token" in await answer.text()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]

    served(desk(), link, use)


def test_the_address_gives_up_its_token_for_a_cookie_of_this_port(
    desk: Callable[..., Desk], link: Any
) -> None:
    async def use(client: TestClient, here: str) -> None:
        answer = await client.get("/", params={"token": TOKEN}, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        cookie = answer.headers["Set-Cookie"]
        port = URL(here).port
        assert cookie.startswith(f"fer_study_{port}={TOKEN};")
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        page = await client.get("/")
        assert page.status == 200 and "STOP" in await page.text()
        assert (await client.get("/page.js")).content_type == "text/javascript"

    served(desk(), link, use)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "[::1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_no_other_site_gets_in_with_the_cookie(
    desk: Callable[..., Desk], link: Any, headers: dict[str, str]
) -> None:
    async def use(client: TestClient, here: str) -> None:
        await enter(client)
        cookie = {"Cookie": f"fer_study_{URL(here).port}={TOKEN}; fer_study_80={TOKEN}"}
        for path in ("/live", "/page.js"):
            assert (await client.get(path, headers=cookie | headers)).status == 403
        # Without an Origin no line is opened: every browser tells it.
        assert (await client.get("/live", headers=cookie)).status == 403

    served(desk(), link, use)


def test_orders_go_in_and_the_session_comes_out(desk: Callable[..., Desk], link: Any) -> None:
    session = desk()
    session.closed(1)

    async def use(client: TestClient, here: str) -> None:
        await enter(client)
        page = await line(client, here)
        first = await state(page, lambda s: s["step"] == "consent")
        assert first["in_charge"] and "voluntary" in first["consent"]
        assert "faces" not in first["robot"] and link.looking
        for order in ("agree", "start"):
            await page.send_json({"order": order})
        await page.send_json({"order": "say", "value": "Hello!"})
        found = await state(page, lambda s: s["step"] == "phase" and link.orders[-1:])
        assert found["condition"] == "responsive" and link.orders[-1] == ("say", "Hello!")
        other = await line(client, here)
        watching = await state(other, lambda s: s["pages"] == 2)
        assert not watching["in_charge"]
        await other.send_json({"order": "mark", "value": 1})
        await state(other, lambda s: "another page is in charge" in s["notice"]["text"])
        await other.send_json({"order": "take_charge"})
        await state(other, lambda s: s["in_charge"])
        await page.close()
        await state(other, lambda s: s["pages"] == 1)
        await other.close()

    served(session, link, use)
    assert not link.looking


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", '{"order": 5}', '{"value": 1}', "[" * 5000, '{"order": "x"}']
)
def test_what_is_no_order_ends_nothing(desk: Callable[..., Desk], link: Any, text: str) -> None:
    session = desk()
    session.closed(1)

    async def use(client: TestClient, here: str) -> None:
        await enter(client)
        page = await line(client, here)
        await page.send_str(text)
        await page.send_json({"order": "agree"})
        await state(page, lambda s: s["step"] == "ready")
        await page.close()

    served(session, link, use)


def test_no_picture_is_shown_before_the_participant_agrees(
    desk: Callable[..., Desk], link: Any
) -> None:
    session = desk()
    session.closed(1)
    link.picture = (1, b"a jpeg")

    async def use(client: TestClient, here: str) -> None:
        await enter(client)
        page = await line(client, here)
        await page.send_json({"order": "mark", "value": 1})  # is refused, and told
        seen = []
        while "not before" not in str(seen[-1:]):
            seen.append((await page.receive(timeout=120)).data)
        assert b"a jpeg" not in seen
        await page.send_json({"order": "agree"})
        while (message := await page.receive(timeout=120)).type is not WSMsgType.BINARY:
            pass
        assert message.data == b"a jpeg"
        await page.close()

    served(session, link, use)


def test_there_is_room_for_so_many_pages(desk: Callable[..., Desk], link: Any) -> None:
    async def use(client: TestClient, here: str) -> None:
        await enter(client)
        pages = [await line(client, here) for _ in range(MOST_PAGES)]
        answer = await client.get("/live", headers={"Origin": here})
        assert answer.status == 503
        for page in pages:
            await page.close()

    served(desk(), link, use)


def test_a_port_that_is_taken_is_one_sentence(desk: Callable[..., Desk], link: Any) -> None:
    async def work() -> None:
        first, second = StudyServer(desk(), link), StudyServer(desk(), link)
        await first.start()
        try:
            assert first.url.startswith("http://127.0.0.1:")
            with pytest.raises(InputError, match="choose another one, or 0 for any"):
                await second.start(URL(first.url).port or 0)
        finally:
            await first.stop()

    asyncio.run(work())


def test_a_request_that_is_none_is_answered_and_not_told(
    desk: Callable[..., Desk], link: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        server = StudyServer(desk(), link)
        await server.start()
        port = URL(server.url).port or 0
        host = b"Host: 127.0.0.1:%d\r\n" % port
        requests = {
            b"GET / HTTP/1.1\r\n" + host + b"Cookie: fer_study_%d=\xff\xfe\r\n\r\n" % port: b"403",
            b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + host + b"\r\n": b"400",
            b"GET /?token=\xff HTTP/1.1\r\n" + host + b"\r\n": b"400",
            b"GET / HTTP/1.1\r\n" + host + host + b"\r\n": b"400",
        }
        try:
            for request, code in requests.items():
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(request)
                assert (await reader.readline()).split()[1] == code, request[:60]
                writer.close()
        finally:
            await server.stop()

    asyncio.run(work())
    assert "Traceback" not in caplog.text and not caplog.records


@pytest.mark.parametrize(("screen", "opens"), [("", False), (":0", True)])
def test_no_browser_takes_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], screen: str, opens: bool
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    for name in ("BROWSER", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", screen)
    open_browser("http://127.0.0.1:1/")
    assert bool(opened) is opens
    assert ("open this address" in capsys.readouterr().out) is not opens

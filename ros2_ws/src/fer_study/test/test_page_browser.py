"""The operator's page in a real browser: what is pressed is ordered, and nobody else is asked."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="needs requirements/study.txt")

from fer_common.testing import until
from fer_monitor.testing.headless_browser import CHROMIUM, Browser, browser
from fer_study.server import StudyServer
from fer_study.session import Desk
from fer_study.store import StudyFolder
from fer_study.summary import write_summary

if CHROMIUM is None:
    pytest.skip("needs apt install chromium", allow_module_level=True)


def key(tab: Browser, name: str, at: str = "document.body") -> None:
    event = f"new KeyboardEvent('keydown', {{key: '{name}', bubbles: true}})"
    tab.run(f"{at}.dispatchEvent({event})")


def wait(tab: Browser, script: str) -> None:
    assert until(lambda: tab.run(f"!!({script})")), (script, tab.run("document.body.innerText"))


@contextmanager
def opened(session: Desk, link: Any) -> Iterator[tuple[Browser, str]]:
    """A browser with the page of a session, and the page's address."""
    urls, over = list[str](), Event()

    async def serve() -> None:
        server = StudyServer(session, link)
        await server.start()
        urls.append(server.url)
        while not over.is_set():
            session.tick()
            await asyncio.sleep(0.05)
        await server.stop()

    thread = Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    try:
        assert until(lambda: urls)
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            browser(Path(folder), (1280, 800)) as tab,
        ):
            tab.open(urls[0])
            yield tab, urls[0]
    finally:
        over.set()
        thread.join(30)


def check_size(tab: Browser, width: int, height: int) -> None:
    """Nothing is cut off at the side, and the robot can be stopped wherever the page stands."""
    tab.resize(width, height)
    wait(tab, f"innerWidth === {width}")
    assert tab.run("document.documentElement.scrollWidth") <= width
    tab.run("window.scrollTo(0, document.body.scrollHeight)")
    box = "document.getElementById('stop').getBoundingClientRect()"
    wait(tab, f"{box}.top >= 0 && {box}.bottom <= innerHeight")


def test_the_summary_of_a_study_fits_a_narrow_screen(
    finished: Callable[..., Desk], study: Path, tmp_path: Path
) -> None:
    finished("01")
    (_, page), flaws = write_summary(StudyFolder(study))
    assert flaws and str(study) in flaws[0], "a long path is on the page"
    with browser(tmp_path / "browser", (1280, 800)) as tab:
        for width in (390, 1280):
            tab.resize(width, 800)
            tab.open(page.as_uri())
            assert tab.run("document.documentElement.scrollWidth") <= width


def test_an_operator_works_with_the_page(desk: Callable[..., Desk], link: Any) -> None:
    session = desk()
    session.closed(1)
    _, file = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))
    link.picture = (1, file.tobytes())
    with opened(session, link) as (tab, url):
        wait(tab, "document.body.dataset.state === 'consent'")
        assert "voluntary" in tab.run("document.getElementById('consent').textContent")
        tab.run("document.querySelector('[data-order=agree]').click()")
        wait(tab, "document.body.dataset.state === 'ready'")
        wait(tab, "document.querySelectorAll('#gestures button').length === 2")
        wait(tab, "document.getElementById('no_picture').hidden")
        tab.run("document.getElementById('start').click()")
        wait(tab, "document.body.dataset.state === 'phase'")
        key(tab, "1")
        key(tab, "t")
        wait(tab, "document.getElementById('hand').textContent === 'Give back'")
        tab.run("document.querySelector('[data-value=bow]').click()")
        say = "document.getElementById('say_text')"
        tab.run(f"{say}.value = 'I am <b>here</b>'; {say}.focus()")
        key(tab, "2", say)  # is typed, and no mark
        tab.run("document.querySelector('#say button').click()")
        assert until(lambda: ("say", "I am <b>here</b>") in link.orders)
        assert ("play", "bow") in link.orders
        key(tab, "Escape", say)  # stops from everywhere
        assert until(lambda: ("stop", "") in link.orders)
        wait(tab, "document.getElementById('events').textContent.includes('<b>here</b>')")
        marks = [e["name"] for e in session.state(1)["events"] if e["kind"] == "mark"]
        assert marks == ["1"]
        for size in ((1280, 800), (390, 844)):
            check_size(tab, *size)
        nameless = (
            "[...document.querySelectorAll('button, input, textarea')].filter((e) => "
            "!e.textContent && !(e.labels && e.labels.length) && !e.ariaLabel).length"
        )
        assert tab.run(nameless) == 0
        tab.open(url.partition("?")[0])  # the page is closed, and opened again
        wait(tab, "document.body.dataset.state === 'phase'")
        wait(tab, "!document.getElementById('pause').disabled")
        asked = {urlsplit(each) for each in tab.requested}
        here = urlsplit(url).netloc
        assert {each.netloc for each in asked if each.scheme not in ("data", "blob")} == {here}

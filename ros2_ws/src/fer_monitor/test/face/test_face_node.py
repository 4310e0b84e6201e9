"""The face on a page of its own: what a browser gets, and who gets nothing."""

from __future__ import annotations

import http.client
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import ColorRGBA, Float32, String

from fer_common.qos import LATCHED, STREAM
from fer_common.runner import StartError
from fer_common.testing import spin_until, spinning, until
from fer_monitor.face.face_node import FaceNode, FaceOnlookers, drawing
from fer_monitor.page_server import HOST, MOST
from fer_monitor.testing.headless_browser import CHROMIUM, browser
from robot_behavior.body.face import FAULT, HAPPY, HELD, HIGH, SURPRISED, still


def page(port: int = 0) -> FaceNode:
    return FaceNode(parameter_overrides=[Parameter("port", value=port)])


class Robot(Node):
    """Tells what its face is like."""

    def __init__(self) -> None:
        super().__init__("somebody")
        self.expression = self.create_publisher(String, "expression", LATCHED)
        self.eyes = self.create_publisher(ColorRGBA, "eyes", LATCHED)
        self.mouth = self.create_publisher(Float32, "mouth", STREAM)

    def show(self, expression: str, red: float = 0.5, mouth: float = 0.0) -> None:
        self.expression.publish(String(data=expression))
        self.eyes.publish(ColorRGBA(r=red, g=0.5, b=1.0, a=1.0))
        self.mouth.publish(Float32(data=mouth))


class Reader:
    """A browser that only reads; remembers the newest picture."""

    def __init__(self, url: str) -> None:
        self.newest: list[Any] = []
        self._answer = get(url, "/live")
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError, http.client.HTTPException):
            while length := self._answer.read(4):
                self.newest = json.loads(self._answer.read(int.from_bytes(length, "big")))

    @property
    def holes(self) -> int:
        """How many dark places there are: two pupils, and a mouth that is open."""
        return sum(band[0] == "#0d121a" for band in self.newest[1:])

    def shows(self, colour: str) -> bool:
        return any(band[0] == colour for band in self.newest[1:])


def get(url: str, path: str, **headers: str) -> http.client.HTTPResponse:
    port = int(url.rstrip("/").rsplit(":", 1)[1])
    connection = http.client.HTTPConnection(HOST, port, timeout=120)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers={"Host": "localhost", **names})
    return connection.getresponse()


@contextmanager
def world() -> Iterator[tuple[Any, FaceNode, Robot]]:
    with spinning(page, Robot) as (executor, (node, robot)):
        yield executor, node, robot


def test_a_browser_is_sent_the_face_that_the_robot_tells() -> None:
    with world() as (executor, node, robot):
        reader = Reader(node.url)

        def comes(colour: str, holes: int, **told: Any) -> bool:
            robot.show(**told)
            return reader.shows(colour) and reader.holes == holes

        assert spin_until(executor, lambda: comes("#8080ff", 3, expression=SURPRISED))
        assert spin_until(executor, lambda: comes("#ff80ff", 2, expression=HELD, red=1.0))
        talking = {"expression": HELD, "red": 1.0, "mouth": 1.0}
        assert spin_until(executor, lambda: comes("#ff80ff", 3, **talking))


def test_a_robot_that_has_never_been_heard_sleeps() -> None:
    with world() as (executor, node, _):
        reader = Reader(node.url)
        assert spin_until(executor, lambda: reader.newest)
        assert not reader.shows("#f2faff") and len(reader.newest) > 4  # no gleam of a pupil


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 200),
        ("/face.js", {}, 200),
        ("/pieces.js", {}, 200),
        ("/face_node.py", {}, 404),
        ("/../face_node.py", {}, 404),
        ("/", {"Host": "robot.example"}, 403),
        ("/live", {"Sec_Fetch_Site": "cross-site"}, 403),
    ],
)
def test_who_is_let_in(path: str, headers: dict[str, str], status: int) -> None:
    with spinning(page) as (_, (node,)):
        answer = get(node.url, path, **headers)
        assert answer.status == status
        if status == 200:
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_port_that_is_taken_is_told() -> None:
    with spinning(page) as (_, (node,)):
        port = int(node.url.rstrip("/").rsplit(":", 1)[1])
        with pytest.raises(StartError, match=f"'port' is {port}"):
            page(port)


def test_of_several_pictures_the_newest_counts_and_too_many_browsers_wait() -> None:
    onlookers = FaceOnlookers()
    onlookers.show(b"old")
    with onlookers.joined() as news:
        assert news is not None and onlookers.take(news) == [b"old"]
        assert onlookers.take(news) == []
        onlookers.show(b"one")
        onlookers.show(b"two")
        assert onlookers.take(news) == [b"two"]
        others = [onlookers.joined() for _ in range(MOST)]
        joined = [other.__enter__() for other in others]
        assert joined[-1] is None and None not in joined[:-1]
        for other in others:
            other.__exit__(None, None, None)
    assert onlookers.size == 0


def test_a_drawing_holds_the_height_and_colours_with_points() -> None:
    high, *bands = json.loads(drawing(still(FAULT)))
    assert high == HIGH and len(bands) > 5
    for colour, *outline in bands:
        assert int(colour.removeprefix("#"), 16) >= 0 and len(outline) % 2 == 0
        assert np.abs(outline).max() <= 1.0


@pytest.mark.skipif(CHROMIUM is None, reason="needs apt install chromium")
def test_a_real_browser_shows_it_and_waits_for_a_robot_that_is_away() -> None:
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        browser(Path(folder), (600, 500)) as tab,
    ):
        with world() as (executor, node, robot):
            port = int(node.url.rstrip("/").rsplit(":", 1)[1])
            tab.open(node.url)

            def shines() -> bool:
                robot.show(HAPPY, red=0.0)
                robot_blue = np.abs(tab.screenshot().astype(int) - (255, 128, 0)).max(axis=2) < 30
                return bool(robot_blue.mean() > 0.02)

            assert spin_until(executor, shines)
        assert says(tab, "The robot is away")
        with spinning(lambda: page(port)):
            assert says(tab, "")


def says(tab: Any, begin: str) -> bool:
    """Whether the page's message comes to begin, or to be empty, like this."""

    def shown() -> bool:
        text = tab.run("document.getElementById('message').textContent")
        return bool(text.startswith(begin)) if begin else text == ""

    return until(shown)

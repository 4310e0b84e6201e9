"""The viewer in a real browser: what is published is seen, and nobody else is asked."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from fer_common.qos import STREAM
from fer_common.testing import spin_until, spinning
from fer_monitor.testing.headless_browser import CHROMIUM, Browser, browser
from fer_monitor.viewer.viewer_node import ViewerNode
from fer_node.nodes.messages import to_message

pytest.importorskip("rerun", reason="needs rerun-sdk")
if CHROMIUM is None:
    pytest.skip("needs apt install chromium", allow_module_level=True)

TOP, BOTTOM = (255, 0, 255), (0, 255, 0)  # BGR; nothing else on the page has such colours


@pytest.fixture
def tab() -> Iterator[Browser]:
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        browser(Path(folder), (900, 600)) as found,
    ):
        yield found


def share(screen: np.ndarray, colour: tuple[int, int, int]) -> float:
    """How much of the screen has a colour, but for what JPEG makes of it."""
    return float((np.abs(screen.astype(int) - colour).max(axis=2) < 40).mean())


def test_the_camera_picture_is_on_the_screen_and_the_internet_is_not_asked(tab: Browser) -> None:
    picture = np.full((480, 640, 3), TOP, np.uint8)
    picture[240:] = BOTTOM
    options = {"parameter_overrides": [Parameter("port", value=0)]}
    with spinning(lambda: ViewerNode(**options), lambda: Node("camera")) as (executor, nodes):
        viewer, camera = nodes
        assert isinstance(viewer, ViewerNode)
        images = camera.create_publisher(Image, "image", STREAM)
        tab.open(viewer.url)
        screen = np.zeros((1, 1, 3), np.uint8)
        due = 0.0

        def is_shown() -> bool:
            nonlocal screen, due
            if time.monotonic() >= due:
                due = time.monotonic() + 1.0
                images.publish(to_message(picture, Header(stamp=camera.get_clock().now().to_msg())))
                screen = tab.screenshot()
            return min(share(screen, TOP), share(screen, BOTTOM)) >= 0.05

        assert spin_until(executor, is_shown), "the picture has not come onto the screen"
        rows = np.argwhere(np.abs(screen.astype(int) - TOP).max(axis=2) < 40)[:, 0]
        below = np.argwhere(np.abs(screen.astype(int) - BOTTOM).max(axis=2) < 40)[:, 0]
        assert np.median(rows) < np.median(below)
        asked = {urlsplit(url) for url in tab.requested}
        here = urlsplit(viewer.url).netloc
        assert {url.netloc for url in asked if url.scheme != "data"} == {here}, tab.requested
        assert {url.path for url in asked} >= {"/", "/re_viewer_bg.wasm", "/live"}

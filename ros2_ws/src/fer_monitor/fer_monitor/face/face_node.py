"""The ROS node of the face on a screen: a page in a browser on this machine, nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from rclpy.clock import Clock, ClockType

from ec_rfernet.errors import InputError
from fer_common.diagnostics import Report
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.parameters import declare
from fer_common.runner import ClosingNode, StartError
from fer_common.settings import setting
from fer_monitor.page_server import PIECES, Onlookers, PageServer
from robot_behavior.body.face import HIGH, Look
from robot_behavior.nodes.face_watch import FaceWatch

RATE_HZ = 30.0
"""Of the pictures, while somebody looks and something changes."""


@dataclass(frozen=True)
class FaceParameters:
    """Parameters of `fer_monitor.face.face_node.FaceNode`."""

    port: int = setting(9091, "Port of the page on 127.0.0.1; 0: any.", low=0, high=65535)


class FaceOnlookers(Onlookers):
    """The browsers that show the face; who joins is shown it as it is."""

    def __init__(self) -> None:
        super().__init__()
        self._picture = b""

    def _first(self, is_tall: bool) -> list[bytes]:  # the shape of the window does not matter
        return [self._picture] if self._picture else []

    def show(self, picture: bytes) -> None:
        """Shows everybody a picture, see `drawing`."""
        with self._lock:
            self._picture = picture
            for news in self._looking:
                news[:] = [picture]


def drawing(look: Look) -> bytes:
    """A face as JSON: half of its height (half of the width is 1), and its bands.

    Each band is its colour and the outline: right and up, right and up, and so on.
    """
    shown = [
        ["#" + bytes(round(255.0 * part) for part in band.colour).hex(), *_outline(band.outline)]
        for band in look.bands
        if band.is_seen
    ]
    return json.dumps([HIGH, *shown], separators=(",", ":")).encode()


def _outline(points: Any) -> list[float]:
    return [round(value, 3) for value in points.ravel().tolist()]


def face_files() -> dict[str, Path]:
    """What a browser may ask for, by path."""
    here = Path(str(resources.files(__package__)))
    page = here / "face.html"
    return {"/": page, "/face.html": page, "/face.js": here / "face.js", "/pieces.js": PIECES}


class FaceNode(ClosingNode):
    """Serves the page; publishes nothing but its own diagnostics.

    Args:
        options: for `rclpy.node.Node`.

    Raises:
        ParameterError: a parameter is out of range.
        StartError: the port is taken.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("face_node", **options)
        port = declare(self, FaceParameters).port
        self._onlookers = FaceOnlookers()
        try:
            self._server = PageServer(port, face_files(), self._onlookers, period_s=0.5 / RATE_HZ)
        except InputError as error:
            raise StartError(str(error)) from error
        self.closing.callback(self._server.stop)
        self._face = FaceWatch(self)
        self._look: Look | None = None
        self.create_timer(1.0 / RATE_HZ, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        DiagnosticsPublisher(self, "face", self._report)
        self.get_logger().info(f"open {self.url} in a browser on this machine, F11: full screen")

    @property
    def url(self) -> str:
        """Of the page."""
        return self._server.url

    def _report(self) -> Report:
        values = {"page": self.url, "browsers": self._onlookers.size}
        return Report(f"shown at {self.url}", values)

    def _tick(self) -> None:
        look = self._face.look()
        if look != self._look and (self._onlookers.size or self._look is None):
            self._look = look
            self._onlookers.show(drawing(look))

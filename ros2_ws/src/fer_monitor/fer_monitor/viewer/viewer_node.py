"""The ROS node of the viewer: public topics to the browsers that look.

`Pairing` chooses the pictures that are shown, `jpeg` makes them small enough.
"""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import cv2
from diagnostic_msgs.msg import DiagnosticArray
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray
from rclpy.clock import Clock, ClockType
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import String

from ec_rfernet.errors import InputError
from fer_common.diagnostics import Report
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.emotions import face_of, image_of, stamp_of
from fer_common.parameters import declare
from fer_common.qos import EVENTS, LATCHED, NEWEST
from fer_common.runner import ClosingNode, StartError
from fer_common.settings import setting
from fer_monitor.page_server import PageServer
from fer_node.nodes.messages import to_bgr
from fer_node.perception.frame import DecodeError
from robot_behavior.body.face import face_sphere
from robot_behavior.nodes.face_watch import FaceWatch
from robot_behavior.nodes.robot_files import WHICH_ROBOT, read_model, urdf_file

if TYPE_CHECKING:  # they need rerun-sdk, which may be missing
    from fer_monitor.viewer.screen import Row, ViewerScreen
    from fer_monitor.viewer.server import Audience


_TICK_S = 0.1


@dataclass(frozen=True)
class ViewerParameters:
    """Parameters of `fer_monitor.viewer.viewer_node.ViewerNode`."""

    port: int = setting(9090, "Port of the page on 127.0.0.1; 0: any.", low=0, high=65535)
    open_browser: bool = setting(False, "Whether to open the page in a browser.")
    image_transport: str = setting(
        "raw",
        "raw: Image on image; compressed: CompressedImage on image/compressed.",
        choices=("raw", "compressed"),
    )
    image_rate: float = setting(
        10.0, "Pictures per second in the browser, at most.", low=0.5, high=60.0
    )
    jpeg_quality: int = setting(75, "Quality of these pictures.", low=10, high=100)
    robot: str = setting("sim", WHICH_ROBOT)
    urdf: str = setting("", "Path of the robot's URDF; empty: that of the robot.")


class ViewerNode(ClosingNode):
    """Shows what is published in a browser; publishes nothing but its own diagnostics.

    Images, emotions and joint states are subscribed to only while somebody looks.

    Args:
        options: for `rclpy.node.Node`.

    Raises:
        ParameterError: a parameter is out of range.
        StartError: the port is taken, rerun-sdk or the URDF is missing, or a browser is to be
            opened where there is none.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("viewer_node", **options)
        self._params = declare(self, ViewerParameters)
        self._pairing: Pairing[Image | CompressedImage] = Pairing(1.0 / self._params.image_rate)
        self._shrink = 1
        self._streams: list[Subscription] = []
        try:
            browser = _browser() if self._params.open_browser else None
            self._screen, self._audience, self._server = self._serve()
        except InputError as error:
            raise StartError(str(error)) from error
        self.closing.callback(self._audience.close)
        self.closing.callback(self._server.stop)
        self.create_subscription(BehaviorState, "behavior_state", self._on_behaviour, LATCHED)
        self.create_subscription(String, "speech", self._on_speech, EVENTS)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, EVENTS)
        self._face = FaceWatch(self)
        self._tick()  # who looks before the robot moves sees it upright
        self._show([self._screen.line(f"the viewer shows it at {self.url}")])
        self.create_timer(_TICK_S, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        DiagnosticsPublisher(self, "viewer", self._report)
        self.get_logger().info(f"open {self.url} in a browser on this machine")
        if browser is not None:
            browser.open(self.url)

    @property
    def url(self) -> str:
        """Of the page."""
        return self._server.url

    def _serve(self) -> tuple[ViewerScreen, Audience, PageServer]:
        switch = os.environ.get("RERUN", "on")
        if switch.lower() in ("off", "false", "0"):
            raise InputError(f"RERUN is '{switch}' in the environment: unset it to use the viewer")
        try:
            from fer_monitor.viewer.screen import ViewerScreen
            from fer_monitor.viewer.server import Audience, viewer_files
        except ImportError as error:
            raise InputError(
                f"the viewer needs rerun-sdk, which cannot be loaded ({error}): "
                "scripts/setup.sh viewer installs what fits"
            ) from error
        urdf, robot = self._params.urdf, self._params.robot
        model = read_model(urdf, robot)  # refuses what is no robot
        file = urdf_file(urdf, robot)
        screen = ViewerScreen(time.monotonic, file, model.height, face_sphere(model))
        audience = Audience(screen.begin)
        return screen, audience, PageServer(self._params.port, viewer_files(), audience)

    def _report(self) -> Report:
        values = {"page": self.url, "browsers": self._audience.size}
        return Report(f"shown at {self.url}", values)

    def _tick(self) -> None:
        if self._audience.size and not self._streams:
            self._streams = self._subscribe()
        elif not self._audience.size:
            while self._streams:
                self.destroy_subscription(self._streams.pop())
        if self._audience.size:
            self._show(self._screen.face(self._face.look()))
        self._show(self._screen.tick())

    def _subscribe(self) -> list[Subscription]:
        compressed = self._params.image_transport == "compressed"
        kind, topic = (CompressedImage, "image/compressed") if compressed else (Image, "image")
        return [
            self.create_subscription(kind, topic, self._on_image, NEWEST),
            self.create_subscription(EmotionArray, "emotions", self._on_emotions, EVENTS),
            self.create_subscription(Emotion, "emotion", self._on_emotion, EVENTS),
            self.create_subscription(JointState, "joint_states", self._on_joints, NEWEST),
        ]

    def _on_image(self, message: Image | CompressedImage) -> None:
        self._picture(self._pairing.image(stamp_of(message), message, time.monotonic()))

    def _on_emotions(self, message: EmotionArray) -> None:
        seen, now = image_of(message), time.monotonic()
        latency = 1e-9 * (self.get_clock().now().nanoseconds - seen.stamp)
        self._show(self._screen.seen(seen, latency))
        self._picture(self._pairing.faces(seen.stamp, now))
        if self._pairing.shown == seen.stamp or not self._pairing.fits(now):
            self._show([self._screen.frames(self._shrink)])

    def _on_emotion(self, message: Emotion) -> None:
        self._screen.expression(face_of(message))

    def _on_joints(self, message: JointState) -> None:
        self._screen.joints(dict(zip(message.name, message.position, strict=False)))

    def _on_behaviour(self, message: BehaviorState) -> None:
        told = (message.state, message.emotion, message.motion, message.reason)
        self._show(self._screen.behaviour(*told))

    def _on_speech(self, message: String) -> None:
        self._show(self._screen.said(message.data))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            level = int.from_bytes(status.level, "little")
            self._show(self._screen.health(status.name, level, status.message))

    def _picture(self, image: Image | CompressedImage | None) -> None:
        if image is None:
            return
        try:
            file, self._shrink = jpeg(image, self._params.jpeg_quality)
        except DecodeError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=5.0)
            return
        self._show([self._screen.picture(file), self._screen.frames(self._shrink)])

    def _show(self, shown: list[Row]) -> None:
        self._audience.show(self.get_clock().now().nanoseconds, shown)


def _browser() -> webbrowser.BaseBrowser:
    """The user's browser.

    Raises:
        InputError: there is none, or no display to open it on.
    """
    hint = "parameter 'open_browser' is true, but "
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise InputError(f"{hint}there is no display (DISPLAY and WAYLAND_DISPLAY are empty)")
    try:
        return webbrowser.get()
    except webbrowser.Error as error:
        raise InputError(f"{hint}no browser was found ({error})") from error


# Pictures: which of them are shown, and as what.

T = TypeVar("T")

PATIENCE_S = 0.35
"""For so long an image is awaited whose faces are known."""


class Pairing(Generic[T]):
    """Prefers images whose faces are known, so that the boxes sit where the faces are.

    Faces become known some time after their image, by a message with the same stamp. Where
    that never fits (nobody looks for faces, or it takes longer than to the next image), the
    newest image is shown alone.

    Args:
        period_s: least time between two images, seconds.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._image: T | None = None  # until it is shown
        self._stamp = self._faces = -1  # of the newest
        self._due = self._paired = float("-inf")
        self.shown: int | None = None
        """Stamp of the image that is shown."""

    def fits(self, now: float) -> bool:
        """Whether images and faces have come together lately."""
        return now - self._paired <= PATIENCE_S

    def image(self, stamp: int, image: T, now: float) -> T | None:
        """An image has come.

        Args:
            stamp: of the image, nanoseconds.
            image: kept until the next one.
            now: monotonic, seconds.

        Returns:
            The image if it is to be shown now.
        """
        self._stamp, self._image = stamp, image
        return self._next(now)

    def faces(self, stamp: int, now: float) -> T | None:
        """The faces of an image are known; see `image`."""
        self._faces = stamp
        return self._next(now)

    def _next(self, now: float) -> T | None:
        if self._stamp == self._faces:
            self._paired = now
        elif self.fits(now):
            return None
        if self._image is None or now < self._due:
            return None
        image, self._image = self._image, None
        self.shown, self._due = self._stamp, now + self._period_s
        return image


LARGEST_PX = 1280
"""Wider or higher pictures are made smaller."""

LARGEST_BYTES = 250_000
"""A camera's own JPEG is passed on as it is, unless it is larger."""

_JPEG_BEGINS = b"\xff\xd8\xff"


def jpeg(message: Image | CompressedImage, quality: int) -> tuple[bytes, int]:
    """The picture of a message.

    Args:
        message: see `fer_node.nodes.messages.to_bgr`.
        quality: 1..100.

    Returns:
        The file, and how many pixels of the message became one, per side.

    Raises:
        DecodeError: the message is no picture.
    """
    if isinstance(message, CompressedImage):
        data = bytes(message.data)
        if data.startswith(_JPEG_BEGINS) and len(data) <= LARGEST_BYTES:
            return data, 1
    image = to_bgr(message)
    height, width = image.shape[:2]
    shrink = -(-max(height, width) // LARGEST_PX)
    if shrink > 1:
        size = (max(1, width // shrink), max(1, height // shrink))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, file = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return file.tobytes(), shrink

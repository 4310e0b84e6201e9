"""The ROS node of the viewer: public topics to the browsers that look."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.subscription import Subscription
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import String

from ec_rfernet.errors import InputError
from fer_common.diagnostics import Report
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.parameters import declare
from fer_common.qos import EVENTS, LATCHED, NEWEST
from fer_common.runner import StartError
from fer_monitor.viewer import entities
from fer_monitor.viewer.assets import load_assets
from fer_monitor.viewer.audience import Audience
from fer_monitor.viewer.figure import Figure
from fer_monitor.viewer.observer import Face, Observer
from fer_monitor.viewer.pairing import Pairing
from fer_monitor.viewer.picture import jpeg
from fer_monitor.viewer.rows import Picture, Row
from fer_monitor.viewer.server import ViewerServer
from fer_monitor.viewer.viewer_parameters import ViewerParameters
from fer_node.perception.frame import DecodeError
from robot_behavior.nodes.robot_files import read_model

_TICK_S = 0.2


class ViewerNode(Node):
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
        figure = Figure(read_model(self._params.urdf))
        self._observer = Observer(time.monotonic, figure)
        self._pairing: Pairing[Image | CompressedImage] = Pairing(1.0 / self._params.image_rate)
        self._shrink = 1
        self._streams: list[Subscription] = []
        self._server: ViewerServer | None = None
        try:
            browser = _browser() if self._params.open_browser else None
            self._audience, self._server = self._serve(figure)
        except InputError as error:
            raise StartError(str(error)) from error
        self._show(figure.moved({}))  # who looks before it moves sees it upright
        self.create_subscription(BehaviorState, "behavior_state", self._on_behaviour, LATCHED)
        self.create_subscription(String, "speech", self._on_speech, EVENTS)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, EVENTS)
        self.create_timer(_TICK_S, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        DiagnosticsPublisher(self, "viewer", self._report)
        self.get_logger().info(f"open {self.url} in a browser on this machine")
        if browser is not None:
            browser.open(self.url)

    @property
    def url(self) -> str:
        """Of the page."""
        return self._server.url if self._server is not None else ""

    def destroy_node(self) -> None:
        """Ends the connections first."""
        if self._server is not None:
            self._server.stop()
        super().destroy_node()

    def _serve(self, figure: Figure) -> tuple[Audience, ViewerServer]:
        switch = os.environ.get("RERUN", "on")
        if switch.lower() in ("off", "false", "0"):
            raise InputError(f"RERUN is '{switch}' in the environment: unset it to use the viewer")
        assets = load_assets()  # also tells when rerun-sdk is missing
        try:
            from fer_monitor.viewer.stream import RerunStream
        except ImportError as error:
            raise InputError(f"the viewer cannot load rerun-sdk ({error})") from error
        bodies = figure.meshes()
        audience = Audience(lambda: RerunStream(bodies))
        return audience, ViewerServer(self._params.port, assets, audience)

    def _report(self) -> Report:
        values = {"page": self.url, "browsers": self._audience.size}
        return Report(f"shown at {self.url}", values)

    def _tick(self) -> None:
        if self._audience.is_there and not self._streams:
            self._streams = self._subscribe()
        elif not self._audience.is_there:
            while self._streams:
                self.destroy_subscription(self._streams.pop())
        self._show(self._observer.tick())

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
        stamp = Time.from_msg(message.header.stamp).nanoseconds
        self._picture(self._pairing.image(stamp, message, time.monotonic()))

    def _on_emotions(self, message: EmotionArray) -> None:
        stamp = Time.from_msg(message.header.stamp).nanoseconds
        latency = 1e-9 * (self.get_clock().now().nanoseconds - stamp)
        self._show(self._observer.faces([_face(item) for item in message.emotions], latency))
        now = time.monotonic()
        image = self._pairing.faces(stamp, now)
        self._picture(image)
        if image is not None or not self._pairing.fits(now):
            self._show([self._observer.frames(self._shrink)])

    def _on_emotion(self, message: Emotion) -> None:
        rows = self._observer.expression(
            _face(message), message.probabilities, message.valence, message.arousal
        )
        self._show(rows)

    def _on_joints(self, message: JointState) -> None:
        self._show(self._observer.joints(dict(zip(message.name, message.position, strict=False))))

    def _on_behaviour(self, message: BehaviorState) -> None:
        rows = self._observer.behaviour(
            message.state, message.emotion, message.motion, message.reason
        )
        self._show(rows)

    def _on_speech(self, message: String) -> None:
        self._show(self._observer.said(message.data))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            level = int.from_bytes(status.level, "little")
            self._show(self._observer.health(status.name, level, status.message))

    def _picture(self, image: Image | CompressedImage | None) -> None:
        if image is None:
            return
        try:
            file, self._shrink = jpeg(image, self._params.jpeg_quality)
        except DecodeError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=5.0)
            return
        self._show([Picture(entities.PICTURE, file)])

    def _show(self, rows: list[Row]) -> None:
        self._audience.show(self.get_clock().now().nanoseconds, rows)


def _face(message: Emotion) -> Face:
    roi = message.roi
    box = (roi.x_offset, roi.y_offset, roi.width, roi.height)
    return Face(message.face_id, message.label, message.confidence, box)


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

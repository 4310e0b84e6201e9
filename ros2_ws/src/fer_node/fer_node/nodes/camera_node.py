"""The ROS node of the camera: frames from a webcam, a video or pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from ec_rfernet.errors import InputError
from fer_common.diagnostics import (
    Finding,
    Limits,
    Mishaps,
    Report,
    Statistics,
    Summary,
    age,
    figures,
    slowness,
    warn,
)
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.graph_watch import OutputWatch
from fer_common.parameters import declare
from fer_common.qos import STREAM
from fer_common.runner import StartError
from fer_common.settings import setting
from fer_node.camera.choice import CameraChoice, open_source
from fer_node.camera.source import Source, Wait
from fer_node.nodes.messages import camera_info, to_message

# ----------------------------------------------------------------------
# How the camera is doing.


@dataclass(frozen=True)
class Wish:
    """What was asked of a camera.

    Attributes:
        size: such as ``640x480``.
        rate: frames per second.
    """

    size: str
    rate: float


class CameraHealth:
    """Counts frames and failures; frames are counted in one thread, the report made in another.

    Args:
        wish: what was asked for.
        rate: of the frames, per second.
        silence: since the last frame, seconds.
        clock: monotonic seconds.

    Attributes:
        device: what it is, such as ``webcam /dev/video0``.
    """

    def __init__(
        self,
        wish: Wish,
        rate: Limits,
        silence: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device = "the camera"
        self._mishaps, self._why = Mishaps(clock), ""
        self._wish, self._rate, self._silence, self._clock = wish, rate, silence, clock
        self._frames, self._last, self._size = Statistics(), clock(), ""

    def failed(self, text: str) -> None:
        """A frame could not be read."""
        self._mishaps.note(text)
        self._why = text

    def read(self, width: int, height: int, took_s: float) -> float:
        """A frame was read and published.

        Args:
            width: of it, pixels.
            height: of it, pixels.
            took_s: from having it to having published it, seconds.

        Returns:
            For how long there had been none, seconds.
        """
        now = self._clock()
        gap = now - self._last if self._size else 0.0
        self._last, self._why = now, ""
        self._frames.add(took_s, self._last)
        self._size = f"{width}x{height}"
        return gap

    def report(self, ended: bool) -> Report:
        """How the camera is doing.

        Args:
            ended: whether a recording is over.
        """
        now, wish = self._clock(), self._wish
        frames = self._frames.summary(now)
        values = {
            "state": "ended" if ended else "active",
            "camera": self.device,
            "size, asked": wish.size,
            "size, got": self._size or "none yet",
            "rate, asked [1/s]": f"{wish.rate:g}",
            **figures(frames),
            "frames read": frames.count,
            "age of the newest frame [s]": age(frames.age_s),
            **self._mishaps.values,
        }
        found = [warn("no more frames come")] if ended else self._findings(frames, now)
        return Report(f"{frames.rate:.1f} frames/s", values, found, self.device)

    def _findings(self, frames: Summary, now: float) -> list[Finding | None]:
        silent_s = now - self._last
        why = self._why or f"{self.device} does not answer"
        silence = self._silence.above(silent_s, f"no frame for {silent_s:.0f} s: {why}")
        if silence is not None:
            return [silence]
        slow = slowness(frames, self._rate, "frames", "is it dark?")
        return [slow, warn(self._mishaps.recent)]


# ----------------------------------------------------------------------

_STOP_S = 2.0  # a webcam that was just unplugged may block for longer

Opener = Callable[[CameraChoice, Wait, Callable[[str], object]], tuple[Source, str]]


@dataclass(frozen=True)
class CameraParameters:
    """Parameters of `CameraNode`."""

    camera: str = setting(
        "auto",
        "auto, clip, a device index, the path of a video, a picture or a folder, or bag:FILE.",
    )
    clip: str = setting("", "Path of the built-in clip, for camera auto and clip.")
    width: int = setting(640, "Asked of a webcam, pixels; 0: its own.", low=0, high=8192)
    height: int = setting(480, "Asked of a webcam, pixels; 0: its own.", low=0, high=8192)
    rate: float = setting(
        30.0,
        "Frames per second of webcams and pictures; videos have their own.",
        low=0.1,
        high=240.0,
    )
    period: float = setting(3.0, "How long each picture is shown, s.", low=0.01, high=3600.0)
    loop: bool = setting(False, "Whether videos and pictures begin again at their end.")
    frame_id: str = setting("camera_optical_frame", "Frame of the images.")
    fov_deg: float = setting(60.0, "Horizontal field of view, degrees.", low=1.0, high=179.0)
    warn_rate: float = setting(
        10.0, "Diagnostics warns of fewer frames per second.", low=0.0, high=240.0
    )
    warn_silence_s: float = setting(
        1.0, "Diagnostics warns when there is no frame for so long, s.", low=0.1, high=3600.0
    )
    error_silence_s: float = setting(3.0, "After so long it is an error, s.", low=0.1, high=3600.0)


class CameraNode(Node):
    """Publishes ``image_raw`` (bgr8) and ``camera_info`` in real time.

    Args:
        opener: opens the source; see `open_source`.
        options: for `rclpy.node.Node`.

    Raises:
        ParameterError: a parameter is out of range.
        StartError: the device or the file cannot be read.
    """

    def __init__(self, opener: Opener = open_source, **options: Any) -> None:
        super().__init__("camera_node", **options)
        self._params = declare(self, CameraParameters)
        self._stop = Event()
        self._ended = Event()
        self._health = self._watched()
        try:
            self._source, what = opener(self._choice(), self._stop.wait, self._warn)
        except InputError as error:
            raise StartError(str(error)) from error
        self._images = self.create_publisher(Image, "image_raw", STREAM)
        self._infos = self.create_publisher(CameraInfo, "camera_info", STREAM)
        self.get_logger().info(f"showing {what} on {self._images.topic_name}")
        self._health.device = what
        self._watch = OutputWatch(self, self._images)
        DiagnosticsPublisher(self, "camera", self._report)
        self._thread = Thread(target=self._capture, name="camera", daemon=True)
        self._thread.start()

    def has_ended(self) -> bool:
        """Whether a video that does not loop is over."""
        return self._ended.is_set()

    def destroy_node(self) -> None:
        """Stops the camera first."""
        self._stop.set()
        if hasattr(self, "_thread"):
            self._thread.join(_STOP_S)
        super().destroy_node()

    def _choice(self) -> CameraChoice:
        params = self._params
        return CameraChoice(
            camera=params.camera,
            clip=params.clip,
            width=params.width,
            height=params.height,
            rate=params.rate,
            period_s=params.period,
            loop=params.loop,
        )

    def _watched(self) -> CameraHealth:
        params = self._params
        size = f"{params.width}x{params.height}" if params.width and params.height else "its own"
        return CameraHealth(
            Wish(size, params.rate),
            Limits(params.warn_rate),
            Limits(params.warn_silence_s, params.error_silence_s),
        )

    def _report(self) -> Report:
        return self._health.report(self.has_ended()).plus(self._watch.findings())

    def _warn(self, text: str) -> None:
        self._health.failed(text)
        self.get_logger().warning(text)

    def _capture(self) -> None:
        began, count = time.monotonic(), 0
        try:
            while (frame := self._source.read()) is not None and not self._stop.is_set():
                self._publish(frame, self.get_clock().now().to_msg())
                count += 1
            if not self._stop.is_set():
                seconds = time.monotonic() - began
                self.get_logger().info(f"the recording is over: {count} frames in {seconds:.1f} s")
        except InputError as error:
            self._health.failed(str(error))
            self.get_logger().error(str(error))
        finally:
            self._source.close()
            self._ended.set()

    def _publish(self, frame: np.ndarray, stamp: Time) -> None:
        began = time.monotonic()
        header = Header(stamp=stamp, frame_id=self._params.frame_id)
        height, width = frame.shape[:2]
        self._images.publish(to_message(frame, header))
        self._infos.publish(camera_info(width, height, self._params.fov_deg, header))
        gap = self._health.read(width, height, time.monotonic() - began)
        if gap > self._params.warn_silence_s:
            self.get_logger().info(f"frames come again after {gap:.1f} s")

"""The ROS node of the camera: frames from a webcam, a video, pictures or a recording."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from signal import SIGINT
from threading import Event, Thread
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from ec_rfernet.errors import InputError, writable
from fer_common.camera import FOV_DEG
from fer_common.diagnostics import (
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
from fer_common.door import door_of
from fer_common.graph_watch import OutputWatch
from fer_common.parameters import declare
from fer_common.qos import STREAM
from fer_common.reason import Finding
from fer_common.runner import ClosingNode, StartError
from fer_common.settings import part, setting
from fer_node.camera import CameraSettings, open_source
from fer_node.camera.source import FrameSettings, Source, SourceTools
from fer_node.nodes.messages import camera_info, to_message

_STOP_S = 2.0  # a webcam that was just unplugged may block for longer


@dataclass(frozen=True)
class CameraLimits:
    """From where on the camera is not well."""

    warn_rate: float = setting(
        10.0, "Diagnostics warns of fewer frames per second.", low=0.0, high=240.0
    )
    warn_silence_s: float = setting(
        1.0, "Diagnostics warns when there is no frame for so long, s.", low=0.1, high=3600.0
    )
    error_silence_s: float = setting(3.0, "After so long it is an error, s.", low=0.1, high=3600.0)


@dataclass(frozen=True)
class CameraParameters:
    """Parameters of `CameraNode`."""

    source: CameraSettings = part(CameraSettings)
    frame_id: str = setting("camera_optical_frame", "Frame of the images.")
    fov_deg: float = setting(FOV_DEG, "Horizontal field of view, degrees.", low=1.0, high=179.0)
    limits: CameraLimits = part(CameraLimits)


class CameraHealth:
    """Counts frames and failures; frames are counted in one thread, the report made in another.

    Args:
        asked: size and rate that were asked for.
        limits: see there.
        clock: monotonic seconds.

    Attributes:
        device: what it is, such as ``webcam /dev/video0``.
    """

    def __init__(
        self,
        asked: FrameSettings,
        limits: CameraLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device = "the camera"
        self._asked, self._limits, self._clock = asked, limits, clock
        self._mishaps = Mishaps(clock)
        self._why: str | None = None
        self._size: str | None = None
        self._frames, self._last = Statistics(), clock()

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
        gap = now - self._last if self._size is not None else 0.0
        self._last, self._why = now, None
        self._frames.add(took_s, self._last)
        self._size = f"{width}x{height}"
        return gap

    def report(self, ended: bool) -> Report:
        """How the camera is doing.

        Args:
            ended: whether a recording is over.
        """
        now, asked = self._clock(), self._asked
        frames = self._frames.summary(now)
        own = not (asked.width and asked.height)
        values = {
            "state": "ended" if ended else "active",
            "camera": self.device,
            "size, asked": "its own" if own else f"{asked.width}x{asked.height}",
            "size, got": self._size or "none yet",
            "rate, asked [1/s]": f"{asked.rate:g}",
            **figures(frames),
            "frames read": frames.count,
            "age of the newest frame [s]": age(frames.age_s),
            **self._mishaps.values,
        }
        found = [warn("no more frames come")] if ended else self._findings(frames, now)
        return Report(f"{frames.rate:.1f} frames/s", values, found, self.device)

    def _findings(self, frames: Summary, now: float) -> list[Finding | None]:
        limits, silent_s = self._limits, now - self._last
        why = self._why or f"{self.device} does not answer"
        silence = Limits(limits.warn_silence_s, limits.error_silence_s).above(
            silent_s, f"no frame for {silent_s:.0f} s: {why}"
        )
        if silence is not None:
            return [silence]
        slow = slowness(frames, Limits(limits.warn_rate), "frames", "is it dark?")
        return [slow, warn(self._mishaps.recent)]


Opener = Callable[[CameraSettings, SourceTools], Source]


class CameraNode(ClosingNode):
    """Publishes ``image_raw`` (bgr8) and ``camera_info`` in real time.

    Args:
        opener: opens the source; see `fer_node.camera.open_source`.
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
        source = self._params.source
        self._health = CameraHealth(source.frames, self._params.limits)
        try:
            self._source = opener(source, self._tools())
        except InputError as error:
            raise StartError(str(error)) from error
        self._images = self.create_publisher(Image, "image_raw", STREAM)
        self._infos = self.create_publisher(CameraInfo, "camera_info", STREAM)
        self._health.device = writable(self._source.name)
        self.get_logger().info(f"showing {self._health.device} on {self._images.topic_name}")
        self._watch = OutputWatch(self, self._images)
        DiagnosticsPublisher(self, "camera", self._report)
        thread = Thread(target=self._capture, name="camera", daemon=True)
        thread.start()
        self.closing.callback(thread.join, _STOP_S)
        self.closing.callback(self._stop.set)

    def has_ended(self) -> bool:
        """Whether a video that does not loop is over."""
        return self._ended.is_set()

    def exit_code(self, number: int | None) -> int:
        """0 at the end of a video and after Ctrl-C; 128 and its number after another signal.

        Whoever supervises the camera takes 0 for the end of what there is to see.

        Args:
            number: of the signal that ended this node; None where none has.
        """
        return 0 if self.has_ended() or number in (None, SIGINT) else 128 + int(number or 0)

    def _tools(self) -> SourceTools:
        return SourceTools(self._stop.wait, self._warn, tell=self._tell)

    def _tell(self, text: str) -> None:
        self.get_logger().info(writable(text))

    def _report(self) -> Report:
        return self._health.report(self.has_ended()).plus(self._watch.findings())

    def _warn(self, text: str) -> None:
        self._health.failed(writable(text))
        self.get_logger().warning(writable(text))

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
        except Exception as error:  # of a library that decodes
            self._health.failed(f"{type(error).__name__}: {error}")
            door_of(self).note(error, "camera")
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
        if gap > self._params.limits.warn_silence_s:
            self.get_logger().info(f"frames come again after {gap:.1f} s")

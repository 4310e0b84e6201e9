"""The ROS node that records what the robot sees, decides and does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rclpy.node import Node
from rclpy.utilities import get_rmw_implementation_identifier

from ec_rfernet.errors import InputError
from fer_common.diagnostics import Report
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.parameters import declare
from fer_common.runner import StartError
from fer_common.settings import setting
from fer_monitor.recording.bag_file import new_bag
from fer_monitor.recording.definitions import definition
from fer_monitor.recording.listener import Listener
from fer_monitor.recording.pictures import to_jpeg
from fer_monitor.recording.state import report, versions
from fer_monitor.recording.topics import COMPRESSED, NOTICE, RAW, TOPICS, Recorded
from fer_monitor.recording.writer import Channel, Limits, Writer

_CLOSE_S = 3.5  # `ros2 launch` loses patience after five
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class RecorderParameters:
    """Parameters of `BagRecorder`."""

    folder: str = setting(
        "~/fer_recordings", "Where recordings are kept; each gets a folder named after the time."
    )
    images: bool = setting(False, "Whether to record the images on image too: pictures of people.")
    max_duration_s: float = setting(
        0.0, "The recording ends after so many seconds; 0: with the robot.", low=0.0, high=1e6
    )
    max_size_mb: float = setting(
        0.0, "The recording ends at so many megabytes; 0: no limit.", low=0.0, high=1e6
    )
    reserve_mb: float = setting(
        500.0, "The recording ends when the disk has no more megabytes left.", low=0.0, high=1e6
    )


class BagRecorder(Node):
    """Writes `topics.TOPICS`, and the images if asked for, into an MCAP bag.

    Messages are written as they were received. Its own state is on ``/diagnostics``, and so in
    the bag.

    Args:
        options: for `rclpy.node.Node`.

    Raises:
        ParameterError: a parameter is out of range.
        StartError: the folder cannot be written.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("bag_recorder", **options)
        self._params = params = declare(self, RecorderParameters)
        parent = Path(params.folder).expanduser()
        limits = Limits(
            params.max_duration_s, int(params.max_size_mb * 1e6), int(params.reserve_mb * 1e6)
        )
        try:
            bag = new_bag(parent, datetime.now(), limits.reserve)
        except OSError as error:
            raise StartError(
                f"parameter 'folder': recordings cannot be kept in '{parent}' ({error.strerror})"
            ) from error
        self.folder = bag.folder
        self._writer = Writer(bag, limits, time.monotonic)
        self._channels: dict[str, Channel] = {}
        self._listeners: dict[str, Listener] = {}
        for topic in TOPICS:
            self._listen(topic)
        self._told = False
        self._dropped = 0
        self._about = versions(get_rmw_implementation_identifier())
        DiagnosticsPublisher(self, "recording", self._report)
        self.create_timer(_LOOK_EVERY_S, self._look_around)
        self._announce()

    def has_ended(self) -> bool:
        """Whether a limit is reached and the bag complete."""
        return bool(self._writer.complete)

    def destroy_node(self) -> None:
        """Completes the bag first."""
        if hasattr(self, "_writer"):
            if not self._writer.close(_CLOSE_S):
                self.get_logger().error(f"{self.folder}: the disk is too slow to complete the bag")
            self._tell_end()
        super().destroy_node()

    # What is received

    def _listen(self, topic: Recorded, target: str = "") -> None:
        """Records a topic whose type is installed.

        Args:
            topic: see there.
            target: topic of the bag that its images get, as JPEG; empty: as they are.
        """
        if topic.name in self._listeners:
            return
        kind = COMPRESSED.type if target else topic.type
        try:
            text = definition(kind, _share)
            channel = partial(self._channel, topic, target, kind, text)
            self._listeners[topic.name] = Listener(self, topic, partial(self._take, channel))
        except (ImportError, InputError) as error:
            self.get_logger().debug(f"{topic.name} is not recorded: {error}")

    def _take(self, channel: Callable[[], Channel], received: int, message: bytes) -> None:
        self._writer.put(channel(), received, message)

    def _channel(self, topic: Recorded, target: str, kind: str, text: str) -> Channel:
        """Where in the bag a topic goes; known when its publishers are."""
        if topic.name not in self._channels:
            listener = self._listeners[topic.name]
            convert = to_jpeg(self._warn_of_image) if target else None
            self._channels[topic.name] = Channel(
                target or listener.name, kind, text, listener.offered(), convert
            )
        return self._channels[topic.name]

    def _look_around(self) -> None:
        for listener in self._listeners.values():
            listener.relax()
        if self._params.images:
            self._look_for_images()

    def _look_for_images(self) -> None:
        """Takes the images from whom compresses them, or else compresses them."""
        raw = self.resolve_topic_name(RAW.name)
        name = f"{raw}/compressed"
        if self.count_publishers(name):
            if RAW.name in self._listeners:
                self._listeners.pop(RAW.name).close()
            self._listen(replace(COMPRESSED, name=name))
        elif self.count_publishers(raw):
            self._listen(RAW, target=name)

    # What people are told

    def _announce(self) -> None:
        if self._params.images:
            self.get_logger().warning(
                f"{NOTICE} are written to {self.folder}, because images is true: "
                "tell those who are in view"
            )
        else:
            self.get_logger().info(f"recording to {self.folder}: expressions, but no pictures")

    def _warn_of_image(self, text: str) -> None:
        self.get_logger().warning(text, throttle_duration_sec=10.0)

    def _report(self) -> Report:
        writer = self._writer
        if writer.dropped > self._dropped:
            lost, self._dropped = writer.dropped - self._dropped, writer.dropped
            self.get_logger().warning(f"the disk is too slow: {lost} messages were dropped")
        if writer.error:
            self._tell_end()
        return report(self.folder, self._params.images, writer, self._about)

    def _tell_end(self) -> None:
        """How the recording went; once."""
        writer = self._writer
        if self._told:
            return
        self._told = True
        text = f"{writer.written} messages, {writer.size / 1e6:.1f} MB in {self.folder}"
        if writer.error:
            self.get_logger().error(f"the recording has ended: {writer.error}; {text}")
        else:
            self.get_logger().info(f"the recording has ended, {writer.complete}: {text}")


def _share(package: str) -> Path:
    try:
        return Path(get_package_share_directory(package))
    except PackageNotFoundError as error:
        raise LookupError(f"package {package} is not installed") from error

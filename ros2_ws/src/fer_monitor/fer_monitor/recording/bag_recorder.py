"""The ROS node that records what the robot sees, decides and does."""

from __future__ import annotations

import importlib
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from importlib.metadata import PackageNotFoundError as NotInstalled
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.utilities import get_rmw_implementation_identifier
from sensor_msgs.msg import CompressedImage, Image

from ec_rfernet.errors import InputError
from ec_rfernet.files import user_path
from fer_common.diagnostics import Report, error, warn
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.parameters import declare
from fer_common.reason import Reason
from fer_common.runner import ClosingNode, StartError
from fer_common.settings import setting
from fer_monitor.recording.bag_writer import (
    BagWriter,
    RecordingLimits,
    TopicToWrite,
    definition,
    new_bag,
)
from fer_monitor.recording.topics import COMPRESSED, NOTICE, RAW, TOPICS, RecordedTopic
from fer_node.nodes.messages import to_bgr
from fer_node.perception.frame import DecodeError

_CLOSE_S = 3.5  # `ros2 launch` loses patience after five
_LOOK_EVERY_S = 0.2
_QUALITY = 92  # of JPEG, of 100; a VGA picture takes 60 kB


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


class BagRecorder(ClosingNode):
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
        try:
            parent = user_path(params.folder)
        except InputError as problem:
            raise StartError(f"parameter 'folder': {problem}") from problem
        limits = RecordingLimits(
            params.max_duration_s, int(params.max_size_mb * 1e6), int(params.reserve_mb * 1e6)
        )
        try:
            bag = new_bag(parent, datetime.now(), limits.reserve)
        except OSError as problem:
            why = problem.strerror
            raise StartError(
                f"parameter 'folder': recordings cannot be kept in '{parent}' ({why})"
            ) from problem
        self.folder = bag.folder
        self._told = False
        self._dropped = 0
        self._writer = BagWriter(bag, limits, time.monotonic)
        self.closing.callback(self._complete)
        self._heard: dict[str, RawSubscription] = {}
        self._targets: dict[str, TopicToWrite] = {}
        for topic in TOPICS:
            self._listen(topic)
        self._about = versions(get_rmw_implementation_identifier())
        DiagnosticsPublisher(self, "recording", self._report)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_LOOK_EVERY_S, self._look_around, clock=steady)
        self._announce()

    @property
    def topics(self) -> set[str]:
        """Full names of the topics of the bag on which something has come."""
        return {target.topic for target in self._targets.values()}

    @property
    def written(self) -> int:
        """Messages in the bag."""
        return self._writer.written

    @property
    def problem(self) -> Reason | None:
        """Why nothing is written any more; None while it is."""
        return self._writer.error or self._writer.complete

    def has_ended(self) -> bool:
        """Whether a limit is reached and the bag complete."""
        return self._writer.complete is not None

    def _complete(self) -> None:
        if not self._writer.close(_CLOSE_S):
            self.get_logger().error(f"{self.folder}: the disk is too slow to complete the bag")
        self._tell_end()

    # What is received

    def _listen(self, topic: RecordedTopic, target: str | None = None) -> None:
        """Records a topic whose type is installed.

        Args:
            topic: see there.
            target: topic of the bag that its images get, as JPEG; None: as they are.
        """
        if topic.name in self._heard:
            return
        kind = COMPRESSED.type if target else topic.type
        try:
            place = partial(self._target, topic, target, kind, definition(kind, _share))
            self._heard[topic.name] = RawSubscription(self, topic, partial(self._take, place))
        except (ImportError, InputError) as problem:
            self.get_logger().debug(f"{topic.name} is not recorded: {problem}")

    def _take(self, place: Callable[[], TopicToWrite], received: int, message: bytes) -> None:
        self._writer.put(place(), received, message)

    def _target(
        self, topic: RecordedTopic, target: str | None, kind: str, text: str
    ) -> TopicToWrite:
        """Where in the bag a topic goes; known when its publishers are."""
        if topic.name not in self._targets:
            heard = self._heard[topic.name]
            convert = to_jpeg(self._warn_of_image) if target else None
            self._targets[topic.name] = TopicToWrite(
                target or heard.name, kind, text, heard.offered(), convert
            )
        return self._targets[topic.name]

    def _look_around(self) -> None:
        for subscription in self._heard.values():
            subscription.relax()
        if self._params.images:
            self._look_for_images()

    def _look_for_images(self) -> None:
        """Takes the images from whom compresses them, or else compresses them."""
        raw = self.resolve_topic_name(RAW.name)
        name = f"{raw}/compressed"
        if self.count_publishers(name):
            if RAW.name in self._heard:
                self._heard.pop(RAW.name).close()
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
        slow = "the disk is too slow: messages were dropped" if writer.dropped else None
        return Report(
            "recording",
            {
                "folder": self.folder,
                "pictures": "yes" if self._params.images else "no",
                "messages": writer.written,
                "megabytes": f"{writer.size / 1e6:.1f}",
                "dropped": writer.dropped,
                **self._about,
            },
            [
                error(writer.error and f"not recording: {writer.error}"),
                warn(writer.complete and f"the recording has ended: {writer.complete}"),
                warn(slow),
            ],
        )

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


# What is received.


class RawSubscription:
    """Receives a topic without decoding it; asks for as much as its publishers offer.

    Args:
        node: that receives.
        topic: see there.
        heard: is given the time of arrival, ns since 1970, and each message as it was received.

    Raises:
        ImportError: the type is not installed.
    """

    def __init__(
        self, node: Node, topic: RecordedTopic, heard: Callable[[int, bytes], None]
    ) -> None:
        package, _, name = topic.type.split("/")
        self._kind = getattr(importlib.import_module(f"{package}.msg"), name)
        self._node, self._topic, self._heard = node, topic, heard
        self._refused = False
        self._subscribe(modest=topic.stream)

    @property
    def name(self) -> str:
        """Of the topic, in full."""
        return self._subscription.topic_name

    def offered(self) -> tuple[dict[str, Any], ...]:
        """What the publishers of the topic offer, as rosbag2 writes it down."""
        infos = self._node.get_publishers_info_by_topic(self.name)
        return tuple(_written_down(info.qos_profile) for info in infos)

    def relax(self) -> None:
        """Asks for less, if a publisher was found that offers less. To be called now and then."""
        if self._refused:
            self.close()
            self._refused = False
            self._subscribe(modest=True)

    def close(self) -> None:
        """Receives nothing more."""
        self._node.destroy_subscription(self._subscription)

    def _subscribe(self, modest: bool) -> None:
        qos = QoSProfile(depth=self._topic.depth)
        if modest:
            qos.reliability = ReliabilityPolicy.BEST_EFFORT
        elif self._topic.latched:
            qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
        self._subscription = self._node.create_subscription(
            self._kind,
            self._topic.name,
            self._receive,
            qos,
            raw=True,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._on_refused),
        )

    def _on_refused(self, _event: object) -> None:
        self._refused = True  # a subscription must not be replaced by its own callback

    def _receive(self, message: bytes) -> None:
        # The middleware knows the time too, but rclpy's EventsExecutor cannot hand it over.
        self._heard(self._node.get_clock().now().nanoseconds, message)


def _written_down(profile: QoSProfile) -> dict[str, Any]:
    """The profile of a publisher, for ``ros2 bag play`` to offer it again."""
    return {
        "history": _policy(profile.history),
        "depth": profile.depth,
        "reliability": _policy(profile.reliability),
        "durability": _policy(profile.durability),
        "deadline": _parts(profile.deadline),
        "lifespan": _parts(profile.lifespan),
        "liveliness": _policy(profile.liveliness),
        "liveliness_lease_duration": _parts(profile.liveliness_lease_duration),
        "avoid_ros_namespace_conventions": profile.avoid_ros_namespace_conventions,
    }


def _policy(policy: object) -> str:
    # A publisher elsewhere does not tell its history.
    return str(getattr(policy, "name", "unknown")).lower()


def _parts(duration: Duration) -> dict[str, int]:
    seconds, rest = divmod(duration.nanoseconds, 10**9)
    return {"sec": seconds, "nsec": rest}


def to_jpeg(warn_of: Callable[[str], object]) -> Callable[[bytes], bytes | None]:
    """What turns a serialised Image into a serialised CompressedImage.

    A minute of images as they come would take gigabytes.

    Args:
        warn_of: told of images that cannot be decoded.
    """

    def convert(data: bytes) -> bytes | None:
        image = deserialize_message(data, Image)
        try:
            pixels = to_bgr(image)
        except DecodeError as problem:
            warn_of(f"an image is not recorded: {problem}")
            return None
        _, jpeg = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
        message = CompressedImage(header=image.header, format="bgr8; jpeg compressed bgr8")
        message.data.frombytes(jpeg.tobytes())
        return bytes(serialize_message(message))

    return convert


# What is told about it.


def versions(middleware: str) -> dict[str, str]:
    """Of what was recorded with what.

    Args:
        middleware: of ROS.
    """
    return {
        "robot": _version("fer_node"),
        "recorder": _version("fer_monitor"),
        "ROS": os.environ.get("ROS_DISTRO") or f"rclpy {_version('rclpy', 'ros-rclpy')}",
        "middleware": middleware,
        "Python": platform.python_version(),
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
    }


def _version(*names: str) -> str:
    for name in names:
        try:
            return version(name)
        except NotInstalled:
            continue
    return "unknown"


def _share(package: str) -> Path:
    try:
        return Path(get_package_share_directory(package))
    except PackageNotFoundError as error:
        raise LookupError(f"package {package} is not installed") from error

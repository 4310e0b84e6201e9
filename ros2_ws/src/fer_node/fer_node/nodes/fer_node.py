"""The ROS node that sees expressions: parameters, lifecycle, topics and the switch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from fer_interfaces.msg import Emotion, EmotionArray
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import (
    LifecycleNode,
    LifecyclePublisher,
    LifecycleState,
    TransitionCallbackReturn,
)
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from std_srvs.srv import SetBool
from visualization_msgs.msg import MarkerArray

from ec_rfernet import bundle as bundles
from ec_rfernet.bundle import Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.faces import DEFAULT_DETECTOR, DETECTORS, LEAST_SCORE
from ec_rfernet.faces.face import FaceDetector
from ec_rfernet.faces.scales import MultiScaleDetector
from ec_rfernet.perceived import Perceived
from ec_rfernet.runtimes import open_classifier
from ec_rfernet.runtimes.classifier import PRECISIONS
from ec_rfernet.show.overlay import draw
from fer_common.camera import IMAGES_EXPECTED, focal_px
from fer_common.diagnostics import (
    Limits,
    Mishaps,
    Report,
    Statistics,
    Summary,
    age,
    error,
    figures,
    slowness,
    warn,
)
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.door import door_of, refusal, seconds
from fer_common.graph_watch import InputWatch, OutputWatch
from fer_common.node_clock import NodeClock
from fer_common.parameters import declare, on_change
from fer_common.qos import EVENTS, NEWEST, STREAM
from fer_common.reason import Finding, Reason
from fer_common.runner import ClosingNode, give_back_memory
from fer_common.settings import part, setting
from fer_common.topic_words import Remedies
from fer_node.nodes import messages
from fer_node.nodes.messages import deserialise, to_message
from fer_node.nodes.ros4hri import open_humans
from fer_node.perception.frame import DecodeError, Frame, Stages, open_message, table
from fer_node.perception.pipeline import (
    ExpressionClassifier,
    Perception,
    PerceptionSettings,
)
from fer_node.perception.worker import AgeGate, Worker
from fer_node.show.markers import FaceMarkers, Viewpoint

# ----------------------------------------------------------------------
# How the perception is doing: what happens to the images, and what is wrong.

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"


@dataclass(frozen=True)
class PerceptionLimits:
    """From where on the perception is not well."""

    warn_rate: float = setting(
        10.0, "Diagnostics warns of fewer images per second.", low=0.0, high=240.0, live=True
    )
    warn_latency_s: float = setting(
        0.25,
        "Diagnostics warns of a longer time from image to answer, s.",
        low=0.0,
        high=60.0,
        live=True,
    )
    warn_silence_s: float = setting(
        3.0, "Diagnostics warns when no image comes for so long, s.", low=0.1, high=3600.0
    )
    error_silence_s: float = setting(10.0, "After so long it is an error, s.", low=0.1, high=3600.0)


class PerceptionHealth:
    """Counts what happens to the images. Images come in one thread and are processed in another.

    Args:
        limits: see there.
        clock: monotonic seconds.

    Attributes:
        limits: see there; may be replaced at any time.
        state: of the lifecycle.
        enabled: whether `~/enable` lets the node look.
        bundle: the model; None while there is none.
        runtime: what computes it, and its precision; None until then.
        topic: where images are expected.
        mishaps: what went wrong.
        arrivals: of images.
        processed: images, and their latency.
        stages: where the time of an image goes.
        size: width and height of the last image, pixels; None before the first.
        faces: in the last image.
        dropped_busy: images that newer ones replaced.
        dropped_old: images that were older than allowed.
        undecodable: images that could not be decoded or processed.
        complaint: about the stamps of the images; None when they are good.
        expected: whether images should come.
    """

    def __init__(
        self, limits: PerceptionLimits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limits, self._clock = limits, clock
        self.state, self.enabled, self.topic = "unconfigured", True, ""
        self.expected = True
        self.bundle: Bundle | None = None
        self.runtime: str | None = None
        self.mishaps = Mishaps(clock)
        self.begin()

    def begin(self) -> None:
        """Counts from the start."""
        self.arrivals, self.processed, self.stages = Statistics(), Statistics(), Stages()
        self.dropped_busy = self.dropped_old = self.undecodable = self.faces = 0
        self.size: tuple[int, int] | None = None
        self.complaint: str | None = None
        self._last_image = self._clock()

    def arrived(self, now: float) -> None:
        """An image came."""
        self._last_image = now
        self.arrivals.add(0.0, now)

    @property
    def silent_s(self) -> float:
        """Since an image came, or since the node began to wait for one, seconds."""
        return self._clock() - self._last_image

    def report(self, wiring: Sequence[Finding], readers: Sequence[Finding]) -> Report:
        """How the perception is doing.

        Args:
            wiring: what is wrong with the topic of the images.
            readers: who cannot hear what is told.
        """
        now = self._clock()
        arrivals, processed = self.arrivals.summary(now), self.processed.summary(now)
        values = {
            "state": self.state,
            "enabled": "yes" if self.enabled else "no",
            "model": self.bundle.name if self.bundle else "none",
            "model hash": (self.bundle.short_hash if self.bundle else None) or "none",
            "runtime": self.runtime or "none",
            "image topic": self.topic,
            IMAGES_EXPECTED: "yes" if self.expected else "no",
            "image size": "{}x{}".format(*self.size) if self.size else "unknown",
            "images received [1/s]": f"{arrivals.rate:.1f}",
            "images processed": processed.count,
            **figures(processed),
            **{f"{row.stage} [ms]": f"{1e3 * row.median_s:.2f}" for row in self.stages.figures()},
            "age of the newest image [s]": age(arrivals.age_s),
            "dropped, busy": self.dropped_busy,
            "dropped, too old": self.dropped_old,
            "not decodable": self.undecodable,
            "faces": self.faces,
            **self.mishaps.values,
        }
        text = f"{processed.rate:.1f} images/s, {self.faces} faces"
        if not self.expected and not processed.count:
            text = "no camera: nobody is looked for"
        found = [error(self.mishaps.recent)]
        if self.state != "active":
            found.append(warn(self.state))
        else:
            found += [*wiring, *readers, warn(self.complaint)]
            if self.enabled and not wiring:
                found += [self._slowness(arrivals, processed), self._lateness(processed)]
        return Report(text if self.enabled else "disabled: not looking", values, found)

    def _slowness(self, arrivals: Summary, processed: Summary) -> Finding | None:
        rate, question = Limits(self.limits.warn_rate), "is the camera slow, or in the dark?"
        slow = slowness(arrivals, rate, "images", question)
        if slow is not None:
            return slow
        question = f"{arrivals.rate:.1f} images/s come, is the machine busy?"
        return slowness(processed, rate, "processed images", question)

    def _lateness(self, processed: Summary) -> Finding | None:
        took_s, allowed_s = processed.median_s, self.limits.warn_latency_s
        return Limits(allowed_s).above(
            took_s,
            f"expressions are known {1e3 * took_s:.0f} ms after the image, "
            f"expected at most {1e3 * allowed_s:g}",
        )


def remedies(topic: str, transport: str) -> Remedies:
    """What to do when the images that are expected on a topic come elsewhere.

    Args:
        topic: full name of the images, without ``/compressed``.
        transport: parameter ``image_transport``.
    """

    def raw(other: str) -> str | None:
        switch = "set image_transport to raw" if transport != "raw" else None
        return _both(switch, _remap(other) if other != topic else None)

    def compressed(other: str) -> str | None:
        switch = "set image_transport to compressed" if transport != "compressed" else None
        where = other.removesuffix("/compressed")
        if where == other:
            return _both(switch, f"remap {topic}/compressed:={other}")
        return _both(switch, _remap(where) if where != topic else None)

    return {RAW: raw, COMPRESSED: compressed}


def _remap(topic: str) -> str:
    return f"remap with image_topic:={topic}"


def _both(first: str | None, second: str | None) -> str | None:
    return " and ".join(part for part in (first, second) if part is not None) or None


# ----------------------------------------------------------------------


@dataclass(frozen=True)
class FerParameters:
    """Parameters of `fer_node.nodes.fer_node.FerNode`."""

    model: str = setting(
        "ec_rfernet",
        "Name of a bundle in fer_models, or path of one.",
        fixed="the network is loaded and checked when the node starts",
    )
    force_model: bool = setting(
        False,
        "Load also a model that its training found unfit for use.",
        fixed="the network is loaded and checked when the node starts",
    )
    image_transport: str = setting(
        "raw",
        "raw: Image on image; compressed: CompressedImage on image/compressed.",
        choices=("raw", "compressed"),
    )
    expect_images: bool = setting(True, "Whether to warn when nobody publishes images.")
    autostart: bool = setting(True, "Whether to configure and activate at start.")
    detector: str = setting(
        DEFAULT_DETECTOR,
        "What finds the faces: blazeface, mediapipe, or what another package registers.",
    )
    detection_score: float = setting(
        LEAST_SCORE, "Faces that the detector is less sure of are ignored.", low=0.0, high=1.0
    )
    perception: PerceptionSettings = part(PerceptionSettings)
    max_age_s: float = setting(0.5, "Older images are dropped, s.", low=0.01, high=60.0, live=True)
    runtime: str = setting(
        "auto",
        "What computes the network: native (our own kernels), onnxruntime, openvino, torch, or "
        "what another package registers; auto: what was chosen for this machine.",
    )
    precision: str = setting(
        "auto",
        "With which numbers; auto: what was chosen for this machine.",
        choices=("auto", *PRECISIONS),
    )
    threads: int = setting(1, "Threads of the classification, and of OpenCV.", low=1, high=64)
    profile: bool = setting(False, "Whether to log where the time of an image goes.")
    ros4hri: bool = setting(
        False, "Whether to publish the faces on /humans as well (REP-155); needs hri_msgs."
    )
    viewpoint: Viewpoint = part(Viewpoint)
    limits: PerceptionLimits = part(PerceptionLimits)


class CameraInfoReader:
    """Knows how wide the camera sees. Messages are read only when somebody asks.

    Args:
        node: that subscribes.
        topic: of the ``camera_info``.
    """

    def __init__(self, node: LifecycleNode, topic: str) -> None:
        self._newest = self._read = b""
        self._info: CameraInfo | None = None
        node.create_subscription(CameraInfo, topic, self._keep, NEWEST, raw=True)

    def focal_px(self, width: int) -> float:
        """Focal length in pixels of an image that wide."""
        newest = self._newest
        if newest is not self._read:
            self._read, self._info = newest, deserialize_message(newest, CameraInfo)
        return focal_px(width, self._info)

    def _keep(self, message: bytes) -> None:
        self._newest = message


class Outputs:
    """The publishers of `FerNode`; what is only for looking at is made while someone looks.

    Args:
        node: that publishes.
        faces: makes the markers.
        camera: that sees the faces.
        ros4hri: whether to publish the faces after REP-155 as well.
    """

    def __init__(
        self,
        node: LifecycleNode,
        faces: FaceMarkers,
        camera: CameraInfoReader,
        ros4hri: bool = False,
    ) -> None:
        self._faces, self._camera = faces, camera
        self._humans = open_humans(node) if ros4hri else None
        self._emotion = node.create_lifecycle_publisher(Emotion, "emotion", EVENTS)
        self._emotions = node.create_lifecycle_publisher(EmotionArray, "emotions", EVENTS)
        self._overlay = node.create_lifecycle_publisher(Image, "~/overlay", STREAM)
        self._markers = node.create_lifecycle_publisher(MarkerArray, "~/markers", EVENTS)

    @property
    def emotions(self) -> tuple[LifecyclePublisher, LifecyclePublisher]:
        """The publishers of the emotions."""
        return self._emotion, self._emotions

    def publish(self, perceived: Perceived, header: Header, frame: Frame, latency_s: float) -> None:
        """Tells what was perceived.

        Args:
            perceived: see there.
            header: of the image.
            frame: the image.
            latency_s: from the image's stamp until now, seconds.
        """
        width, height = frame.width, frame.height
        focus, labels = perceived.focus, perceived.labels
        if focus is not None:
            self._emotion.publish(messages.emotion(focus, labels, header, width, height))
        self._emotions.publish(messages.emotions(perceived, header, width, height))
        if self._humans is not None:
            self._humans.publish(perceived, header, frame)
        if self._markers.get_subscription_count():
            self._show_markers(perceived, header, width, height)
        if self._overlay.get_subscription_count():
            self._overlay.publish(to_message(draw(frame.bgr(), perceived, latency_s), header))

    def publish_nobody(
        self, header: Header, labels: tuple[str, ...], size: tuple[int, int]
    ) -> None:
        """Tells that nobody is looked at any more.

        Args:
            header: of the last image.
            labels: of the model.
            size: of the last image, width and height, pixels.
        """
        nobody = Perceived(labels=labels)
        self._emotions.publish(messages.emotions(nobody, header, *size))
        if self._markers.get_subscription_count():
            self._show_markers(nobody, header, *size)
        self.close_faces(header)

    def _show_markers(self, perceived: Perceived, header: Header, width: int, height: int) -> None:
        focal = self._camera.focal_px(width)
        self._markers.publish(self._faces.update(perceived, header, width, height, focal))

    def close_faces(self, header: Header) -> None:
        """Ends the topics of single faces; no other thread may publish meanwhile."""
        if self._humans is not None:
            self._humans.publish_nobody(header)


def load_bundle(model: str) -> Bundle:
    """A bundle by path, or by its name in the package ``fer_models``.

    Raises:
        InputError: there is none, or it is damaged.
    """
    try:
        folders = [Path(get_package_share_directory("fer_models"))]
    except PackageNotFoundError:
        folders = []
    return bundles.load(bundles.find(model, folders))


Arrival = tuple["Image | CompressedImage", Any, float]
"""A message, its data, and when it came, seconds of `NodeClock`."""

_SAY_AGAIN_S = 5.0
_PROFILE_S = 5.0
_SETTLED_S = 5.0  # by then all networks are loaded, if somebody is there


class FerNode(ClosingNode, LifecycleNode):
    """Publishes the expressions of the people in front of the camera.

    Configured: the bundle is read and verified. Active: the model is in memory and
    images are subscribed to; deactivation gives back both. Images are processed in a
    thread of their own, which also publishes: rclpy's publishers may be used from any
    thread as long as nobody destroys them, and the thread is joined before that. (The
    topics of single faces, see `fer_node.nodes.ros4hri`, are its own to destroy.)

    Args:
        bundle: finds and reads the model named by the parameter.
        detector: makes a face detector for a least score; None: what the parameter names.
        classifier: makes a classifier of a bundle for a number of threads, a runtime and a
            precision; see `ec_rfernet.runtimes.open_classifier`.
        options: for `rclpy.node.Node`.

    Raises:
        ParameterError: a parameter is out of range.
    """

    def __init__(
        self,
        bundle: Callable[[str], Bundle] = load_bundle,
        detector: Callable[[float], FaceDetector] | None = None,
        classifier: Callable[[Bundle, int, str, str], ExpressionClassifier] = open_classifier,
        **options: Any,
    ) -> None:
        super().__init__("fer_node", **options)
        self._params, self._seconds = declare(self, FerParameters), NodeClock(self)
        self._load_bundle, self._make_detector, self._make_classifier = bundle, detector, classifier
        self._detector: FaceDetector | None = None
        self._perception: Perception | None = None
        self._worker: Worker[Arrival] | None = None
        self._images: Subscription | None = None
        self._watch: InputWatch | None = None
        self._looking = Lock()  # held while an image is processed, or the switch turned
        self._gate = AgeGate(self._params.max_age_s)
        self._header = Header()
        self._last_complaint: str | None = None
        self._health = PerceptionHealth(self._params.limits, self._seconds)
        self._health.topic = self._input()[1]
        self._health.expected = self._params.expect_images
        beside = self.resolve_topic_name("image").rpartition("/")[0]
        self._outputs = Outputs(
            self,
            FaceMarkers(self._params.viewpoint),
            CameraInfoReader(self, f"{beside}/camera_info"),
            self._params.ros4hri,
        )
        self.closing.callback(self._release)
        self.create_service(SetBool, "~/enable", self._on_enable)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        if self._params.profile:
            self.create_timer(_PROFILE_S, self._log_profile, clock=steady)
        self._settling = self.create_timer(_SETTLED_S, self._settle, clock=steady)
        self._readers = [OutputWatch(self, publisher) for publisher in self._outputs.emotions]
        DiagnosticsPublisher(self, "expressions", self._report)
        on_change(self, FerParameters, self._prepare)

    def _prepare(self, new: FerParameters, _names: frozenset[str]) -> Callable[[], None]:
        def change() -> None:
            with self._looking:  # between two images
                self._params = new
                self._health.limits, self._gate.max_age_s = new.limits, new.max_age_s
                if self._perception is not None:
                    self._perception.adjust(new.perception)

        return change

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Reads and verifies the bundle, and finds the detector."""
        try:
            bundle = self._load_bundle(self._params.model)
            self._health.bundle = bundles.require_fit(bundle, self._params.force_model)
            if self._make_detector is None:
                DETECTORS.get(self._params.detector)
                self._make_detector = partial(DETECTORS.make, self._params.detector)
        except InputError as error:
            self._fail(str(error))
            return TransitionCallbackReturn.FAILURE
        self._health.state = "inactive"
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads the model and begins to look."""
        bundle, params, health = self._health.bundle, self._params, self._health
        if bundle is None or self._make_detector is None:
            return TransitionCallbackReturn.FAILURE
        # OpenCV's threads look for work after each call, which takes more time than they save.
        cv2.setNumThreads(params.threads)
        try:
            classifier = self._make_classifier(
                bundle, params.threads, params.runtime, params.precision
            )
            self._detector = MultiScaleDetector(
                self._make_detector, params.detection_score, params.perception.min_face_px
            )
        except InputError as error:
            self._fail(str(error))
            return TransitionCallbackReturn.FAILURE
        if classifier.warning:
            self.get_logger().warning(classifier.warning)
        health.begin()
        health.runtime = f"{classifier.runtime} {classifier.precision}"
        self._gate, self._header = AgeGate(params.max_age_s), Header()
        self._perception = Perception(self._detector, classifier, params.perception, health.stages)
        self._worker = Worker(self._process, self._broken)
        result = super().on_activate(state)
        kind, topic = self._input()
        receive = partial(self._on_image, kind)
        self._images = self.create_subscription(kind, topic, receive, NEWEST, raw=True)
        self._watch = self._watched(self._images)
        self._settling.reset()
        health.state, health.topic = "active", self._images.topic_name
        model = f"{bundle.name} {bundle.short_hash}"
        self.get_logger().info(f"looking at {health.topic} with model {model} ({health.runtime})")
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops looking and frees the model."""
        self._release()
        self._health.state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forgets the bundle."""
        self._release()
        self._health.bundle, self._health.state = None, "unconfigured"
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops for good."""
        self._release()
        self._health.bundle, self._health.state = None, "finalized"
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to the beginning after a transition went wrong."""
        self._release()
        self._health.bundle, self._health.state = None, "unconfigured"
        super().on_error(state)
        return TransitionCallbackReturn.SUCCESS

    def _release(self) -> None:
        if self._images is not None:
            self.destroy_subscription(self._images)
        if self._worker is not None:
            self._worker.stop()
            self._health.dropped_busy = self._worker.dropped
        if self._detector is not None:
            self._detector.close()
        now = self.get_clock().now().to_msg()
        self._outputs.close_faces(Header(stamp=now, frame_id=self._header.frame_id))
        self._images = self._worker = self._detector = self._perception = None
        self._watch = None

    def _input(self) -> tuple[type, str]:
        topic = self.resolve_topic_name("image")
        if self._params.image_transport == "compressed":
            return CompressedImage, f"{topic}/compressed"
        return Image, topic

    def _watched(self, images: Subscription) -> InputWatch:
        topic, transport = self.resolve_topic_name("image"), self._params.image_transport
        limits = self._params.limits
        return InputWatch(
            self,
            images,
            "images",
            "is the camera running?" if self._health.expected else None,
            silence=Limits(limits.warn_silence_s, limits.error_silence_s),
            single=True,
            remedies=remedies(topic, transport),
        )

    # Images

    def _on_image(self, kind: type[Image | CompressedImage], serialised: bytes) -> None:
        arrived = self._seconds()
        try:
            message, data = deserialise(serialised, kind)
        except DecodeError as error:
            door_of(self).refuse(Reason("unreadable", str(error)), self._health.topic)
            return
        if (reason := refusal(message)) is not None:
            door_of(self).refuse(reason, self._health.topic)
            return
        self._health.arrived(arrived)
        self._header.frame_id = message.header.frame_id
        if self._worker is not None and self._health.enabled:
            self._worker.put((message, data, arrived))

    def _process(self, arrival: Arrival) -> None:
        message, data, arrived = arrival
        health, stages = self._health, self._health.stages
        stamp, waited = seconds(message.header.stamp), self._seconds() - arrived
        admitted = self._gate.admits(stamp, self._now(), arrived)
        health.dropped_old, health.complaint = self._gate.dropped, self._gate.complaint
        if not admitted:
            return
        stages.begin()
        stages.add("wait", waited)
        with self._looking:
            if not health.enabled or self._perception is None:
                return
            try:
                frame = open_message(message, data, stages)
                health.size = (frame.width, frame.height)
                perceived = self._perception.process(frame, arrived)
                with stages("publish"):
                    latency = self._latency(stamp, arrived)
                    self._outputs.publish(perceived, message.header, frame, latency)
            except DecodeError as error:
                health.undecodable += 1
                self._fail(str(error))
                return
        health.faces = len(perceived.estimates)
        self._count(stamp, arrived)

    def _count(self, stamp: float, arrived: float) -> None:
        now, latency = self._seconds(), self._latency(stamp, arrived)
        if self._health.complaint is None:
            self._health.stages.add("receive", latency - (now - arrived))
        self._health.stages.finish()
        self._health.processed.add(latency, now)

    def _latency(self, stamp: float, arrived: float) -> float:
        """Seconds since an image was taken; since it came where its stamp is of no use."""
        if self._health.complaint is not None:
            return self._seconds() - arrived
        return self._now() - stamp

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        health = self._health
        with self._looking:
            if health.enabled and not request.data:
                self._header.stamp = self.get_clock().now().to_msg()
                labels = health.bundle.labels if health.bundle is not None else ()
                self._outputs.publish_nobody(self._header, labels, health.size or (0, 0))
                health.faces = 0
            if self._perception is not None:
                self._perception.reset()
            health.enabled = request.data
        response.success, response.message = True, "looking" if request.data else "not looking"
        self.get_logger().info(response.message)
        return response

    # Health

    def _now(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9

    def _fail(self, text: str) -> None:
        self._health.mishaps.note(text)
        self.get_logger().error(text, throttle_duration_sec=_SAY_AGAIN_S)

    def _broken(self, error: Exception) -> None:
        self._health.undecodable += 1
        self._fail(f"an image could not be processed: {type(error).__name__}: {error}")

    def profile(self) -> str:
        """Where the time of the last images went, for people; see `fer_node.perception.frame`."""
        return table(self._health.stages.figures())

    def _report(self) -> Report:
        health = self._health
        if self._worker is not None:
            health.dropped_busy = self._worker.dropped
        if health.complaint is not None and health.complaint != self._last_complaint:
            self.get_logger().warning(health.complaint)
        self._last_complaint = health.complaint
        wiring = self._watch.findings(health.silent_s) if self._watch is not None else []
        readers = [finding for watch in self._readers for finding in watch.findings()]
        return health.report(wiring, readers)

    def _settle(self) -> None:
        self._settling.cancel()
        give_back_memory()

    def _log_profile(self) -> None:
        if self._health.state == "active":
            self.get_logger().info(f"where the time of an image goes:\n{self.profile()}")

"""The ROS node that sees expressions: lifecycle, topics and the switch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from fer_interfaces.msg import Emotion, EmotionArray
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import (
    LifecycleNode,
    LifecyclePublisher,
    LifecycleState,
    TransitionCallbackReturn,
)
from rclpy.subscription import Subscription
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from std_srvs.srv import SetBool
from visualization_msgs.msg import MarkerArray

from ec_rfernet import bundle as bundles
from ec_rfernet.bundle import Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.faces.face import FaceDetector
from ec_rfernet.faces.mediapipe_detector import MediaPipeDetector
from ec_rfernet.labels import LABELS
from ec_rfernet.runtimes import open_classifier
from ec_rfernet.runtimes.classifier import PRECISIONS, RUNTIMES
from fer_common.diagnostics import Finding, Limits, Mishaps, Report, Statistics
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.graph_watch import InputWatch, OutputWatch
from fer_common.parameters import declare
from fer_common.qos import EVENTS, NEWEST, STREAM
from fer_common.settings import setting
from fer_node.nodes import messages
from fer_node.nodes.health import Health, remedies, report
from fer_node.nodes.messages import to_frame, to_message
from fer_node.nodes.ros4hri import open_humans
from fer_node.perception.finder import Interval
from fer_node.perception.frame import DecodeError, Frame
from fer_node.perception.pipeline import (
    ExpressionClassifier,
    Perceived,
    Perception,
    PerceptionSettings,
)
from fer_node.perception.smoother import Smoothing
from fer_node.perception.stages import Stages, table
from fer_node.perception.worker import AgeGate, Worker
from fer_node.show.markers import FaceMarkers, Viewpoint
from fer_node.show.overlay import draw

# ----------------------------------------------------------------------
# The parameters of ``fer_node``.


@dataclass(frozen=True)
class FerParameters:
    """Parameters of `fer_node.nodes.fer_node.FerNode`."""

    model: str = setting("ec_rfernet", "Name of a bundle in fer_models, or path of one.")
    image_transport: str = setting(
        "raw",
        "raw: Image on image; compressed: CompressedImage on image/compressed.",
        choices=("raw", "compressed"),
    )
    autostart: bool = setting(True, "Whether to configure and activate at start.")
    detection_score: float = setting(
        0.5, "Faces that the detector is less sure of are ignored.", low=0.0, high=1.0
    )
    detect_every_s: float = setting(
        0.2, "Between two detections faces are followed, for so long, s.", low=0.0, high=2.0
    )
    search_every_s: float = setting(
        0.1, "Time between two detections while there is nobody, s.", low=0.0, high=2.0
    )
    min_face_px: float = setting(
        32.0, "Faces narrower than that are not judged, pixels.", low=8.0, high=4096.0
    )
    max_age_s: float = setting(0.5, "Older images are dropped, s.", low=0.01, high=60.0)
    attend_after_s: float = setting(
        0.5, "How long a face must be seen before it is attended to, s.", low=0.0, high=60.0
    )
    forget_after_s: float = setting(
        1.0, "How long a face may be lost before it is forgotten, s.", low=0.0, high=60.0
    )
    smoothing_s: float = setting(
        0.4, "Time constant of the smoothing, s; 0: none.", low=0.0, high=10.0
    )
    hysteresis: float = setting(
        0.08, "By how much a new label must beat the present one.", low=0.0, high=1.0
    )
    dwell_s: float = setting(0.15, "For how long it must beat it, s.", low=0.0, high=10.0)
    runtime: str = setting(
        "auto",
        "What computes the network; auto: what was chosen for this machine.",
        choices=("auto", *RUNTIMES),
    )
    precision: str = setting(
        "auto",
        "With which numbers; auto: what was chosen for this machine.",
        choices=("auto", *PRECISIONS),
    )
    threads: int = setting(1, "Threads of the classification.", low=1, high=64)
    profile: bool = setting(False, "Whether to log where the time of an image goes.")
    ros4hri: bool = setting(
        False, "Whether to publish the faces on /humans as well (REP-155); needs hri_msgs."
    )
    fov_deg: float = setting(
        60.0, "Horizontal field of view, degrees; places the markers.", low=1.0, high=179.0
    )
    markers_frame: str = setting(
        "base_link", "Frame of the markers; empty: that of the images, if tf knows it."
    )
    camera_x: float = setting(
        0.14, "Where the camera is in markers_frame, forward, m.", low=-10.0, high=10.0
    )
    camera_z: float = setting(
        1.15, "Where the camera is in markers_frame, up, m.", low=-10.0, high=10.0
    )
    warn_rate: float = setting(
        10.0, "Diagnostics warns of fewer images per second.", low=0.0, high=240.0
    )
    warn_latency_s: float = setting(
        0.25, "Diagnostics warns of a longer time from image to answer, s.", low=0.0, high=60.0
    )
    warn_silence_s: float = setting(
        3.0, "Diagnostics warns when no image comes for so long, s.", low=0.1, high=3600.0
    )
    error_silence_s: float = setting(10.0, "After so long it is an error, s.", low=0.1, high=3600.0)

    @property
    def viewpoint(self) -> Viewpoint:
        """Where the camera is, for the markers."""
        return Viewpoint(self.markers_frame, self.camera_x, self.camera_z)

    def settings(self) -> PerceptionSettings:
        """The part that the perception needs."""
        return PerceptionSettings(
            min_face_px=self.min_face_px,
            attend_after_s=self.attend_after_s,
            forget_after_s=self.forget_after_s,
            smoothing=Smoothing(self.smoothing_s, self.hysteresis, self.dwell_s),
            interval=Interval(self.detect_every_s, self.search_every_s),
        )


# ----------------------------------------------------------------------
# What `fer_node` publishes of an image.


class Outputs:
    """The publishers; what is only for looking at is made while someone looks.

    Args:
        node: that publishes.
        faces: makes the markers.
        ros4hri: whether to publish the faces after REP-155 as well.
    """

    def __init__(self, node: LifecycleNode, faces: FaceMarkers, ros4hri: bool = False) -> None:
        self._faces = faces
        self._humans = open_humans(node) if ros4hri else None
        self._emotion = node.create_lifecycle_publisher(Emotion, "emotion", EVENTS)
        self._emotions = node.create_lifecycle_publisher(EmotionArray, "emotions", EVENTS)
        self._overlay = node.create_lifecycle_publisher(Image, "~/overlay", STREAM)
        self._markers = node.create_lifecycle_publisher(MarkerArray, "~/markers", EVENTS)

    @property
    def told(self) -> tuple[LifecyclePublisher, LifecyclePublisher]:
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
        if perceived.focus is not None:
            self._emotion.publish(messages.emotion(perceived.focus, header, width, height))
        self._emotions.publish(messages.emotions(perceived.estimates, header, width, height))
        if self._humans is not None:
            self._humans.publish(perceived, header, frame)
        if self._markers.get_subscription_count():
            self._markers.publish(self._faces.update(perceived, header, width, height))
        if self._overlay.get_subscription_count():
            self._overlay.publish(to_message(draw(frame.bgr(), perceived, latency_s), header))

    def publish_nobody(self, header: Header) -> None:
        """Tells that nobody is looked at any more."""
        self._emotions.publish(EmotionArray(header=header))
        if self._markers.get_subscription_count():
            self._markers.publish(self._faces.update(Perceived(), header, 0, 0))
        self.close_faces(header)

    def close_faces(self, header: Header) -> None:
        """Ends the topics of single faces; no other thread may publish meanwhile."""
        if self._humans is not None:
            self._humans.publish_nobody(header)


# ----------------------------------------------------------------------
# Finds the model that the robot sees with.


def load_bundle(model: str) -> Bundle:
    """A bundle by path, or by its name in the package ``fer_models``.

    Raises:
        InputError: there is none, it is damaged, or it knows other expressions than the
            messages do.
    """
    try:
        folders = [Path(get_package_share_directory("fer_models"))]
    except PackageNotFoundError:
        folders = []
    bundle = bundles.load(bundles.find(model, folders))
    if bundle.labels != LABELS:
        raise InputError(
            f"{bundle.folder}: this model tells {', '.join(bundle.labels)}; "
            f"the robot needs {', '.join(LABELS)}, in this order"
        )
    return bundle


# ----------------------------------------------------------------------

Arrival = tuple["Image | CompressedImage", float]
"""A message, and when it came on the monotonic clock."""

_SAY_AGAIN_S = 5.0
_PROFILE_S = 5.0


class FerNode(LifecycleNode):
    """Publishes the expressions of the people in front of the camera.

    Configured: the bundle is read and verified. Active: the model is in memory and
    images are subscribed to; deactivation gives back both. Images are processed in a
    thread of their own, which also publishes: rclpy's publishers may be used from any
    thread as long as nobody destroys them, and the thread is joined before that. (The
    topics of single faces, see `fer_node.nodes.ros4hri`, are its own to destroy.)

    Args:
        bundle: finds and reads the model named by the parameter.
        detector: makes a face detector for a least score.
        classifier: makes a classifier of a bundle for a number of threads, a runtime and a
            precision; see `ec_rfernet.runtimes.open_classifier`.
        options: for `rclpy.node.Node`.

    Raises:
        ParameterError: a parameter is out of range.
    """

    def __init__(
        self,
        bundle: Callable[[str], Bundle] = load_bundle,
        detector: Callable[[float], FaceDetector] = MediaPipeDetector,
        classifier: Callable[[Bundle, int, str, str], ExpressionClassifier] = open_classifier,
        **options: Any,
    ) -> None:
        super().__init__("fer_node", **options)
        self._params = declare(self, FerParameters)
        self._load_bundle, self._make_detector, self._make_classifier = bundle, detector, classifier
        self._bundle: Bundle | None = None
        self._detector: FaceDetector | None = None
        self._perception: Perception | None = None
        self._worker: Worker[Arrival] | None = None
        self._images: Subscription | None = None
        self._looking = Lock()  # held while an image is processed, or the switch turned
        self._enabled = True
        self._state = "unconfigured"
        self._complaint_told = self._runtime = self._size = ""
        self._mishaps = Mishaps(time.monotonic)
        self._watch: InputWatch | None = None
        self._clear()
        faces = FaceMarkers(self._params.viewpoint, self._params.fov_deg)
        self._outputs = Outputs(self, faces, self._params.ros4hri)
        self.create_service(SetBool, "~/enable", self._on_enable)
        if self._params.profile:
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self.create_timer(_PROFILE_S, self._tell_profile, clock=steady)
        self._readers = [OutputWatch(self, publisher) for publisher in self._outputs.told]
        DiagnosticsPublisher(self, "expressions", self._diagnose)

    def _clear(self) -> None:
        self._gate = AgeGate(self._params.max_age_s)
        self._statistics, self._arrivals, self._stages = Statistics(), Statistics(), Stages()
        self._dropped_busy = self._undecodable = self._faces = 0
        self._last_image = time.monotonic()
        self._header = Header()

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Reads and verifies the bundle."""
        try:
            self._bundle = self._load_bundle(self._params.model)
        except InputError as error:
            self._fail(str(error))
            return TransitionCallbackReturn.FAILURE
        self._state = "inactive"
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads the model and begins to look."""
        if self._bundle is None:
            return TransitionCallbackReturn.FAILURE
        try:
            classifier = self._make_classifier(
                self._bundle, self._params.threads, self._params.runtime, self._params.precision
            )
            self._detector = self._make_detector(self._params.detection_score)
        except InputError as error:
            self._fail(str(error))
            return TransitionCallbackReturn.FAILURE
        self._clear()
        if classifier.warning:
            self.get_logger().warning(classifier.warning)
        self._runtime = f"{classifier.runtime} {classifier.precision}"
        self._perception = Perception(
            self._detector, classifier, self._params.settings(), self._stages
        )
        self._worker = Worker(self._process, self._broken)
        result = super().on_activate(state)
        kind, topic = self._input()
        self._images = self.create_subscription(kind, topic, self._on_image, NEWEST)
        self._watch = self._watched(self._images)
        self._state = "active"
        self.get_logger().info(
            f"looking at {self._images.topic_name} with model {self._model()} ({self._runtime})"
        )
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops looking and frees the model."""
        self._release()
        self._state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forgets the bundle."""
        self._release()
        self._bundle, self._state = None, "unconfigured"
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops for good."""
        self._release()
        self._bundle, self._state = None, "finalized"
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to the beginning after a transition went wrong."""
        self._release()
        self._bundle, self._state = None, "unconfigured"
        super().on_error(state)
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Stops looking first."""
        self._release()
        super().destroy_node()

    def _release(self) -> None:
        if self._images is not None:
            self.destroy_subscription(self._images)
        if self._worker is not None:
            self._worker.stop()
            self._dropped_busy = self._worker.dropped
        if self._detector is not None:
            self._detector.close()
        now = self.get_clock().now().to_msg()
        self._outputs.close_faces(Header(stamp=now, frame_id=self._header.frame_id))
        self._images = self._worker = self._detector = self._perception = None

    def _input(self) -> tuple[type, str]:
        topic = self.resolve_topic_name("image")
        if self._params.image_transport == "compressed":
            return CompressedImage, f"{topic}/compressed"
        return Image, topic

    def _watched(self, images: Subscription) -> InputWatch:
        topic, transport = self.resolve_topic_name("image"), self._params.image_transport
        return InputWatch(
            self,
            images,
            "images",
            "is the camera running?",
            silence=Limits(self._params.warn_silence_s, self._params.error_silence_s),
            single=True,
            remedies=remedies(topic, transport),
        )

    def _model(self) -> str:
        return f"{self._bundle.name} {self._bundle.short_hash}" if self._bundle else ""

    # Images

    def _on_image(self, message: Image | CompressedImage) -> None:
        self._last_image = time.monotonic()
        self._arrivals.add(0.0, self._last_image)
        self._header.frame_id = message.header.frame_id
        if self._worker is not None and self._enabled:
            self._worker.put((message, self._last_image))

    def _process(self, arrival: Arrival) -> None:
        message, arrived = arrival
        stamp, waited = _seconds(message.header), time.monotonic() - arrived
        if not self._gate.admits(stamp, self._now(), arrived):
            return
        self._stages.begin()
        self._stages.add("wait", waited)
        with self._looking:
            if not self._enabled or self._perception is None:
                return
            try:
                frame = to_frame(message, self._stages)
                self._size = f"{frame.width}x{frame.height}"
                perceived = self._perception.process(frame, arrived)
                with self._stages("publish"):
                    latency = self._latency(stamp, arrived)
                    self._outputs.publish(perceived, message.header, frame, latency)
            except DecodeError as error:
                self._undecodable += 1
                self._fail(str(error))
                return
        self._faces = len(perceived.estimates)
        self._count(stamp, arrived)

    def _count(self, stamp: float, arrived: float) -> None:
        now, latency = time.monotonic(), self._latency(stamp, arrived)
        if not self._gate.complaint:
            self._stages.add("receive", latency - (now - arrived))
        self._stages.finish()
        self._statistics.add(latency, now)

    def _latency(self, stamp: float, arrived: float) -> float:
        """Seconds since an image was taken; since it came where its stamp is of no use."""
        return time.monotonic() - arrived if self._gate.complaint else self._now() - stamp

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        with self._looking:
            if self._enabled and not request.data:
                self._header.stamp = self.get_clock().now().to_msg()
                self._outputs.publish_nobody(self._header)
                self._faces = 0
            if self._perception is not None:
                self._perception.reset()
            self._enabled = request.data
        response.success, response.message = True, "looking" if request.data else "not looking"
        self.get_logger().info(response.message)
        return response

    # Health

    def _now(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9

    def _fail(self, text: str) -> None:
        self._mishaps.note(text)
        self.get_logger().error(text, throttle_duration_sec=_SAY_AGAIN_S)

    def _broken(self, error: Exception) -> None:
        self._undecodable += 1
        self._fail(f"an image could not be processed: {type(error).__name__}: {error}")

    def _health(self) -> Health:
        now = time.monotonic()
        silent_s, bundle = now - self._last_image, self._bundle
        wiring: list[Finding] = []
        if self._watch is not None and self._images is not None:
            wiring = self._watch.findings(silent_s)
        readers = [finding for watch in self._readers for finding in watch.findings()]
        return Health(
            state=self._state,
            enabled=self._enabled,
            model=bundle.name if bundle else "",
            model_hash=bundle.short_hash if bundle else "",
            runtime=self._runtime,
            topic=self._images.topic_name if self._images else self._input()[1],
            size=self._size,
            arrivals=self._arrivals.summary(now),
            summary=self._statistics.summary(now),
            stages=self._stages.figures(),
            dropped_busy=self._worker.dropped if self._worker else self._dropped_busy,
            dropped_old=self._gate.dropped,
            undecodable=self._undecodable,
            faces=self._faces,
            complaint=self._gate.complaint,
            wiring=wiring,
            readers=readers,
            error=self._mishaps.recent,
            mishaps=self._mishaps.values,
        )

    def profile(self) -> str:
        """Where the time of the last images went, for people; see `fer_node.perception.stages`."""
        return table(self._stages.figures())

    def _diagnose(self) -> Report:
        health, params = self._health(), self._params
        if health.complaint and health.complaint != self._complaint_told:
            self.get_logger().warning(health.complaint)
        self._complaint_told = health.complaint
        return report(health, Limits(params.warn_rate), Limits(params.warn_latency_s))

    def _tell_profile(self) -> None:
        if self._state == "active":
            self.get_logger().info(f"where the time of an image goes:\n{self.profile()}")


def _seconds(header: Header) -> float:
    return Time.from_msg(header.stamp).nanoseconds * 1e-9

from __future__ import annotations

import json
import shutil
from collections import defaultdict

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fer_interfaces.msg import Emotion, EmotionArray
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from std_srvs.srv import SetBool
from visualization_msgs.msg import MarkerArray

from ec_rfernet.detection import MediaPipeDetector
from ec_rfernet.errors import InputError
from fer_common.parameters import ParameterError
from fer_common.qos import EVENTS, NEWEST, STREAM
from fer_common.runner import start
from fer_common.testing import spin_until, spinning
from fer_node.fakes import FAKE_BUNDLE, FakeClassifier, FakeDetector, frontal_face, surely
from fer_node.fer_node import FerNode, load_bundle
from fer_node.images import to_message

NOISE = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
FACE = frontal_face(160, 120, 100)
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class Person(Node):
    """Shows images and collects what `fer_node` says of them."""

    TOPICS = {  # noqa: RUF012
        "emotion": (Emotion, EVENTS),
        "emotions": (EmotionArray, EVENTS),
        "fer_node/markers": (MarkerArray, EVENTS),
        "/diagnostics": (DiagnosticArray, EVENTS),
    }

    def __init__(self) -> None:
        super().__init__("person")
        self.heard = defaultdict(list)
        for topic, (kind, qos) in self.TOPICS.items():
            self.create_subscription(kind, topic, self.heard[topic].append, qos)
        self.raw = self.create_publisher(Image, "image", STREAM)
        self.compressed = self.create_publisher(CompressedImage, "image/compressed", STREAM)
        self.message = self.image(NOISE)
        self.create_timer(1 / 30, self._show)

    def image(self, pixels: np.ndarray) -> Image:
        return to_message(pixels, Header(frame_id="camera"))

    def _show(self) -> None:
        if self.message is None:
            return
        if self.message.header.stamp.sec >= 0:
            self.message.header.stamp = self.get_clock().now().to_msg()
        publisher = self.raw if isinstance(self.message, Image) else self.compressed
        publisher.publish(self.message)

    def last(self, topic: str):
        return self.heard[topic][-1] if self.heard[topic] else None

    def forget(self) -> None:
        for messages in self.heard.values():
            messages.clear()

    def status(self) -> DiagnosticStatus | None:
        message = self.last("/diagnostics")
        return message.status[0] if message else None

    def complaint(self) -> str:
        status = self.status()
        return status.message if status else ""


def fer(faces=(FACE,), label="happy", classifier=None, detector=None, bundle=None, **values):
    """A factory of nodes with fake networks."""
    finder = detector or (lambda score: FakeDetector(lambda image: list(faces)))
    judge = classifier or FakeClassifier(surely(label))
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return lambda: FerNode(
        bundle=bundle or (lambda model: FAKE_BUNDLE),
        detector=finder,
        classifier=lambda bundle, threads: judge,
        parameter_overrides=overrides,
    )


def test_a_face_in_an_image_becomes_emotions():
    with spinning(Person, fer(attend_after_s=0.1)) as (executor, (person, node)):
        start(node)
        assert spin_until(executor, lambda: len(person.heard["emotion"]) > 3)
        emotion, array = person.last("emotion"), person.last("emotions")
        assert (emotion.label, emotion.header.frame_id) == ("happy", "camera")
        assert emotion.confidence == pytest.approx(0.94, abs=1e-3)
        assert sum(emotion.probabilities) == pytest.approx(1, abs=1e-4)
        assert emotion.valence > 0.5
        roi = emotion.roi
        assert (roi.x_offset, roi.y_offset, roi.width, roi.height) == (110, 70, 100, 100)
        assert [e.face_id for e in array.emotions] == [emotion.face_id]
        assert spin_until(executor, lambda: person.heard["fer_node/markers"])
        markers = person.last("fer_node/markers").markers
        assert markers[0].header.frame_id == "camera"
        assert markers[1].text == f"{emotion.face_id}: happy 94%"


@pytest.mark.parametrize("number", [0, 20])
def test_any_number_of_faces(number):
    faces = [frontal_face(20 + 30 * (i % 10), 40 + 60 * (i // 10), 45) for i in range(number)]
    with spinning(Person, fer(faces)) as (executor, (person, node)):
        start(node)
        assert spin_until(executor, lambda: person.heard["emotions"])
        assert len(person.last("emotions").emotions) == number
        assert len({e.face_id for e in person.last("emotions").emotions}) == number


def test_the_overlay_is_drawn_only_for_those_who_look():
    with spinning(Person, fer()) as (executor, (person, node)):
        start(node)
        assert spin_until(executor, lambda: person.heard["emotions"])
        overlays: list[Image] = []
        person.create_subscription(Image, "fer_node/overlay", overlays.append, NEWEST)
        assert spin_until(executor, lambda: overlays)
        assert overlays[0].encoding == "bgr8"
        assert (overlays[0].height, overlays[0].width) == NOISE.shape[:2]
        assert bytes(overlays[0].data) != NOISE.tobytes()


def test_compressed_images():
    with spinning(Person, fer(image_transport="compressed")) as (executor, (person, node)):
        data = cv2.imencode(".jpg", NOISE)[1].tobytes()
        person.message = CompressedImage(format="jpeg", data=data)
        start(node)
        assert spin_until(executor, lambda: person.heard["emotions"])
        person.message = CompressedImage(format="jpeg", data=data[: len(data) // 2])
        assert spin_until(executor, lambda: "truncated JPEG" in person.complaint())


def odd(**changes) -> Image:
    message = to_message(NOISE, Header(frame_id="camera"))
    for name, value in changes.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (odd(encoding="32FC7"), "'32FC7'"),
        (odd(data=b"short"), "has 5 bytes"),
        (odd(height=0), "320x0 pixels"),
        (odd(step=7), "step of the bgr8 image is 7"),
    ],
    ids=["encoding", "truncated", "empty", "step"],
)
def test_bad_images_are_reported_and_survived(message, complaint):
    with spinning(Person, fer()) as (executor, (person, node)):
        person.message = message
        start(node)
        assert spin_until(
            executor, lambda: person.status() and complaint in person.status().message
        )
        assert person.status().level == DiagnosticStatus.ERROR
        assert not person.heard["emotions"]
        person.message = person.image(NOISE)
        assert spin_until(executor, lambda: person.heard["emotions"])


def test_a_failing_detector_is_reported_and_survived():
    calls = []

    def faces(image):
        calls.append(image)
        if len(calls) < 3:
            raise RuntimeError("no luck")
        return [FACE]

    detector = FakeDetector(faces)
    with spinning(Person, fer(detector=lambda score: detector)) as (executor, (person, node)):
        start(node)
        assert spin_until(executor, lambda: person.heard["emotions"])
        assert spin_until(executor, lambda: person.status())
        values = {v.key: v.value for v in person.status().values}
        assert "RuntimeError: no luck" in values["last error"]


@pytest.mark.parametrize("shape", [(480, 640), (1, 1), (7, 300)])
def test_black_and_tiny_images_show_nobody(shape, mediapipe):
    with spinning(Person, fer(detector=lambda score: mediapipe)) as (executor, (person, node)):
        person.message = person.image(np.zeros((*shape, 3), np.uint8))
        start(node)
        assert spin_until(executor, lambda: person.heard["emotions"])
        assert len(person.last("emotions").emotions) == 0


@pytest.fixture
def mediapipe():
    pytest.importorskip("mediapipe")
    return MediaPipeDetector(0.5)


def test_a_smile_is_seen_with_the_real_networks(collins):
    pytest.importorskip("mediapipe")
    with spinning(Person, FerNode) as (executor, (person, node)):
        person.message = person.image(collins)
        start(node)
        assert spin_until(executor, lambda: person.heard["emotion"], 40)
        emotion = person.last("emotion")
        assert emotion.label == "happy"
        left, top = emotion.roi.x_offset, emotion.roi.y_offset
        assert left < 224 < left + emotion.roi.width and top < 132 < top + emotion.roi.height


def test_the_switch():
    with spinning(Person, fer()) as (executor, (person, node)):
        start(node)
        client = person.create_client(SetBool, "fer_node/enable")
        assert spin_until(executor, lambda: person.heard["emotions"] and client.service_is_ready())

        off = client.call_async(SetBool.Request(data=False))
        assert spin_until(executor, off.done)
        assert (off.result().success, off.result().message) == (True, "not looking")
        assert spin_until(executor, lambda: not person.last("emotions").emotions)
        person.forget()
        assert spin_until(executor, lambda: len(person.heard["/diagnostics"]) >= 2)
        assert person.heard["emotions"] == [] and person.heard["emotion"] == []
        assert person.status().message == "disabled: not looking"

        assert spin_until(executor, client.call_async(SetBool.Request(data=True)).done)
        assert spin_until(executor, lambda: person.heard["emotions"])


def test_the_lifecycle_frees_and_reloads_the_model():
    detectors: list[FakeDetector] = []

    def make(score):
        detectors.append(FakeDetector(lambda image: [FACE]))
        return detectors[-1]

    with spinning(Person, fer(detector=make)) as (executor, (person, node)):
        for cycle in range(1, 4):
            assert node.trigger_configure() is SUCCESS
            assert len(detectors) == 2 * cycle - 2
            for _ in range(2):
                assert node.trigger_activate() is SUCCESS
                person.forget()
                assert spin_until(executor, lambda: person.heard["emotions"])
                assert node.trigger_deactivate() is SUCCESS
                assert all(detector.closed for detector in detectors)
            assert node.trigger_cleanup() is SUCCESS
        assert person.raw.get_subscription_count() == 0
        assert node.trigger_shutdown() is SUCCESS


def test_it_can_be_shut_down_and_destroyed_in_any_state():
    for steps in ((), ("configure",), ("configure", "activate")):
        for shutdown in (True, False):
            with spinning(Person, fer()) as (_, (_, node)):
                for step in steps:
                    assert getattr(node, f"trigger_{step}")() is SUCCESS
                if shutdown:
                    assert node.trigger_shutdown() is SUCCESS


def test_old_images_are_dropped_and_counted():
    with spinning(Person, fer(max_age_s=0.3)) as (executor, (person, node)):
        person.message = None
        start(node)
        message = person.image(NOISE)
        old = person.get_clock().now().nanoseconds - 2_000_000_000
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(old, 10**9)

        def dropped():
            person.raw.publish(message)
            values = {v.key: v.value for v in person.status().values} if person.status() else {}
            return int(values.get("dropped, too old", 0)) > 0

        assert spin_until(executor, dropped)
        assert not person.heard["emotions"]
        # A clock that is always wrong does not blind the robot for ever.
        assert spin_until(executor, lambda: dropped() and person.heard["emotions"])
        assert spin_until(executor, lambda: "their age is not checked" in person.complaint())
        assert person.status().level == DiagnosticStatus.WARN


def test_silence_is_reported():
    with spinning(Person, fer()) as (executor, (person, node)):
        person.message = None
        start(node)
        assert spin_until(executor, lambda: "no images on /image for" in person.complaint())
        assert person.complaint().endswith("is the camera running?")


def test_an_inactive_node_says_so():
    with spinning(Person, fer()) as (executor, (person, _)):
        assert spin_until(executor, lambda: person.status())
        assert person.status().message == "unconfigured"
        assert person.status().name == "/fer_node"


def test_a_missing_model_is_one_clear_line():
    with spinning(Person, fer(bundle=load_bundle, model="nonesuch")) as (executor, (person, node)):
        assert node.trigger_configure() is FAILURE
        assert spin_until(executor, lambda: person.status())
        assert "no model 'nonesuch'; expected the path of a bundle" in person.status().message
        assert "\n" not in person.status().message


@pytest.fixture
def copy(tmp_path):
    """A copy of the shipped bundle, and its manifest to be changed."""
    folder = tmp_path / "copy"
    shutil.copytree(load_bundle("ec_rfernet").folder, folder)
    return folder / "bundle.json", json.loads((folder / "bundle.json").read_text())


def test_a_bundle_whose_hash_is_wrong_is_refused(copy):
    path, manifest = copy
    manifest["sha256"]["model.onnx"] = "0" * 64
    path.write_text(json.dumps(manifest))
    node_of_copy = fer(bundle=load_bundle, model=str(path.parent))
    with spinning(Person, node_of_copy) as (executor, (person, node)):
        assert node.trigger_configure() is FAILURE
        assert spin_until(executor, lambda: person.status())
        assert "damaged or was replaced" in person.status().message
        assert person.status().level == DiagnosticStatus.ERROR


def test_a_model_of_other_expressions_is_refused(copy):
    """CK+ has contempt where the messages have neutral: its seventh class would be a lie."""
    path, manifest = copy
    manifest["labels"][-1] = "contempt"
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="tells angry, .*, contempt; the robot needs angry, "):
        load_bundle(str(path.parent))


def test_a_wrong_parameter_is_named():
    with (
        pytest.raises(ParameterError, match="'hysteresis' is 3.0, expected 0..1"),
        spinning(fer(hysteresis=3.0)),
    ):
        pass

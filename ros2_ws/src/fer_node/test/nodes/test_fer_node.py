from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from ament_index_python.packages import get_package_share_directory
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from std_srvs.srv import SetBool
from visualization_msgs.msg import MarkerArray

from ec_rfernet.errors import InputError
from ec_rfernet.faces import DETECTORS
from ec_rfernet.faces.blazeface import BlazeFaceDetector
from ec_rfernet.labels import CONTEMPT, LABELS
from ec_rfernet.registry import Registry
from ec_rfernet.show.palette import colour_of
from fer_common.camera import focal_px
from fer_common.qos import EVENTS, NEWEST, STREAM
from fer_common.runner import start
from fer_common.settings import ParameterError
from fer_common.testing import spin_until, spinning
from fer_node.nodes import fer_node as fer_node_module
from fer_node.nodes.fer_node import FerNode, load_bundle
from fer_node.nodes.messages import camera_info, to_bgr, to_message
from fer_node.show.markers import FACE_WIDTH_M, FaceMarkers
from fer_node.testing.fakes import FAKE_BUNDLE, FakeClassifier, FakeDetector, frontal_face, surely
from fer_node.testing.mock_person import PicturedPerson

SHIPPED = sorted(
    path.parent.name
    for path in Path(get_package_share_directory("fer_models")).glob("*/bundle.json")
)
NOISE = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
FACE = frontal_face(160, 120, 100)
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


def someone():
    return PicturedPerson(NOISE)


def fer(
    faces=(FACE,),
    label="happy",
    make_classifier=None,
    detector=None,
    bundle=None,
    **values,
):
    """A factory of nodes with fake networks."""
    finder = detector or (lambda score: FakeDetector(lambda image: list(faces)))
    judge = FakeClassifier(surely(label))
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return lambda: FerNode(
        bundle=bundle or (lambda model: FAKE_BUNDLE),
        detector=finder,
        classifier=make_classifier or (lambda *choice: judge),
        parameter_overrides=overrides,
    )


def test_a_face_in_an_image_becomes_emotions():
    with spinning(someone, fer(attend_after_s=0.1)) as (executor, (person, node)):
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
        assert {marker.header.frame_id for marker in markers} == {"camera"}
        assert "happy 94%" in [marker.text for marker in markers]


@pytest.mark.parametrize("number", [0, 20])
def test_any_number_of_faces(number):
    faces = [frontal_face(20 + 30 * (i % 10), 40 + 60 * (i // 10), 45) for i in range(number)]
    with spinning(someone, fer(faces)) as (executor, (person, node)):
        start(node)
        assert spin_until(executor, lambda: person.heard["emotions"])
        assert len(person.last("emotions").emotions) == number
        assert len({e.face_id for e in person.last("emotions").emotions}) == number


def test_the_overlay_is_drawn_only_for_those_who_look():
    with spinning(someone, fer()) as (executor, (person, node)):
        start(node)
        assert spin_until(executor, lambda: person.heard["emotions"])
        overlays: list[Image] = []
        person.create_subscription(Image, "fer_node/overlay", overlays.append, NEWEST)
        assert spin_until(executor, lambda: overlays)
        assert overlays[0].encoding == "bgr8"
        assert (overlays[0].height, overlays[0].width) == NOISE.shape[:2]
        assert bytes(overlays[0].data) != NOISE.tobytes()


def test_markers_are_made_only_for_those_who_look(monkeypatch):
    made = []
    monkeypatch.setattr(FaceMarkers, "update", lambda *_: made.append(1) or MarkerArray())
    monkeypatch.delitem(PicturedPerson.TOPICS, "fer_node/markers")
    with spinning(someone, fer()) as (executor, (person, node)):
        start(node)
        assert spin_until(executor, lambda: len(person.heard["emotions"]) > 3)
        assert not made
        seen: list[MarkerArray] = []
        person.create_subscription(MarkerArray, "fer_node/markers", seen.append, EVENTS)
        assert spin_until(executor, lambda: seen)


def test_the_diagnostics_tell_the_runtime_and_where_the_time_goes():
    with spinning(someone, fer()) as (executor, (person, node)):
        start(node)
        values: dict[str, str] = {}

        def told():
            values.update(
                {v.key: v.value for v in person.status().values} if person.status() else {}
            )
            return "publish [ms]" in values

        assert spin_until(executor, told)
        assert values["runtime"] == "fake fp32"
        stages = ("receive", "wait", "detect", "follow", "align", "classify", "smooth", "publish")
        assert all(0 <= float(values[f"{stage} [ms]"]) < 1000 for stage in stages)
        assert [line.split()[0] for line in node.profile().splitlines()][1:-1] == list(stages)


def test_the_runtime_is_asked_for_as_the_parameters_say():
    asked = []

    def classifier(*choice):
        asked.append(choice[1:])
        return FakeClassifier(surely("happy"))

    overrides = {"runtime": "openvino", "precision": "bf16", "threads": 2}
    node_as_told = fer(**overrides, make_classifier=classifier)
    with spinning(node_as_told) as (_, (node,)):
        start(node)
        assert asked == [(2, "openvino", "bf16")]


def test_the_detector_rests_while_a_face_is_followed():
    detector = FakeDetector(lambda image: calls.append(1) or [FACE])
    calls: list[int] = []
    values = {"detector": lambda score: detector, "detect_every_s": 2.0}
    with spinning(someone, fer(**values)) as (executor, (person, node)):
        start(node)
        assert spin_until(executor, lambda: len(person.heard["emotions"]) >= 12)
        assert {len(array.emotions) for array in person.heard["emotions"]} == {1}
        assert len(calls) <= 2


def test_compressed_images():
    with spinning(someone, fer(image_transport="compressed")) as (executor, (person, node)):
        data = cv2.imencode(".jpg", NOISE)[1].tobytes()
        person.message = CompressedImage(format="jpeg", data=data)
        start(node)
        assert spin_until(executor, lambda: person.heard["emotions"])
        person.message = CompressedImage(format="jpeg", data=data[: len(data) // 2])
        assert spin_until(executor, lambda: "JPEG that was cut off" in person.diagnosis())


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
    with spinning(someone, fer()) as (executor, (person, node)):
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
    with spinning(someone, fer(detector=lambda score: detector)) as (executor, (person, node)):
        start(node)
        assert spin_until(executor, lambda: person.heard["emotions"])
        assert spin_until(executor, lambda: person.status())
        values = {v.key: v.value for v in person.status().values}
        assert "RuntimeError: no luck" in values["last error"]


@pytest.mark.parametrize("shape", [(480, 640), (1, 1), (7, 300)])
def test_black_and_tiny_images_show_nobody(shape):
    with spinning(someone, fer(detector=BlazeFaceDetector)) as (executor, (person, node)):
        person.message = person.image(np.zeros((*shape, 3), np.uint8))
        start(node)
        assert spin_until(executor, lambda: person.heard["emotions"])
        assert len(person.last("emotions").emotions) == 0


def test_a_smile_is_seen_with_the_real_networks(collins):
    with spinning(someone, FerNode) as (executor, (person, node)):
        person.message = person.image(collins)
        start(node)
        assert spin_until(executor, lambda: person.heard["emotion"])
        emotion = person.last("emotion")
        assert emotion.label == "happy"
        left, top = emotion.roi.x_offset, emotion.roi.y_offset
        assert left < 224 < left + emotion.roi.width and top < 132 < top + emotion.roi.height


def test_the_switch():
    with spinning(someone, fer()) as (executor, (person, node)):
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

    with spinning(someone, fer(detector=make)) as (executor, (person, node)):
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
            with spinning(someone, fer()) as (_, (_, node)):
                for step in steps:
                    assert getattr(node, f"trigger_{step}")() is SUCCESS
                if shutdown:
                    assert node.trigger_shutdown() is SUCCESS


def test_old_images_are_dropped_and_counted():
    with spinning(someone, fer(max_age_s=0.3)) as (executor, (person, node)):
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
        assert spin_until(executor, lambda: "their age is not checked" in person.diagnosis())
        assert person.status().level == DiagnosticStatus.WARN


def test_silence_is_reported():
    with spinning(someone, fer()) as (executor, (person, node)):
        person.message = None
        start(node)
        assert spin_until(executor, lambda: "no images on /image for" in person.diagnosis())
        assert person.diagnosis().endswith("is the camera running?")


def test_an_inactive_node_says_so():
    with spinning(someone, fer()) as (executor, (person, _)):
        assert spin_until(executor, lambda: person.status())
        assert person.status().message == "unconfigured"
        assert person.status().name == "fer_node: expressions"


def test_a_missing_model_is_one_clear_line():
    with spinning(someone, fer(bundle=load_bundle, model="nonesuch")) as (executor, (person, node)):
        assert node.trigger_configure() is FAILURE
        assert spin_until(executor, lambda: person.status())
        assert "no model 'nonesuch'; expected the path of a bundle" in person.status().message
        assert "\n" not in person.status().message


def test_a_wrong_parameter_is_named():
    with (
        pytest.raises(ParameterError, match="'hysteresis' is 3.0, expected 0..1"),
        spinning(fer(hysteresis=3.0)),
    ):
        pass


# Which models the robot sees with.


@pytest.fixture
def copy(tmp_path):
    """A copy of the shipped bundle, and its manifest to be changed."""
    folder = tmp_path / "copy"
    shutil.copytree(load_bundle("ec_rfernet").folder, folder)
    return folder / "bundle.json", json.loads((folder / "bundle.json").read_text())


@pytest.mark.parametrize("model", SHIPPED)
def test_each_shipped_model_is_found_by_its_name_and_sees_a_smile(model, collins):
    overrides = [Parameter("model", value=model), Parameter("attend_after_s", value=0.1)]
    factories = lambda: PicturedPerson(collins), lambda: FerNode(parameter_overrides=overrides)
    with spinning(*factories) as (executor, (person, node)):
        start(node)
        assert spin_until(executor, lambda: person.heard["emotion"])
        assert person.last("emotion").label == "happy"


def test_a_bundle_whose_hash_is_wrong_is_refused(copy):
    path, manifest = copy
    manifest["sha256"]["model.onnx"] = "0" * 64
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="damaged or was replaced"):
        load_bundle(str(path.parent))


def test_a_model_that_its_training_found_unfit_is_refused_unless_forced(copy):
    path, manifest = copy
    path.write_text(json.dumps({**manifest, "unfit": "it has collapsed"}))
    model = {"bundle": load_bundle, "model": str(path.parent)}
    with spinning(someone, fer(**model)) as (executor, (person, node)):
        assert node.trigger_configure() is FAILURE
        assert spin_until(executor, lambda: person.status())
        assert "it has collapsed; train anew, or force it" in person.status().message
    with spinning(fer(**model, force_model=True)) as (_, (node,)):
        assert node.trigger_configure() is SUCCESS


def test_a_model_of_other_expressions_is_taken_with_its_labels(copy):
    """CK+ has contempt where the other sets have neutral."""
    path, manifest = copy
    manifest["labels"][-1] = "contempt"
    path.write_text(json.dumps(manifest))
    assert load_bundle(str(path.parent)).labels == (*LABELS[:-1], "contempt")


EIGHT = (*LABELS, CONTEMPT)


def scornful(*choice):
    return FakeClassifier(surely(CONTEMPT, labels=EIGHT), replace(FAKE_BUNDLE, labels=EIGHT))


def test_a_model_of_eight_labels_is_told_and_shown():
    values = {"attend_after_s": 0.1, "make_classifier": scornful}
    with spinning(someone, fer(**values)) as (executor, (person, node)):
        overlays: list[Image] = []
        person.create_subscription(Image, "fer_node/overlay", overlays.append, NEWEST)
        start(node)
        assert spin_until(executor, lambda: person.heard["emotion"])
        emotion, array = person.last("emotion"), person.last("emotions")
        assert emotion.label == CONTEMPT
        assert emotion.labels == array.labels == array.emotions[0].labels == list(EIGHT)
        assert list(emotion.probabilities) == pytest.approx(surely(CONTEMPT, labels=EIGHT))
        assert emotion.confidence == pytest.approx(0.94, abs=1e-3)

        def violet() -> int:
            """Pixels in the colour of contempt."""
            shown = to_bgr(overlays[-1])
            return int((shown == colour_of(CONTEMPT)[::-1]).all(axis=2).sum())

        assert spin_until(executor, lambda: overlays and violet() > 500)

        def marked() -> list[str]:
            newest = person.last("fer_node/markers")
            return [marker.text for marker in newest.markers] if newest else []

        assert spin_until(executor, lambda: "contempt 94%" in marked())


def test_emotions_tell_the_size_of_the_image_and_who_is_attended_to():
    with spinning(someone, fer(attend_after_s=0.1)) as (executor, (person, node)):
        start(node)
        assert spin_until(executor, lambda: person.heard["emotion"])
        assert spin_until(executor, lambda: person.last("emotions").attended)
        array = person.last("emotions")
        assert (array.image_width, array.image_height) == (320, 240)
        assert array.attended == array.emotions[0].face_id


# The detector, and where the camera is.


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("mediapip", "expected one of: blazeface, mediapipe; did you mean 'mediapipe'?"),
        ("haar", "detector is 'haar', expected one of: blazeface, mediapipe"),
    ],
)
def test_an_unknown_detector_is_one_clear_line(name, complaint):
    with spinning(someone, named(name)) as (executor, (person, node)):
        assert node.trigger_configure() is FAILURE
        assert spin_until(executor, lambda: complaint in person.diagnosis())
        assert "\n" not in person.diagnosis()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a package with two detectors: one that works and one that lacks something."""
    (tmp_path / "yunet.py").write_text(
        "from ec_rfernet.errors import InputError\n"
        "from fer_node.testing.fakes import FakeDetector, frontal_face\n"
        "def detector(score):\n"
        "    return FakeDetector(lambda image: [frontal_face(160, 120, 100)])\n"
        "def lacking(score):\n"
        "    raise InputError('detector lacking needs its model: pip install it')\n"
    )
    info = tmp_path / "yunet-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: yunet\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[ec_rfernet.detectors]\nyunet = yunet:detector\nlacking = yunet:lacking\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    known = Registry(DETECTORS.kind, DETECTORS.group, DETECTORS.built_in)  # looks anew
    monkeypatch.setattr(fer_node_module, "DETECTORS", known)


def named(detector: str):
    """A factory of nodes that look for a detector by its name."""
    overrides = [Parameter("detector", value=detector)]
    return lambda: FerNode(
        bundle=lambda model: FAKE_BUNDLE,
        classifier=lambda *choice: FakeClassifier(surely("happy")),
        parameter_overrides=overrides,
    )


def test_a_detector_of_another_package_is_used(installed):
    with spinning(someone, named("yunet")) as (executor, (person, node)):
        start(node)
        assert spin_until(executor, lambda: person.heard["emotions"])
        assert len(person.last("emotions").emotions) == 1


def test_a_detector_that_lacks_something_says_what(installed):
    with spinning(someone, named("lacking")) as (executor, (person, node)):
        assert node.trigger_configure() is SUCCESS
        assert node.trigger_activate() is FAILURE
        assert spin_until(executor, lambda: "needs its model: pip install" in person.diagnosis())


def shown_distance(executor, person) -> float:
    """How far away the face is drawn, metres."""
    person.forget()
    assert spin_until(executor, lambda: person.heard["fer_node/markers"])
    return person.last("fer_node/markers").markers[0].pose.position.z


def test_the_markers_are_where_the_camera_info_puts_them():
    with spinning(someone, fer()) as (executor, (person, node)):
        start(node)
        usual = focal_px(320) * FACE_WIDTH_M / 100
        assert shown_distance(executor, person) == pytest.approx(usual, rel=0.05)
        infos = person.create_publisher(CameraInfo, "camera_info", STREAM)
        wide = camera_info(640, 480, 120.0, Header())  # at another size than the images

        def nearer() -> bool:
            infos.publish(wide)
            return shown_distance(executor, person) < 0.5 * usual

        assert spin_until(executor, nearer)
        expected = focal_px(320, fov_deg=120.0) * FACE_WIDTH_M / 100
        assert shown_distance(executor, person) == pytest.approx(expected, rel=0.05)


def test_camera_info_lies_beside_the_images():
    remapped = ["--ros-args", "-r", "image:=/left/color/image_raw"]
    with spinning(lambda: FerNode(cli_args=remapped)) as (_, (node,)):
        assert node.count_subscribers("/left/color/camera_info") == 1

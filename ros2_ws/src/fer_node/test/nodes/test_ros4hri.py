"""The faces after REP-155, with the real hri_msgs where they are built and sourced."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSPresetProfiles, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from ec_rfernet.faces.face import Box
from ec_rfernet.labels import CONTEMPT, LABELS, UNKNOWN
from ec_rfernet.perceived import EmotionEstimate, Perceived
from ec_rfernet.perceived import EngagementLevel as Level
from fer_common.qos import EVENTS, NEWEST
from fer_common.runner import LeanExecutor, fast_executor, start
from fer_common.testing import spin_until, spinning
from fer_node.nodes import ros4hri
from fer_node.nodes.fer_node import FerNode
from fer_node.perception.frame import RawFrame
from fer_node.testing.fakes import FAKE_BUNDLE, FakeClassifier, FakeDetector, frontal_face, surely
from fer_node.testing.mock_person import PicturedPerson

HEADER = Header(frame_id="camera")
NOISE = np.random.default_rng(0).integers(1, 256, (240, 320, 3), dtype=np.uint8)

# The definitions of REP-155 and of hri_msgs 2, in words.
TOPICS = {
    "/humans/faces/tracked": "hri_msgs/msg/IdsList",
    "/humans/faces/{}/roi": "hri_msgs/msg/NormalizedRegionOfInterest2D",
    "/humans/faces/{}/cropped": "sensor_msgs/msg/Image",
    "/humans/faces/{}/expression": "hri_msgs/msg/Expression",
    "/humans/persons/tracked": "hri_msgs/msg/IdsList",
    "/humans/persons/anonymous_person_{}/face_id": "std_msgs/msg/String",
    "/humans/persons/anonymous_person_{}/anonymous": "std_msgs/msg/Bool",
    "/humans/persons/anonymous_person_{}/engagement_status": "hri_msgs/msg/EngagementLevel",
}
ALWAYS = {topic: kind for topic, kind in TOPICS.items() if "{}" not in topic}
FIELDS = {
    "IdsList": {"header": "std_msgs/Header", "ids": "sequence<string>"},
    "NormalizedRegionOfInterest2D": {
        "header": "std_msgs/Header",
        **dict.fromkeys(("xmin", "ymin", "xmax", "ymax", "c"), "float"),
    },
    "Expression": {
        "header": "std_msgs/Header",
        "expression": "string",
        **dict.fromkeys(("valence", "arousal", "confidence"), "float"),
    },
    "EngagementLevel": {"header": "std_msgs/Header", "level": "uint8"},
}
WORDS = {"neutral", "angry", "sad", "happy", "surprised", "disgusted", "scared"}


@dataclass
class IdsList:
    header: Header
    ids: list[str] = field(default_factory=list)


@dataclass
class NormalizedRegionOfInterest2D:
    header: Header
    xmin: float
    ymin: float
    xmax: float
    ymax: float
    c: float


@dataclass
class Expression:
    header: Header
    expression: str
    valence: float
    arousal: float
    confidence: float


@dataclass
class EngagementLevel:
    header: Header
    level: int


STAND_IN = SimpleNamespace(
    EngagementLevel=EngagementLevel,
    IdsList=IdsList,
    NormalizedRegionOfInterest2D=NormalizedRegionOfInterest2D,
    Expression=Expression,
)


class FakePublisher:
    def __init__(self, topic: str, kind: type, qos: QoSProfile, watched: bool) -> None:
        self.topic, self.kind, self.qos, self.watched = topic, kind, qos, watched
        self.sent: list = []

    def publish(self, message) -> None:
        assert isinstance(message, self.kind)
        self.sent.append(message)

    def get_subscription_count(self) -> int:
        return int(self.watched)


class FakeNode:
    """Keeps the publishers that exist."""

    def __init__(self, watched: bool = False) -> None:
        self.watched = watched
        self.publishers: dict[str, FakePublisher] = {}

    def create_publisher(self, kind, topic, qos, event_callbacks=None) -> FakePublisher:
        assert event_callbacks is None or not event_callbacks.use_default_callbacks
        assert topic not in self.publishers
        self.publishers[topic] = FakePublisher(topic, kind, qos, self.watched)
        return self.publishers[topic]

    create_lifecycle_publisher = create_publisher

    def destroy_publisher(self, publisher: FakePublisher) -> None:
        del self.publishers[publisher.topic]


def estimate(face_id: str, label: str = "happy", box: Box | None = None, **more) -> EmotionEstimate:
    box = box or Box(80, 60, 160, 120)
    return EmotionEstimate(face_id, label, 0.8, surely("happy"), 0.5, 0.25, box, score=0.9, **more)


def seen(*estimates: EmotionEstimate, followed: tuple[str, ...] | None = None) -> Perceived:
    ids = tuple(e.face_id for e in estimates)
    return Perceived(estimates, None, ids if followed is None else followed)


def test_topics_types_and_qos_are_those_of_the_rep():
    node = FakeNode()
    ros4hri.Humans(node, STAND_IN).publish(seen(estimate("abcde")), HEADER, RawFrame(NOISE))
    expected = {topic.format("abcde"): kind.split("/")[-1] for topic, kind in TOPICS.items()}
    assert {p.topic: p.kind.__name__ for p in node.publishers.values()} == expected
    # libhri subscribes with the middleware's default, hri_rviz best effort: reliable serves both.
    for publisher in node.publishers.values():
        assert publisher.qos.reliability is ReliabilityPolicy.RELIABLE
        assert publisher.qos.depth == 1


def test_topics_come_and_go_with_the_faces():
    node = FakeNode()
    humans, frame = ros4hri.Humans(node, STAND_IN), RawFrame(NOISE)
    ids = node.publishers["/humans/faces/tracked"].sent

    def namespaces() -> set[str]:
        named = {topic.split("/")[3] for topic in node.publishers} - {"tracked"}
        faces = {name for name in named if not name.startswith("anonymous_person_")}
        assert named == faces | {f"anonymous_person_{face}" for face in faces}
        return faces

    humans.publish(seen(), HEADER, frame)
    assert ids[-1].ids == [] and not namespaces()
    humans.publish(seen(estimate("aaaaa"), estimate("bbbbb")), HEADER, frame)
    assert ids[-1].ids == ["aaaaa", "bbbbb"] and namespaces() == {"aaaaa", "bbbbb"}
    roi = node.publishers["/humans/faces/aaaaa/roi"]
    humans.publish(seen(estimate("bbbbb"), followed=("aaaaa", "bbbbb")), HEADER, frame)
    assert ids[-1].ids == ["aaaaa", "bbbbb"] and len(roi.sent) == 1  # lost for a moment
    humans.publish(seen(estimate("bbbbb")), HEADER, frame)
    assert ids[-1].ids == ["bbbbb"] and namespaces() == {"bbbbb"}
    humans.publish_nobody(HEADER)
    assert ids[-1].ids == [] and not namespaces()


@pytest.mark.parametrize("level", Level)
def test_each_face_is_an_anonymous_person_who_looks_at_the_robot_or_not(level):
    node = FakeNode()
    humans = ros4hri.Humans(node, STAND_IN)
    humans.publish(seen(estimate("abcde", engagement=level)), HEADER, RawFrame(NOISE))
    person = "/humans/persons/anonymous_person_abcde"
    assert node.publishers["/humans/persons/tracked"].sent[-1].ids == [person.split("/")[-1]]
    (status,) = node.publishers[f"{person}/engagement_status"].sent
    assert status == EngagementLevel(
        HEADER,
        {"UNKNOWN": 0, "DISENGAGED": 1, "ENGAGING": 2, "ENGAGED": 3, "DISENGAGING": 4}[level.name],
    )
    for name, value in (("face_id", "abcde"), ("anonymous", True)):
        publisher = node.publishers[f"{person}/{name}"]
        assert [message.data for message in publisher.sent] == [value]
        assert publisher.qos.durability is DurabilityPolicy.TRANSIENT_LOCAL  # for who comes late


def test_the_region_is_a_share_of_the_image():
    region = ros4hri.roi(STAND_IN, estimate("a"), HEADER, 320, 240)
    assert (region.xmin, region.ymin, region.xmax, region.ymax) == (0.25, 0.25, 0.75, 0.75)
    assert region.c == 0.9
    assert region.header is HEADER


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(-50, -60, 100, 100), (0.0, 0.0, 50 / 320, 40 / 240)),
        (Box(300, 200, 100, 100), (300 / 320, 200 / 240, 1.0, 1.0)),
        (Box(-500, -500, 100, 100), (0.0, 0.0, 0.0, 0.0)),
        (Box(-10, -10, 1000, 1000), (0.0, 0.0, 1.0, 1.0)),
    ],
)
def test_a_region_beyond_the_image_is_cut_off(box, expected):
    region = ros4hri.roi(STAND_IN, estimate("a", box=box), HEADER, 320, 240)
    assert (region.xmin, region.ymin, region.xmax, region.ymax) == pytest.approx(expected)


def test_every_label_is_a_word_of_hri_msgs_and_the_unknown_is_not_said():
    node = FakeNode()
    humans = ros4hri.Humans(node, STAND_IN)
    for label in (*LABELS, UNKNOWN):
        humans.publish(seen(estimate("abcde", label)), HEADER, RawFrame(NOISE))
    said = node.publishers["/humans/faces/abcde/expression"].sent
    assert [e.expression for e in said] == list(LABELS)
    assert {e.expression for e in said} == WORDS
    assert (said[0].valence, said[0].arousal, said[0].confidence) == (0.5, 0.25, 0.8)


def test_a_label_without_a_word_is_told_by_valence_and_arousal():
    said = ros4hri.expression(STAND_IN, estimate("abcde", CONTEMPT), HEADER)
    assert (said.expression, said.valence, said.arousal) == ("", 0.5, 0.25)
    assert ros4hri.expression(STAND_IN, estimate("abcde", "bored"), HEADER).expression == "bored"


def test_faces_are_cut_out_only_for_those_who_look():
    for watched in (False, True):
        node = FakeNode(watched)
        ros4hri.Humans(node, STAND_IN).publish(seen(estimate("abcde")), HEADER, RawFrame(NOISE))
        sent = node.publishers["/humans/faces/abcde/cropped"].sent
        assert len(sent) == int(watched)
    assert (sent[0].width, sent[0].height, sent[0].encoding) == (128, 128, "bgr8")
    assert sent[0].header.frame_id == "camera"


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        (Box(10, 10, 64, 64), 128, 128),  # enlarged
        (Box(0, 0, 200, 200), 128, 128),  # reduced
        (Box(0, 0, 300, 150), 64, 128),  # wide: black above and below
        (Box(0, 0, 100, 200), 128, 64),  # tall
        (Box(-100, 0, 200, 200), 128, 64),  # half of it beyond the edge
        (Box(400, 10, 50, 50), 0, 0),  # all of it
        (Box(10, 10, 0.2, 40), 0, 0),  # thinner than a pixel
        (Box(10, 10, 1, 200), 128, 1),
    ],
)
def test_a_cut_out_face_fits_and_is_centred_on_black(box, rows, columns):
    face = ros4hri.crop(NOISE, box)
    assert face.shape == (128, 128, 3) and face.dtype == np.uint8
    lit = face.any(axis=2)
    assert (lit.any(axis=1).sum(), lit.any(axis=0).sum()) == (rows, columns)
    for axis in (0, 1):
        where = np.flatnonzero(lit.any(axis=axis))
        assert not len(where) or abs((where[0] + where[-1]) / 2 - 63.5) <= 0.5


def fer(faces, **values):
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return lambda: FerNode(
        bundle=lambda model: FAKE_BUNDLE,
        detector=lambda score: FakeDetector(lambda image: faces()),
        classifier=lambda *choice: FakeClassifier(surely("happy")),
        parameter_overrides=overrides,
    )


def one_face():
    return [frontal_face(160, 120, 100)]


@pytest.fixture
def hri_msgs():
    return pytest.importorskip("hri_msgs.msg", reason="hri_msgs is not built and sourced")


def test_without_hri_msgs_one_line_says_so_and_the_node_works(monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "hri_msgs.msg", None)
    monkeypatch.setitem(sys.modules, "hri_msgs", None)
    person = fer(one_face, ros4hri=True)
    with spinning(lambda: PicturedPerson(NOISE), person) as (executor, (viewer, node)):
        start(node)
        assert spin_until(executor, lambda: viewer.heard["emotions"])
        assert not [t for t, _ in node.get_topic_names_and_types() if t.startswith("/humans")]
    lines = [line for line in capfd.readouterr().err.splitlines() if "hri_msgs" in line]
    assert len(lines) == 1
    assert "apt install ros-" in lines[0] and "hri_msgs is not installed" in lines[0]


@pytest.mark.parametrize("name", FIELDS)
def test_the_stand_ins_are_like_the_real_messages(name, hri_msgs):
    assert getattr(hri_msgs, name).get_fields_and_field_types() == FIELDS[name]
    stand_in = getattr(STAND_IN, name)
    assert list(stand_in.__dataclass_fields__) == list(FIELDS[name])


def test_the_labels_are_constants_of_the_real_message(hri_msgs):
    assert {getattr(hri_msgs.Expression, label.upper()) for label in LABELS} == WORDS == {*LABELS}
    assert {getattr(hri_msgs.Expression, word.upper()) for word in ros4hri.WORDS} == ros4hri.WORDS


@pytest.mark.parametrize("qos", [QoSPresetProfiles.SYSTEM_DEFAULT.value, NEWEST, EVENTS])
def test_a_subscriber_of_the_rep_sees_the_face(hri_msgs, qos):
    with spinning(lambda: PicturedPerson(NOISE), fer(one_face, ros4hri=True)) as (
        executor,
        (viewer, node),
    ):
        tracked: list = []
        viewer.create_subscription(hri_msgs.IdsList, "/humans/faces/tracked", tracked.append, qos)
        start(node)
        assert spin_until(executor, lambda: tracked and tracked[-1].ids)
        (face_id,) = tracked[-1].ids
        assert face_id.isidentifier()
        heard: dict[str, list] = {"roi": [], "cropped": [], "expression": []}
        kinds = (hri_msgs.NormalizedRegionOfInterest2D, Image, hri_msgs.Expression)
        for (name, messages), kind in zip(heard.items(), kinds, strict=True):
            topic = f"/humans/faces/{face_id}/{name}"
            viewer.create_subscription(kind, topic, messages.append, qos)
        assert spin_until(executor, lambda: all(heard.values()))
        region = heard["roi"][0]
        assert (region.xmin, region.xmax) == pytest.approx((110 / 320, 210 / 320))
        assert region.header.frame_id == "camera"
        assert heard["expression"][0].expression == "happy"
        assert (heard["cropped"][0].width, heard["cropped"][0].height) == (128, 128)
        expected = {topic.format(face_id): kind for topic, kind in TOPICS.items()}
        assert spin_until(executor, lambda: offered(viewer) == expected)

        node.trigger_deactivate()
        assert spin_until(executor, lambda: not tracked[-1].ids)
        assert spin_until(executor, lambda: offered(viewer) == ALWAYS)


def offered(node) -> dict[str, str]:
    """Type by topic of what is published below /humans."""
    return {
        topic: types[0]
        for topic, types in node.get_topic_names_and_types()
        if topic.startswith("/humans") and node.count_publishers(topic)
    }


@pytest.mark.parametrize("make_executor", [LeanExecutor, fast_executor])
def test_faces_that_come_and_go_by_the_dozen_do_no_harm(hri_msgs, make_executor):
    calls: list[int] = []

    def crowd():
        calls.append(1)
        shift = 40 * (len(calls) % 7)
        return [frontal_face(20 + shift, 20 + 50 * row, 30) for row in range(4)]

    person = fer(crowd, ros4hri=True, forget_after_s=0.0, detect_every_s=0.0, search_every_s=0.0)
    with spinning(lambda: PicturedPerson(NOISE), person) as (executor, (viewer, node)):
        ids: set[str] = set()

        def keep(message) -> None:
            ids.update(message.ids)

        viewer.create_subscription(hri_msgs.IdsList, "/humans/faces/tracked", keep, 10)
        executor.remove_node(node)
        own = make_executor()
        own.add_node(node)
        start(node)

        def many() -> bool:
            own.spin_once(timeout_sec=0.01)
            return len(ids) >= 60

        try:
            assert spin_until(executor, many)
            assert "could not be processed" not in viewer.diagnosis()
        finally:
            own.shutdown()

from __future__ import annotations

from types import SimpleNamespace as Message

import pytest

from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS
from ec_rfernet.perceived import EngagementLevel
from fer_common.bag import BagTopic
from fer_common.emotions import EMOTION, SeenImage, face_of, fullest, image_of

EIGHT = (*LABELS, "contempt")
HEADER = Message(stamp=Message(sec=12, nanosec=500))
ROI = Message(x_offset=10, y_offset=20, width=30, height=40)


def emotion(**changed) -> Message:
    fields = {
        "header": HEADER,
        "face_id": "anna",
        "label": "contempt",
        "confidence": 0.9,
        "labels": list(EIGHT),
        "probabilities": [0.0] * 6 + [0.1, 0.9],
        "valence": -0.1,
        "arousal": 0.2,
        "roi": ROI,
        **changed,
    }
    return Message(**{name: value for name, value in fields.items() if value is not None})


def test_a_face_has_the_labels_of_its_model():
    face = face_of(emotion())
    assert (face.face_id, face.label, face.labels) == ("anna", "contempt", EIGHT)
    assert face.probabilities[-1] == 0.9 and face.box == (10, 20, 30, 40)


def test_a_face_of_the_first_version_has_the_seven():
    assert face_of(emotion(labels=None, probabilities=[0.0] * 6 + [1.0])).labels == LABELS


@pytest.mark.parametrize("probabilities", [[], [0.5] * 7])
def test_where_probabilities_are_not_those_of_the_labels_only_the_label_counts(probabilities):
    face = face_of(emotion(labels=[], probabilities=probabilities))
    assert (face.label, face.labels, list(face.probabilities)) == ("contempt", (), [])


def test_an_image_has_size_labels_and_who_is_attended_to():
    image = image_of(
        Message(
            header=HEADER,
            image_width=640,
            image_height=480,
            labels=list(EIGHT),
            attended="anna",
            emotions=[emotion()],
        )
    )
    assert (image.stamp, image.width, image.labels) == (12_000_000_500, 640, EIGHT)
    assert image.attended == "anna" == image.faces[0].face_id


def test_an_image_of_the_first_version_says_neither_size_nor_who_is_attended_to():
    assert image_of(Message(header=HEADER, emotions=[])) == SeenImage(
        12_000_000_500, None, (), None, ()
    )


@pytest.mark.parametrize("missing", ["face_id", "probabilities", "roi"])
def test_what_lacks_what_it_always_had_is_refused_with_its_name(missing):
    with pytest.raises(InputError, match=f"{EMOTION} has no '{missing}', which every version had"):
        face_of(emotion(**{missing: None}))


def test_of_several_topics_the_fullest_comes_first():
    topics = [BagTopic("/a", EMOTION, 3), BagTopic("/b", EMOTION, 5), BagTopic("/c", EMOTION, 0)]
    assert [topic.name for topic in fullest(topics, EMOTION)] == ["/b", "/a"]


def test_a_face_has_its_head_pose_and_whether_it_looks_at_the_robot():
    face = face_of(emotion(yaw=0.1, pitch=-0.2, roll=0.3, engagement=3))
    assert face.head == (0.1, -0.2, 0.3)
    assert face.engagement is EngagementLevel.ENGAGED
    assert face_of(emotion(engagement=77)).engagement is EngagementLevel.UNKNOWN


def test_a_face_of_an_earlier_version_has_no_head_pose():
    face = face_of(emotion())
    assert (face.head, face.engagement) == (None, EngagementLevel.UNKNOWN)

"""What perception says of one image, out of messages of this version and of earlier ones.

Earlier versions had seven probabilities without labels, and an ``EmotionArray`` without the
image's size and without a word about who is attended to; and no head pose. Recordings of them are
still read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ec_rfernet.errors import InputError
from ec_rfernet.faces.head_pose import HeadAngles
from ec_rfernet.labels import LABELS
from ec_rfernet.perceived import EngagementLevel
from fer_common.bag import BagTopic

EMOTIONS = "fer_interfaces/msg/EmotionArray"
EMOTION = "fer_interfaces/msg/Emotion"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"


@dataclass(frozen=True)
class SeenFace:
    """A face in an image; see ``Emotion.msg``.

    Attributes:
        face_id: stable while the face is tracked.
        label: of the expression.
        confidence: of the label, 0..1.
        labels: that the model knows; empty where only the label was said.
        probabilities: one for each of the labels.
        valence: -1..1.
        arousal: -1..1.
        box: left, top, width, height, pixels.
        head: yaw, pitch and roll, rad; None where they were not said.
        engagement: whether the person looks at the robot, as in ``hri_msgs/EngagementLevel``.
    """

    face_id: str
    label: str
    confidence: float
    labels: tuple[str, ...]
    probabilities: Sequence[float]
    valence: float
    arousal: float
    box: tuple[int, int, int, int]
    head: HeadAngles | None = None
    engagement: EngagementLevel = EngagementLevel.UNKNOWN


@dataclass(frozen=True)
class SeenImage:
    """An image and the faces in it; see ``EmotionArray.msg``.

    Attributes:
        stamp: of the image, ns since 1970.
        width: of the image, pixels; None where it was not said.
        labels: that the model knows; empty where they were not said.
        attended: face_id of whom the robot attends to, empty for nobody; None where it was
            not said.
        faces: all of them.
    """

    stamp: int
    width: int | None
    labels: tuple[str, ...]
    attended: str | None
    faces: tuple[SeenFace, ...]


def image_of(message: Any) -> SeenImage:
    """The image that an ``EmotionArray`` tells of.

    Args:
        message: of ROS, or decoded from a recording.

    Raises:
        InputError: it lacks what every version had.
    """
    try:
        faces = tuple(face_of(face) for face in message.emotions)
        told = _shared(tuple(getattr(message, "labels", ())))
        return SeenImage(
            stamp=stamp_of(message),
            width=getattr(message, "image_width", 0) or None,
            labels=told or next((face.labels for face in faces if face.labels), ()),
            attended=getattr(message, "attended", None),
            faces=faces,
        )
    except AttributeError as error:
        raise InputError(f"{EMOTIONS} has no '{error.name}', which every version had") from error


def face_of(message: Any) -> SeenFace:
    """The face that an ``Emotion`` tells of; see `image_of`."""
    try:
        probabilities = message.probabilities
        labels = _shared(tuple(getattr(message, "labels", LABELS)))
        if len(labels) != len(probabilities):  # by hand, or by another program: the label counts
            labels, probabilities = (), ()
        roi = message.roi
        return SeenFace(
            message.face_id,
            message.label,
            abs(float(message.confidence)),  # of -0, which is shown with its sign
            labels,
            probabilities,
            float(message.valence),
            float(message.arousal),
            (int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height)),
            _head(message),
            _engagement(message),
        )
    except AttributeError as error:
        raise InputError(f"{EMOTION} has no '{error.name}', which every version had") from error


def _head(message: Any) -> HeadAngles | None:
    if not hasattr(message, "yaw"):
        return None
    return HeadAngles(float(message.yaw), float(message.pitch), float(message.roll))


def _engagement(message: Any) -> EngagementLevel:
    level = getattr(message, "engagement", 0)
    return EngagementLevel(level if level in _LEVELS else 0)  # a stranger's may be any


_LEVELS = frozenset(EngagementLevel)


@lru_cache(maxsize=64)
def _shared(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The same object for the same labels: a recording repeats them a hundred thousand times."""
    return labels


def stamp_of(message: Any) -> int:
    """When the image of a message was taken, ns since 1970."""
    stamp = message.header.stamp
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


def fullest(topics: Iterable[BagTopic], kind: str) -> list[BagTopic]:
    """The topics of a type, of which there may be several robots', the fullest first."""
    found = [topic for topic in topics if topic.type == kind and topic.count]
    return sorted(found, key=lambda topic: -topic.count)

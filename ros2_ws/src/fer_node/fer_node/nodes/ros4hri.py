"""The faces in the way of ROS4HRI (REP-155), where ``hri_msgs`` is installed.

    /humans/faces/tracked           hri_msgs/IdsList                       who is there, or nobody
    /humans/faces/<id>/roi          hri_msgs/NormalizedRegionOfInterest2D  where in the image
    /humans/faces/<id>/cropped      sensor_msgs/Image                      while someone subscribes
    /humans/faces/<id>/expression   hri_msgs/Expression                    what it shows, if known

    /humans/persons/tracked                  hri_msgs/IdsList           the persons of these faces
    /humans/persons/<id>/face_id             std_msgs/String            whose face it is
    /humans/persons/<id>/anonymous           std_msgs/Bool              always true: nobody is known
    /humans/persons/<id>/engagement_status   hri_msgs/EngagementLevel   who looks at the robot

A label that hri_msgs has no word for, such as contempt, is told by valence and arousal alone.
Each face is a person of its own, ``anonymous_person_<face id>``: who comes back is a new one.
There is no frame ``face_<id>`` in tf, which REP-155 asks for where the pose of a head is known:
its distance is not, only where it is turned, see ``Emotion``.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Bool, Header, String

from ec_rfernet.faces.face import Box
from ec_rfernet.labels import UNKNOWN
from ec_rfernet.perceived import EmotionEstimate, Perceived
from fer_common.qos import LATCHED, STREAM
from fer_node.nodes.messages import to_message
from fer_node.perception.frame import Frame

FACES, PERSONS = "/humans/faces", "/humans/persons"
"""The topics of REP-155 are absolute, whatever the node's namespace."""

CROP_PX = 128
"""Side of the cropped faces: REP-155's default of ``/humans/faces/width`` and ``height``."""

WORDS = frozenset(
    {
        "neutral",
        "angry",
        "sad",
        "happy",
        "surprised",
        "disgusted",
        "scared",
        "pleading",
        "vulnerable",
        "despaired",
        "guilty",
        "disappointed",
        "embarrassed",
        "horrified",
        "skeptical",
        "annoyed",
        "furious",
        "suspicious",
        "rejected",
        "bored",
        "tired",
        "asleep",
        "confused",
        "amazed",
        "excited",
    }
)
"""The expressions of ``hri_msgs/Expression``, which takes no others."""

MISSING = (
    "parameter 'ros4hri' is true, but hri_msgs is not installed: nothing is published on /humans; "
    "install it with `apt install ros-$ROS_DISTRO-hri-msgs`, or build "
    "https://github.com/ros4hri/hri_msgs (branch humble-devel) in a workspace and source that"
)


def open_humans(node: LifecycleNode) -> Humans | None:
    """The publishers of the faces; None, and one warning, without ``hri_msgs``."""
    try:
        messages = importlib.import_module("hri_msgs.msg")
    except ModuleNotFoundError:
        node.get_logger().warning(MISSING)
        return None
    except ImportError as error:  # such as one that was built for another Python
        node.get_logger().warning(f"{MISSING} ({error})")
        return None
    return Humans(node, messages)


class Humans:
    """Publishes the faces; each has topics of its own, from when it comes until it is forgotten.

    Not thread-safe: its user sees to it that one thread at a time calls it.

    Args:
        node: that publishes.
        messages: the module ``hri_msgs.msg``.
    """

    def __init__(self, node: LifecycleNode, messages: Any) -> None:
        self._node, self._messages = node, messages
        self._tracked = node.create_lifecycle_publisher(
            messages.IdsList, f"{FACES}/tracked", STREAM
        )
        self._persons = node.create_lifecycle_publisher(
            messages.IdsList, f"{PERSONS}/tracked", STREAM
        )
        self._faces: dict[str, _FaceTopics] = {}

    def publish(self, perceived: Perceived, header: Header, frame: Frame) -> None:
        """Tells who is there, and of each face in the image where it is and what it shows.

        A face that is lost for a moment stays tracked; only nothing is said of it.

        Args:
            perceived: in the image.
            header: of the image.
            frame: the image.
        """
        for face_id in self._faces.keys() - set(perceived.followed):
            self._faces.pop(face_id).destroy()
        for face_id in perceived.followed:
            if face_id not in self._faces:
                self._faces[face_id] = _FaceTopics(self._node, self._messages, face_id)
        self._tell_who(header, perceived.followed)
        for estimate in perceived.estimates:
            self._faces[estimate.face_id].publish(estimate, header, frame)

    def publish_nobody(self, header: Header) -> None:
        """Tells that nobody is looked at any more."""
        for face_id in list(self._faces):
            self._faces.pop(face_id).destroy()
        self._tell_who(header, ())

    def _tell_who(self, header: Header, faces: Sequence[str]) -> None:
        ids = self._messages.IdsList
        self._tracked.publish(ids(header=header, ids=list(faces)))
        self._persons.publish(ids(header=header, ids=[person_of(face) for face in faces]))


def person_of(face_id: str) -> str:
    """The id of the person with a face."""
    return f"anonymous_person_{face_id}"


class _FaceTopics:
    """The topics below ``/humans/faces/<id>``, and those of the person with this face."""

    def __init__(self, node: LifecycleNode, messages: Any, face_id: str) -> None:
        self._node, self._messages = node, messages
        face, person = f"{FACES}/{face_id}", f"{PERSONS}/{person_of(face_id)}"
        self._roi = self._publisher(messages.NormalizedRegionOfInterest2D, f"{face}/roi")
        self._cropped = self._publisher(Image, f"{face}/cropped")
        self._expression = self._publisher(messages.Expression, f"{face}/expression")
        self._engagement = self._publisher(messages.EngagementLevel, f"{person}/engagement_status")
        self._face_id = self._publisher(String, f"{person}/face_id", LATCHED)
        self._anonymous = self._publisher(Bool, f"{person}/anonymous", LATCHED)
        self._face_id.publish(String(data=face_id))
        self._anonymous.publish(Bool(data=True))

    def _publisher(self, kind: type, topic: str, qos: QoSProfile = STREAM) -> Publisher:
        # Without event handlers no executor ever holds this publisher, and the thread that
        # publishes may destroy it while another one spins.
        quiet = PublisherEventCallbacks(use_default_callbacks=False)
        return self._node.create_publisher(kind, topic, qos, event_callbacks=quiet)

    def publish(self, estimate: EmotionEstimate, header: Header, frame: Frame) -> None:
        size = (frame.width, frame.height)
        self._roi.publish(roi(self._messages, estimate, header, *size))
        level = int(estimate.engagement)
        self._engagement.publish(self._messages.EngagementLevel(header=header, level=level))
        if estimate.label != UNKNOWN:  # no word of hri_msgs/Expression
            self._expression.publish(expression(self._messages, estimate, header))
        if self._cropped.get_subscription_count():
            self._cropped.publish(to_message(crop(frame.bgr(), estimate.box), header))

    def destroy(self) -> None:
        for publisher in (
            *(self._roi, self._cropped, self._expression),
            *(self._engagement, self._face_id, self._anonymous),
        ):
            self._node.destroy_publisher(publisher)


def roi(messages: Any, estimate: EmotionEstimate, header: Header, width: int, height: int) -> Any:
    """The box of a face as shares of the image, 0..1.

    Args:
        messages: the module ``hri_msgs.msg``.
        estimate: of the face.
        header: of the image.
        width: of the image, pixels.
        height: of the image, pixels.

    Returns:
        ``hri_msgs/NormalizedRegionOfInterest2D``; ``c`` is how sure the detector was.
    """
    box = estimate.box
    return messages.NormalizedRegionOfInterest2D(
        header=header,
        xmin=_share(box.x, width),
        ymin=_share(box.y, height),
        xmax=_share(box.x + box.width, width),
        ymax=_share(box.y + box.height, height),
        c=_share(estimate.score, 1),
    )


def expression(messages: Any, estimate: EmotionEstimate, header: Header) -> Any:
    """What a face shows.

    Args:
        messages: the module ``hri_msgs.msg``.
        estimate: of the face; its label is known.
        header: of the image.

    Returns:
        ``hri_msgs/Expression``; valence and arousal are derived, see `EmotionEstimate`. The
        word is empty for a label that is none of `WORDS`.
    """
    return messages.Expression(
        header=header,
        expression=estimate.label if estimate.label in WORDS else "",
        valence=estimate.valence,
        arousal=estimate.arousal,
        confidence=estimate.confidence,
    )


def crop(image: np.ndarray, box: Box, side: int = CROP_PX) -> np.ndarray:
    """The face alone, scaled to fit and centred on black.

    Args:
        image: BGR uint8 [H, W, 3].
        box: of the face, pixels; what lies beyond the image is left out.
        side: of the result, pixels.

    Returns:
        BGR uint8 [side, side, 3]; black where the box is wholly beyond the image.
    """
    height, width = image.shape[:2]
    left, right = (round(_share(x, width) * width) for x in (box.x, box.x + box.width))
    top, bottom = (round(_share(y, height) * height) for y in (box.y, box.y + box.height))
    padded = np.zeros((side, side, 3), np.uint8)
    if left == right or top == bottom:
        return padded
    scale = side / max(right - left, bottom - top)
    columns, rows = (max(1, round(scale * n)) for n in (right - left, bottom - top))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    x, y = (side - columns) // 2, (side - rows) // 2
    padded[y : y + rows, x : x + columns] = cv2.resize(
        image[top:bottom, left:right], (columns, rows), interpolation=method
    )
    return padded


def _share(value: float, whole: float) -> float:
    return min(max(float(value) / whole, 0.0), 1.0)

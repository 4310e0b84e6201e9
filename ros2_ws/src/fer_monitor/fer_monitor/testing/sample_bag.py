"""A made-up recording, for tests and for trying the report without a robot."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ament_index_python.packages import get_package_share_directory
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from ec_rfernet.labels import LABELS, UNKNOWN
from fer_common.testing import FIRST_VERSION
from fer_monitor.recording.bag_writer import BagFile, TopicToWrite, definition

BEGAN = 1_700_000_000 * 10**9
"""When the recording began, ns since 1970."""

LATENCY = 0.0125
"""From the stamp of each image to the arrival of its emotions, seconds."""

Timed = tuple[float, str, Any]


def write_sample(
    folder: Path,
    duration: float = 10.0,
    rate: float = 10.0,
    happenings: Callable[[float, float], Iterator[Timed]] | None = None,
) -> Path:
    """Writes a recording.

    Args:
        folder: of the bag; must not exist.
        duration: seconds.
        rate: images per second.
        happenings: messages with their times in seconds, in order, and their topics, made from
            duration and rate; None: somebody is happy, then sad, and is answered.

    Returns:
        The folder.
    """
    bag = BagFile(folder)
    topics: dict[str, TopicToWrite] = {}
    for time, topic, message in (happenings or someone)(duration, rate):
        if topic not in topics:
            package = type(message).__module__.split(".")[0]
            kind = f"{package}/msg/{type(message).__name__}"
            text = definition(kind, lambda part: Path(get_package_share_directory(part)))
            topics[topic] = TopicToWrite(topic, kind, text)
        bag.write(topics[topic], BEGAN + round(time * 1e9), serialize_message(message))
        if time // 1 != (time + 1 / rate) // 1:
            bag.flush()
    bag.close()
    return folder


def someone(
    duration: float, rate: float, first: str = "happy", labels: Sequence[str] = LABELS
) -> Iterator[Timed]:
    """Somebody who shows one expression in the first half and is sad in the second.

    The robot answers once in twenty seconds.
    """
    images = int(duration * rate)
    state = "idle"
    for index in range(images):
        time = index / rate
        label = first if index < images // 2 else "sad"
        face = emotion(time, "anna", label, 0.5 + 0.4 * math.sin(time) ** 2, labels)
        yield time, "/camera_info", CameraInfo(header=face.header, width=640, height=480)
        yield time + LATENCY, "/emotions", image(time, [face], attended="anna", labels=labels)
        yield time + LATENCY, "/emotion", face
        wanted = "responding" if time % 20 >= 5 and time % 20 < 9 else "attending"
        if wanted != state:
            state = wanted
            yield time + LATENCY, "/behavior_state", behaviour(time, state, label)
        if time.is_integer():
            yield time + LATENCY, "/diagnostics", diagnostics(index, time)


def emotion(
    time: float, face_id: str, label: str, confidence: float, labels: Sequence[str] = LABELS
) -> Emotion:
    """A face that shows something, at a time in seconds."""
    rest = (1 - confidence) / (len(labels) - 1)
    likeliest = label if label != UNKNOWN else "neutral"
    probabilities = [confidence if name == likeliest else rest for name in labels]
    return Emotion(
        header=header(time),
        face_id=face_id,
        label=label,
        confidence=confidence,
        labels=labels,
        probabilities=probabilities,
        valence=0.5,
        arousal=0.25,
        roi=RegionOfInterest(x_offset=200, y_offset=120, width=160, height=170),
        yaw=0.1,
        pitch=-0.05,
        roll=0.02,
        engagement=Emotion.ENGAGED,
    )


def image(
    time: float,
    faces: Sequence[Emotion] = (),
    attended: str = "",
    labels: Sequence[str] = LABELS,
) -> EmotionArray:
    """An image of 640 x 480, at a time in seconds."""
    return EmotionArray(
        header=header(time),
        image_width=640,
        image_height=480,
        labels=labels,
        attended=attended,
        emotions=faces,
    )


def behaviour(time: float, state: str, label: str) -> BehaviorState:
    """What the robot does, at a time in seconds."""
    active = state == "responding"
    return BehaviorState(
        header=header(time),
        state=state,
        face_id="anna",
        emotion=label,
        motion="nod" if active else "",
        speech="<Hello> & welcome" if active else "",
        reason=f"{label} has lasted long enough",
    )


def diagnostics(dropped: int, time: float) -> DiagnosticArray:
    """What perception says of itself, at a time in seconds."""
    values = {"model": "ec_rfernet", "model hash": "0123456789ab", "dropped, busy": dropped}
    status = DiagnosticStatus(
        level=DiagnosticStatus.WARN if time % 4 == 0 else DiagnosticStatus.OK,
        name="fer_node: expressions",
        message=f"no images for {time:.0f} s" if time % 4 == 0 else "30.0 images/s",
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
    return DiagnosticArray(header=header(time), status=[status])


def header(time: float) -> Header:
    """Of what happened at a time in seconds."""
    seconds, rest = divmod(BEGAN + round(time * 1e9), 10**9)
    return Header(stamp=Time(sec=seconds, nanosec=rest), frame_id="camera_optical_frame")


def write_first_version(folder: Path, duration: float = 10.0, rate: float = 10.0) -> Path:
    """Writes what `someone` shows as a recording of the first version.

    Args:
        folder: of the bag; must not exist.
        duration: seconds.
        rate: images per second.

    Returns:
        The folder.
    """
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    for name, text in FIRST_VERSION.items():
        store.register(get_types_from_msg(text, f"fer_interfaces/msg/{name}"))
    bag = BagFile(folder)
    topics: dict[str, TopicToWrite] = {}
    for time, topic, message in someone(duration, rate):
        kind = {
            "/emotion": "fer_interfaces/msg/Emotion",
            "/emotions": "fer_interfaces/msg/EmotionArray",
            "/camera_info": "sensor_msgs/msg/CameraInfo",
        }.get(topic)
        if kind is None:
            continue
        if topic not in topics:
            text, _ = store.generate_msgdef(kind, ros_version=2)
            topics[topic] = TopicToWrite(topic, kind, text)
        data = (
            serialize_message(message)
            if topic == "/camera_info"
            else bytes(store.serialize_cdr(_first_version(store.types, message), kind))
        )
        bag.write(topics[topic], BEGAN + round(time * 1e9), data)
    bag.close()
    return folder


def _first_version(types: Any, message: Emotion | EmotionArray) -> Any:
    """The message in the types of the first version."""
    stamp = types["builtin_interfaces/msg/Time"](
        message.header.stamp.sec, message.header.stamp.nanosec
    )
    head = types["std_msgs/msg/Header"](stamp, message.header.frame_id)
    if isinstance(message, EmotionArray):
        faces = [_first_version(types, face) for face in message.emotions]
        return types["fer_interfaces/msg/EmotionArray"](head, faces)
    roi = types["sensor_msgs/msg/RegionOfInterest"](
        message.roi.x_offset, message.roi.y_offset, message.roi.height, message.roi.width, False
    )
    return types["fer_interfaces/msg/Emotion"](
        head,
        message.face_id,
        message.label,
        message.confidence,
        np.asarray(message.probabilities, np.float32),
        message.valence,
        message.arousal,
        roi,
    )

"""A made-up recording, for tests and for trying the report without a robot."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from fer_interfaces.msg import BehaviorState, Emotion, EmotionArray
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from ec_rfernet.labels import LABELS, UNKNOWN, valence_arousal
from fer_monitor.recording.bag_file import BagFile
from fer_monitor.recording.definitions import definition

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
    connections: dict[str, Any] = {}
    for time, topic, message in (happenings or someone)(duration, rate):
        if topic not in connections:
            package = type(message).__module__.split(".")[0]
            kind = f"{package}/msg/{type(message).__name__}"
            text = definition(kind, lambda part: Path(get_package_share_directory(part)))
            connections[topic] = bag.add_topic(topic, kind, text, ())
        bag.write(connections[topic], BEGAN + round(time * 1e9), serialize_message(message))
        if time // 1 != (time + 1 / rate) // 1:
            bag.flush()
    bag.close()
    return folder


def someone(duration: float, rate: float) -> Iterator[Timed]:
    """Somebody who is happy in the first half and sad in the second, and is answered once."""
    images = int(duration * rate)
    state = "idle"
    for index in range(images):
        time = index / rate
        label = "happy" if index < images // 2 else "sad"
        face = emotion(time, "anna", label, 0.5 + 0.4 * math.sin(time) ** 2)
        yield time, "/camera_info", CameraInfo(header=face.header, width=640, height=480)
        yield time + LATENCY, "/emotions", EmotionArray(header=face.header, emotions=[face])
        yield time + LATENCY, "/emotion", face
        wanted = "responding" if time % 20 >= 5 and time % 20 < 9 else "attending"
        if wanted != state:
            state = wanted
            yield time + LATENCY, "/behavior_state", behaviour(time, state, label)
        if time.is_integer():
            yield time + LATENCY, "/diagnostics", diagnostics(index, time)


def emotion(time: float, face_id: str, label: str, confidence: float) -> Emotion:
    """A face that shows something, at a time in seconds."""
    rest = (1 - confidence) / (len(LABELS) - 1)
    likeliest = label if label != UNKNOWN else "neutral"
    probabilities = [confidence if name == likeliest else rest for name in LABELS]
    valence, arousal = valence_arousal(probabilities)  # type: ignore[arg-type]
    return Emotion(
        header=header(time),
        face_id=face_id,
        label=label,
        confidence=confidence,
        probabilities=probabilities,
        valence=valence,
        arousal=arousal,
        roi=RegionOfInterest(x_offset=200, y_offset=120, width=160, height=170),
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

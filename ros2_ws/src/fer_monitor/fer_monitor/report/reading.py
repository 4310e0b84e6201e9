"""From a bag to a `Session`, and to the rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS
from fer_common.bag import Bag
from fer_monitor.report.session import Report, Series, Session, State

EMOTIONS = "fer_interfaces/msg/EmotionArray"
EMOTION = "fer_interfaces/msg/Emotion"
BEHAVIOUR = "fer_interfaces/msg/BehaviorState"
DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"
LOG = "rcl_interfaces/msg/Log"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"

_ONE_OF = (EMOTIONS, EMOTION, BEHAVIOUR, CAMERA_INFO)
_UNKNOWN = len(LABELS)
_LOG_WARNING, _LOG_ERROR = 30, 40


@dataclass(frozen=True)
class Sighting:
    """One face in one image, or an image without any.

    Attributes:
        arrived: when perception had published it, ns since 1970.
        stamp: of the image, ns since 1970.
        face: the message ``Emotion``; None when the image has no face.
        width: of the image, pixels; 0 while it is not known.
    """

    arrived: int
    stamp: int
    face: Any
    width: int


@dataclass
class _Rows:
    """A series that grows."""

    time: list[int] = field(default_factory=list)
    label: list[int] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)
    probabilities: list[Any] = field(default_factory=list)

    def add(self, time: int, face: Any) -> None:
        self.time.append(time)
        self.label.append(LABELS.index(face.label) if face.label in LABELS else _UNKNOWN)
        self.confidence.append(float(face.confidence))
        self.probabilities.append(face.probabilities)

    def series(self, face_id: str, began: int) -> Series:
        time = seconds(self.time, began)
        order = np.argsort(time, kind="stable")
        probabilities = np.asarray(self.probabilities, np.float32).reshape(-1, len(LABELS))
        return Series(
            face_id,
            time[order],
            np.asarray(self.label, np.int8)[order],
            np.asarray(self.confidence, np.float32)[order],
            np.nan_to_num(probabilities)[order],
        )


def seconds(times: list[int], began: int) -> np.ndarray:
    """Times in ns since 1970 as seconds since the beginning, float64."""
    return (np.asarray(times, np.int64) - began) * 1e-9


class Reader:
    """Reads the topics of one robot out of a bag.

    Args:
        path: of the bag, for messages.
        bag: see there.

    Attributes:
        sightings: every face of every image, if they were asked for.
        attended: stamp and face_id of whoever was attended to.

    Raises:
        InputError: there is nothing of a robot in it.
    """

    def __init__(self, path: Path, bag: Bag) -> None:
        self._path, self._bag = path, bag
        self._topics = bag.topics()
        self._kinds: dict[str, str] = {}
        self._notes: list[str] = []
        for kind in (*_ONE_OF, DIAGNOSTICS, LOG):
            self._choose(kind)
        if not {EMOTIONS, EMOTION, BEHAVIOUR} & set(self._kinds.values()):
            names = ", ".join(topic.name for topic in self._topics) or "none"
            raise InputError(
                f"{path}: has no emotions and no behaviour, expected the topics emotions, "
                f"emotion or behavior_state; its topics are {names}"
            )
        self._faces: dict[str, _Rows] = {}
        self._focus = _Rows()
        self._images: list[tuple[int, int]] = []
        self._camera: list[int] = []
        self._states: list[tuple[int, Any]] = []
        self._reports: list[tuple[int, Report]] = []
        self._width = 0
        self.sightings: list[Sighting] = []
        self.attended: set[tuple[int, str]] = set()

    def session(self, keep_sightings: bool = False) -> Session:
        """Reads everything, once.

        Args:
            keep_sightings: whether they are asked for.

        Raises:
            InputError: there is no message that can be read.
        """
        take: dict[str, Callable[[int, Any], object]] = {
            EMOTIONS: partial(self._take_emotions, keep=keep_sightings),
            EMOTION: self._take_emotion,
            BEHAVIOUR: lambda time, message: self._states.append((time, message)),
            CAMERA_INFO: self._take_camera_info,
            DIAGNOSTICS: self._take_diagnostics,
            LOG: self._take_log,
        }
        first, last = 2**63 - 1, 0
        for entry in self._bag.messages(list(self._kinds)):
            kind = self._kinds[entry.topic]
            if kind == CAMERA_INFO:
                self._camera.append(entry.time)
            # Of camera_info one is enough; they make up a third of a recording.
            message = None if kind == CAMERA_INFO and self._width else entry.decode()
            if message is not None:
                take[kind](entry.time, message)
            first, last = min(first, entry.time), max(last, entry.time)
        if last == 0:
            raise InputError(f"{self._path}: has no message that can be read")
        return self._session(first, last)

    def _choose(self, kind: str) -> None:
        """Of the topics of a type, which there may be several robots for, the fullest."""
        found = [topic for topic in self._topics if topic.type == kind and topic.count]
        found.sort(key=lambda topic: -topic.count)
        if kind in _ONE_OF and len(found) > 1:
            others = ", ".join(topic.name for topic in found[1:])
            self._notes.append(f"{found[0].name} is shown, and not {others}.")
            found = found[:1]
        self._kinds.update((topic.name, kind) for topic in found)

    def _session(self, first: int, last: int) -> Session:
        series = [rows.series(name, first) for name, rows in self._faces.items()]
        came, stamps = (np.array(column, np.int64) for column in _columns(self._images))
        order = np.argsort(came, kind="stable")
        return Session(
            path=self._path,
            began=first * 1e-9,
            duration=(last - first) * 1e-9,
            flaw=self._bag.flaw,
            notes=self._notes,
            topics=self._topics,
            faces=sorted(series, key=lambda one: float(one.time[0])),
            attended=self._focus.series("", first),
            images=(came[order] - first) * 1e-9,
            latencies=(came - stamps)[order] * 1e-9,
            camera=np.sort(seconds(self._camera, first)),
            states=[_state((time - first) * 1e-9, message) for time, message in self._states],
            reports=[replace(told, time=(at - first) * 1e-9) for at, told in self._reports],
        )

    def _take_emotions(self, time: int, message: Any, keep: bool) -> None:
        stamp = _stamp(message.header)
        self._images.append((time, stamp))
        for face in message.emotions:
            self._faces.setdefault(face.face_id, _Rows()).add(time, face)
        if keep:
            faces = list(message.emotions) or [None]
            self.sightings += [Sighting(time, stamp, face, self._width) for face in faces]

    def _take_emotion(self, time: int, message: Any) -> None:
        self._focus.add(time, message)
        self.attended.add((_stamp(message.header), message.face_id))

    def _take_camera_info(self, _time: int, message: Any) -> None:
        self._width = int(message.width)

    def _take_diagnostics(self, time: int, message: Any) -> None:
        for status in message.status:
            values = {pair.key: pair.value for pair in status.values}
            report = Report(0.0, status.name, int(status.level), status.message, values)
            self._reports.append((time, report))

    def _take_log(self, time: int, message: Any) -> None:
        if message.level >= _LOG_WARNING:
            level = 2 if message.level >= _LOG_ERROR else 1
            self._reports.append((time, Report(0.0, message.name, level, message.msg, {})))


def _columns(pairs: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _stamp(header: Any) -> int:
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)


def _state(time: float, message: Any) -> State:
    return State(
        time, message.state, message.emotion, message.motion, message.speech, message.reason
    )

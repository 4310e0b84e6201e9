"""What a recording says, as plain arrays and records."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS, UNKNOWN
from fer_common.bag import Bag, BagTopic
from fer_common.emotions import (
    CAMERA_INFO,
    EMOTION,
    EMOTIONS,
    SeenFace,
    SeenImage,
    face_of,
    fullest,
    image_of,
    stamp_of,
)

BEHAVIOUR = "fer_interfaces/msg/BehaviorState"
DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"
LOG = "rcl_interfaces/msg/Log"

_ONE_OF = (EMOTIONS, EMOTION, BEHAVIOUR, CAMERA_INFO)
_LOG_WARNING, _LOG_ERROR = 30, 40


@dataclass(frozen=True)
class FaceSeries:
    """What one face showed, image by image; all arrays have one entry for each.

    Attributes:
        face_id: of the face; empty for that of whoever was attended to.
        time: seconds since the beginning of the recording, float64 [N], increasing.
        label: index into the labels of the session; one more than the last: unknown. int16 [N].
        confidence: of the label, 0..1, float32 [N].
        probabilities: float32 [N, labels].
    """

    face_id: str
    time: np.ndarray
    label: np.ndarray
    confidence: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class RecordedState:
    """One message of the behaviour; see ``fer_interfaces/msg/BehaviorState``.

    Attributes:
        time: seconds since the beginning of the recording.
        state: of the behaviour.
        emotion: that is considered.
        motion: under way; may be empty.
        speech: under way; may be empty.
        reason: one sentence.
    """

    time: float
    state: str
    emotion: str
    motion: str
    speech: str
    reason: str


@dataclass(frozen=True)
class NodeReport:
    """What a node said about itself, on ``/diagnostics`` or in its log.

    Attributes:
        time: seconds since the beginning of the recording.
        node: its name.
        level: 0 fine, 1 warning, 2 error, 3 no news.
        text: one line.
        values: by name.
    """

    time: float
    node: str
    level: int
    text: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class ArrivedImage:
    """An image with its faces, as it is kept for the CSV.

    Attributes:
        arrived: when perception had published it, ns since 1970.
        image: see there.
        width: of the image, pixels; None while it is not known.
    """

    arrived: int
    image: SeenImage
    width: int | None


@dataclass(frozen=True)
class Session:
    """A recording.

    Attributes:
        path: of the bag.
        began: seconds since 1970.
        duration: seconds.
        flaw: what could not be read; None when all could.
        notes: what was left out of the report although it was read.
        topics: of the bag.
        labels: that the model knows, in its order.
        faces: by the time of their appearance.
        attended: whoever was attended to.
        images: times at which images had been processed, seconds since the beginning. float64.
        latencies: from the stamp of each of these images until then, seconds. float64.
        camera: times at which images came, likewise; empty if not recorded.
        states: of the behaviour.
        reports: of the nodes, in order.
        videos: that were analysed, where there was no robot; empty of a recording.
    """

    path: Path
    began: float
    duration: float
    flaw: str | None
    notes: Sequence[str]
    topics: Sequence[BagTopic]
    labels: Sequence[str]
    faces: Sequence[FaceSeries]
    attended: FaceSeries
    images: np.ndarray
    latencies: np.ndarray
    camera: np.ndarray
    states: Sequence[RecordedState]
    reports: Sequence[NodeReport]
    videos: Sequence[AnalyzedVideo] = ()


@dataclass
class AnalyzedVideo:
    """A video or a picture in which somebody was looked for, without a robot.

    Attributes:
        name: of the file.
        begin: seconds since the beginning of the session.
        duration: seconds.
        frames: how many could be decoded.
        without_face: in how many of them no face was found.
        not_decoded: how many could not be decoded.
    """

    name: str
    begin: float
    duration: float = 0.0
    frames: int = 0
    without_face: int = 0
    not_decoded: int = 0


def session_of(
    images: Sequence[SeenImage],
    labels: Sequence[str],
    videos: Sequence[AnalyzedVideo],
    began: float,
    duration: float,
) -> Session:
    """What was seen in videos, as a session.

    Args:
        images: all frames, in order.
        labels: of the model.
        videos: see there.
        began: seconds since 1970.
        duration: of all videos, seconds.
    """
    faces: dict[str, _GrowingSeries] = {}
    attended, first = _GrowingSeries(), round(began * 1e9)
    for image in images:
        for face in image.faces:
            faces.setdefault(face.face_id, _GrowingSeries()).add(image.stamp, face)
            if face.face_id == image.attended:
                attended.add(image.stamp, face)
    series = [face.series(name, first, labels) for name, face in faces.items()]
    nothing = np.zeros(0)
    return Session(
        path=Path(videos[0].name),
        began=began,
        duration=duration,
        flaw=None,
        notes=[],
        topics=[],
        labels=labels,
        faces=sorted(series, key=lambda one: float(one.time[0])),
        attended=attended.series("", first, labels),
        images=_seconds([image.stamp for image in images], first),
        latencies=nothing,
        camera=nothing,
        states=[],
        reports=[],
        videos=videos,
    )


@dataclass
class _GrowingSeries:
    """What one face shows, as far as it was read."""

    times: list[int] = field(default_factory=list)
    label: list[str] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    probabilities: list[Sequence[float]] = field(default_factory=list)

    def add(self, time: int, face: SeenFace) -> None:
        self.times.append(time)
        self.label.append(sys.intern(face.label))  # one of a few words, a hundred thousand times
        self.confidence.append(face.confidence)
        self.labels.append(face.labels)
        self.probabilities.append(face.probabilities)

    def series(self, face_id: str, began: int, labels: Sequence[str]) -> FaceSeries:
        time = _seconds(self.times, began)
        order = np.argsort(time, kind="stable")
        place = {label: index for index, label in enumerate(labels)}
        label = [place.get(name, len(labels)) for name in self.label]
        return FaceSeries(
            face_id,
            time[order],
            np.asarray(label, np.int16)[order],
            np.asarray(self.confidence, np.float32)[order],
            self._table(place)[order],
        )

    def _table(self, place: Mapping[str, int]) -> np.ndarray:
        """Probabilities, float32 [N, labels]; 0 where none was said."""
        table = np.zeros((len(self.times), len(place)), np.float32)
        for labels in filter(None, set(self.labels)):
            rows = [row for row, told in enumerate(self.labels) if told == labels]
            values = np.asarray([self.probabilities[row] for row in rows], np.float32)
            table[np.ix_(rows, [place[label] for label in labels])] = values
        return np.nan_to_num(table)


class SessionReader:
    """Reads the topics of one robot out of a bag.

    Args:
        path: of the bag, for messages.
        bag: see there.

    Attributes:
        images: all of them, if they were asked for.
        attended: stamp and face_id of whoever was attended to, as ``emotion`` told.

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
        self._models: list[tuple[str, ...]] = []  # the labels of each
        self._words: dict[str, None] = {}  # those that faces showed, in order, each once
        self._faces: dict[str, _GrowingSeries] = {}
        self._attended, self._alone = _GrowingSeries(), _GrowingSeries()
        self._times: list[tuple[int, int]] = []
        self._camera: list[int] = []
        self._states: list[tuple[int, Any]] = []
        self._reports: list[tuple[int, NodeReport]] = []
        self._width: int | None = None
        self.images: list[ArrivedImage] = []
        self.attended: set[tuple[int, str]] = set()

    def session(self, keep_images: bool = False) -> Session:
        """Reads everything, once.

        Args:
            keep_images: whether they are asked for.

        Raises:
            InputError: there is no message that can be read, or its type is another one.
        """
        first, last, understood = 2**63 - 1, 0, 0
        for entry in self._bag.messages(list(self._kinds)):
            kind = self._kinds[entry.topic]
            first, last = min(first, entry.time), max(last, entry.time)
            if kind == CAMERA_INFO:
                self._camera.append(entry.time)
                if self._width is not None:  # one is enough; they make up a third of a recording
                    continue
            message = entry.decode()
            if message is not None:
                self._take(kind, entry.time, message, keep_images)
                understood += kind != CAMERA_INFO
        if not understood:
            why = f" ({self._bag.flaw})" if self._bag.flaw else ""
            raise InputError(f"{self._path}: has no message that can be read{why}")
        return self._session(first, last)

    def _take(self, kind: str, time: int, message: Any, keep_images: bool) -> None:
        """Remembers what a message tells.

        Raises:
            InputError: it lacks what its type always had.
        """
        try:
            if kind == EMOTIONS:
                self._take_emotions(time, message, keep_images)
            elif kind == EMOTION:
                self._take_emotion(time, message)
            elif kind == BEHAVIOUR:
                self._states.append((time, _state(message)))
            elif kind == CAMERA_INFO:
                self._width = int(message.width) or None
            elif kind == DIAGNOSTICS:
                self._take_diagnostics(time, message)
            else:
                self._take_log(time, message)
        except InputError as error:
            raise InputError(f"{self._path}: {error}") from error
        except AttributeError as error:
            raise InputError(f"{self._path}: {kind} has no '{error.name}'") from error

    def _choose(self, kind: str) -> None:
        """Of the topics of a type the fullest, or all of those that all robots share."""
        found = fullest(self._topics, kind)
        if kind in _ONE_OF and len(found) > 1:
            others = ", ".join(topic.name for topic in found[1:])
            self._notes.append(f"{found[0].name} is shown, and not {others}.")
            found = found[:1]
        self._kinds.update((topic.name, kind) for topic in found)

    def _session(self, first: int, last: int) -> Session:
        labels = list(dict.fromkeys(chain(*self._models)) or LABELS)
        labels += [word for word in self._words if word not in (*labels, UNKNOWN, "")]
        series = [face.series(name, first, labels) for name, face in self._faces.items()]
        attended = self._attended if self._attended.times else self._alone
        came, stamps = (np.array(column, np.int64) for column in _columns(self._times))
        order = np.argsort(came, kind="stable")
        return Session(
            path=self._path,
            began=first * 1e-9,
            duration=(last - first) * 1e-9,
            flaw=self._bag.flaw,
            notes=self._notes,
            topics=self._topics,
            labels=labels,
            faces=sorted(series, key=lambda one: float(one.time[0])),
            attended=attended.series("", first, labels),
            images=(came[order] - first) * 1e-9,
            latencies=(came - stamps)[order] * 1e-9,
            camera=np.sort(_seconds(self._camera, first)),
            states=[replace(state, time=(at - first) * 1e-9) for at, state in self._states],
            reports=[replace(told, time=(at - first) * 1e-9) for at, told in self._reports],
        )

    def _note_labels(self, labels: tuple[str, ...], faces: Iterable[SeenFace]) -> None:
        if labels not in self._models:
            self._models.append(labels)
        for face in faces:
            self._words.setdefault(face.label)

    def _take_emotions(self, time: int, message: Any, keep: bool) -> None:
        image = image_of(message)
        self._times.append((time, image.stamp))
        self._note_labels(image.labels, image.faces)
        for face in image.faces:
            self._faces.setdefault(face.face_id, _GrowingSeries()).add(time, face)
            if image.attended and face.face_id == image.attended:
                self._attended.add(time, face)
        if keep:
            self.images.append(ArrivedImage(time, image, image.width or self._width))

    def _take_emotion(self, time: int, message: Any) -> None:
        face = face_of(message)
        self._note_labels(face.labels, [face])
        self._alone.add(time, face)
        self.attended.add((stamp_of(message), face.face_id))

    def _take_diagnostics(self, time: int, message: Any) -> None:
        for status in message.status:
            values = {pair.key: pair.value for pair in status.values}
            report = NodeReport(0.0, status.name, int(status.level), status.message, values)
            self._reports.append((time, report))

    def _take_log(self, time: int, message: Any) -> None:
        if message.level >= _LOG_WARNING:
            level = 2 if message.level >= _LOG_ERROR else 1
            self._reports.append((time, NodeReport(0.0, message.name, level, message.msg, {})))


def _columns(pairs: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _seconds(times: list[int], began: int) -> np.ndarray:
    """Times in ns since 1970 as seconds since the beginning, float64."""
    return (np.asarray(times, np.int64) - began) * 1e-9


def _state(message: Any) -> RecordedState:
    return RecordedState(
        0.0, message.state, message.emotion, message.motion, message.speech, message.reason
    )

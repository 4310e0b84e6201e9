"""What perception says, image by image: out of a script, or out of a recording."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS, UNKNOWN
from fer_common.bag import Bag, open_bag
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
from robot_behavior import yaml_file
from robot_behavior.yaml_file import ConfigError, Section

LONGEST_S = 3600.0
"""Of a script, and between two images of a recording."""


@dataclass(frozen=True)
class Sighting:
    """One face in one image.

    Attributes:
        face_id: id of the face.
        label: one of those of the model, or unknown.
        confidence: of the label, 0..1.
        size: width of the face as a share of the image's; 0 when it is not known.
    """

    face_id: str
    label: str
    confidence: float
    size: float


@dataclass(frozen=True)
class View:
    """One image.

    Attributes:
        time: seconds from the start.
        faces: the faces in it.
        attended: the face that the robot attends to; None for none.
    """

    time: float
    faces: tuple[Sighting, ...]
    attended: Sighting | None = None


class ScriptedAttention:
    """Chooses whom the robot attends to, where a script does not say so.

    It does what ``fer_node`` does unless its parameters are changed: the largest face
    that has been there for half a second, until it has been lost for a second.
    """

    _AFTER_S, _FORGET_S = 0.5, 1.0

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._chosen: str | None = None
        self._seen = 0.0

    def choose(self, time: float, faces: Sequence[Sighting]) -> Sighting | None:
        """The attended face of an image; None for none."""
        self._since = {face.face_id: self._since.get(face.face_id, time) for face in faces}
        if self._chosen in self._since:
            self._seen = time
        elif self._chosen is None or time - self._seen > self._FORGET_S:
            ripe = [f for f in faces if time - self._since[f.face_id] >= self._AFTER_S]
            largest = max(ripe, key=lambda face: face.size, default=None)
            self._chosen = None if largest is None else largest.face_id
            self._seen = time
        return next((face for face in faces if face.face_id == self._chosen), None)


# Scripts: who is in view, and with which expression. A script is a YAML file:
#
#     duration_s: 20            # how long it lasts
#     rate: 10                  # images per second; optional, 10
#     events:                   # in the order of time; what an event does not name stays
#       - {at: 1.0, face: anna, size: 0.05, label: neutral}
#       - {at: 3.0, face: anna, size: 0.15, label: happy, confidence: 0.8}
#       - {at: 15.0, face: anna, leaves: true}

MOST_PEOPLE = 100
"""So many may be in view at a time."""

_NEWCOMER = Sighting("", "neutral", 0.9, 0.15)


def read_script(file: Path, labels: Collection[str] = ()) -> list[View]:
    """The images of a script.

    Args:
        file: YAML.
        labels: that faces may show besides `LABELS` and unknown.

    Raises:
        ConfigError: names the file, the key, its value and what was expected.
    """
    root = yaml_file.read(file)
    duration = root.number("duration_s", 0.1, LONGEST_S)
    rate = root.number("rate", 0.5, 60.0, default=10.0)
    events = root.sections("events")
    root.close()
    changes: list[tuple[float, str, Sighting | None]] = []
    present: dict[str, Sighting] = {}
    latest = 0.0
    choices = tuple(dict.fromkeys((*LABELS, *labels, UNKNOWN)))
    for event in events:
        at = event.number("at", 0.0, duration)
        if at < latest:
            raise event.error("at", at, f"a time that is not before the {latest:g} of the last one")
        latest = at
        name, face = _event(event, present, choices)
        changes.append((at, name, face))
    return _scripted_views(changes, duration, rate)


def _event(
    event: Section, present: dict[str, Sighting], choices: tuple[str, ...]
) -> tuple[str, Sighting | None]:
    """A face and what it looks like from now on; None if it is gone."""
    name = event.text("face")
    leaves = event.get("leaves", False)
    if not isinstance(leaves, bool):
        raise event.error("leaves", leaves, "true or false")
    if leaves:
        if name not in present:
            there = ", ".join(present) or "nobody"
            raise event.error("face", name, f"somebody who is there ({there})")
        del present[name]
        event.close()
        return name, None
    before = present.get(name, replace(_NEWCOMER, face_id=name))
    if len(present) >= MOST_PEOPLE and name not in present:
        raise event.error("face", name, f"at most {MOST_PEOPLE} people at a time")
    present[name] = Sighting(
        name,
        event.text("label", before.label, choices=choices),
        event.number("confidence", 0.0, 1.0, default=before.confidence),
        event.number("size", 0.0, 1.0, default=before.size),
    )
    event.close()
    return name, present[name]


def _scripted_views(
    changes: list[tuple[float, str, Sighting | None]], duration: float, rate: float
) -> list[View]:
    views, faces, attention = [], dict[str, Sighting](), ScriptedAttention()
    waiting = deque(changes)
    for number in range(round(duration * rate) + 1):
        time = number / rate
        while waiting and waiting[0][0] <= time + 1e-9:
            _, name, face = waiting.popleft()
            if face is None:
                faces.pop(name, None)
            else:
                faces[name] = face
        seen = tuple(faces.values())
        views.append(View(time, seen, attention.choose(time, seen)))
    return views


# Recordings, as `bag_recorder` makes them.


def read_bag(path: Path, warn: Callable[[str], object]) -> list[View]:
    """The images of a recording; its first one is at time 0.

    Args:
        path: see `fer_common.bag.open_bag`.
        warn: told when a part of the recording cannot be read.

    Raises:
        ConfigError: says what is wrong with it.
    """
    try:
        bag = open_bag(path)
        views = _recorded_views(path, bag)
    except InputError as error:
        raise ConfigError(str(error)) from error
    if bag.flaw is not None:
        warn(f"{path}: incomplete: {bag.flaw}")
    return views


@dataclass
class _Recorded:
    """What a recording tells of its images.

    Attributes:
        images: time of arrival, ns since 1970, image and its width, pixels.
        attended: stamp and face_id of whoever was attended to, where the images do not tell.
        width: of the images, as the camera told; None while it has not.
    """

    images: list[tuple[int, SeenImage, int | None]]
    attended: set[tuple[int, str]]
    width: int | None = None

    def add(self, kind: str, time: int, message: Any) -> None:
        if kind == EMOTIONS:
            image = image_of(message)
            self.images.append((time, image, image.width or self.width))
        elif kind == EMOTION:
            self.attended.add((stamp_of(message), face_of(message).face_id))
        else:
            self.width = int(message.width) or None

    def view(self, index: int) -> View:
        time, image, width = self.images[index]
        faces = tuple(_sighting(face, width) for face in image.faces if face.face_id)
        chosen = [face for face in faces if self._is_attended(image, face.face_id)]
        since = (time - self.images[0][0]) * 1e-9
        return View(since, faces, chosen[0] if chosen else None)

    def _is_attended(self, image: SeenImage, face_id: str) -> bool:
        if image.attended is None:
            return (image.stamp, face_id) in self.attended
        return face_id == image.attended


def _recorded_views(path: Path, bag: Bag) -> list[View]:
    topics = bag.topics()
    kinds = {
        found[0].name: kind
        for kind in (EMOTIONS, EMOTION, CAMERA_INFO)
        if (found := fullest(topics, kind))
    }
    if EMOTIONS not in kinds.values():
        names = ", ".join(topic.name for topic in topics) or "none"
        raise ConfigError(f"{path}: has no topic emotions; its topics are {names}")
    recorded = _Recorded([], set())
    for entry in bag.messages(list(kinds)):
        message = entry.decode()
        if message is not None:
            try:
                recorded.add(kinds[entry.topic], entry.time, message)
            except InputError as error:
                raise ConfigError(f"{path}: {error}") from error
    if not recorded.images:
        why = f" ({bag.flaw})" if bag.flaw else ""
        raise ConfigError(f"{path}: has no emotions that can be read{why}")
    recorded.images.sort(key=lambda item: item[0])
    views = [recorded.view(index) for index in range(len(recorded.images))]
    for before, after in pairwise(views):
        if after.time - before.time > LONGEST_S:
            gap = f"nothing for {after.time - before.time:.0f} s after {before.time:.0f} s"
            raise ConfigError(f"{path}: has {gap}, expected at most {LONGEST_S:g} s")
    return views


def _sighting(face: SeenFace, width: int | None) -> Sighting:
    size = min(1.0, face.box[2] / width) if width else 0.0
    return Sighting(face.face_id, face.label or UNKNOWN, face.confidence, size)

"""The images of a recording as a source of frames."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import user_path
from fer_common.bag import BagEntry, BagTopic, open_bag
from fer_node.camera.source import Fitting, FrameSettings, SourceTools
from fer_node.perception.frame import DecodeError, Frame, open_message

_NAMED = re.compile(r"bag:(.+?)(?:@(/\S+))?")
_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_LATE_S = 0.05  # an image is left out when its successor has been due for so long
_SHORTEST_S = 1 / 240  # between two images, where a bag begins again


class BagImages:
    """Shows the images of a bag when they are due, leaving some out when the machine is too slow.

    Args:
        path: of the bag, see `fer_common.bag.open_bag`.
        topic: of the images; None: the one that looks most like a camera's, of which an image can
            be decoded.
        frames: how large, and whether to begin again at the end.
        tools: see there; told of each image that cannot be decoded, and of a damaged bag.

    Raises:
        InputError: this is no bag, or one without images that can be decoded.
    """

    def __init__(
        self, path: Path, topic: str | None, frames: FrameSettings, tools: SourceTools
    ) -> None:
        self._path, self._loop, self._most = path, frames.loop, frames.most_pixels
        self._clock, self._wait, self._log = tools.clock, tools.wait, tools.log
        self._bag = open_bag(path)
        if self._bag.flaw:
            tools.log(f"{path}: {self._bag.flaw}")
        self._flaw = self._bag.flaw
        self._interval = _SHORTEST_S
        self._next: BagEntry | None = None
        topics = self._bag.topics()
        sights = _in_order(path, topics, topic)
        self._topic = self._first_that_shows(sights)
        self.name = f"{self._topic} of the bag {path}"
        self._fitted = Fitting(self.name, frames, tools.tell)
        if len(sights) > 1:
            others = ", ".join(f"{s.topic} ({s.what})" for s in sights if s.topic != self._topic)
            what = next(sight.what for sight in sights if sight.topic == self._topic)
            tools.tell(
                f"{path}: {self._topic} ({what}) is shown; it also has {others}; "
                f"bag:{path}@TOPIC shows another one"
            )
        self._offset: float | None = None

    def read(self) -> np.ndarray | None:
        """See `fer_node.camera.source.Source`."""
        while self._next is not None:
            entry, time = self._next, self._next.time
            if self._offset is None:
                self._offset = self._clock() - time * 1e-9
            if self._wait(max(0.0, self._due(time) - self._clock())):
                return None
            self._next = next(self._messages, None) or self._again(time)
            if self._next is not None:
                self._interval = max(_SHORTEST_S, (self._next.time - time) * 1e-9)
                if self._due(self._next.time) + _LATE_S <= self._clock():
                    continue
            frame = self._decoded(entry)
            if frame is not None:
                return frame
        return None

    def close(self) -> None:
        """See `fer_node.camera.source.Source`."""
        self._next = None

    def _due(self, time: int) -> float:
        return (self._offset or 0.0) + time * 1e-9

    def _again(self, last: int) -> BagEntry | None:
        """The first image once more, if that is wished; it is due after the last one."""
        if self._bag.flaw and self._bag.flaw != self._flaw:
            self._flaw = self._bag.flaw
            self._log(f"{self._path}: {self._flaw}")
        if not self._loop:
            return None
        self._messages = self._bag.messages([self._topic])
        first = next(self._messages, None)
        if first is not None and self._offset is not None:
            self._offset += self._interval + (last - first.time) * 1e-9
        return first

    def _first_that_shows(self, sights: Sequence[_Sight]) -> str:
        """The first topic of which an image can be decoded; begins with that image."""
        problems = []
        for sight in sights:
            self._messages, why = self._bag.messages([sight.topic]), "they are damaged"
            for left_out, entry in enumerate(self._messages):
                try:
                    if (frame := _frame(entry)) is not None:
                        frame.bgr()
                        self._next = entry
                        if left_out:
                            self._log(
                                f"{self._path}: the first {left_out} images on {sight.topic} are "
                                f"left out: {why}"
                            )
                        return sight.topic
                except DecodeError as error:
                    why = str(error)
            problems.append(f"no image on {sight.topic} can be decoded: {why}")
        raise InputError(f"{self._path}: {'; '.join(problems)}")

    def _decoded(self, entry: BagEntry) -> np.ndarray | None:
        try:
            frame = _frame(entry)
            if frame is None:
                return None
            share = math.sqrt(self._most / (frame.width * frame.height))
            image, _ = frame.overview(share * max(frame.width, frame.height))
            return self._fitted(image, frame.height)
        except DecodeError as error:
            self._log(f"{self._path}: an image on {self._topic} is left out: {error}")
            return None


def _frame(entry: BagEntry) -> Frame | None:
    """The image of a message; None when the message is damaged.

    Raises:
        DecodeError: the image is.
    """
    message = entry.decode()
    return None if message is None else open_message(message)


# Which topic of several is the camera's.

_COLOUR, _GREY, _DERIVED, _INFRARED, _MAP, _UNSEEN = range(6)
_WHAT = ("colour", "grey", "drawn or cut out", "infrared", "depth or another map", "not readable")
_WORDS = {
    **dict.fromkeys(("color", "colour", "rgb", "bgr"), _COLOUR),
    **dict.fromkeys(("overlay", "annotated", "detections", "debug", "cropped"), _DERIVED),
    **dict.fromkeys(("infra", "infrared", "ir", "nir", "thermal", "lwir", "flir"), _INFRARED),
    **dict.fromkeys(("depth", "disparity", "confidence", "range", "heatmap", "cost"), _MAP),
    **dict.fromkeys(("mask", "masks", "segmentation", "semantic", "labels", "amplitude"), _MAP),
}
"""What the words in the name of a topic hint at; the last of them counts."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_UNITS = ("16UC1", "16SC1", "32FC1", "64FC1")  # encodings of distances and the like
_LOOKS = 3  # images of each topic, of which the most telling counts: the first ones may be black
_LOOK_THROUGH = 600  # images of all topics
_FEW_LEVELS = 16  # of grey; a picture of a camera has more
_GREYS_DIFFER = 2.0  # on average, between the colours of a grey picture that was compressed


@dataclass(frozen=True)
class _Sight:
    """What was seen of a topic.

    Attributes:
        topic: its name.
        kind: an index into `_WHAT`; the lower the better.
        hint: that of its name alone.
        count: of its images.
    """

    topic: str
    kind: int
    hint: int
    count: int

    @property
    def what(self) -> str:
        return _WHAT[self.kind]


def _in_order(path: Path, topics: Sequence[BagTopic], wish: str | None) -> list[_Sight]:
    """The topics with images, first those that look most like a camera's.

    Colour comes before grey, this before what was drawn by a program or cut out, before infrared
    and before maps of distances, confidence or classes. Encodings and the images tell, and the
    words of the names. Among equals the topic with the most images is the first.

    Args:
        path: of the bag.
        topics: all of it.
        wish: the only one to take; None for all.

    Raises:
        InputError: there is none.
    """
    images = {topic.name: topic for topic in topics if topic.type in _TYPES and topic.count}
    if wish is not None:
        if wish not in images:
            raise InputError(
                f"{path}: no images on {wish}; it has {_listed(images.values() or topics)}"
            )
        return [_Sight(wish, _COLOUR, _COLOUR, images[wish].count)]
    if not images:
        raise InputError(f"{path}: has no images; its topics are {_listed(topics)}")
    if len(images) == 1:
        return [_Sight(name, _COLOUR, _COLOUR, 1) for name in images]
    kinds: dict[str, list[int]] = {name: [] for name in images}
    for number, entry in enumerate(open_bag(path).messages(list(images))):
        if len(kinds[entry.topic]) < _LOOKS:
            kinds[entry.topic].append(_kind(entry))
        if number == _LOOK_THROUGH or all(len(seen) == _LOOKS for seen in kinds.values()):
            break
    sights = []
    for name, topic in images.items():
        hint, seen = _hint(name), min(kinds[name], default=_MAP)
        sights.append(_Sight(name, max(hint, seen), hint, topic.count))
    return sorted(sights, key=lambda sight: (sight.kind, sight.hint, -sight.count, sight.topic))


def _hint(name: str) -> int:
    words = [word.lower() for word in _WORD.findall(name)]
    return next((_WORDS[word] for word in reversed(words) if word in _WORDS), _COLOUR)


def _kind(entry: BagEntry) -> int:
    """What a single image is, an index into `_WHAT`."""
    message: Any = entry.decode()
    try:
        frame = _frame(entry)
        if frame is None:
            return _UNSEEN
        image = frame.bgr()
    except DecodeError:
        return _UNSEEN
    encoding = str(getattr(message, "encoding", "") or getattr(message, "format", ""))
    step = max(1, min(image.shape[:2]) // 120)
    some = image[::step, ::step].astype(np.int16)
    if encoding.startswith(_UNITS) or len(np.unique(some.mean(axis=2).round())) <= _FEW_LEVELS:
        return _MAP
    return _GREY if float(np.ptp(some, axis=2).mean()) < _GREYS_DIFFER else _COLOUR


def _listed(topics: Iterable[BagTopic]) -> str:
    named = (topic.name if topic.count else f"{topic.name} (empty)" for topic in topics)
    return ", ".join(named) or "none"


def open_recording(text: str, frames: FrameSettings, tools: SourceTools) -> BagImages | None:
    """The images of ``bag:FILE`` or ``bag:FILE@/topic``; None where the text is neither."""
    named = _NAMED.fullmatch(text)
    if named is None:
        return None
    return BagImages(user_path(named[1]), named[2], frames, tools)

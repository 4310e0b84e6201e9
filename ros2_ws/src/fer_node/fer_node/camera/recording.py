"""The images of a recording as a source of frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import user_path
from fer_common.bag import BagEntry, BagTopic, open_bag
from fer_node.camera.source import FrameSettings, SourceTools
from fer_node.perception.frame import DecodeError, open_compressed, open_raw

_NAMED = re.compile(r"bag:(.+?)(?:@(/\S+))?")
_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_DERIVED = ("overlay", "cropped", "depth")  # in names of topics that are second choice
_LATE_S = 0.05  # an image is left out when its successor has been due for so long
_SHORTEST_S = 1 / 240  # between two images, where a bag begins again


class BagImages:
    """Shows the images of a bag when they are due, leaving some out when the machine is too slow.

    Args:
        path: of the bag, see `fer_common.bag.open_bag`.
        topic: of the images; None: the one that looks most like a camera's.
        frames: whether to begin again at the end.
        tools: see there; told of each image that cannot be decoded, and of a damaged bag.

    Raises:
        InputError: this is no bag, or one without images that can be decoded.
    """

    def __init__(
        self, path: Path, topic: str | None, frames: FrameSettings, tools: SourceTools
    ) -> None:
        self._path, self._loop = path, frames.loop
        self._clock, self._wait, self._log = tools.clock, tools.wait, tools.log
        self._bag = open_bag(path)
        self._topic = _choose(path, self._bag.topics(), topic)
        self.name = f"{self._topic} of the bag {path}"
        self._interval = _SHORTEST_S
        self._messages = self._bag.messages([self._topic])
        self._next = next(self._messages, None)
        self._check_first()
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
        if self._bag.flaw:
            self._log(f"{self._path}: {self._bag.flaw}")
        if not self._loop:
            return None
        self._messages = self._bag.messages([self._topic])
        first = next(self._messages, None)
        if first is not None and self._offset is not None:
            self._offset += self._interval + (last - first.time) * 1e-9
        return first

    def _check_first(self) -> None:
        """Sees that the bag has something to show."""
        while self._next is not None and self._decoded(self._next) is None:
            self._next = next(self._messages, None)
        if self._next is None:
            raise InputError(f"{self._path}: no image on {self._topic} can be decoded")

    def _decoded(self, entry: BagEntry) -> np.ndarray | None:
        message = entry.decode()
        if message is None:
            return None
        try:
            if hasattr(message, "format"):
                return open_compressed(message.data).bgr()
            return open_raw(
                message.height,
                message.width,
                message.encoding,
                message.step,
                bool(message.is_bigendian),
                message.data,
            ).bgr()
        except DecodeError as error:
            self._log(f"{self._path}: an image on {self._topic} is left out: {error}")
            return None


def _choose(path: Path, topics: Sequence[BagTopic], wish: str | None) -> str:
    """The topic to show.

    Raises:
        InputError: there is none.
    """
    images = [topic for topic in topics if topic.type in _TYPES and topic.count]
    if wish is not None and wish not in [topic.name for topic in images]:
        raise InputError(f"{path}: no images on {wish}; it has {_listed(images or topics)}")
    if not images:
        raise InputError(f"{path}: has no images; its topics are {_listed(topics)}")

    def derived(topic: BagTopic) -> bool:
        return any(part in topic.name for part in _DERIVED)

    return wish or min(images, key=lambda topic: (derived(topic), -topic.count)).name


def _listed(topics: Sequence[BagTopic]) -> str:
    return ", ".join(topic.name for topic in topics) or "none"


def open_recording(text: str, frames: FrameSettings, tools: SourceTools) -> BagImages | None:
    """The images of ``bag:FILE`` or ``bag:FILE@/topic``; None where the text is neither."""
    named = _NAMED.fullmatch(text)
    if named is None:
        return None
    return BagImages(user_path(named[1]), named[2], frames, tools)

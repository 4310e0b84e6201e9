"""Writes bags: rosbag2 recordings in MCAP, of which a sudden end costs the last second at most.

`BagFile` is the file, `BagWriter` the thread that fills it, so that a slow disk never stalls who
has something to write. Each topic carries the `definition` of its type, with which anybody reads
it, and what its publishers offered, which ``ros2 bag play`` offers again.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from threading import Condition, Thread
from typing import Any

import yaml
from mcap.writer import CompressionType, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from ec_rfernet.errors import InputError
from ec_rfernet.files import open_private, refuse_stdout, write_text
from fer_common.reason import Reason
from fer_common.runner import ros_distro

FLUSH_S = 1.0
"""So much of a recording is lost when its process is killed."""

_PAUSE_S = 0.05  # of the thread, while the queue fills
_QUEUE_BYTES = 64 * 2**20
_VERSION = 9  # of metadata.yaml; that of ROS 2 Jazzy

# The file.


@dataclass(frozen=True)
class TopicToWrite:
    """A topic of the bag.

    Attributes:
        topic: full name.
        type: of its messages.
        definition: of the type, see `definition`.
        qos: what its publishers offer, as rosbag2 writes it down.
        convert: applied to each message, in the writer's thread; None leaves the message out.
    """

    topic: str
    type: str
    definition: str
    qos: tuple[Mapping[str, Any], ...] = ()
    convert: Callable[[bytes], bytes | None] | None = None


def new_bag(parent: Path, now: datetime, reserve: int = 0) -> BagFile:
    """A bag in a folder of its own, named after the time; a second one gets a number.

    Args:
        parent: where recordings are kept; made if it does not exist.
        now: the time.
        reserve: bytes that the disk must have left.

    Raises:
        OSError: it cannot be made, or the disk is full.
        InputError: its name is ``-``.
    """
    refuse_stdout(parent)
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(parent).free
    if free <= reserve:
        left = f"the disk has {free / 1e6:.0f} MB left, expected more than {reserve / 1e6:.0f}"
        raise OSError(errno.ENOSPC, left, str(parent))
    name = f"{now:%Y-%m-%d_%H-%M-%S}"
    for number in count(1):
        try:
            return BagFile(parent / (name if number == 1 else f"{name}_{number}"))
        except FileExistsError:  # another recorder has it
            continue
    raise AssertionError("there are more numbers than recorders")


@dataclass
class _Content:
    """What metadata.yaml tells of a topic."""

    channel: int
    metadata: dict[str, Any]
    count: int = 0


class BagFile:
    """A rosbag2 recording in MCAP, of which at most what came since `flush` can be lost.

    Args:
        folder: of the recording; is made, for its owner only.

    Attributes:
        folder: likewise.
        size: bytes on disk.

    Raises:
        FileExistsError: the folder exists.
        OSError: it cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True)
        self.folder = folder
        self.size = 0
        self._path = folder / f"{folder.name}.mcap"
        self._file = open_private(self._path)
        # Not compressed: a chunk that is cut off can be read up to its end.
        self._writer = Writer(self._file, compression=CompressionType.NONE)
        self._writer.start(profile="ros2", library="fer_monitor")
        self._topics: dict[str, _Content] = {}
        self._first, self._last = 2**63 - 1, 0
        self.flush()

    def write(self, topic: TopicToWrite, time: int, data: bytes) -> None:
        """Adds a message.

        Args:
            topic: where; it is added before its first message.
            time: of arrival, ns since 1970.
            data: CDR.

        Raises:
            OSError: the disk does not take it.
        """
        content = self._topics.get(topic.topic) or self._add(topic)
        self._writer.add_message(content.channel, log_time=time, data=data, publish_time=time)
        content.count += 1
        self._first, self._last = min(self._first, time), max(self._last, time)

    def flush(self) -> None:
        """Sees to it that all there is survives the end of this process, and of the power.

        Raises:
            OSError: the disk does not take it.
        """
        self._writer.flush()
        os.fdatasync(self._file.fileno())
        self.size = self._file.tell()

    def close(self) -> None:
        """Completes the recording.

        Raises:
            OSError: the disk does not take it; what was flushed stays.
        """
        try:
            text = yaml.safe_dump(self._metadata(), sort_keys=False)
            self._writer.flush()
            self._writer.add_metadata("rosbag2", {"serialized_metadata": text})
            self._writer.finish()
            self._file.close()
            whole = {"rosbag2_bagfile_information": self._metadata()}
            text = yaml.safe_dump(whole, sort_keys=False)
            write_text(self.folder / "metadata.yaml", text, private=True)
        except OSError:
            self.abandon()
            raise
        self.size = self._path.stat().st_size

    def abandon(self) -> None:
        """Leaves the recording as it was at the last `flush`, without an index."""
        with suppress(OSError):  # its buffer is what the disk did not take
            self._file.close()
        with suppress(OSError):
            os.truncate(self._path, self.size)

    def _add(self, topic: TopicToWrite) -> _Content:
        store = get_typestore(Stores.EMPTY)
        store.register(get_types_from_msg(topic.definition, topic.type))
        digest, qos = store.hash_rihs01(topic.type), [dict(profile) for profile in topic.qos]
        schema = self._writer.register_schema(topic.type, "ros2msg", topic.definition.encode())
        about = {
            "offered_qos_profiles": yaml.safe_dump(qos, sort_keys=False).strip(),
            "topic_type_hash": digest,
        }
        metadata = {
            "name": topic.topic,
            "type": topic.type,
            "serialization_format": "cdr",
            "offered_qos_profiles": qos,
            "type_description_hash": digest,
        }
        channel = self._writer.register_channel(topic.topic, "cdr", schema, about)
        self._topics[topic.topic] = _Content(channel, metadata)
        return self._topics[topic.topic]

    def _metadata(self) -> dict[str, Any]:
        """What rosbag2 tells of a recording."""
        contents = self._topics.values()
        return {
            "version": _VERSION,
            "storage_identifier": "mcap",
            **self._extent(),
            "topics_with_message_count": [
                {"topic_metadata": content.metadata, "message_count": content.count}
                for content in contents
            ],
            "compression_format": "",
            "compression_mode": "",
            "relative_file_paths": [self._path.name],
            "files": [{"path": self._path.name, **self._extent()}],
            "custom_data": None,
            "ros_distro": ros_distro(),
        }

    def _extent(self) -> dict[str, Any]:
        return {
            "duration": {"nanoseconds": max(0, self._last - self._first)},
            "starting_time": {"nanoseconds_since_epoch": self._first},
            "message_count": sum(content.count for content in self._topics.values()),
        }


# The definitions of types, as MCAP files carry them.

Share = Callable[[str], Path]
"""The folder ``share/PACKAGE`` of a package; raises `LookupError` where there is none."""

_RULE = "=" * 80 + "\n"
_FIELD = re.compile(r"^\s*([A-Za-z][\w/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[A-Za-z]\w*\s*(?!\s*=)")
_CONSTANT = re.compile(r"^\s*[A-Za-z][\w/<=]*\s+\w+\s*=")
_BUILT_IN = re.compile(r"bool|byte|char|float(32|64)|u?int(8|16|32|64)|w?string")


def definition(kind: str, share: Share) -> str:
    """The text of a type, and after a rule that of each type it is made of.

    Args:
        kind: such as ``fer_interfaces/msg/Emotion``.
        share: where packages keep their definitions.

    Returns:
        What MCAP calls ``ros2msg``.

    Raises:
        InputError: the definition is not installed.
    """
    texts = {kind: _text(kind, share)}
    waiting = [kind]
    while waiting:
        for name in _parts(waiting.pop(0), texts):
            if name not in texts:
                texts[name] = _text(name, share)
                waiting.append(name)
    own = texts.pop(kind)
    others = (f"{_RULE}MSG: {name.replace('/msg/', '/')}\n{text}" for name, text in texts.items())
    return own + "".join(others)


def _text(kind: str, share: Share) -> str:
    package, _, name = kind.split("/")
    try:
        text = (share(package) / "msg" / f"{name}.msg").read_text(encoding="utf-8")
    except (LookupError, OSError) as error:
        raise InputError(f"the definition of {kind} is not installed ({error})") from error
    return text if text.endswith("\n") else text + "\n"


def _parts(kind: str, texts: dict[str, str]) -> list[str]:
    """The types that a type names."""
    package = kind.split("/", maxsplit=1)[0]
    found = []
    for line in texts[kind].splitlines():
        match = _FIELD.match(line)
        if match and not _CONSTANT.match(line) and not _BUILT_IN.fullmatch(match[1]):
            where, _, name = match[1].rpartition("/")
            found.append(f"{where.removesuffix('/msg') or package}/msg/{name}")
    return found


# The thread.


@dataclass(frozen=True)
class RecordingLimits:
    """When a recording ends by itself.

    Attributes:
        duration_s: after so many seconds; 0: never.
        size: after so many bytes; 0: never.
        reserve: when the disk has no more than so many bytes left.
    """

    duration_s: float = 0.0
    size: int = 0
    reserve: int = 0


class BagWriter:
    """Takes messages in and writes them.

    Args:
        bag: is closed at the end.
        limits: see there.
        clock: monotonic, seconds.
        queue_bytes: of messages that may wait; what exceeds that is dropped.

    Attributes:
        written: messages.
        dropped: messages, because the disk was too slow.
        error: why nothing can be written any more; None while all is well.
        complete: why the recording is over and closed; None until then.
    """

    def __init__(
        self,
        bag: BagFile,
        limits: RecordingLimits,
        clock: Callable[[], float],
        queue_bytes: int = _QUEUE_BYTES,
    ) -> None:
        self._bag, self._limits, self._clock = bag, limits, clock
        self._most = queue_bytes
        self._queue: deque[tuple[TopicToWrite, int, bytes]] = deque()
        self._waiting = 0
        self._news = Condition()
        self._closing = False
        self._began = clock()
        self.written = self.dropped = 0
        self.error: Reason | None = None
        self.complete: Reason | None = None
        self._thread = Thread(target=self._run, name="bag", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether nothing is written any more."""
        return self.error is not None or self.complete is not None

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._bag.size

    def put(self, topic: TopicToWrite, time: int, data: bytes) -> None:
        """Takes a message in, or counts it as dropped.

        Args:
            topic: its topic.
            time: of arrival, ns since 1970.
            data: CDR.
        """
        with self._news:
            if self._closing or self.ended:
                return
            if self._waiting + len(data) > self._most:
                self.dropped += 1
                return
            self._queue.append((topic, time, data))
            self._waiting += len(data)

    def close(self, timeout_s: float) -> bool:
        """Writes what waits, and completes the bag.

        Returns:
            Whether that was done in time.
        """
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        reason: Reason | None = None
        try:
            while not self._closing and reason is None:
                self._write_for_a_while()
                reason = self._limit()
            if self._closing:
                self._write_waiting()
            self._bag.close()
            self.complete = reason or Reason("stopped", "stopped")
        except OSError as error:
            self._bag.abandon()
            text = f"{self._bag.folder} cannot be written: {error.strerror or error}"
            self.error = Reason("disk", text)

    def _write_for_a_while(self) -> None:
        """Writes what arrives, and flushes at the end."""
        until = self._clock() + FLUSH_S
        while not self._closing and self._clock() < until:
            with self._news:
                self._news.wait_for(lambda: self._closing, _PAUSE_S)
            self._write_waiting()
        self._bag.flush()

    def _write_waiting(self) -> None:
        for _ in range(len(self._queue)):
            with self._news:
                topic, time, data = self._queue.popleft()
            converted = topic.convert(data) if topic.convert else data
            if converted is not None:
                self._bag.write(topic, time, converted)
                self.written += 1
            with self._news:
                self._waiting -= len(data)

    def _limit(self) -> Reason | None:
        """Why the recording is over; None when it goes on."""
        limits = self._limits
        if limits.duration_s and self._clock() - self._began >= limits.duration_s:
            return Reason("duration", f"its limit of {limits.duration_s:g} s is reached")
        if limits.size and self._bag.size >= limits.size:
            return Reason("size", f"its limit of {limits.size / 1e6:g} MB is reached")
        if shutil.disk_usage(self._bag.folder).free <= limits.reserve:
            text = f"the disk has less than {limits.reserve / 1e6:g} MB left"
            return Reason("disk full", text)
        return None

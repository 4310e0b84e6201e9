"""Reading of recordings of ROS, without ROS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ec_rfernet.errors import InputError
from fer_common.mcap import Channel, McapFile

_FILES = (".mcap", ".db3", ".bag")


@dataclass(frozen=True)
class Topic:
    """One topic of a bag.

    Attributes:
        name: of the topic.
        type: of its messages, such as ``std_msgs/msg/String``.
        count: of its messages.
    """

    name: str
    type: str
    count: int


class Bag(Protocol):
    """A recording.

    Attributes:
        flaw: what is wrong with what was read so far; empty when nothing is.
    """

    @property
    def flaw(self) -> str: ...  # noqa: D102

    def topics(self) -> list[Topic]:
        """What was recorded, by name."""
        ...

    def messages(self, topics: Collection[str] = ()) -> Iterator[Entry]:
        """Goes through the recording once.

        Args:
            topics: only these; empty for all.
        """
        ...


@dataclass(frozen=True)
class Entry:
    """One message of a bag.

    Attributes:
        topic: its name.
        time: of arrival, ns since 1970.
        decode: makes an object with the attributes of its type, arrays as numpy arrays; None
            when the message is damaged, which the flaw of the bag then tells.
    """

    topic: str
    time: int
    decode: Callable[[], Any]


def open_bag(path: Path) -> Bag:
    """Opens a recording.

    Args:
        path: folder of a rosbag2 recording, or one file of it (``.mcap``, ``.db3``), or a
            ``.bag`` of ROS 1.

    Raises:
        InputError: it does not exist or is no recording, or rosbags is not installed.
    """
    try:
        import rosbags.rosbag2  # noqa: F401
    except ImportError as error:
        raise InputError(f"{path}: reading a bag needs rosbags: pip install rosbags") from error
    if not path.exists():
        raise InputError(f"{path}: does not exist, expected a bag")
    if path.is_file() and path.suffix not in _FILES:
        raise InputError(f"{path}: is no bag, expected a folder or a file {' '.join(_FILES)}")
    if path.is_dir():
        files = sorted(path.glob("*.mcap"), key=lambda file: (len(file.name), file.name))
        if not files and not (path / "metadata.yaml").is_file():
            raise InputError(f"{path}: is no bag, expected .mcap files or metadata.yaml inside")
    else:
        files = [path] if path.suffix == ".mcap" else []
    return _McapBag(files) if files else _OtherBag(path)


class _McapBag:
    """A recording of one or several MCAP files."""

    def __init__(self, files: list[Path]) -> None:
        self._files = [McapFile(file) for file in files]
        self._decoders: dict[Channel, _Decoder] = {}

    @property
    def flaw(self) -> str:
        parts = (*(file.flaw for file in self._files), *(d.flaw for d in self._decoders.values()))
        return "; ".join(filter(None, parts))

    def topics(self) -> list[Topic]:
        counts: dict[tuple[str, str], int] = {}
        for file in self._files:
            for channel, count in file.channels().items():
                key = (channel.topic, channel.type)
                counts[key] = counts.get(key, 0) + count
        return [Topic(name, kind, count) for (name, kind), count in sorted(counts.items())]

    def messages(self, topics: Collection[str] = ()) -> Iterator[Entry]:
        for file in self._files:
            for channel, time, data in file.messages(topics):
                yield Entry(channel.topic, time, partial(self._decode, channel, data))

    def _decode(self, channel: Channel, data: bytes) -> Any:
        if channel not in self._decoders:
            self._decoders[channel] = _Decoder(channel)
        return self._decoders[channel].decode(data)


class _Decoder:
    """Decodes the messages of one channel by the definition that came with it."""

    def __init__(self, channel: Channel) -> None:
        from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

        self._channel = channel
        self._failed = 0
        self._reason = ""
        self._store = get_typestore(Stores.EMPTY)
        try:
            if channel.dialect == "ros2msg":
                types = get_types_from_msg(channel.definition, channel.type)
            else:
                types = {}
                for text in channel.definition.split("=" * 80 + "\n"):
                    types.update(get_types_from_idl(text.split("\n", 1)[-1]) if text else {})
            known = get_typestore(Stores.ROS2_JAZZY).fielddefs
            for name, (_constants, fields) in types.items():
                if name in known and known[name][1] != fields:
                    raise ValueError(f"their definition of {name} is not that of ROS 2")
            self._store.register(types)
        except Exception as error:  # its parsers raise what they like on nonsense
            self._reason = " ".join(str(error).split())[:100]

    @property
    def flaw(self) -> str:
        """How many messages could not be decoded; empty when all could."""
        if not self._failed:
            return ""
        return f"{self._failed} messages of {self._channel.topic} are damaged ({self._reason})"

    def decode(self, data: bytes) -> Any:
        """The message; None when it is damaged."""
        if self._channel.type in self._store.fielddefs:
            try:
                return self._store.deserialize_cdr(data, self._channel.type)
            except Exception as error:  # whatever damaged bytes make of it
                self._reason = " ".join(str(error).split())[:100]
        self._failed += 1
        return None


class _OtherBag:
    """A recording of which rosbags knows how it is stored."""

    def __init__(self, path: Path) -> None:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore

        self._path = path
        self.flaw = ""
        try:
            store = get_typestore(Stores.ROS2_JAZZY)
            self._reader = AnyReader([path], default_typestore=store)
            self._reader.open()
        except Exception as error:  # SQLite's, YAML's and its own, and what damage provokes
            text = " ".join(str(error).split())
            raise InputError(f"{path}: cannot be read as a bag ({text})") from error

    def topics(self) -> list[Topic]:
        return [
            Topic(name, topic.msgtype or "", topic.msgcount)
            for name, topic in sorted(self._reader.topics.items())
        ]

    def messages(self, topics: Collection[str] = ()) -> Iterator[Entry]:
        chosen = [c for c in self._reader.connections if not topics or c.topic in topics]
        if not chosen:
            return
        try:
            for connection, time, data in self._reader.messages(chosen):
                decode = partial(self._decode, connection.topic, connection.msgtype, data)
                yield Entry(connection.topic, time, decode)
        except Exception as error:  # as above
            self._damage(str(error))

    def _decode(self, topic: str, kind: str, data: bytes) -> Any:
        try:
            return self._reader.deserialize(data, kind)
        except Exception as error:  # as above
            self._damage(f"{topic}: {error}")
            return None

    def _damage(self, text: str) -> None:
        self.flaw = self.flaw or f"{self._path.name} is damaged ({' '.join(text.split())})"

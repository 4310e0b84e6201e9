"""Reading of recordings of ROS, without ROS."""

from __future__ import annotations

import struct
from binascii import crc32
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ec_rfernet.errors import InputError

# ----------------------------------------------------------------------
# Reading of MCAP files, also of those whose end is missing.
#
# The format is that of https://mcap.dev/spec. A file that was not closed, because its writer
# was killed or its robot switched off, has no index; so this reader needs none: it goes through
# the records in the order in which they were written.

MAGIC = b"\x89MCAP0\r\n"
_FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _STATISTICS, _DATA_END = 2, 3, 4, 5, 6, 11, 15
_HEAD = struct.Struct("<BQ")  # of each record: what it is, and bytes that follow
_FOOTER_SIZE = _HEAD.size + 20 + len(MAGIC)
_MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, sequence, time of arrival and of sending
_CHUNK_HEAD = struct.Struct("<QQQI")  # first and last time, size, checksum

Decompress = Callable[[bytes], bytes]


@dataclass(frozen=True)
class McapChannel:
    """One topic of a file.

    Attributes:
        topic: its name.
        type: of its messages, such as ``std_msgs/msg/String``.
        definition: text of the type.
        dialect: language of the definition: ``ros2msg`` or ``ros2idl``.
        encoding: of the messages; ``cdr`` in ROS 2.
    """

    topic: str
    type: str
    definition: str
    dialect: str
    encoding: str


class McapFile:
    """One MCAP file.

    Args:
        path: the file.

    Attributes:
        flaw: what is wrong with the part that was read; empty when nothing is.

    Raises:
        InputError: it cannot be read, is empty or is no MCAP file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.flaw = ""
        try:
            with path.open("rb") as file:
                start = file.read(len(MAGIC))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        if not start:
            raise InputError(f"{path}: is empty, expected an MCAP file")
        if start != MAGIC:
            raise InputError(f"{path}: is no MCAP file (starts with '{start.hex()}')")

    def channels(self) -> dict[McapChannel, int]:
        """What is in the file, and how many messages of it.

        Taken from the index at its end, or counted where there is none.
        """
        with self._path.open("rb") as file:
            size = file.seek(0, 2)
            for start in filter(None, (_summary(file, size), len(MAGIC))):
                file.seek(start)
                scan = _Scan(self._path)
                counts = Counter(channel for channel, _, _ in scan.messages(file, size, ()))
                counts.update(scan.statistics())
                if scan.channels:
                    return {channel: counts[channel] for channel in scan.channels.values()}
        return {}

    def messages(self, topics: Collection[str] = ()) -> Iterator[tuple[McapChannel, int, bytes]]:
        """Goes through the file.

        Args:
            topics: only these; empty for all.

        Yields:
            Channel, time of arrival in ns since 1970, and the encoded message; in the order
            of the file.
        """
        with self._path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(len(MAGIC))
            scan = _Scan(self._path)
            yield from scan.messages(file, size, topics)
        self.flaw = scan.flaw


def _summary(file: BinaryIO, size: int) -> int:
    """Where the index begins; 0 when there is none."""
    if size < len(MAGIC) + _FOOTER_SIZE:
        return 0
    file.seek(size - _FOOTER_SIZE)
    footer = file.read()
    operation, length = _HEAD.unpack_from(footer)
    if operation != _FOOTER or length != 20 or not footer.endswith(MAGIC):
        return 0
    (start,) = struct.unpack_from("<Q", footer, _HEAD.size)
    return start if start < size else 0


class _Scan:
    """One pass through the records of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._schemas: dict[int, tuple[str, str, str]] = {}
        self._counts: dict[int, int] = {}
        self.channels: dict[int, McapChannel] = {}
        self.flaw = ""

    def statistics(self) -> dict[McapChannel, int]:
        """Messages by channel, where the file tells."""
        return {self.channels[key]: n for key, n in self._counts.items() if key in self.channels}

    def messages(
        self, file: BinaryIO, size: int, topics: Collection[str], nested: bool = False
    ) -> Iterator[tuple[McapChannel, int, bytes]]:
        """See `McapFile.messages`; ``nested`` inside a chunk."""
        while file.tell() < size or not nested:
            place = file.tell()
            head = file.read(_HEAD.size)
            operation, length = _HEAD.unpack(head) if len(head) == _HEAD.size else (0, 0)
            body = file.read(min(length, size - file.tell()))
            if operation == _CHUNK and not nested:
                yield from self._chunk(body, topics, whole=len(body) == length)
            # No operation: a torn head, or the zeros that a power cut leaves.
            if operation == 0 or len(body) < length:
                where = f"after {place} of {size} bytes" if place < size else "at its end"
                self.flaw = f"{self._path.name} is cut off {where}"
                return
            if operation in (_DATA_END, _FOOTER):
                return
            if operation == _MESSAGE and length >= _MESSAGE_HEAD.size:
                key, _, time, _ = _MESSAGE_HEAD.unpack_from(body)
                channel = self.channels.get(key)
                if channel is not None and (not topics or channel.topic in topics):
                    yield channel, time, body[_MESSAGE_HEAD.size :]
            else:
                self._note(operation, body)

    def _chunk(
        self, body: bytes, topics: Collection[str], whole: bool
    ) -> Iterator[tuple[McapChannel, int, bytes]]:
        fields = _Fields(body)
        try:
            _, _, size, checksum = fields.take(_CHUNK_HEAD)
            compression = fields.text()
            fields.take(struct.Struct("<Q"))
            content = _decompressed(fields.rest(), compression, whole)
        except ValueError as error:
            self.flaw = self.flaw or f"{self._path.name}: {error}"
            return
        if whole and (len(content) != size or (checksum and crc32(content) != checksum)):
            self.flaw = self.flaw or f"{self._path.name}: a chunk is damaged"
            return
        yield from self.messages(BytesIO(content), len(content), topics, nested=True)

    def _note(self, operation: int, body: bytes) -> None:
        """Remembers a schema, a channel or the statistics."""
        fields = _Fields(body)
        try:
            if operation == _SCHEMA:
                (key,) = fields.take(struct.Struct("<H"))
                self._schemas[key] = (fields.text(), fields.text(), fields.text())
            elif operation == _CHANNEL:
                key, schema = fields.take(struct.Struct("<HH"))
                name, dialect, definition = self._schemas.get(schema, ("", "", ""))
                topic, encoding = fields.text(), fields.text()
                self.channels[key] = McapChannel(topic, name, definition, dialect, encoding)
            elif operation == _STATISTICS:
                *_, length = fields.take(struct.Struct("<QHIIIIQQI"))
                for _ in range(length // 10):
                    key, count = fields.take(struct.Struct("<HQ"))
                    self._counts[key] = count
        except ValueError as error:
            self.flaw = self.flaw or f"{self._path.name}: {error}"


class _Fields:
    """The fields of a record, one after the other."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def take(self, layout: struct.Struct) -> tuple[int, ...]:
        """Numbers.

        Raises:
            ValueError: the record is too short.
        """
        if self._at + layout.size > len(self._body):
            raise ValueError("a record is damaged")
        self._at += layout.size
        return layout.unpack_from(self._body, self._at - layout.size)

    def text(self) -> str:
        """A string.

        Raises:
            ValueError: the record is too short, or this is no text.
        """
        (length,) = self.take(struct.Struct("<I"))
        if self._at + length > len(self._body):
            raise ValueError("a record is damaged")
        self._at += length
        return self._body[self._at - length : self._at].decode()

    def rest(self) -> bytes:
        """What is left."""
        return self._body[self._at :]


def _decompressed(data: bytes, compression: str, whole: bool) -> bytes:
    """The records of a chunk.

    Raises:
        ValueError: they cannot be had; without compression a torn chunk can be read up to
            where it ends.
    """
    if not compression:
        return data
    if not whole:
        raise ValueError("the last chunk is cut off, and compressed")
    # rosbags brings the decompressors with it.
    from rosbags.rosbag2.storage_mcap import DECOMPRESSORS

    if compression not in DECOMPRESSORS:
        raise ValueError(f"a chunk is compressed with '{compression}', expected lz4 or zstd")
    try:
        return bytes(DECOMPRESSORS[compression](data, 0))
    except Exception as error:  # each of the libraries has an exception of its own
        raise ValueError(f"a chunk is damaged ({error})") from error


# ----------------------------------------------------------------------

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
        self._decoders: dict[McapChannel, _Decoder] = {}

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

    def _decode(self, channel: McapChannel, data: bytes) -> Any:
        if channel not in self._decoders:
            self._decoders[channel] = _Decoder(channel)
        return self._decoders[channel].decode(data)


class _Decoder:
    """Decodes the messages of one channel by the definition that came with it."""

    def __init__(self, channel: McapChannel) -> None:
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

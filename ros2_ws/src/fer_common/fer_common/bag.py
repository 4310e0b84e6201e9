"""Reading of recordings of ROS, without ROS: MCAP, SQLite, and the bags of ROS 1.

A recording that was cut off, because its writer was killed or its robot switched off, is read as
far as it goes: what was completely written is there, and `Bag.flaw` says what is missing.
"""

from __future__ import annotations

import os
import re
import sqlite3
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from io import SEEK_CUR, BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

from ec_rfernet.errors import InputError
from ec_rfernet.files import check_file, read_yaml, shortened

# What a recording offers.

BAG_FILES = (".mcap", ".db3", ".bag")
"""Endings of the files of recordings."""


MOST_BYTES = 1 << 44
"""Of a file of a recording, which is not read as a whole."""

MOST_UNPACKED = 1 << 27
"""Bytes of a message or a chunk of messages: some kilobytes may unpack to gigabytes."""

MOST_RATIO = 200
"""Times its size that a compressed file of a recording may take, beside `MOST_UNPACKED`."""


@dataclass(frozen=True)
class BagTopic:
    """One topic of a bag.

    Attributes:
        name: of the topic.
        type: of its messages, such as ``std_msgs/msg/String``.
        count: of its messages.
    """

    name: str
    type: str
    count: int


@dataclass(frozen=True)
class BagEntry:
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


class Bag(Protocol):
    """A recording."""

    @property
    def flaw(self) -> str | None:
        """What is wrong with what was read so far; None when nothing is."""
        ...

    def topics(self) -> list[BagTopic]:
        """What was recorded, by name."""
        ...

    def messages(self, topics: Collection[str] = ()) -> Iterator[BagEntry]:
        """Goes through the recording once.

        Args:
            topics: only these; empty for all.
        """
        ...


def open_bag(path: Path) -> Bag:
    """Opens a recording.

    Args:
        path: folder of a rosbag2 recording, or one file of it (``.mcap``, ``.db3``), or a
            ``.bag`` of ROS 1.

    Raises:
        InputError: it does not exist or is no recording, or mcap or rosbags is not installed.
    """
    try:
        import mcap.reader  # noqa: F401
        import rosbags.rosbag2  # noqa: F401
    except ImportError as error:
        needed = "mcap" if "mcap" in str(error) else "rosbags"
        raise InputError(f"{path}: reading a bag needs {needed}: pip install {needed}") from error
    if not path.exists():
        raise InputError(f"{path}: does not exist, expected a bag")
    if not path.is_dir():
        check_file(path, MOST_BYTES)
    if path.is_file() and path.suffix not in BAG_FILES:
        raise InputError(f"{path}: is no bag, expected a folder or a file {' '.join(BAG_FILES)}")
    if path.is_dir():
        files = sorted(path.glob("*.mcap"), key=lambda file: (len(file.name), file.name))
        if not files and not (path / "metadata.yaml").is_file():
            raise InputError(f"{path}: is no bag, expected .mcap files or metadata.yaml inside")
    else:
        files = [path] if path.suffix == ".mcap" else []
    return _McapBag(files) if files else _OtherBag(path)


# What is compressed.


class UnpackError(Exception):
    """Compressed data are damaged, or unpack to more than is taken."""


def unpacked(data: bytes, compression: str) -> bytes:
    """What was compressed with ``lz4``, ``zstd`` or ``bz2``; with ``""`` nothing was.

    Raises:
        UnpackError: see there.
    """
    most = MOST_UNPACKED + 1  # one more, to see that there is more
    try:
        found = _UNPACKERS[compression](data, most)
    except KeyError as error:
        expected = ", ".join(filter(None, _UNPACKERS))
        known = f"expected {expected}"
        raise UnpackError(f"is compressed with '{shortened(compression)}', {known}") from error
    except Exception as error:  # each decompressor has exceptions of its own
        raise UnpackError(f"is damaged ({error})") from error
    if len(found) == most:
        raise UnpackError(f"unpacks to more than {MOST_UNPACKED / 1e6:.0f} MB")
    return found


def _plain(data: bytes, most: int) -> bytes:
    return data[:most]


def _zstd(data: bytes, most: int) -> bytes:
    import zstandard

    with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as stream:
        return stream.read(most)


def _lz4(data: bytes, most: int) -> bytes:
    from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]

    return LZ4FrameDecompressor().decompress(data, max_length=most)


def _bz2(data: bytes, most: int) -> bytes:
    from bz2 import BZ2Decompressor

    return BZ2Decompressor().decompress(data, max_length=most)


_UNPACKERS = {"": _plain, "lz4": _lz4, "zstd": _zstd, "bz2": _bz2}


# MCAP, https://mcap.dev/spec. The package mcap reads the index, definitions and chunks. From one
# record to the next one goes our own loop: those of the package stop where a record is torn, and
# take twice as long for the messages of a chunk.

_MAGIC = b"\x89MCAP0\r\n"
_HEAD = struct.Struct("<BQ")  # of each record: what it is, and how many bytes follow
_MESSAGE = struct.Struct("<HIQQ")  # its head: channel, sequence, times of arrival and sending


@dataclass(frozen=True)
class McapChannel:
    """One topic of a file.

    Attributes:
        topic: its name.
        type: of its messages, such as ``std_msgs/msg/String``.
        definition: text of the type.
        dialect: language of the definition: ``ros2msg`` or ``ros2idl``.
    """

    topic: str
    type: str
    definition: str
    dialect: str


class McapFile:
    """One MCAP file, also one whose end is missing.

    Args:
        path: the file.

    Attributes:
        flaw: what is wrong with the part that was read; None when nothing is.

    Raises:
        InputError: it cannot be read, is empty or is no MCAP file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.flaw: str | None = None
        check_file(path, MOST_BYTES)
        try:
            with path.open("rb") as file:
                start = file.read(len(_MAGIC))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        if not start:
            raise InputError(f"{path}: is empty, expected an MCAP file")
        if start != _MAGIC:
            raise InputError(f"{path}: is no MCAP file (starts with '{start.hex()}')")

    def channels(self) -> Counter[McapChannel]:
        """What is in the file, and how many messages of it.

        Taken from the index at its end, or counted where there is none.
        """
        with self._path.open("rb") as file:
            indexed = _indexed(file)
            if indexed is not None:
                return indexed
            scan = _McapScan(self._path.name)
            counts = Counter(channel for channel, _, _ in scan.messages(file, ()))
        return Counter({channel: counts[channel] for channel in scan.channels})

    def messages(self, topics: Collection[str] = ()) -> Iterator[tuple[McapChannel, int, bytes]]:
        """Goes through the file.

        Args:
            topics: only these; empty for all.

        Yields:
            Channel, time of arrival in ns since 1970, and the encoded message; in the order
            of the file.
        """
        scan = _McapScan(self._path.name)
        with self._path.open("rb") as file:
            yield from scan.messages(file, topics)
        self.flaw = scan.flaw


def _indexed(file: BinaryIO) -> Counter[McapChannel] | None:
    """Messages by channel, as the index tells; None when there is none."""
    from mcap.reader import make_reader

    try:
        summary = make_reader(file).get_summary()
    except Exception:  # whatever damage provokes: then everything is counted
        return None
    if summary is None or summary.statistics is None or not summary.channels:
        return None
    counts: Counter[McapChannel] = Counter()
    for key, channel in summary.channels.items():
        number = summary.statistics.channel_message_counts.get(key, 0)
        counts[_channel(channel, summary.schemas)] += number
    return counts


def _channel(channel: Any, schemas: dict[int, Any]) -> McapChannel:
    schema = schemas.get(channel.schema_id)
    if schema is None:
        return McapChannel(channel.topic, "", "", "")
    text = schema.data.decode(errors="replace")
    return McapChannel(channel.topic, schema.name, text, schema.encoding)


class _McapScan:
    """One pass through the records of a file.

    Args:
        name: of the file, for messages.

    Attributes:
        flaw: see `McapFile`.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._schemas: dict[int, Any] = {}
        self._channels: dict[int, McapChannel] = {}
        self.flaw: str | None = None

    @property
    def channels(self) -> list[McapChannel]:
        """Those that were met."""
        return list(self._channels.values())

    def messages(
        self, file: BinaryIO, topics: Collection[str]
    ) -> Iterator[tuple[McapChannel, int, bytes]]:
        """See `McapFile.messages`."""
        from mcap.opcode import Opcode

        taken = (Opcode.SCHEMA, Opcode.CHANNEL, Opcode.MESSAGE, Opcode.CHUNK)
        size = file.seek(0, 2)
        file.seek(len(_MAGIC))
        while True:
            place = file.tell()
            head = file.read(_HEAD.size)
            code, length = _HEAD.unpack(head) if len(head) == _HEAD.size else (0, 0)
            here = min(length, size - file.tell())
            # No code: a torn head, or the zeros that a power cut leaves.
            torn = code == 0 or here < length
            if code not in taken:  # an attachment may be large
                file.seek(here, SEEK_CUR)
                body = b""
            elif here > MOST_UNPACKED:
                self.flaw = f"{self._name} has a record of {here} bytes after {place}"
                return
            else:
                body = file.read(here)
            records = self._content(body, torn) if code == Opcode.CHUNK else head + body
            yield from self._messages(records, topics)
            if torn:
                where = f"after {place} of {size} bytes" if place < size else "at its end"
                self.flaw = f"{self._name} is cut off {where}"
            if torn or code in (Opcode.DATA_END, Opcode.FOOTER):
                return

    def _content(self, body: bytes, torn: bool) -> bytes:
        """The records of a chunk; nothing where they cannot be had."""
        from mcap.data_stream import ReadDataStream
        from mcap.records import Chunk

        try:
            chunk = Chunk.read(ReadDataStream(BytesIO(body)))
            if torn and chunk.compression:
                raise UnpackError("is cut off, and compressed")
            data = chunk.data if torn else unpacked(chunk.data, chunk.compression)
            if not torn and chunk.uncompressed_crc not in (0, zlib.crc32(data)):
                raise UnpackError("is damaged (its checksum is wrong)")
            return data
        except UnpackError as error:
            self.flaw = self.flaw or f"{self._name}: a chunk {error}"
        except Exception as error:  # whatever damaged bytes make of it
            self.flaw = self.flaw or f"{self._name}: a chunk is damaged ({error})"
        return b""

    def _messages(
        self, records: bytes, topics: Collection[str]
    ) -> Iterator[tuple[McapChannel, int, bytes]]:
        """The messages among the complete records in some bytes."""
        from mcap.opcode import Opcode

        end = 0
        while end + _HEAD.size <= len(records):
            code, length = _HEAD.unpack_from(records, end)
            start, end = end + _HEAD.size, end + _HEAD.size + length
            if end > len(records):
                return
            if code == Opcode.MESSAGE and length >= _MESSAGE.size:
                key, _, time, _ = _MESSAGE.unpack_from(records, start)
                channel = self._channels.get(key)
                if channel is not None and (not topics or channel.topic in topics):
                    yield channel, time, records[start + _MESSAGE.size : end]
            elif code in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._note(code == Opcode.SCHEMA, records[start:end])

    def _note(self, is_schema: bool, body: bytes) -> None:
        """Remembers a schema or a channel."""
        from mcap.data_stream import ReadDataStream
        from mcap.records import Channel, Schema

        stream = ReadDataStream(BytesIO(body))
        try:
            if is_schema:
                schema = Schema.read(stream)
                self._schemas[schema.id] = schema
            else:
                channel = Channel.read(stream)
                self._channels[channel.id] = _channel(channel, self._schemas)
        except Exception as error:  # whatever damaged bytes make of it
            self.flaw = self.flaw or f"{self._name}: a record is damaged ({error})"


# What is in the messages.


class _McapBag:
    """A recording of one or several MCAP files."""

    def __init__(self, files: list[Path]) -> None:
        self._files = [McapFile(file) for file in files]
        self._decoders: dict[McapChannel, _Decoder] = {}

    @property
    def flaw(self) -> str | None:
        parts = (*(file.flaw for file in self._files), *(d.flaw for d in self._decoders.values()))
        return "; ".join(filter(None, parts)) or None

    def topics(self) -> list[BagTopic]:
        counts: dict[tuple[str, str], int] = {}
        for file in self._files:
            for channel, count in file.channels().items():
                key = (channel.topic, channel.type)
                counts[key] = counts.get(key, 0) + count
        return [BagTopic(name, kind, count) for (name, kind), count in sorted(counts.items())]

    def messages(self, topics: Collection[str] = ()) -> Iterator[BagEntry]:
        for file in self._files:
            for channel, time, data in file.messages(topics):
                yield BagEntry(channel.topic, time, partial(self._decode, channel, data))

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
        self._reason = "their type is not defined"
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
    def flaw(self) -> str | None:
        """How many messages could not be decoded; None when all could."""
        if not self._failed:
            return None
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
        self.flaw: str | None = None
        _check_storage(path)
        _bound_unpacking()
        try:
            store = get_typestore(Stores.ROS2_JAZZY)
            self._reader = AnyReader([path], default_typestore=store)
            self._reader.open()
        except Exception as error:  # SQLite's, YAML's and its own, and what damage provokes
            text = shortened(" ".join(str(error).split()), 200)
            raise InputError(f"{path}: cannot be read as a bag ({text})") from error

    def topics(self) -> list[BagTopic]:
        return [
            BagTopic(name, topic.msgtype or "", topic.msgcount)
            for name, topic in sorted(self._reader.topics.items())
        ]

    def messages(self, topics: Collection[str] = ()) -> Iterator[BagEntry]:
        chosen = [c for c in self._reader.connections if not topics or c.topic in topics]
        if not chosen:
            return
        try:
            for connection, time, data in self._reader.messages(chosen):
                decode = partial(self._decode, connection.topic, connection.msgtype, data)
                yield BagEntry(connection.topic, time, decode)
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


def _check_storage(path: Path) -> None:
    """Looks at what rosbags would open without looking.

    Raises:
        InputError: a file leaves the folder, is no file, or is a database that computes.
    """
    files = [path]
    if path.is_dir():
        description = read_yaml(path / "metadata.yaml")
        try:
            names = list(description["rosbag2_bagfile_information"]["relative_file_paths"])
            files = [path / name for name in names]
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: metadata.yaml names no files, is no bag") from error
    for file in files:
        if path.is_dir() and file.parent != path:
            raise InputError(f"{path}: metadata.yaml names {file}, expected files of this folder")
        check_file(file, MOST_BYTES)
        if file.suffix == ".db3":
            _check_database(file)


def _check_database(file: Path) -> None:
    """Sees that a database holds rows only: a view, say, may compute without an end."""
    place = f"file:{quote(os.fsencode(file.absolute()))}?immutable=1"
    try:
        with closing(sqlite3.connect(place, uri=True)) as database:
            rows = database.execute("SELECT type, sql FROM sqlite_master LIMIT 1000").fetchall()
    except (sqlite3.Error, UnicodeError) as error:
        raise InputError(f"{file}: cannot be read as a bag ({error})") from error
    for kind, text in rows:
        if kind not in ("table", "index") or _COMPUTES.search(str(text or "")):
            raise InputError(f"{file}: is no bag: its database computes what it holds")


_COMPUTES = re.compile(r"\b(virtual|generated|as)\b", re.IGNORECASE)


@cache
def _bound_unpacking() -> None:
    """Gives rosbags decompressors that stop, for it has none that do."""
    from rosbags.rosbag1 import reader as ros1
    from rosbags.rosbag2 import reader as ros2

    for name in ("bz2", "lz4"):
        ros1.decompressors[name] = partial(unpacked, compression=name)
    ros2.zstd = _BoundedZstd


class _BoundedZstd:
    """What rosbags uses of the module zstd."""

    decompress = staticmethod(partial(unpacked, compression="zstd"))

    @staticmethod
    @contextmanager
    def open(file: BinaryIO, mode: str) -> Iterator[_BoundedStream]:
        import zstandard

        most = MOST_UNPACKED + MOST_RATIO * os.fstat(file.fileno()).st_size
        with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as stream:
            yield _BoundedStream(stream, most)


class _BoundedStream:
    def __init__(self, stream: Any, most: int) -> None:
        self._stream, self._left = stream, most

    def read(self, size: int = 1 << 20) -> bytes:
        part: bytes = self._stream.read(size)
        self._left -= len(part)
        if self._left < 0:
            raise UnpackError("a file unpacks to far more than its size")
        return part

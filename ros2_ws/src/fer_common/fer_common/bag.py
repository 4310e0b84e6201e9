"""Reading of recordings of ROS, without ROS: MCAP, SQLite, and the bags of ROS 1.

A recording that was cut off, because its writer was killed or its robot switched off, is read as
far as it goes: what was completely written is there, and `Bag.flaw` says what is missing. So it is
with a file that is missing or cannot be read where there are others, and without metadata.yaml.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import struct
import tempfile
import weakref
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, suppress
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
    if path.suffix == ".bag" and path.is_file():
        return _Ros1Bag(path)
    files, flaws = _parts(path) if path.is_dir() else ([path], [])
    return _FilesBag(files, flaws)


def _parts(folder: Path) -> tuple[list[Path], list[str]]:
    """The files of a recording, and what is wrong with it as far as its folder tells.

    Raises:
        InputError: there are none, or metadata.yaml names some of other folders.
    """
    flaws, named = [], []
    try:
        named = _named(folder)
    except _OutsideError as error:
        raise InputError(str(error)) from error
    except InputError as error:
        flaws.append(_shorter(folder, str(error)))
    with os.scandir(folder) as entries:
        names = {entry.name for entry in entries if _part(entry.name)}
    # While a file is being packed there are two, of which the packed one may be cut off.
    found = sorted(
        (name for name in names if name.removesuffix(_PACKED) == name or _part(name) not in names),
        key=lambda name: (len(_part(name)), name),
    )
    if not found:
        if not (folder / "metadata.yaml").exists():
            raise InputError(
                f"{folder}: is no bag, expected .mcap or .db3 files or metadata.yaml inside"
            )
        missing = f"{named[0]}: cannot be read (No such file or directory)" if named else flaws[0]
        raise InputError(f"{folder}: {missing}")
    flaws += [f"{name} is missing" for name in named if name not in names and name not in found]
    if not (folder / "metadata.yaml").exists():
        # An MCAP file tells itself where it is cut off.
        flaws = [] if all(".mcap" in name for name in found) else [_NOT_CLOSED]
    return [folder / name for name in found], flaws


_PACKED = ".zstd"
_NOT_CLOSED = "metadata.yaml is missing: the recording was not closed"


class _OutsideError(InputError):
    """metadata.yaml names files of other folders."""


def _part(name: str) -> str:
    """The name of a file of a recording when it is unpacked; empty for other files."""
    plain = name.removesuffix(_PACKED)
    return plain if plain.endswith((".mcap", ".db3")) and not name.startswith(".") else ""


def _named(folder: Path) -> list[str]:
    """The files that metadata.yaml names.

    Raises:
        InputError: it is missing or damaged, or names files of other folders.
    """
    description = read_yaml(folder / "metadata.yaml")
    try:
        paths = [Path(name) for name in description["rosbag2_bagfile_information"][_FILES]]
    except (KeyError, TypeError) as error:
        raise InputError("metadata.yaml names no files, is no bag") from error
    for path in paths:
        # Before version 4 of the format they began with the name of the folder.
        if path.parent not in (Path(), Path(folder.name)):
            raise _OutsideError(
                f"{folder}: metadata.yaml names {path}, expected files of this folder"
            )
    return [path.name for path in paths]


_FILES = "relative_file_paths"


def _shorter(folder: Path, text: str) -> str:
    return text.removeprefix(f"{folder}/")


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
            head = file.read(min(_HEAD.size, max(0, size - place)))  # it may grow meanwhile
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


# SQLite, as rosbag2_storage_sqlite3 writes it.


class SqliteFile:
    """One SQLite file of a recording, also one whose end is missing.

    Args:
        path: the file.

    Attributes:
        flaw: what is wrong with the part that was read; None when nothing is.

    Raises:
        InputError: it cannot be read, is no such file, or its database computes what it holds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.flaw: str | None = None
        check_file(path, MOST_BYTES)
        try:
            self._database = _connected(path)
            weakref.finalize(self, self._database.close)
            rows = self._rows("SELECT type, sql FROM sqlite_master LIMIT 1000")
            if any(kind not in ("table", "index") or _computes(text) for kind, text in rows):
                raise InputError(f"{path}: is no bag: its database computes what it holds")
            self._channels = self._read_channels()
        except sqlite3.Error as error:
            raise InputError(f"{path}: cannot be read as a bag ({error})") from error
        if _is_cut_off(path):
            self.flaw = f"{path.name} is cut off"

    def channels(self) -> Counter[McapChannel]:
        """What is in the file, and how many messages of it."""
        counts: Counter[McapChannel] = Counter(dict.fromkeys(self._channels.values(), 0))
        counted = "SELECT topic_id, count(*) FROM messages GROUP BY topic_id"
        try:
            for key, count in self._rows(counted):
                if key in self._channels and isinstance(count, int):
                    counts[self._channels[key]] += count
        except sqlite3.Error:  # damaged: what can be read is counted
            counts.update(channel for channel, _, _ in self.messages())
        return counts

    def messages(self, topics: Collection[str] = ()) -> Iterator[tuple[McapChannel, int, bytes]]:
        """Goes through the file, see `McapFile.messages`; in the order of the times.

        Where this order is damaged, too, it goes on in that of the file.
        """
        chosen = {k: c for k, c in self._channels.items() if not topics or c.topic in topics}
        last = (-1, -1)
        for order in ("timestamp, id", "id"):
            try:
                for number, key, time, data in self._rows(f"{_ROWS} ORDER BY {order}"):
                    if not isinstance(time, int) or not isinstance(data, bytes):
                        self._note("a row is no message")
                    elif (time, number) > last and key in chosen:
                        last = time, number
                        if (message := self._plain(data)) is not None:
                            yield chosen[key], time, message
                return
            except sqlite3.Error as error:
                self._note(str(error))

    def _plain(self, data: bytes) -> bytes | None:
        """A message, unpacked where it is packed; None where that fails."""
        try:
            return unpacked(data, "zstd") if data.startswith(_ZSTD) else data
        except UnpackError as error:
            self._note(f"a message {error}")
            return None

    def _note(self, text: str) -> None:
        self.flaw = self.flaw or f"{self._path.name} is damaged ({text})"

    def _rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        try:
            # Not "yield from", which closes what it delegates to; that may have been closed.
            for row in self._database.execute(query):  # noqa: UP028
                yield row
        except MemoryError as error:  # sizes in a damaged file, of whatever SQLite makes of them
            raise sqlite3.DatabaseError("it asks for more memory than there is") from error

    def _read_channels(self) -> dict[int, McapChannel]:
        definitions: dict[str, tuple[str, str]] = {}
        with suppress(sqlite3.Error):  # older ones have none
            for kind, dialect, text in self._rows(_DEFINITIONS):
                definitions[str(kind)] = str(text), str(dialect)
        return {
            key: McapChannel(str(name), str(kind), *definitions.get(str(kind), ("", "")))
            for key, name, kind in self._rows("SELECT id, name, type FROM topics")
        }


def _is_cut_off(path: Path) -> bool:
    """Whether a database has fewer pages than its header says (sqlite.org/fileformat)."""
    with path.open("rb") as file:
        head = file.read(100)
    page, pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
    is_valid = head.startswith(b"SQLite format 3") and head[24:28] == head[92:96]
    return is_valid and path.stat().st_size < pages * (65536 if page == 1 else page)


_ROWS = "SELECT id, topic_id, timestamp, data FROM messages"
_DEFINITIONS = "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
_COMPUTES = re.compile(r"\b(virtual|generated|as)\b", re.IGNORECASE)
_ZSTD = b"\x28\xb5\x2f\xfd"  # no message begins so


def _connected(path: Path) -> sqlite3.Connection:
    """A database for reading only; one that was cut off, too."""
    place = f"file:{quote(os.fsencode(path.absolute()))}?immutable=1"
    database = sqlite3.connect(place, uri=True, check_same_thread=False)
    database.text_factory = lambda text: text.decode(errors="replace")
    if hasattr(database, "setlimit"):  # from Python 3.11
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_UNPACKED)
    # Otherwise SQLite reads nothing of a file that is shorter than it says.
    database.execute("PRAGMA writable_schema = ON")
    return database


def _computes(definition: object) -> bool:
    """Whether a table is more than rows: a view, say, may compute without an end."""
    return _COMPUTES.search(str(definition or "")) is not None


def _unpacked_file(file: Path, target: Path) -> Path:
    """Unpacks a file as a whole, as far as it goes.

    Raises:
        InputError: it is damaged from its beginning, or unpacks to far more than its size.
    """
    import zstandard

    left = MOST_UNPACKED + MOST_RATIO * file.stat().st_size
    with file.open("rb") as packed, target.open("wb") as plain:
        stream = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        try:
            while part := stream.read(1 << 20):
                plain.write(part)
                left -= len(part)
                if left < 0:
                    raise InputError(f"{file}: unpacks to far more than its size")
        except zstandard.ZstdError as error:
            if not plain.tell():
                raise InputError(f"{file}: cannot be unpacked ({error})") from error
        except OSError as error:
            raise InputError(f"{file}: cannot be unpacked ({error.strerror})") from error
    return target


def _with_journals(file: Path, journals: list[Path], folder: Path) -> Path:
    """A copy of a database that has in it what its journals hold.

    Raises:
        InputError: it cannot be copied.
    """
    copy = folder / file.name
    try:
        for source in (file, *journals):
            if source.is_file():
                shutil.copyfile(source, folder / source.name)
        with closing(sqlite3.connect(copy)) as database, suppress(sqlite3.Error):
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except OSError as error:
        raise InputError(f"{file}: cannot be read with its journal ({error.strerror})") from error
    return copy


# What is in the messages.


class _FilesBag:
    """A recording of one or several files, MCAP or SQLite.

    Args:
        files: of it; packed ones are unpacked into a folder of their own.
        flaws: that are known already.

    Raises:
        InputError: none of the files can be read.
    """

    def __init__(self, files: list[Path], flaws: list[str]) -> None:
        self._flaws, self._files = list(flaws), list[McapFile | SqliteFile]()
        self._decoders: dict[McapChannel, _Decoder] = {}
        problems = []
        for file in files:
            try:
                self._files.append(self._open(file))
            except InputError as error:
                problems.append(error)
                self._flaws.append(_shorter(file.parent, str(error)))
        if not self._files:
            raise problems[0]

    def _open(self, file: Path) -> McapFile | SqliteFile:
        check_file(file, MOST_BYTES)
        if file.suffix == _PACKED:
            file = _unpacked_file(file, self._room() / file.stem)
        if file.suffix == ".mcap":
            return McapFile(file)
        journals = [Path(f"{file}{end}") for end in ("-wal", "-journal")]
        if any(journal.is_file() and journal.stat().st_size for journal in journals):
            # It was not closed. To read it with its journal, SQLite must write it.
            file = _with_journals(file, journals, self._room())
        return SqliteFile(file)

    def _room(self) -> Path:
        """A new folder for copies, which goes with this bag."""
        folder = tempfile.mkdtemp(prefix="bag-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    @property
    def flaw(self) -> str | None:
        parts = (
            *self._flaws,
            *(file.flaw for file in self._files),
            *(decoder.flaw for decoder in self._decoders.values()),
        )
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
        if not channel.definition:  # before ROS 2 Iron SQLite held none
            self._store = get_typestore(Stores.ROS2_JAZZY)
            return
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


class _Ros1Bag:
    """A recording of ROS 1."""

    def __init__(self, path: Path) -> None:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore

        self._path = path
        self.flaw: str | None = None
        _bound_unpacking()
        try:
            store = get_typestore(Stores.ROS1_NOETIC)
            self._reader = AnyReader([path], default_typestore=store)
            self._reader.open()
        except Exception as error:  # its own, and what damage provokes
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


@cache
def _bound_unpacking() -> None:
    """Gives rosbags decompressors that stop, for it has none that do."""
    from rosbags.rosbag1 import reader as ros1

    for name in ("bz2", "lz4"):
        ros1.decompressors[name] = partial(unpacked, compression=name)

"""The bag that is being written."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from rosbags.interfaces import Connection, Qos
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

_VERSION = 9  # of metadata.yaml; that of ROS 2 Jazzy


def new_bag(parent: Path, now: datetime, reserve: int = 0) -> BagFile:
    """A bag in a folder of its own, named after the time; a second one gets a number.

    Args:
        parent: where recordings are kept; made if it does not exist.
        now: the time.
        reserve: bytes that the disk must have left.

    Raises:
        OSError: it cannot be made, or the disk is full.
    """
    parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(parent).free
    if free <= reserve:
        left = f"the disk has {free / 1e6:.0f} MB left, expected more than {reserve / 1e6:.0f}"
        raise OSError(errno.ENOSPC, left, str(parent))
    name = f"{now:%Y-%m-%d_%H-%M-%S}"
    for number in count(1):
        try:
            return BagFile(parent / (name if number == 1 else f"{name}_{number}"))
        except WriterError:  # another recorder has it
            continue
    raise AssertionError("there are more numbers than recorders")


class BagFile:
    """A rosbag2 recording in MCAP, of which at most what came since `flush` can be lost.

    Args:
        folder: of the recording; is made, in one that exists, for its owner only.

    Attributes:
        folder: likewise.

    Raises:
        WriterError: the folder exists.
        OSError: it cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer = Writer(folder, version=_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        folder.chmod(0o700)
        self._file = folder / f"{folder.name}.mcap"  # as rosbags names it
        self._whole = 0
        self.flush()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._whole

    def add_topic(self, topic: str, kind: str, definition: str, qos: Sequence[Qos]) -> Connection:
        """A topic to `write` to.

        Args:
            topic: full name.
            kind: type of its messages.
            definition: of the type, see `definitions.definition`.
            qos: what its publishers offer; ``ros2 bag play`` offers the same.
        """
        store = get_typestore(Stores.EMPTY)
        store.register(get_types_from_msg(definition, kind))
        return self._writer.add_connection(
            topic,
            kind,
            msgdef=definition,
            rihs01=store.hash_rihs01(kind),
            offered_qos_profiles=qos,
        )

    def write(self, connection: Connection, time: int, data: bytes) -> None:
        """Adds a message.

        Args:
            connection: its topic.
            time: of arrival, ns since 1970.
            data: CDR.

        Raises:
            OSError: the disk does not take it.
        """
        self._writer.write(connection, time, data)

    def flush(self) -> None:
        """Sees to it that all there is survives the end of this process, and of the power.

        rosbags itself would keep up to a megabyte, many seconds of our topics, in memory.

        Raises:
            OSError: the disk does not take it.
        """
        storage = self._writer.storage
        if storage.chunk.msgs:
            storage.close_chunk()
        storage.bio.flush()
        os.fdatasync(storage.bio.fileno())
        self._whole = storage.bio.tell()

    def close(self) -> None:
        """Completes the recording.

        Raises:
            OSError: the disk does not take it; what was flushed stays.
        """
        try:
            self._writer.close()
        except OSError:
            self.abandon()
            raise
        self._whole = self._file.stat().st_size

    def abandon(self) -> None:
        """Leaves the recording as it was at the last `flush`, without an index."""
        with suppress(OSError, ValueError):  # its buffer is what the disk did not take
            self._writer.abort()
        with suppress(OSError):
            os.truncate(self._file, self._whole)

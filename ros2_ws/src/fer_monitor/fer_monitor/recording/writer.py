"""Writes in a thread of its own, so that a slow disk never stalls who has something to write."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread

from rosbags.interfaces import Connection, Qos

from fer_monitor.recording.bag_file import BagFile

FLUSH_S = 1.0
"""So much of a recording is lost when its process is killed."""

_PAUSE_S = 0.05  # of the writer, while the queue fills
_QUEUE_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Channel:
    """A topic of the bag.

    Attributes:
        topic: full name.
        type: of its messages.
        definition: of the type.
        qos: what its publishers offer.
        convert: applied to each message, in the writer's thread; None leaves the message out.
    """

    topic: str
    type: str
    definition: str
    qos: tuple[Qos, ...] = ()
    convert: Callable[[bytes], bytes | None] | None = None


@dataclass(frozen=True)
class Limits:
    """When a recording ends by itself.

    Attributes:
        duration_s: after so many seconds; 0: never.
        size: after so many bytes; 0: never.
        reserve: when the disk has no more than so many bytes left.
    """

    duration_s: float = 0.0
    size: int = 0
    reserve: int = 0


class Writer:
    """Takes messages in and writes them.

    Args:
        bag: is closed at the end.
        limits: see there.
        clock: monotonic, seconds.
        queue_bytes: of messages that may wait; what exceeds that is dropped.

    Attributes:
        written: messages.
        dropped: messages, because the disk was too slow.
        error: why nothing can be written any more; empty while all is well.
        complete: why the recording is over and closed; empty until then.
    """

    def __init__(
        self,
        bag: BagFile,
        limits: Limits,
        clock: Callable[[], float],
        queue_bytes: int = _QUEUE_BYTES,
    ) -> None:
        self._bag, self._limits, self._clock = bag, limits, clock
        self._most = queue_bytes
        self._queue: deque[tuple[Channel, int, bytes]] = deque()
        self._waiting = 0
        self._news = Condition()
        self._closing = False
        self._connections: dict[str, Connection] = {}
        self._began = clock()
        self.written = self.dropped = 0
        self.error = ""
        self.complete = ""
        self._thread = Thread(target=self._run, name="bag", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether nothing is written any more."""
        return bool(self.error or self.complete)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._bag.size

    def put(self, channel: Channel, time: int, data: bytes) -> None:
        """Takes a message in, or counts it as dropped.

        Args:
            channel: its topic.
            time: of arrival, ns since 1970.
            data: CDR.
        """
        with self._news:
            if self._closing or self.ended:
                return
            if self._waiting + len(data) > self._most:
                self.dropped += 1
                return
            self._queue.append((channel, time, data))
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
        reason = ""
        try:
            while not self._closing and not reason:
                self._write_for_a_while()
                reason = self._limit()
            if self._closing:
                self._write_waiting()
            self._bag.close()
            self.complete = reason or "stopped"
        except OSError as error:
            self._bag.abandon()
            self.error = f"{self._bag.folder} cannot be written: {error.strerror or error}"

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
                channel, time, data = self._queue.popleft()
            self._write(channel, time, data)
            with self._news:
                self._waiting -= len(data)

    def _write(self, channel: Channel, time: int, data: bytes) -> None:
        converted = channel.convert(data) if channel.convert else data
        if converted is None:
            return
        if channel.topic not in self._connections:
            self._connections[channel.topic] = self._bag.add_topic(
                channel.topic, channel.type, channel.definition, channel.qos
            )
        self._bag.write(self._connections[channel.topic], time, converted)
        self.written += 1

    def _limit(self) -> str:
        """Why the recording is over; empty when it goes on."""
        limits = self._limits
        if limits.duration_s and self._clock() - self._began >= limits.duration_s:
            return f"its limit of {limits.duration_s:g} s is reached"
        if limits.size and self._bag.size >= limits.size:
            return f"its limit of {limits.size / 1e6:g} MB is reached"
        if shutil.disk_usage(self._bag.folder).free <= limits.reserve:
            return f"the disk has less than {limits.reserve / 1e6:g} MB left"
        return ""

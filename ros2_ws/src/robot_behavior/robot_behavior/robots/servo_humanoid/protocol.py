"""What the servo board and its computer say to each other; the twin of the firmware's headers."""

from __future__ import annotations

import fcntl
import os
import termios
import tty
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum

# Frames on the serial line of the servo board; the twin of ``frame.h`` of the firmware.
#
# A frame is a start byte (0x80 + type, type 0..126), a sequence number (0..127), words of two
# bytes of 7 bits each (0..16383), a CRC-16 over all of these as three bytes of 7 bits, and 0xFF.
# No other byte has bit 7 set, so a reader is in step again at the next start, whatever came before.

MARK = 0x80
END = 0xFF
MOST_WORDS = 22
LARGEST_WORD = (1 << 14) - 1
_CRC_BYTES = 3
_OVERHEAD = 2 + _CRC_BYTES
_LONGEST = _OVERHEAD + 2 * MOST_WORDS


@dataclass(frozen=True)
class SerialFrame:
    """One message.

    Attributes:
        type: 0..126, what it means.
        sequence: 0..127, chosen by the sender.
        words: at most `MOST_WORDS` of 0..16383.
    """

    type: int
    sequence: int = 0
    words: tuple[int, ...] = ()


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1 & 0xFFFF
    return crc


def encode(frame: SerialFrame) -> bytes:
    """The bytes of a frame.

    Raises:
        ValueError: a field is outside its range.
    """
    if not 0 <= frame.type < MARK - 1 or not 0 <= frame.sequence < MARK:
        raise ValueError(
            f"type {frame.type} and sequence {frame.sequence}, expected 0..126 and 0..127"
        )
    if len(frame.words) > MOST_WORDS:
        raise ValueError(f"{len(frame.words)} words, expected at most {MOST_WORDS}")
    data = bytearray([MARK | frame.type, frame.sequence])
    for word in frame.words:
        if not 0 <= word <= LARGEST_WORD:
            raise ValueError(f"word {word}, expected 0..{LARGEST_WORD}")
        data += bytes([word >> 7, word & 0x7F])
    return bytes(data) + _check(bytes(data)) + bytes([END])


class FrameReader:
    """Finds frames in a stream of bytes.

    Attributes:
        bad: how many broken frames, and runs of bytes outside of any, were ignored.
    """

    def __init__(self) -> None:
        self.bad = 0
        self._bytes: bytearray | None = None  # None outside of a frame
        self._noise = False

    def feed(self, data: bytes) -> Iterator[SerialFrame]:
        """The frames that these bytes complete."""
        for byte in data:
            frame = self._take(byte)
            if frame is not None:
                yield frame

    def _take(self, byte: int) -> SerialFrame | None:
        if byte == END:
            frame = _decode(bytes(self._bytes)) if self._bytes is not None else None
            self._bytes = None
            self.bad += frame is None
            return frame
        if byte & MARK:
            self.bad += self._bytes is not None
            self._bytes, self._noise = bytearray([byte]), False
        elif self._bytes is not None and len(self._bytes) < _LONGEST:
            self._bytes.append(byte)
        elif self._bytes is not None or not self._noise:
            self._bytes, self._noise = None, True
            self.bad += 1
        return None


def _check(data: bytes) -> bytes:
    crc = crc16(data)
    return bytes([crc >> 14, crc >> 7 & 0x7F, crc & 0x7F])


def _decode(data: bytes) -> SerialFrame | None:
    covered, check = data[:-_CRC_BYTES], data[-_CRC_BYTES:]
    if len(data) < _OVERHEAD or len(covered) % 2 or check != _check(covered):
        return None
    pairs = zip(covered[2::2], covered[3::2], strict=True)
    return SerialFrame(covered[0] & 0x7F, covered[1], tuple(high << 7 | low for high, low in pairs))


# What the frames mean.

VERSION = 2
CHANNELS = 18
STEP_S = 0.02
WATCHDOG_S = 0.5
BAUD = 115200

TICKS_PER_US = 2
"""Widths of pulses travel in ticks of 0.5 us."""

LOWEST, HIGHEST = 1000, 5000
"""Widths that no configuration of the board can exceed, ticks."""

FASTEST = 400
"""The same for the change of a width, ticks per step."""


class Type(IntEnum):
    """Kinds of frames. The board answers each that it is sent."""

    HELLO = 0x01
    LIMIT = 0x02
    POSE = 0x03
    REST = 0x04
    STOP = 0x05
    RELEASE = 0x06
    HOLD = 0x07
    ANSWER = 0x41
    STATUS = 0x42


class BoardState(IntEnum):
    """What the board does."""

    OFF = 0
    ACTIVE = 1
    RESTING = 2
    RESTED = 3
    STOPPED = 4


class Code(IntEnum):
    """The board's answers."""

    DONE = 0
    CLAMPED = 1
    BAD_VALUE = 2
    NOT_NOW = 3
    INCOMPLETE = 4
    UNKNOWN = 5


class Reset(IntEnum):
    """Why a board has started last, as it tells it: one bit each."""

    POWER = 1
    PIN = 2
    BROWN_OUT = 4
    WATCHDOG = 8


@dataclass(frozen=True)
class BoardStatus:
    """What the board tells every 20 ms.

    Attributes:
        state: what it does.
        bad: frames that it could not read, modulo 16384.
        cause: of its last reset, bits of `Reset`.
        servos: how many channels are set up.
        positions: [CHANNELS] ticks; where it has commanded the servos to be.
    """

    state: BoardState
    bad: int
    cause: int
    servos: int
    positions: tuple[int, ...]

    @classmethod
    def read(cls, frame: SerialFrame) -> BoardStatus | None:
        """The status in a frame; None if there is none."""
        if frame.type != Type.STATUS or len(frame.words) != 4 + CHANNELS:
            return None
        state, bad, cause, servos, *positions = frame.words
        if state not in tuple(BoardState):
            return None
        return cls(BoardState(state), bad, cause, servos, tuple(positions))

    def frame(self) -> SerialFrame:
        """The frame that carries it."""
        words = (self.state, self.bad, self.cause, self.servos, *self.positions)
        return SerialFrame(Type.STATUS, 0, words)


# A serial port that never waits.

_SPEED = getattr(termios, f"B{BAUD}")
_CONTROL, _INPUT_SPEED, _OUTPUT_SPEED = 2, 4, 5  # indices into the list of termios


class SerialPort:
    """A serial port, 115200 baud, 8N1, of which this program is the only user.

    Args:
        path: of the device.

    Raises:
        OSError: it cannot be opened, or is no serial port.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            tty.setraw(self._file)
            settings = termios.tcgetattr(self._file)
            settings[_CONTROL] |= termios.CLOCAL | termios.CREAD
            # Closing must not drop DTR: its next rise would reset an Arduino.
            settings[_CONTROL] &= ~(termios.HUPCL | termios.CRTSCTS)
            settings[_INPUT_SPEED] = settings[_OUTPUT_SPEED] = _SPEED
            termios.tcsetattr(self._file, termios.TCSANOW, settings)
            fcntl.ioctl(self._file, termios.TIOCEXCL)
            termios.tcflush(self._file, termios.TCIOFLUSH)
        except (OSError, termios.error) as error:
            os.close(self._file)
            raise OSError(error.args[0], f"is no serial port ({error.args[-1]})") from error

    def read(self) -> bytes:
        """What has arrived.

        Raises:
            OSError: the port is gone.
        """
        try:
            data = os.read(self._file, 4096)
        except BlockingIOError:
            return b""
        if not data:
            raise OSError("it was hung up")
        return data

    def write(self, data: bytes) -> None:
        """Sends bytes; those for which there is no room are lost, as on a noisy line.

        Raises:
            OSError: the port is gone.
        """
        try:
            os.write(self._file, data)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Gives the port back."""
        with suppress(OSError):  # a port that is gone
            fcntl.ioctl(self._file, termios.TIOCNXCL)
        os.close(self._file)

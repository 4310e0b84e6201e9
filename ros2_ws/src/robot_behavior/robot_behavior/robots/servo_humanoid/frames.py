"""Frames on the serial line of the servo board; the twin of ``frame.h`` of the firmware.

A frame is a start byte (0x80 + type, type 0..126), a sequence number (0..127), words of two
bytes of 7 bits each (0..16383), a CRC-16 over all of these as three bytes of 7 bits, and 0xFF.
No other byte has bit 7 set, so a reader is in step again at the next start, whatever came before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MARK = 0x80
END = 0xFF
MOST_WORDS = 22
LARGEST_WORD = (1 << 14) - 1
_CRC_BYTES = 3
_OVERHEAD = 2 + _CRC_BYTES
_LONGEST = _OVERHEAD + 2 * MOST_WORDS


@dataclass(frozen=True)
class Frame:
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


def encode(frame: Frame) -> bytes:
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

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete."""
        for byte in data:
            frame = self._take(byte)
            if frame is not None:
                yield frame

    def _take(self, byte: int) -> Frame | None:
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


def _decode(data: bytes) -> Frame | None:
    covered, check = data[:-_CRC_BYTES], data[-_CRC_BYTES:]
    if len(data) < _OVERHEAD or len(covered) % 2 or check != _check(covered):
        return None
    pairs = zip(covered[2::2], covered[3::2], strict=True)
    return Frame(covered[0] & 0x7F, covered[1], tuple(high << 7 | low for high, low in pairs))

"""A video file: its frames as fast as they can be read, and as a source in real time."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import check_file, user_path
from ec_rfernet.picture_file import kind, upright
from fer_node.camera.source import Fitting, FrameSettings, SourceTools, quiet_opencv

MOST_BYTES = 1 << 40
"""Of a file."""

MOST_PIXELS = 1 << 26
"""Of a frame."""

_FASTEST = 240.0  # frames per second; a file that claims more is mistaken
_LONGEST_S = 3600.0  # of a frame; likewise
_MOST_FRAMES = 1e9  # that a file may announce; likewise
_COUNTED = ("MP4", "QuickTime")  # files that count their frames
_MOST_LOST = 1000  # frames after each other, before a file is taken to be over
_LATE_S, _LATE = 1.0, 0.02  # how much earlier than announced others may end, s and as a share


class VideoReader:
    """The frames of a video with their times, one after the other, as fast as they are read.

    A frame's time is what the file says, for browsers and phones record no constant rate.

    Args:
        path: the file.
        usual_rate: frames per second of a file that does not tell its own.

    Raises:
        InputError: the file is missing, is no video, or is one that cannot be decoded.

    Attributes:
        rate: frames per second, on average.
        announced: how many frames the file says that it has, exactly or about; 0 where it says
            nothing.
        counted: how many it has, where it counts them, as MP4 and QuickTime do; else 0.
        size: width and height of a frame, upright, pixels.
        number: of the frame that was read last, from 0; those that were lost are counted.
    """

    def __init__(self, path: Path, usual_rate: float = 30.0) -> None:
        check_file(path, MOST_BYTES)
        self._path = path
        self._turn = _mirrored(path)
        self._capture = self._open()
        own = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = own if math.isfinite(own) and 0 < own <= _FASTEST else usual_rate
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.announced = int(count) if 0 < count < _MOST_FRAMES else 0
        counts = (kind(_head(path)) or "").startswith(_COUNTED)
        self.counted = self.announced if counts else 0
        self._next: tuple[np.ndarray, float] | None = self._first()
        self.number, self._lost, self._time_s = -1, 0, 0.0
        rows, columns = self.upright(self._next[0]).shape[:2]
        self.size = columns, rows

    def read(self) -> tuple[np.ndarray, float] | None:
        """The next frame, BGR uint8 [H, W, 3], as it is stored, and its time, s; None at the end.

        What cannot be decoded is left out, as far as the file tells that more must follow.
        """
        following, self._next = self._next, None
        if following is None:
            found, frame = self._capture.read()
            for _ in range(min(self.counted - self.number - 1, _MOST_LOST)):
                if found:
                    break
                self.number += 1
                self._lost += 1
                found, frame = self._capture.read()
            if not found:
                return None
            following = frame, self._time(self._time_s)
        self._time_s = following[1]
        self.number += 1
        return following

    def upright(self, frame: np.ndarray) -> np.ndarray:
        """A frame as it is to be shown: a mirrored one is turned back."""
        return upright(frame, self._turn)

    def rewind(self) -> None:
        """Begins again."""
        self._capture.release()
        self._capture = self._open()
        self._next = self._first()
        self.number, self._lost, self._time_s = -1, 0, 0.0

    def close(self) -> None:
        """Gives back the file."""
        self._next = None
        self._capture.release()

    @property
    def shortfall(self) -> str | None:
        """At the end: what of the file could not be decoded, for people; None where all could.

        MP4 and QuickTime count their frames. Others tell how long they are, at best.
        """
        lost = self._lost + max(self.counted - self.number - 1, 0)
        if lost:
            return (
                f"{lost} of the {self.counted} frames that the file announces could not be "
                "decoded: it is damaged, or was cut off"
            )
        whole_s, read_s = self.announced / self.rate, self._time_s + 1.0 / self.rate
        if not self.counted and read_s < whole_s - max(_LATE_S, _LATE * whole_s):
            return (
                f"nothing could be decoded after {read_s:.1f} s, but the file announces "
                f"{whole_s:.1f} s: it is damaged, or was cut off"
            )
        return None

    def _open(self) -> cv2.VideoCapture:
        with quiet_opencv(), _plain_name(self._path) as name:
            capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
            # OpenCV knows of quarter turns only.
            capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, float(self._turn == 1))
            return capture

    def _first(self) -> tuple[np.ndarray, float]:
        size = [int(self._capture.get(p)) for p in (_WIDTH, _HEIGHT)]
        if math.prod(size) > MOST_PIXELS:
            raise InputError(
                f"'{self._path}' is a video of {size[0]}x{size[1]} pixels, expected at most "
                f"{MOST_PIXELS / 1e6:.0f} million"
            )
        with quiet_opencv():
            found, frame = self._capture.read()
        if not found:
            raise InputError(f"'{self._path}' {self._problem()}")
        return frame, max(0.0, self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0)

    def _time(self, after_s: float) -> float:
        """When the frame that was read last is due, s; where the file lies, at the usual pace."""
        time_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
        if math.isfinite(time_s) and after_s < time_s <= after_s + _LONGEST_S:
            return time_s
        return after_s + 1.0 / self.rate

    def _problem(self) -> str:
        """What is wrong with a file that has no first picture."""
        found = kind(_head(self._path))
        if found is None or not found.endswith(" video"):
            return f"is not a readable video{f' but {found}' if found else ''}"
        codec = int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little")
        name = codec.decode("ascii", "replace")
        return (
            f"is a damaged {found}, or OpenCV {cv2.__version__} cannot decode its codec"
            f"{f' {name}' if name.isalnum() else ''}; convert it, for example with "
            "'ffmpeg -i IN -c:v libx264 OUT.mp4'"
        )


class Video:
    """Plays a video in its own time, leaving frames out when the machine is too slow.

    Each frame is due when the file says. It is shown upright and unmirrored, as the file says, too.

    Args:
        path: the file.
        frames: how large, whether to begin again at the end, and the rate of a file that does
            not tell its own.
        tools: see there.

    Raises:
        InputError: see `VideoReader`.

    Attributes:
        name: what it is, in words.
        rate: frames per second, on average.
    """

    def __init__(self, path: Path, frames: FrameSettings, tools: SourceTools) -> None:
        self._reader, self._loop = VideoReader(path, frames.rate), frames.loop
        self._clock, self._wait = tools.clock, tools.wait
        self.rate = self._reader.rate
        self.name = f"video {path} at {self.rate:.3g} frames/s"
        self._fitted = Fitting(f"video {path}", frames, tools.tell)
        self._begin: float | None = None  # of the clock, when time 0 of the file is due
        self._end = self._clock()
        self._next = self._reader.read()

    def read(self) -> np.ndarray | None:
        """See `Source`."""
        while self._next is not None:
            frame, time_s = self._next
            if self._begin is None:
                self._begin = self._clock() - time_s
            if self._wait(max(0.0, self._begin + time_s - self._clock())):
                return None
            self._next = self._following(time_s)
            if self._next is None or self._begin + self._next[1] > self._clock():
                self._end = self._begin + time_s + 1.0 / self.rate
                return self._reader.upright(self._fitted(frame))
        self._wait(max(0.0, self._end - self._clock()))  # the last frame has its time, too
        return None

    def close(self) -> None:
        """See `Source`."""
        self._next = None
        self._reader.close()

    def _following(self, after_s: float) -> tuple[np.ndarray, float] | None:
        """The next frame and its time; None at the end."""
        following = self._reader.read()
        if following is not None or not self._loop:
            return following
        self._reader.rewind()
        first = self._reader.read()
        if self._begin is not None and first is not None:  # it is due after the last one
            self._begin += after_s + 1.0 / self.rate - first[1]
        return first


_WIDTH, _HEIGHT = cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT


@contextmanager
def _plain_name(path: Path) -> Iterator[str]:
    """A name of a file that OpenCV takes: it crashes where one is no UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with path.open("rb") as file:
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        yield str(path)


# Mirrored videos, which phones take of their owners: the matrix of a track of MP4 or QuickTime
# (ISO/IEC 14496-12, 8.3.2) says where the stored pixels go.

_TURNS: dict[tuple[int, ...], int] = {
    (-1, 0, 0, 1): 2,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, -1, -1, 0): 7,
}
"""Exif's orientation of each matrix that mirrors: to the right and down, of x and of y."""

_MOST_BOXES = 10_000


def _mirrored(path: Path) -> int:
    """How a video that is mirrored is to be turned, Exif's orientation; 1 for all others."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            for track in _within(file, (0, size), b"moov", b"trak"):
                places = [*_within(file, track, b"mdia", b"hdlr"), *_within(file, track, b"tkhd")]
                if len(places) == 2 and _bytes(file, places[0][0] + 8, 4) == b"vide":
                    return _TURNS.get(_matrix(file, places[1][0]), 1)
    except (OSError, struct.error, OverflowError):
        pass  # damaged: what is wrong with it, its decoder tells
    return 1


def _within(file: BinaryIO, place: tuple[int, int], *names: bytes) -> Iterator[tuple[int, int]]:
    """Begin and end of the content of each box of the last name in those of the ones before."""
    for name, begin, end in islice(_boxes(file, *place), _MOST_BOXES):
        if name == names[0] and len(names) == 1:
            yield begin, end
        elif name == names[0]:
            yield from _within(file, (begin, end), *names[1:])


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while at + 8 <= end:
        size, name = struct.unpack(">I4s", _bytes(file, at, 8))
        head = 16 if size == 1 else 8
        if size == 1:
            (size,) = struct.unpack(">Q", _bytes(file, at + 8, 8))
        size = size or end - at
        if size < head:
            return
        yield name, at + head, min(at + size, end)
        at += size


def _matrix(file: BinaryIO, at: int) -> tuple[int, ...]:
    """To the right and down, of x and of y, of a header of a track."""
    at += 40 if _bytes(file, at, 1) == b"\0" else 52  # its times have 4 bytes, or 8
    values = struct.unpack(">9i", _bytes(file, at, 36))
    return tuple(round(values[index] / 65536) for index in (0, 1, 3, 4))


def _bytes(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(256)


def open_video(text: str, frames: FrameSettings, tools: SourceTools) -> Video | None:
    """The video that a text names; None where it names no file."""
    path = user_path(text)
    return Video(path, frames, tools) if path.is_file() else None

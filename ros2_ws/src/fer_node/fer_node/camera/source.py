"""Where frames come from, and when they are due."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from fer_common.settings import setting

Wait = Callable[[float], bool]
"""Waits some seconds; returns at once, and true, when everything is to stop."""


@dataclass(frozen=True)
class FrameSettings:
    """How frames are asked of a source."""

    width: int = setting(640, "Asked of a webcam, pixels; 0: its own.", low=0, high=8192)
    height: int = setting(480, "Asked of a webcam, pixels; 0: its own.", low=0, high=8192)
    rate: float = setting(
        30.0,
        "Frames per second of webcams and pictures; videos have their own.",
        low=0.1,
        high=240.0,
    )
    period: float = setting(
        3.0, "How long each picture of a folder is shown, s.", low=0.01, high=3600.0
    )
    loop: bool = setting(False, "Whether videos and folders begin again at their end.")
    megapixels: float = setting(
        2.1,
        "Larger pictures, videos and recordings are shown at this size, million pixels; 0: at "
        "their own. 1920x1080 are 2.1.",
        low=0.0,
        high=134.0,
    )

    @property
    def most_pixels(self) -> float:
        """Of a frame that is shown; infinite where ``megapixels`` is 0."""
        return self.megapixels * 1e6 or math.inf


@dataclass(frozen=True)
class SourceTools:
    """What a source is given besides.

    Attributes:
        wait: interruptible.
        log: told what goes wrong later on, in one line.
        clock: monotonic, seconds.
        tell: told what is good to know, in one line.
    """

    wait: Wait
    log: Callable[[str], object]
    clock: Callable[[], float] = time.monotonic
    tell: Callable[[str], object] = lambda _text: None


class Source(Protocol):
    """A webcam, a video, a folder of pictures or a recording, in real time.

    Attributes:
        name: what it is, in words.
    """

    name: str

    def read(self) -> np.ndarray | None:
        """Waits until the next frame is due.

        Returns:
            BGR uint8 [H, W, 3]; None when the source is over, or was told to stop.
        """
        ...

    def close(self) -> None:
        """Gives back the device or the file."""
        ...


class Pace:
    """The beat of a recording: frame n is due n/rate seconds after the first.

    The beat is absolute, so that small delays do not add up to a drift.

    Args:
        rate: frames per second.
        clock: monotonic, seconds.
        wait: interruptible.
    """

    def __init__(self, rate: float, clock: Callable[[], float], wait: Wait) -> None:
        self._rate = rate
        self._clock = clock
        self._wait = wait
        self._start: float | None = None
        self._frame = 0

    def next(self) -> int | None:
        """Waits for the next beat.

        Returns:
            How many frames must be left out to be in time again, most often 0; None
            when everything is to stop.
        """
        now = self._clock()
        if self._start is None:
            self._start = now
        due = self._start + self._frame / self._rate
        if self._wait(max(0.0, due - now)):
            return None
        late = max(0, int((self._clock() - due) * self._rate))
        self._frame += late + 1
        return late


class Fitting:
    """Shrinks frames that are larger than the robot needs, and tells so once.

    A face of 32 pixels can be judged, and so many pixels as 1920x1080 have travel 30 times a
    second; those of a photo, 12 million and more, do not.

    Args:
        what: is shown, for people.
        frames: how large frames may be.
        tell: see `SourceTools`.
    """

    def __init__(self, what: str, frames: FrameSettings, tell: Callable[[str], object]) -> None:
        self._what, self._most, self._tell = what, frames.most_pixels, tell
        self._told = False

    def __call__(self, frame: np.ndarray, height: int = 0) -> np.ndarray:
        """A frame, no larger than is shown.

        Args:
            frame: BGR uint8 [H, W, 3].
            height: that it had before it was decoded at a smaller size, pixels; 0: as it is.
        """
        rows, columns = frame.shape[:2]
        share = min(1.0, math.sqrt(self._most / (rows * columns)))
        size = max(1, int(columns * share)), max(1, int(rows * share))
        if not self._told and (share < 1.0 or height > rows):
            self._told = True
            before = max(1.0, height / rows)
            self._tell(
                f"{self._what}: {columns * before:.0f}x{rows * before:.0f} pixels are shown as "
                f"{size[0]}x{size[1]}; the parameter megapixels says how large"
            )
        return frame if share == 1.0 else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


_FFMPEG_QUIET = "-8"


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Silences OpenCV and its FFmpeg while files and devices are opened.

    The user gets one clear line instead.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _FFMPEG_QUIET)
    logging = getattr(cv2.utils, "logging", cv2)  # in OpenCV before 4.12 it is cv2 itself
    level = logging.getLogLevel()
    logging.setLogLevel(0)
    try:
        yield
    finally:
        logging.setLogLevel(level)

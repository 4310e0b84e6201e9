"""Where frames come from, and when they are due."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import cv2
import numpy as np

Wait = Callable[[float], bool]
"""Waits some seconds; returns at once, and true, when everything is to stop."""


class Source(Protocol):
    """A webcam, a video or a folder of pictures, in real time."""

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


# ----------------------------------------------------------------------
# Keeps OpenCV's own messages away from the user, who gets one clear line instead.

_FFMPEG_QUIET = "-8"


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Silences OpenCV and its FFmpeg while files and devices are opened."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _FFMPEG_QUIET)
    level = cv2.getLogLevel()
    cv2.setLogLevel(0)
    try:
        yield
    finally:
        cv2.setLogLevel(level)

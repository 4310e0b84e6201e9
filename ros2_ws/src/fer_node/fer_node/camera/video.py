"""A video file as a source of frames."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import user_path
from fer_node.camera.source import FrameSettings, Pace, SourceTools, quiet_opencv

_FASTEST = 240.0  # frames per second; a file that claims more is mistaken


class Video:
    """Plays a video at its own rate, leaving frames out when the machine is too slow.

    Args:
        path: the file.
        frames: whether to begin again at the end, and the rate of a file that does not tell
            its own.
        tools: see there.

    Raises:
        InputError: the file is missing or is no video.
    """

    def __init__(self, path: Path, frames: FrameSettings, tools: SourceTools) -> None:
        if not path.is_file():
            raise InputError(f"video '{path}' does not exist")
        self._path = path
        self._loop = frames.loop
        self._capture = self._open()
        self._first: np.ndarray | None = self._grab_first()
        own = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = own if math.isfinite(own) and 0 < own <= _FASTEST else frames.rate
        self.name = f"video {path} at {self.rate:.3g} frames/s"
        self._pace = Pace(self.rate, tools.clock, tools.wait)

    def read(self) -> np.ndarray | None:
        """See `Source`."""
        late = self._pace.next()
        if late is None:
            return None
        first, self._first = self._first, None
        if first is not None:
            return first
        for _ in range(late):
            self._capture.grab()
        found, frame = self._capture.read()
        if found:
            return frame
        if not self._loop:
            return None
        self._capture.release()
        self._capture = self._open()
        return self._grab_first()

    def close(self) -> None:
        """See `Source`."""
        self._capture.release()

    def _open(self) -> cv2.VideoCapture:
        with quiet_opencv():
            return cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)

    def _grab_first(self) -> np.ndarray:
        with quiet_opencv():
            found, frame = self._capture.read()
        if not found:
            raise InputError(f"'{self._path}' is not a readable video")
        return frame


def open_video(text: str, frames: FrameSettings, tools: SourceTools) -> Video | None:
    """The video that a text names; None where it names no file."""
    path = user_path(text)
    return Video(path, frames, tools) if path.is_file() else None

"""A folder of pictures as a source of frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import user_path
from ec_rfernet.picture_file import SUFFIXES, read_picture
from fer_node.camera.source import FrameSettings, Pace, SourceTools


class Pictures:
    """Shows the pictures of a folder in the order of their names.

    Args:
        path: the folder, or a single picture.
        frames: how fast, for how long each, and whether to begin again after the last one.
        tools: see there; told about each file that cannot be read; such a file is left out.

    Raises:
        InputError: there is no readable picture.
    """

    def __init__(self, path: Path, frames: FrameSettings, tools: SourceTools) -> None:
        self.name = f"pictures in {path}"
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        self._files = [file for file in files if file.suffix.lower() in SUFFIXES]
        self._loop = frames.loop
        self._log = tools.log
        self._pace = Pace(frames.rate, tools.clock, tools.wait)
        self._frames_each = max(1, round(frames.rate * frames.period))
        self._next = 0
        self._left = 0
        self._picture = self._load()
        if self._picture is None:
            raise InputError(f"no readable picture ({' '.join(SUFFIXES)}) in '{path}'")

    def read(self) -> np.ndarray | None:
        """See `Source`."""
        late = self._pace.next()
        if late is None:
            return None
        self._left -= late
        if self._left <= 0:
            self._picture = self._load()
        self._left -= 1
        return self._picture

    def close(self) -> None:
        """See `Source`."""

    def _load(self) -> np.ndarray | None:
        """The next picture that can be read; None when there is none."""
        self._left = self._frames_each
        while self._files:
            if self._next == len(self._files):
                if not self._loop:
                    return None
                self._next = 0
            file = self._files[self._next]
            try:
                picture = read_picture(file, cv2.IMREAD_COLOR)
            except InputError as error:
                self._log(f"{error}; left out")
                del self._files[self._next]
                continue
            self._next += 1
            return picture
        return None


def open_pictures(text: str, frames: FrameSettings, tools: SourceTools) -> Pictures | None:
    """The picture or the folder of pictures that a text names; None where it names none."""
    path = user_path(text)
    if not text or not (path.is_dir() or (path.exists() and path.suffix.lower() in SUFFIXES)):
        return None
    return Pictures(path, frames, tools)

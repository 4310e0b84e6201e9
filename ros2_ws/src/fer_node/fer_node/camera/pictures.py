"""A picture, or a folder of pictures, as a source of frames."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import read_bytes, user_path
from ec_rfernet.picture_file import COLOUR, MOST_BYTES, SUFFIXES, decode, reduction
from fer_node.camera.source import Fitting, FrameSettings, Pace, SourceTools

CACHE_BYTES = 1 << 27
"""Of pictures that are kept for the next time, where a folder is shown again and again."""


class Pictures:
    """Shows the pictures of a folder in the order of their names, or a single one without end.

    The next picture is decoded while the one before is shown, so that a large one costs no frame.

    Args:
        path: the folder, or a single picture.
        frames: how fast, how large, for how long each, and whether to begin again after the last
            one of a folder.
        tools: see there; told about each file that cannot be read; such a file is left out.

    Raises:
        InputError: there is no readable picture.
    """

    def __init__(self, path: Path, frames: FrameSettings, tools: SourceTools) -> None:
        self.name = f"pictures in {path}"
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        self._files = [file for file in files if file.suffix.lower() in SUFFIXES]
        self._loop, self._most = frames.loop or not path.is_dir(), frames.most_pixels
        self._log = tools.log
        self._fitted = Fitting(self.name, frames, tools.tell)
        self._kept: dict[Path, np.ndarray] = {}
        self._room = CACHE_BYTES if self._loop else 0
        self._pace = Pace(frames.rate, tools.clock, tools.wait)
        self._frames_each = max(1, round(frames.rate * frames.period))
        self._next = 0
        self._left = self._frames_each
        self._picture = self._load()
        if self._picture is None:
            raise InputError(f"no readable picture ({' '.join(SUFFIXES)}) in '{path}'")
        self._decoder = ThreadPoolExecutor(1, "pictures")
        self._following = self._decoder.submit(self._load)

    def read(self) -> np.ndarray | None:
        """See `Source`."""
        late = self._pace.next()
        if late is None or self._picture is None:
            return None
        self._left -= late
        if self._left <= 0:
            self._left = self._frames_each
            self._picture = self._following.result()
            self._following = self._decoder.submit(self._load)
        self._left -= 1
        return self._picture

    def close(self) -> None:
        """See `Source`."""
        self._picture = None
        self._decoder.shutdown(wait=False, cancel_futures=True)

    def _load(self) -> np.ndarray | None:
        """The next picture that can be read; None when there is none."""
        while self._files:
            if self._next == len(self._files):
                if not self._loop:
                    return None
                self._next = 0
            file = self._files[self._next]
            try:
                picture = self._kept[file] if file in self._kept else self._decoded(file)
            except InputError as error:
                self._log(f"{error}; left out")
                del self._files[self._next]
                continue
            self._next += 1
            return picture
        return None

    def _decoded(self, file: Path) -> np.ndarray:
        """A picture as it is shown; the first ones are kept: what comes next is the oldest."""
        data = read_bytes(file, MOST_BYTES)
        shrink = reduction(data, self._most)
        try:
            picture = decode(data, COLOUR[shrink])
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
        shown = self._fitted(picture, picture.shape[0] * shrink)
        if shown.nbytes <= self._room:
            self._room -= shown.nbytes
            self._kept[file] = shown
        return shown


def open_pictures(text: str, frames: FrameSettings, tools: SourceTools) -> Pictures | None:
    """The picture or the folder of pictures that a text names; None where it names none."""
    path = user_path(text)
    if not text or not (path.is_dir() or (path.exists() and path.suffix.lower() in SUFFIXES)):
        return None
    return Pictures(path, frames, tools)

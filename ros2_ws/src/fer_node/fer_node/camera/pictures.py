"""A folder of pictures as a source of frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from fer_node.camera.source import Pace, Wait, quiet_opencv

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")


class Pictures:
    """Shows the pictures of a folder in the order of their names.

    Args:
        path: the folder, or a single picture.
        loop: whether to begin again after the last one.
        rate: frames per second.
        period_s: for how long each picture is shown.
        clock: monotonic, seconds.
        wait: interruptible.
        warn: told about each file that cannot be read; such a file is left out.

    Raises:
        InputError: there is no readable picture.
    """

    def __init__(
        self,
        path: Path,
        loop: bool,
        rate: float,
        period_s: float,
        clock: Callable[[], float],
        wait: Wait,
        warn: Callable[[str], object],
    ) -> None:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        self._files = [file for file in files if file.suffix.lower() in SUFFIXES]
        self._path = path
        self._loop = loop
        self._warn = warn
        self._pace = Pace(rate, clock, wait)
        self._frames_each = max(1, round(rate * period_s))
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
            with quiet_opencv():
                picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
            if picture is not None:
                self._next += 1
                return picture
            self._warn(f"'{file}' is not a readable picture, left out")
            del self._files[self._next]
        return None

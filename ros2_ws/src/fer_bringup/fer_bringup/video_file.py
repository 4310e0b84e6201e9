"""Videos that appear under their name when they are complete."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet.errors import InputError


class VideoFile:
    """An MPEG-4 video that is being written.

    Args:
        path: ends in ``.mp4``; its folder is made, a file that is there is replaced.
        rate: frames per second.
        size: width and height, pixels.

    Raises:
        InputError: it cannot be written.
    """

    def __init__(self, path: Path, rate: float, size: tuple[int, int]) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error})") from error
        # The one codec that every build of OpenCV for Python both writes and reads.
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        self._writer = cv2.VideoWriter(str(self._partial), codec, rate, size)
        if not self._writer.isOpened():
            raise InputError(f"{path}: cannot be written, expected a folder with write permission")

    def write(self, frame: np.ndarray) -> None:
        """Appends a frame, BGR uint8 [H, W, 3]."""
        self._writer.write(frame)

    def complete(self) -> None:
        """Gives the file its name.

        Raises:
            InputError: that is not possible.
        """
        self._writer.release()
        try:
            self._partial.replace(self._path)
        except OSError as error:
            raise InputError(f"{self._path}: cannot be written ({error})") from error

    def discard(self) -> None:
        """Leaves nothing of a file that is not complete."""
        self._writer.release()
        self._partial.unlink(missing_ok=True)

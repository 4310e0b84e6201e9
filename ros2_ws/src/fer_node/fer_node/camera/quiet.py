"""Keeps OpenCV's own messages away from the user, who gets one clear line instead."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

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

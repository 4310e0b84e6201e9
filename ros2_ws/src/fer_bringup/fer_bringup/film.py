"""The pictures of a recording: what the camera saw beside what the robot did."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ec_rfernet.errors import InputError
from fer_bringup.journal import JournalMoment

WIDTH, HEIGHT = 1280, 560
"""Of a recording, pixels: two pictures of 640x480 and a strip of text below."""

VIDEO, STILL, SUMMARY, VOICE = "demo.mp4", "demo.png", "summary.json", "speech.wav"
"""The files of a recording."""

PICTURE = (640, 480)
"""Width and height of each of the two pictures."""

_STRIP = (24, 26, 30)  # RGB
_WORDS, _REASON, _QUIET = (255, 255, 255), (170, 176, 186), (110, 116, 126)
_MARGIN = 22


class Composer:
    """Puts the pictures of one moment together."""

    def __init__(self) -> None:
        self._large, self._small = ImageFont.load_default(27), ImageFont.load_default(17)
        self._shown: tuple[str | None, ...] | None = None
        self._strip = np.zeros((HEIGHT - PICTURE[1], WIDTH, 3), np.uint8)

    def frame(
        self, seen: np.ndarray | None, robot: np.ndarray, moment: JournalMoment
    ) -> np.ndarray:
        """One frame of the recording.

        Args:
            seen: the camera's picture with overlay, BGR uint8 [h, w, 3]; None before there
                is one.
            robot: the robot, BGR uint8 [480, 640, 3].
            moment: what is said, and why.

        Returns:
            BGR uint8 [560, 1280, 3].
        """
        frame = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
        width, height = PICTURE
        if seen is not None:
            frame[:height, :width] = _fitted(seen)
        frame[:height, width:] = robot
        frame[height:] = self._text(moment)
        return frame

    def _text(self, moment: JournalMoment) -> np.ndarray:
        """The strip of text; drawn only when the text changes."""
        shown = (moment.state, moment.speech, moment.reason)
        if shown != self._shown:
            image = Image.new("RGB", (WIDTH, HEIGHT - PICTURE[1]), _STRIP)
            draw = ImageDraw.Draw(image)
            if moment.speech:
                draw.text((_MARGIN, 10), f"“{moment.speech}”", _WORDS, self._large)
            else:
                draw.text((_MARGIN, 10), moment.state or "starting", _QUIET, self._large)
            draw.text((_MARGIN, 48), moment.reason or "", _REASON, self._small)
            self._shown, self._strip = shown, np.asarray(image)[..., ::-1]
        return self._strip


def _fitted(picture: np.ndarray) -> np.ndarray:
    """Scaled to fit `PICTURE`, with black bars where the shape differs."""
    width, height = PICTURE
    if picture.shape[:2] == (height, width):
        return picture
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    fitted = np.zeros((height, width, 3), dtype=np.uint8)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    fitted[y : y + size[1], x : x + size[0]] = scaled
    return fitted


# Videos that appear under their name when they are complete.


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

"""The pictures of a recording: what the camera saw beside what the robot did."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

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

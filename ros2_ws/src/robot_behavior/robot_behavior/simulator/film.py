"""A video of the simulated robot: MP4 through OpenCV, GIF through Pillow."""

from __future__ import annotations

import textwrap
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from robot_behavior.body import figure as robot_figure
from robot_behavior.body.eyes import light
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.simulator.stage import SimulatedMoment, describe
from robot_behavior.yaml_file import ConfigError

KINDS = (".mp4", ".gif")
RATE_HZ = 10.0
SIZE = (480, 480)

_STRIP_PX = 96
_LETTERS = 52  # of a line of speech
_DARK, _LIGHT, _DIM = (24, 26, 30), (255, 255, 255), (170, 176, 186)


class Film:
    """Draws the robot and what it does.

    Args:
        path: ends in ``.mp4`` or ``.gif``; a file that is there is replaced.
        model: the robot.

    Raises:
        ConfigError: it cannot be written.
    """

    def __init__(self, path: Path, model: RobotModel) -> None:
        if path.suffix.lower() not in KINDS:
            raise ConfigError(
                f"{path}: ends in {path.suffix!r}, expected one of {', '.join(KINDS)}"
            )
        self._path, self._model = path, model
        self._small, self._large = ImageFont.load_default(14), ImageFont.load_default(17)
        self._due = 0.0
        self._frames: list[Image.Image] = []
        self._writer: cv2.VideoWriter | None = None
        if path.suffix.lower() == ".mp4":
            size = (SIZE[0], SIZE[1] + _STRIP_PX)
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(path), codec, RATE_HZ, size)
            if not self._writer.isOpened():
                raise self._unwritable("expected a folder with write permission")

    def show(self, moment: SimulatedMoment) -> None:
        """Draws a moment, if a frame is due."""
        if moment.time < self._due - 1e-9:
            return
        self._due += 1.0 / RATE_HZ
        mood = "idle" if moment.view.attended is None else "attending"
        eyes = light(moment.time, mood)
        figure = robot_figure.render(self._model, moment.pose, SIZE, eyes)
        picture = np.vstack([figure, self._text(moment)])
        if self._writer is not None:
            self._writer.write(picture)
        else:
            image = Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            self._frames.append(image.quantize(64))

    def close(self) -> None:
        """Completes the file.

        Raises:
            ConfigError: it cannot be written.
        """
        if self._writer is not None:
            self._writer.release()
            return
        first, *rest = self._frames
        try:
            first.save(
                self._path, save_all=True, append_images=rest, duration=1000 / RATE_HZ, loop=0
            )
        except OSError as error:
            raise self._unwritable(str(error)) from error

    def _text(self, moment: SimulatedMoment) -> np.ndarray:
        """The strip below the robot, BGR uint8."""
        strip = Image.new("RGB", (SIZE[0], _STRIP_PX), _DARK)
        draw, status = ImageDraw.Draw(strip), moment.status
        doing = " ".join(filter(None, (status.activity.value, status.motion)))
        draw.text(
            (12, 8), f"{moment.time:5.1f} s   sees {describe(moment.view)}", _DIM, self._small
        )
        draw.text((12, 27), doing, _DIM, self._small)
        speech = "\n".join(textwrap.wrap(status.speech or "", _LETTERS))
        draw.text((12, 47), speech, _LIGHT, self._large)
        return np.asarray(strip)[:, :, ::-1]

    def _unwritable(self, why: str) -> ConfigError:
        return ConfigError(f"{self._path}: cannot be written ({why})")

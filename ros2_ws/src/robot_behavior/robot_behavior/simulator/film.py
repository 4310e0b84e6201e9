"""Videos that appear when they are complete, and one of the simulated robot.

MP4 through OpenCV, GIF through Pillow.
"""

from __future__ import annotations

import io
import textwrap
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ec_rfernet.errors import InputError
from ec_rfernet.files import Draft, write_bytes
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


class VideoFile:
    """An MPEG-4 video that is being written.

    Args:
        path: ends in ``.mp4``; its folder is made, a file that is there is replaced.
        rate: frames per second.
        size: width and height, pixels.
        private: whether it shows people: only its owner may read it and a folder made for it.

    Raises:
        InputError: it cannot be written.
    """

    def __init__(
        self, path: Path, rate: float, size: tuple[int, int], private: bool = False
    ) -> None:
        self._path, self._written = path, 0
        try:
            path.parent.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
            self._draft = Draft(path, private)
        except OSError as error:
            raise self._unwritable(error) from error
        # The one codec that every build of OpenCV for Python both writes and reads.
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        with self._draft.opened() as place:
            self._writer = cv2.VideoWriter(str(place), codec, rate, size)
        if not self._writer.isOpened():
            self._draft.discard()
            raise self._unwritable("OpenCV cannot make an MPEG-4 video of this size")

    def write(self, frame: np.ndarray) -> None:
        """Appends a frame, BGR uint8 [H, W, 3]."""
        self._writer.write(frame)
        self._written += 1

    def complete(self) -> None:
        """Gives the file its name; a video without frames leaves nothing.

        Raises:
            InputError: that is not possible, for instance because the disk is full.
        """
        self._writer.release()
        try:
            if self._written:
                self._check()
                self._draft.complete()
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self._draft.discard()

    def discard(self) -> None:
        """Leaves nothing of a file that is not complete."""
        self._writer.release()
        self._draft.discard()

    def _check(self) -> None:
        """OpenCV does not tell what the disk has refused."""
        with self._draft.opened() as place:
            reader = cv2.VideoCapture(str(place), cv2.CAP_FFMPEG)
            whole = round(reader.get(cv2.CAP_PROP_FRAME_COUNT)) == self._written
            whole = whole and reader.read()[0]
            reader.release()
        if not whole:
            raise self._unwritable("the disk is full, or it allows no file of this size")

    def _unwritable(self, why: object) -> InputError:
        why = getattr(why, "strerror", None) or why
        return InputError(f"{self._path}: cannot be written ({why})")


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
        if not path.parent.is_dir():
            raise ConfigError(f"{path}: cannot be written (there is no such folder)")
        self._path, self._model = path, model
        self._small, self._large = ImageFont.load_default(14), ImageFont.load_default(17)
        self._due = 0.0
        self._frames: list[Image.Image] = []
        self._video: VideoFile | None = None
        if path.suffix.lower() == ".mp4":
            try:
                self._video = VideoFile(path, RATE_HZ, (SIZE[0], SIZE[1] + _STRIP_PX))
            except InputError as error:
                raise ConfigError(str(error)) from error

    def show(self, moment: SimulatedMoment) -> None:
        """Draws a moment, if a frame is due."""
        if moment.time < self._due - 1e-9:
            return
        self._due += 1.0 / RATE_HZ
        mood = "idle" if moment.view.attended is None else "attending"
        eyes = light(moment.time, mood)
        figure = robot_figure.render(self._model, moment.pose, SIZE, eyes)
        picture = np.vstack([figure, self._text(moment)])
        if self._video is not None:
            self._video.write(picture)
        else:
            image = Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            self._frames.append(image.quantize(64))

    def discard(self) -> None:
        """Leaves nothing of a film that is not complete."""
        if self._video is not None:
            self._video.discard()

    def complete(self) -> None:
        """Writes the file.

        Raises:
            ConfigError: it cannot be written.
        """
        try:
            if self._video is not None:
                self._video.complete()
                return
            first, *rest = self._frames
            data, duration = io.BytesIO(), 1000 / RATE_HZ
            first.save(data, "gif", save_all=True, append_images=rest, duration=duration, loop=0)
            write_bytes(self._path, data.getvalue())
        except InputError as error:
            raise ConfigError(str(error)) from error
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be written ({error.strerror})") from error

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

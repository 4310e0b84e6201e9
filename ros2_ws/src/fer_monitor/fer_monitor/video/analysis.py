"""What the robot would have seen in videos and pictures: each frame, with its true time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.faces.face import Face, FaceDetector
from ec_rfernet.model import Model
from ec_rfernet.perceived import Perceived
from ec_rfernet.picture_file import SUFFIXES, read_picture
from fer_node.camera.video import VideoReader
from fer_node.perception.frame import RawFrame
from fer_node.perception.pipeline import Perception, PerceptionSettings, Smoothing

VIDEOS = (
    ".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv",
    ".ts", ".webm", ".wmv",
)  # fmt: skip
"""Endings of the names of videos in a folder, in small letters."""

NOT_DECODED = "not decoded"
"""Flaw of a frame that is damaged, or was cut off."""

_MOST_FRAMES = 10_000_000  # of a video: two days; a damaged file may announce more

SMOOTHINGS = {"robot": Smoothing(), "none": Smoothing(0.0, 0.0, 0.0)}
"""How steady the expressions are: as on the robot, or each frame by itself."""


@dataclass(frozen=True, eq=False)
class AnalyzedFrame:
    """A frame of a video, or a picture.

    Attributes:
        source: the file.
        number: of the frame, from 0.
        time: of the frame in the video, as the file says, seconds; None of a picture. Of one that
            could not be decoded it follows from those around it.
        rate: of the video, frames per second on average; None of a picture.
        expected: how many frames the video says that it has, about; 0: it does not say.
        image: BGR uint8 [H, W, 3], upright; [0, 0, 3] of a frame that could not be decoded.
        perceived: the people in it.
    """

    source: Path
    number: int
    time: float | None
    rate: float | None
    expected: int
    image: np.ndarray
    perceived: Perceived

    @property
    def flaw(self) -> str | None:
        """Why nobody was looked for in it; None if somebody was."""
        return None if self.image.size else NOT_DECODED


def files(inputs: Sequence[Path]) -> list[Path]:
    """The videos and pictures that are meant; of a folder all that are not hidden, by name.

    Raises:
        InputError: a folder has none, or there is no such file or folder.
    """
    found: list[Path] = []
    for path in inputs:
        if str(path) == "-":
            raise InputError("-: standard input is not read, expected a video, picture or folder")
        if not path.is_dir():
            found.append(path)
            continue
        inside = [each for each in sorted(path.iterdir()) if _is_known(each)]
        if not inside:
            raise InputError(f"{path}: has no video and no picture ({' '.join(VIDEOS)}, ...)")
        found += inside
    return found


def _is_known(path: Path) -> bool:
    if path.name.startswith("."):  # such as ._clip.mp4, which macOS leaves beside clip.mp4
        return False
    return path.is_file() and path.suffix.lower() in (*VIDEOS, *SUFFIXES)


def _moves(path: Path) -> bool:
    """Whether it is a GIF of several pictures."""
    if path.suffix.lower() != ".gif":
        return False
    try:
        reader = VideoReader(path)
    except InputError:  # who reads it as a picture tells what is wrong with it
        return False
    try:
        return reader.read() is not None and reader.read() is not None
    finally:
        reader.close()


class _PictureDetector:
    """Looks at all of a picture, closely: there is no next image in which to look again."""

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector

    def detect(self, image: np.ndarray) -> list[Face]:
        return self._detector.detect(image)

    def close(self) -> None:
        self._detector.close()


class VideoAnalyst:
    """Sees videos as the robot sees its camera, and pictures each by itself.

    Faces are detected, followed, smoothed and attended to as on the robot, at the times of the
    video's frames. Ids of faces are the same in each run, and none is there in two videos.

    Args:
        model: see `ec_rfernet.load`; stays its owner's to close.
        smoothing: one of `SMOOTHINGS`.
        tell: told what cannot be decoded of a video, in one line.
    """

    def __init__(
        self,
        model: Model,
        smoothing: Smoothing = SMOOTHINGS["robot"],
        tell: Callable[[str], object] = lambda _text: None,
    ) -> None:
        settings, rng = PerceptionSettings(smoothing=smoothing), Random(0)
        judge = model.classifier
        self._video = Perception(model.detector, judge, settings, rng=rng)
        self._picture = Perception(_PictureDetector(model.detector), judge, settings, rng=rng)
        self._tell = tell

    def frames(self, path: Path) -> Iterator[AnalyzedFrame]:
        """The frames of a video, or of a GIF that has several, or the one of a picture.

        Those that could not be decoded are among them, where the file counts its frames.

        Raises:
            InputError: it cannot be read at all.
        """
        if path.suffix.lower() in SUFFIXES and not _moves(path):
            image = read_picture(path, cv2.IMREAD_COLOR)
            self._picture.reset()
            perceived = self._picture.process(RawFrame(image), 0.0)
            yield AnalyzedFrame(path, 0, None, None, 1, image, perceived)
            return
        reader = VideoReader(path)
        try:
            yield from self._frames(path, reader)
        finally:
            reader.close()
        if reader.shortfall is not None:
            self._tell(f"{path}: {reader.shortfall}; what could be decoded was analysed")

    def _frames(self, path: Path, reader: VideoReader) -> Iterator[AnalyzedFrame]:
        self._video.reset()
        number, time_s = -1, -1.0 / reader.rate  # of the last frame that could be decoded

        def lost(until: int, step_s: float) -> Iterator[AnalyzedFrame]:
            nothing = np.zeros((0, 0, 3), np.uint8)
            for each in range(number + 1, min(until, _MOST_FRAMES)):
                at = time_s + (each - number) * step_s
                expected = reader.announced
                yield AnalyzedFrame(path, each, at, reader.rate, expected, nothing, Perceived())

        while (following := reader.read()) is not None:
            yield from lost(reader.number, (following[1] - time_s) / (reader.number - number))
            number, time_s = reader.number, following[1]
            image = reader.upright(following[0])
            perceived = self._video.process(RawFrame(image), time_s)
            yield AnalyzedFrame(
                path, number, time_s, reader.rate, reader.announced, image, perceived
            )
        yield from lost(reader.counted, 1.0 / reader.rate)

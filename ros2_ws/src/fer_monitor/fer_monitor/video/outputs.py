"""What is made of the frames of videos: a table, lines of JSON, a video with overlay, a page.

Files show people: only their owner may read them. They appear when they are complete.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np

from ec_rfernet.errors import InputError, writable
from ec_rfernet.files import Draft, write_text
from ec_rfernet.perceived import EmotionEstimate
from ec_rfernet.show.overlay import annotated
from ec_rfernet.video_file import VideoFile
from fer_common.emotions import SeenFace, SeenImage
from fer_monitor.report.command import no_formula
from fer_monitor.report.page import page
from fer_monitor.report.session import AnalyzedVideo, session_of
from fer_monitor.video.analysis import AnalyzedFrame

_FIRST = ("source", "frame", "time", "face_id", "label", "confidence")
_LAST = (
    "valence", "arousal", "yaw", "pitch", "roll", "x", "y", "width", "height", "attended",
    "engagement", "flaw",
)  # fmt: skip


class Output(Protocol):
    """Takes all frames in order, and is completed or discarded then."""

    def add(self, frame: AnalyzedFrame) -> None:
        """Takes a frame."""
        ...

    def complete(self) -> None:
        """Makes what was written visible."""
        ...

    def discard(self) -> None:
        """Leaves nothing of what is not complete."""
        ...


class TableFile:
    """A CSV with a row for each face of each frame; a frame without a face has one without.

    So has a frame that could not be decoded; its flaw says so.

    Args:
        path: of the file; one that is there is replaced.
        labels: of the model.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, labels: Sequence[str]) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path, self._labels = path, labels
        self._draft = Draft(path, private=True)
        with self._draft.opened() as place:
            self._file = place.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow(columns(labels))

    def add(self, frame: AnalyzedFrame) -> None:
        """See `Output`."""
        try:
            self._rows.writerows(_rows(frame, self._labels))
        except OSError as error:
            raise self._named(error) from error

    def complete(self) -> None:
        """See `Output`."""
        try:
            self._file.close()
            self._draft.complete()
        except OSError as error:
            raise self._named(error) from error

    def discard(self) -> None:
        """See `Output`."""
        with suppress(OSError):  # the disk is full: that was told
            self._file.close()
        self._draft.discard()

    def _named(self, error: OSError) -> OSError:
        return OSError(error.errno, error.strerror, str(self._path))


def columns(labels: Sequence[str]) -> tuple[str, ...]:
    """The columns of the table: times in s, angles in rad, boxes in pixels."""
    return (*_FIRST, *(f"p_{label}" for label in labels), *_LAST)


def _rows(frame: AnalyzedFrame, labels: Sequence[str]) -> Iterator[list[str]]:
    moment = "" if frame.time is None else f"{frame.time:.6f}"
    first = [no_formula(writable(str(frame.source))), str(frame.number), moment]
    estimates = frame.perceived.estimates
    if not estimates:
        yield [*first, *[""] * (len(columns(labels)) - len(first) - 1), frame.flaw or ""]
    for face in estimates:
        head = ("", "", "") if face.head is None else map("{:.4f}".format, face.head)
        box = (face.box.x, face.box.y, face.box.width, face.box.height)
        yield [
            *first,
            face.face_id,
            no_formula(writable(face.label)),
            f"{face.confidence:.4f}",
            *map("{:.4f}".format, face.probabilities),
            f"{face.valence:.4f}",
            f"{face.arousal:.4f}",
            *head,
            *map("{:.1f}".format, box),
            str(int(face.face_id == frame.perceived.attended)),
            _level(frame, face),
            face.flaw or "",
        ]


def _level(frame: AnalyzedFrame, face: EmotionEstimate) -> str:
    """Of a picture it is not known: who is engaged looks for a while."""
    return "" if frame.time is None else face.engagement.name.lower()


class JsonLines:
    """A line of JSON for each frame, on standard output at once.

    Args:
        labels: of the model.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels

    def add(self, frame: AnalyzedFrame) -> None:
        """See `Output`."""
        height, width = frame.image.shape[:2] if frame.flaw is None else (None, None)
        faces = [face.as_dict(self._labels) for face in frame.perceived.estimates]
        for face in faces:
            face["attended"] = face["face_id"] == frame.perceived.attended
            face["engagement"] = None if frame.time is None else face["engagement"]
        told = {
            "source": writable(str(frame.source)),
            "frame": frame.number,
            "time": None if frame.time is None else round(frame.time, 6),
            "width": width,
            "height": height,
            "flaw": frame.flaw,
            "faces": faces,
        }
        print(json.dumps(told))

    def complete(self) -> None:
        """See `Output`."""

    def discard(self) -> None:
        """See `Output`."""


class AnnotatedVideo:
    """A video with the robot's overlay, as long as the original one.

    Args:
        path: ends in ``.mp4``; a file that is there is replaced.

    Raises:
        InputError: it ends otherwise.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() != ".mp4":
            raise InputError(f"{path}: ends in {path.suffix!r}, expected '.mp4'")
        self._path, self._written, self._rate = path, 0, 0.0
        self._video: VideoFile | None = None
        self._shown = np.zeros((0, 0, 3), np.uint8)

    def add(self, frame: AnalyzedFrame) -> None:
        """See `Output`; in the place of a frame that is not there the one before is shown."""
        if frame.flaw is not None:
            return
        picture = annotated(frame.image, frame.perceived, margin=False)
        rows, columns = (size // 2 * 2 for size in picture.shape[:2])  # what encoders take
        moment, rate = frame.time or 0.0, frame.rate or 1.0
        if self._video is None:
            self._rate = rate
            self._video = VideoFile(self._path, rate, (columns, rows), private=True)
        while self._shown.size and self._written < round(moment * self._rate):
            self._show(self._video)  # a frame is shown until the next one is due
        self._shown = picture[:rows, :columns]

    def complete(self) -> None:
        """See `Output`."""
        if self._video is not None:
            self._show(self._video)
            self._video.complete()

    def discard(self) -> None:
        """See `Output`."""
        if self._video is not None:
            self._video.discard()

    def _show(self, video: VideoFile) -> None:
        video.write(self._shown)
        self._written += 1


class ReportFile:
    """A page of HTML that needs nothing else, as `fer-report` makes one of a recording.

    Videos stand one after the other on its time line; a picture stands there for a second.

    Args:
        path: of the file; one that is there is replaced.
        labels: of the model.
        clock: seconds since 1970.
    """

    def __init__(
        self, path: Path, labels: Sequence[str], clock: Callable[[], float] = time.time
    ) -> None:
        self._path, self._labels, self._began = path, tuple(labels), clock()
        self._images: list[SeenImage] = []
        self._videos: list[AnalyzedVideo] = []
        self._source: Path | None = None
        self._begin = self._end = 0.0

    def add(self, frame: AnalyzedFrame) -> None:
        """See `Output`."""
        if frame.source != self._source:
            self._source, self._begin = frame.source, self._end
            self._videos.append(AnalyzedVideo(str(frame.source), self._begin))
        moment = self._begin + (frame.time or 0.0)
        self._end = moment + 1.0 / (frame.rate or 1.0)
        video, perceived = self._videos[-1], frame.perceived
        video.duration = self._end - self._begin
        if frame.flaw is not None:
            video.not_decoded += 1
            return
        video.frames += 1
        video.without_face += not perceived.estimates
        faces = tuple(_seen(face, self._labels) for face in perceived.estimates)
        stamp = round((self._began + moment) * 1e9)
        width = frame.image.shape[1]
        self._images.append(SeenImage(stamp, width, self._labels, perceived.attended or "", faces))

    def complete(self) -> None:
        """See `Output`."""
        session = session_of(self._images, self._labels, self._videos, self._began, self._end)
        write_text(self._path, writable(page(session)), private=True)

    def discard(self) -> None:
        """See `Output`."""


def _seen(face: EmotionEstimate, labels: tuple[str, ...]) -> SeenFace:
    box = (round(face.box.x), round(face.box.y), round(face.box.width), round(face.box.height))
    return SeenFace(
        face.face_id,
        face.label,
        face.confidence,
        labels,
        face.probabilities.tolist(),
        face.valence,
        face.arousal,
        box,
        face.head,
        face.engagement,
    )

"""Videos that browsers play: H.264, with sound in AAC. PyAV writes them, if it is installed.

A video is written as ``NAME.partial.mp4``, in fragments that can be played as soon as they are
there: whatever ends the program, what was shown until then can be watched. When it is complete
its fragments become one file that begins to play at once, with the sound, under its own name.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import Draft, refuse_stdout

FRAGMENT_S = 1.0
"""A video that is not complete lacks so much of its end, and what the encoder still holds."""

_ENCODER = {"preset": "veryfast", "crf": "24"}  # a third of MPEG-4's size, and three times its time
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
_AT_ONCE = {"movflags": "faststart"}  # what tells where the pictures are comes before them
_SOUND_BITS = 64_000  # a second


class VideoFile:
    """A video that is being written.

    Args:
        path: ends in ``.mp4``; its folder is made, a file that is there is replaced in the end.
        rate: frames per second.
        size: width and height, pixels.
        private: whether it shows people: only its owner may read it and a folder made for it.

    Attributes:
        partial: where it is while it is not complete.

    Raises:
        InputError: it cannot be written, or PyAV is not installed.
    """

    def __init__(
        self, path: Path, rate: float, size: tuple[int, int], private: bool = False
    ) -> None:
        self._av, self._path, self._private = _pyav(path), path, private
        self.partial = path.with_suffix(f".partial{path.suffix}")
        self._failure: str | None = None
        self._written = 0
        # H.264 has whole blocks of 2x2 colours only.
        self._rim = size[1] % 2, size[0] % 2
        self._block = ExitStack()
        try:
            refuse_stdout(path)
            path.parent.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
            file = self._block.enter_context(_opened(self.partial, private))
            self._container: Any = self._av.open(file, "w", format="mp4", options=_FRAGMENTS)
            self._stream = self._container.add_stream(
                "libx264", rate=Fraction(rate).limit_denominator(1000), options=_ENCODER
            )
            self._stream.width, self._stream.height = (side + side % 2 for side in size)
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.gop_size = max(1, round(rate * FRAGMENT_S))
            self._stream.codec_context.thread_count = 1  # the others are the robot's
        except OSError as error:
            self._block.close()
            raise self._unwritable(error) from error

    def write(self, frame: np.ndarray) -> None:
        """Appends a frame, BGR uint8 [H, W, 3]. What the disk does not take, `complete` tells."""
        if self._failure is not None:
            return
        if any(self._rim):
            frame = cv2.copyMakeBorder(frame, 0, self._rim[0], 0, self._rim[1], _REPEATED)
        planes = cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420)
        picture = self._av.VideoFrame.from_ndarray(planes, format="yuv420p")
        picture.pts = self._written
        self._written += 1
        try:
            self._container.mux(self._stream.encode(picture))
        except OSError as error:
            self._failure = error.strerror or str(error)

    def complete(self, sound: Path | None = None, began: float = 0.0) -> None:
        """Gives the video its sound and its name; one without frames leaves nothing.

        Args:
            sound: a WAV file; None, or one without sound: the video has none. If it is one of
                    the European Broadcasting Union's (Tech 3285), it tells when it began.
            began: when the first frame was shown, seconds since 1970.

        Raises:
            InputError: that is not possible, for instance because the disk is full. What could
                be written is left in `partial`.
        """
        try:
            self._end()
            if self._failure is not None:
                raise self._unwritable(self._failure)
            if self._written:
                self._finish(sound, began)
        except OSError as error:
            raise self._unwritable(error) from error
        self.discard()

    def discard(self) -> None:
        """Leaves nothing of a video that is not complete."""
        with suppress(OSError):
            self._end()
        self.partial.unlink(missing_ok=True)

    def _end(self) -> None:
        """Completes the fragments."""
        container, self._container = self._container, None
        if container is None:
            return
        try:
            if self._failure is None and self._written:
                container.mux(self._stream.encode())
            container.close()
        finally:
            self._block.close()

    def _finish(self, sound: Path | None, began: float) -> None:
        draft = Draft(self._path, self._private)
        try:
            with ExitStack() as block:
                place = block.enter_context(draft.opened())

                def opened(file: Path) -> Any:
                    return block.enter_context(self._av.open(block.enter_context(file.open("rb"))))

                pictures = opened(self.partial)
                made = block.enter_context(self._av.open(str(place), "w", options=_AT_ONCE))
                tracks = [self._pictures(pictures, made)]
                if sound is not None and sound.is_file():
                    heard = opened(sound)
                    if heard.duration:  # 0 of a voice that is not heard through this machine
                        tracks.append(self._sound(heard, made, began))
                for _, packet in heapq.merge(*tracks, key=lambda each: each[0]):
                    made.mux(packet)
            draft.complete()
        finally:
            draft.discard()

    def _pictures(self, source: Any, made: Any) -> Iterator[tuple[float, Any]]:
        """The packets of the pictures, each with its time."""
        track = source.streams.video[0]
        copy = made.add_stream_from_template(track)

        def packets() -> Iterator[tuple[float, Any]]:
            first: int | None = None  # fragments begin late, by the frames that are reordered
            for packet in source.demux(track):
                if packet.dts is None:  # the end
                    continue
                first = packet.pts if first is None else first
                packet.pts, packet.dts = packet.pts - first, packet.dts - first
                packet.stream = copy
                yield float(packet.dts * packet.time_base), packet

        return packets()

    def _sound(self, source: Any, made: Any, began: float) -> Iterator[tuple[float, Any]]:
        """The packets of the sound, likewise; silence until it begins."""
        track = source.streams.audio[0]
        rate = track.rate
        first = round((_moment(source.metadata, rate, began) - began) * rate)
        copy = made.add_stream("aac", rate=rate, layout="mono", options={"b": str(_SOUND_BITS)})

        def frames() -> Iterator[np.ndarray]:
            for count in _portions(max(first, 0), rate):
                yield np.zeros((1, count), np.int16)
            skipped = max(-first, 0)
            for frame in source.decode(track):
                samples = frame.to_ndarray().reshape(1, -1)
                yield samples[:, skipped:]
                skipped = max(0, skipped - samples.shape[1])

        def packets() -> Iterator[tuple[float, Any]]:
            at = 0
            for samples in frames():
                if not samples.shape[1]:
                    continue
                frame = self._av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(samples), format="s16", layout="mono"
                )
                frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
                at += samples.shape[1]
                yield from ((at / rate, packet) for packet in copy.encode(frame))
            yield from ((at / rate, packet) for packet in copy.encode())

        return packets()

    def _unwritable(self, why: object) -> InputError:
        why = getattr(why, "strerror", None) or why
        return InputError(f"{self._path}: cannot be written ({why})")


_REPEATED = cv2.BORDER_REPLICATE


def _pyav(path: Path) -> ModuleType:
    try:
        import av  # 50 ms, and 100 MB on the disk: only for who writes videos
    except ImportError as error:
        raise InputError(
            f"{path}: videos are written by PyAV, which is not installed; "
            "VIDEO=1 scripts/setup.sh installs it, or pip install -r requirements/video.txt"
        ) from error
    return av


def _opened(path: Path, private: bool) -> Any:
    """A new file; an old one is emptied, and belongs to its owner alone if that is asked for."""
    mode = 0o600 if private else 0o666
    file = os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode), "wb", buffering=0)
    if private:
        os.fchmod(file.fileno(), mode)
    return file


def _portions(count: int, most: int) -> Iterator[int]:
    while count > 0:
        yield min(count, most)
        count -= most


def _moment(told: dict[str, str], rate: int, otherwise: float) -> float:
    """When the first sample of a broadcast WAV file was heard, seconds since 1970."""
    try:
        day = datetime.fromisoformat(told["date"]).replace(tzinfo=timezone.utc)
        return day.timestamp() + int(told["time_reference"]) / rate
    except (KeyError, ValueError):
        return otherwise

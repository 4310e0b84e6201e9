"""How the camera is doing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from fer_common.diagnostics import Finding, Limits, Mishaps, Report, age, figures, slowness, warn
from fer_common.statistics import Statistics, Summary


@dataclass(frozen=True)
class Wish:
    """What was asked of a camera.

    Attributes:
        size: such as ``640x480``.
        rate: frames per second.
    """

    size: str
    rate: float


class CameraHealth:
    """Counts frames and failures; frames are counted in one thread, the report made in another.

    Args:
        wish: what was asked for.
        rate: of the frames, per second.
        silence: since the last frame, seconds.
        clock: monotonic seconds.

    Attributes:
        device: what it is, such as ``webcam /dev/video0``.
    """

    def __init__(
        self,
        wish: Wish,
        rate: Limits,
        silence: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device = "the camera"
        self._mishaps, self._why = Mishaps(clock), ""
        self._wish, self._rate, self._silence, self._clock = wish, rate, silence, clock
        self._frames, self._last, self._size = Statistics(), clock(), ""

    def failed(self, text: str) -> None:
        """A frame could not be read."""
        self._mishaps.note(text)
        self._why = text

    def read(self, width: int, height: int, took_s: float) -> float:
        """A frame was read and published.

        Args:
            width: of it, pixels.
            height: of it, pixels.
            took_s: from having it to having published it, seconds.

        Returns:
            For how long there had been none, seconds.
        """
        now = self._clock()
        gap = now - self._last if self._size else 0.0
        self._last, self._why = now, ""
        self._frames.add(took_s, self._last)
        self._size = f"{width}x{height}"
        return gap

    def report(self, ended: bool) -> Report:
        """How the camera is doing.

        Args:
            ended: whether a recording is over.
        """
        now, wish = self._clock(), self._wish
        frames = self._frames.summary(now)
        values = {
            "state": "ended" if ended else "active",
            "camera": self.device,
            "size, asked": wish.size,
            "size, got": self._size or "none yet",
            "rate, asked [1/s]": f"{wish.rate:g}",
            **figures(frames),
            "frames read": frames.count,
            "age of the newest frame [s]": age(frames.age_s),
            **self._mishaps.values,
        }
        found = [warn("no more frames come")] if ended else self._findings(frames, now)
        return Report(f"{frames.rate:.1f} frames/s", values, found, self.device)

    def _findings(self, frames: Summary, now: float) -> list[Finding]:
        silent_s = now - self._last
        why = self._why or f"{self.device} does not answer"
        silence = self._silence.above(silent_s, f"no frame for {silent_s:.0f} s: {why}")
        if silence.text:
            return [silence]
        slow = slowness(frames, self._rate, "frames", "is it dark?")
        return [slow, warn(self._mishaps.recent)]

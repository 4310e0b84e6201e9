"""A sentence on its way, seen from two threads."""

from __future__ import annotations

import threading

import numpy as np

from robot_behavior.speech.sound import STEP_S, Sound
from robot_behavior.speech.text import Prosody


class Utterance:
    """Written by the speaker's thread, read by others.

    Args:
        text: what is said.
        language: of the voice.
        prosody: how it is said.

    Attributes:
        started: when its first sample was given to the sound device, monotonic seconds;
            None before.
        error: why it could not be said; empty if it could.
        unwanted: set when it shall end.
        over: set when it has ended, in whichever way.
    """

    def __init__(self, text: str, language: str, prosody: Prosody) -> None:
        self.text, self.language, self.prosody = text, language, prosody
        self.started: float | None = None
        self.error = ""
        self.unwanted, self.over = threading.Event(), threading.Event()
        self._zero = 0.0  # when its first sample is, or would have been, heard
        self._mouth: list[float] = []  # per STEP_S
        self._marks = [(0.0, 0.0)]  # (seconds of sound, share of the text)
        self._progress = 0.0

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whichever way."""
        return self.over.is_set()

    def stop(self) -> None:
        """Ends it now, within a few hundredths of a second."""
        self.unwanted.set()

    def progress(self, now: float) -> float:
        """Share that has been said, 0..1; never less than before."""
        times, shares = zip(*list(self._marks), strict=True)
        said = float(np.interp(self.heard(now), times, shares))
        self._progress = max(self._progress, said)
        return self._progress

    def mouth(self, now: float) -> float:
        """How far the mouth is open, 0..1, by what is heard at this moment."""
        index = int(self.heard(now) / STEP_S)
        audible = self.started is not None and not self.unwanted.is_set() and not self.is_over
        return self._mouth[index] if audible and index < len(self._mouth) else 0.0

    def heard(self, now: float) -> float:
        """Seconds of its sound that have been heard."""
        return max(now - self._zero, 0.0) if self.started is not None else 0.0

    def add(self, sound: Sound, share: float) -> None:
        """Notes what comes next.

        Args:
            sound: of a whole number of steps.
            share: of the text that is said at its end, 0..1.
        """
        self._mouth.extend(sound.opening().tolist())
        self._marks.append((self._marks[-1][0] + sound.duration, share))

    def lags(self, now: float, heard_s: float) -> None:
        """Notes how much has been heard at the most; the sound device may stall."""
        if self.started is None:
            self.started = self._zero = now
        self._zero = max(self._zero, now - heard_s)

"""Writes what was said into one WAV file, each sentence at its time."""

from __future__ import annotations

import wave
from pathlib import Path

from robot_behavior.speech.sound import Sound
from robot_behavior.speech.voice import SpeechError

LARGEST = (2**32 - 100) // 2
"""Samples that the header of a WAV file can count."""


class Recorder:
    """A WAV file that is complete after every sentence, however the program ends.

    Args:
        file: is overwritten; its folder is made.
        rate: samples per second.

    Raises:
        SpeechError: the file cannot be written.
    """

    def __init__(self, file: Path, rate: int) -> None:
        self._rate, self._written = rate, 0
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._file = file.open("wb")
        except OSError as error:
            raise SpeechError(f"cannot record to {file}: {error}") from error
        self._wave = wave.open(self._file, "wb")  # noqa: SIM115  (open as long as this is)
        self._wave.setnchannels(1)
        self._wave.setsampwidth(2)
        self._wave.setframerate(rate)
        self._wave.writeframes(b"")
        self._file.flush()

    def add(self, sound: Sound, at_s: float) -> None:
        """Adds a sound; there is silence between the last one and this one.

        Args:
            sound: of this recorder's rate.
            at_s: when it began, s from the beginning of the file.

        Raises:
            SpeechError: the file cannot be written, for instance because the disk is full.
        """
        silence = max(round(at_s * self._rate) - self._written, 0)
        if self._written + silence + len(sound.samples) > LARGEST:
            raise SpeechError("the recording has reached the largest size of a WAV file")
        try:
            while silence:
                count = min(silence, self._rate)
                self._wave.writeframesraw(bytes(2 * count))
                self._written, silence = self._written + count, silence - count
            # Also brings the file's header up to date.
            self._wave.writeframes(sound.samples.astype("<i2").tobytes())
            self._file.flush()
        except OSError as error:
            raise SpeechError(f"cannot record: {error}") from error
        self._written += len(sound.samples)

    def close(self) -> None:
        """Closes the file."""
        self._wave.close()
        self._file.close()

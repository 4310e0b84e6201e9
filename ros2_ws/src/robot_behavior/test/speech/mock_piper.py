"""Stands in for the package ``piper``: hums for as long as the text is.

Has of its interface what `robot_behavior.speech.piper` uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_HUM_HZ = 120.0
_SECONDS_PER_CHARACTER = 0.06


@dataclass(frozen=True)
class SynthesisConfig:
    """How to speak.

    Attributes:
        length_scale: duration against the normal one.
        volume: factor on the amplitude.
    """

    length_scale: float = 1.0
    volume: float = 1.0


@dataclass(frozen=True)
class AudioChunk:
    """Sound of a sentence, int16 [N]."""

    audio_int16_array: np.ndarray


class PiperVoice:
    """Hums.

    Args:
        rate: samples per second.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate

    @classmethod
    def load(cls, file: Path) -> PiperVoice:
        """Takes the sample rate from the description beside the file."""
        description = json.loads(Path(f"{file}.json").read_text(encoding="utf-8"))
        return cls(description["audio"]["sample_rate"])

    def synthesize(self, text: str, config: SynthesisConfig) -> Iterator[AudioChunk]:
        """One chunk per sentence."""
        for sentence in filter(str.strip, text.split(".")):
            seconds = len(sentence) * _SECONDS_PER_CHARACTER * config.length_scale
            times = np.arange(round(seconds * self._rate)) / self._rate
            hum = 0.5 * config.volume * np.sin(2.0 * np.pi * _HUM_HZ * times)
            yield AudioChunk((32767 * np.clip(hum, -1.0, 1.0)).astype(np.int16))

"""A voice that says nothing, takes as long as a real one, and moves its mouth."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import numpy as np

from robot_behavior.prosody import Prosody
from robot_behavior.speech.voice import STEP_S, Sound, Voice, VoiceSettings

CHARACTERS_PER_WORD = 6.0
"""Of English prose, with the space: what words per minute are counted in."""

_IDEOGRAPH = 4  # a Chinese character is a syllable, and takes as long as so many letters
_SYLLABLES_HZ = 4.5
_LOUD = 0.8


class LogVoice(Voice):
    """Silence of the right length; every language serves.

    Args:
        settings: None: the defaults.
    """

    name, rate, audible = "log", 16000, False

    def __init__(self, settings: VoiceSettings | None = None) -> None:
        words_per_minute = (settings or VoiceSettings()).rate_wpm
        self._seconds_per_character = 60.0 / (words_per_minute * CHARACTERS_PER_WORD)

    def language(self, locale: str) -> str:
        """See `Voice.language`."""
        return locale

    def synthesise(
        self, text: str, language: str, prosody: Prosody, unwanted: Callable[[], bool]
    ) -> Sound:
        """See `Voice.synthesise`; the mouth opens once per syllable, and not in a pause."""
        text = text.strip()
        wide = np.array([unicodedata.east_asian_width(c) == "W" for c in text], bool)
        per_character = self._seconds_per_character / prosody.rate
        spoken = np.array([character.isalnum() for character in text], bool)
        voiced = np.repeat(spoken, np.where(wide, _IDEOGRAPH, 1))
        duration = len(voiced) * per_character
        times = (np.arange(int(np.ceil(duration / STEP_S))) + 0.5) * STEP_S
        which = np.minimum((times / per_character).astype(int), len(voiced) - 1)
        syllables = np.sin(np.pi * _SYLLABLES_HZ * times * prosody.rate) ** 2
        mouth = np.minimum(_LOUD * prosody.gain, 1.0) * syllables * voiced[which]
        samples = np.zeros(round(duration * self.rate), np.int16)
        return Sound(samples, self.rate, mouth.astype(np.float32))

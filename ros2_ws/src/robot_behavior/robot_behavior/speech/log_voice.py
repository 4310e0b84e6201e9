"""A voice that says nothing, and takes as long as a real one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from robot_behavior.speech.sound import Sound

CHARACTERS_PER_WORD = 6.0
"""Of English prose, with the space: what words per minute are counted in."""


class LogVoice:
    """Silence of the right length; every language serves.

    Args:
        words_per_minute: the speed of speech.
    """

    def __init__(self, words_per_minute: int) -> None:
        self.rate = 16000
        self._seconds_per_character = 60.0 / (words_per_minute * CHARACTERS_PER_WORD)

    def language(self, locale: str) -> str:
        """See `Voice.language`."""
        return locale

    def synthesise(self, text: str, _language: str, _unwanted: Callable[[], bool]) -> Sound:
        """See `Voice.synthesise`."""
        count = round(len(text.strip()) * self._seconds_per_character * self.rate)
        return Sound(np.zeros(count, np.int16), self.rate)

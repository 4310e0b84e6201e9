"""What a speech synthesiser must be able to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from robot_behavior.speech.sound import Sound


class SpeechError(RuntimeError):
    """Something cannot be said; the message is one line for the user."""


class Voice(Protocol):
    """A synthesiser; used from one thread at a time."""

    rate: int
    """Samples per second of every sound."""

    def language(self, locale: str) -> str:
        """The language that serves a BCP 47 tag such as ``en-GB``.

        Raises:
            SpeechError: none does; names the tag and what there is.
        """

    def synthesise(self, text: str, language: str, unwanted: Callable[[], bool]) -> Sound:
        """Turns a text into sound.

        Args:
            text: what to say.
            language: what `language` has returned.
            unwanted: asked now and then; once it is true the rest is not made.

        Raises:
            SpeechError: it cannot be done.
        """

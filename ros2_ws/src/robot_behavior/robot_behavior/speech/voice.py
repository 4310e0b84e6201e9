"""What a speech synthesiser must be able to do."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from robot_behavior.speech.sound import Sound
from robot_behavior.speech.text import Prosody


class SpeechError(RuntimeError):
    """Something cannot be said; the message is one line for the user."""


class Voice(Protocol):
    """A synthesiser; used from one thread at a time, but for `language`."""

    rate: int
    """Samples per second of every sound."""

    def language(self, locale: str) -> str:
        """The language that serves a BCP 47 tag such as ``en-GB``.

        Raises:
            SpeechError: none does; names the tag and what there is.
        """

    def synthesise(
        self, text: str, language: str, prosody: Prosody, unwanted: Callable[[], bool]
    ) -> Sound:
        """Turns a text into sound.

        Args:
            text: what to say; a sentence or two, see `pieces`.
            language: what `language` has returned.
            prosody: how to say it.
            unwanted: asked now and then; once it is true the rest is not made.

        Raises:
            SpeechError: it cannot be done.
        """


def best_language(locale: str, known: Collection[str]) -> str:
    """The known language that serves a tag; falls back as in RFC 4647: ``en-IE`` to ``en``.

    Args:
        locale: BCP 47 tag, in any case, also with underscores.
        known: languages in small letters, with hyphens.

    Raises:
        SpeechError: none does; names the tag and the known ones.
    """
    parts = locale.lower().replace("_", "-").split("-")
    for length in range(len(parts), 0, -1):
        language = "-".join(parts[:length])
        if language in known:
            return language
    available = ", ".join(sorted(known))
    raise SpeechError(f"no voice speaks '{locale}', expected one of {available}")

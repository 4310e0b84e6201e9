"""Prepares a text for a voice: without what cannot be spoken, in pieces of some seconds.

The first piece is synthesised alone, so that a long text begins as soon as a short one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

SHORTEST, LONGEST = 24, 160
"""Characters of a piece; a shorter one is a whole sentence or the end of the text."""

_SENTENCE = re.compile(r"[.!?…:]+[\"'»”)\]]*(?=\s)|[。！？；]+[”』」）]*")
_CLAUSE = re.compile(r"[,;–—](?=\s)|[，、：]")
_PAUSES = ((_SENTENCE, 0.35), (_CLAUSE, 0.15))
_SPACE = re.compile(r"\s")
_SILENT = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "So", "Sk", "Me"))
_VARIANTS = frozenset(map(chr, range(0xFE00, 0xFE10)))  # of pictures: in colour or not


def speakable(text: str) -> str:
    """The text without emoji, control characters and other things without a sound.

    Returns:
        Composed (NFC), with single spaces; empty if there is no letter and no digit.
    """
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(_spoken(character) for character in composed)
    return " ".join(kept.split()) if any(map(str.isalnum, kept)) else ""


def pieces(text: str, hurries: bool = False) -> Iterator[str]:
    """Splits a text at the ends of sentences, else of clauses, else of words.

    Args:
        text: what `speakable` returns.
        hurries: whether to split at the ends of clauses, too, and right after the first.

    Yields:
        1..`LONGEST` characters each; joined they are the text, but for the spaces.
    """
    position = 0
    while position < len(text):
        window = text[position : position + LONGEST + 1]
        end = _end(window, len(text) - position)
        if hurries:
            end = min(end, _first_end(window, SHORTEST if position else 1))
        piece = window[:end].strip()
        if piece:
            yield piece
        position += end


def pause_after(piece: str) -> float:
    """How long a speaker stops before the next piece, s."""
    for mark, pause_s in _PAUSES:
        if mark.search(piece[-2:] + " "):
            return pause_s
    return 0.0


def _spoken(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf" or character in _VARIANTS:
        return ""  # stands within a word or a picture: no gap
    return character if category not in _SILENT or character == "°" else " "


def _first_end(window: str, shortest: int) -> int:
    ends = (match.end() for mark in (_SENTENCE, _CLAUSE) for match in mark.finditer(window))
    return min((end for end in ends if end >= shortest), default=len(window))


def _end(window: str, remaining: int) -> int:
    for match in _SENTENCE.finditer(window, 0, LONGEST + 1):
        if SHORTEST <= match.end() <= LONGEST:
            return match.end()
    if remaining <= LONGEST:
        return remaining
    for pattern in (_CLAUSE, _SPACE):
        ends = [match.end() for match in pattern.finditer(window, SHORTEST)]
        if ends:
            return min(ends[-1], LONGEST)
    return LONGEST

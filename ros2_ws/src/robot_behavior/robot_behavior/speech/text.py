"""How a sentence is to sound, and its notation in front of the text.

The notation is the element ``prosody`` of SSML 1.1 (https://www.w3.org/TR/speech-synthesis11)
around the whole text:

    <prosody rate="85%" pitch="-2st" volume="-4dB">You look a bit sad.</prosody>

Every attribute is optional. The text within is taken as it stands, without XML entities.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

RATE, PITCH_ST, VOLUME_DB = (0.5, 2.0), (-12.0, 12.0), (-20.0, 6.0)
"""Allowed ranges, lowest and highest."""

_ELEMENT = re.compile(r"\s*<prosody((?:\s[^<>]*)?)>(.*)</prosody\s*>\s*", re.DOTALL)
_TAG = re.compile(r"</?prosody(?:[\s/][^<>]*)?>|</?prosody")
_ATTRIBUTE = re.compile(r"""\s+([a-z]+)\s*=\s*("[^"]*"|'[^']*')""")
_NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?)(%|st|dB|)")
_WORDS = {
    "rate": {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "fast": 1.25, "x-fast": 1.6},
    "pitch": {"x-low": -6.0, "low": -3.0, "medium": 0.0, "high": 3.0, "x-high": 6.0},
    "volume": {"x-soft": -12.0, "soft": -6.0, "medium": 0.0, "loud": 3.0, "x-loud": 6.0},
}
_EXPECTED = {
    "rate": "a percentage such as 85%, or x-slow, slow, medium, fast, x-fast",
    "pitch": "semitones such as -2st, a percentage such as +10%, or x-low ... x-high",
    "volume": "decibels such as -4dB, or x-soft, soft, medium, loud, x-loud",
}


@dataclass(frozen=True)
class Prosody:
    """How a sentence sounds, against the normal voice.

    Attributes:
        rate: speed, as a share.
        pitch_st: pitch, semitones.
        volume_db: loudness, dB.

    Raises:
        ValueError: a value is outside `RATE`, `PITCH_ST` or `VOLUME_DB`.
    """

    rate: float = 1.0
    pitch_st: float = 0.0
    volume_db: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in (
            ("rate", RATE),
            ("pitch_st", PITCH_ST),
            ("volume_db", VOLUME_DB),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {low:g}..{high:g}")

    @property
    def gain(self) -> float:
        """Factor on the amplitude."""
        return float(10.0 ** (self.volume_db / 20.0))

    def wrap(self, text: str) -> str:
        """The text in this prosody's notation; the text itself for the normal voice."""
        attributes = [
            f'{name}="{value}"'
            for name, value, changed in (
                ("rate", f"{100 * self.rate:g}%", self.rate != 1.0),
                ("pitch", f"{self.pitch_st:+g}st", self.pitch_st != 0.0),
                ("volume", f"{self.volume_db:+g}dB", self.volume_db != 0.0),
            )
            if changed
        ]
        return f"<prosody {' '.join(attributes)}>{text}</prosody>" if attributes else text


PLAIN = Prosody()
"""The normal voice."""


@dataclass(frozen=True)
class Marked:
    """What a text says and how.

    Attributes:
        text: without tags or surrounding space.
        prosody: `PLAIN` where the notation is missing or malformed.
        problem: what is malformed, one readable clause; empty if nothing is.
    """

    text: str
    prosody: Prosody = PLAIN
    problem: str = ""


def parse(marked: str) -> Marked:
    """Separates a text from its prosody; never fails.

    A text without tags is taken as it is. Where the notation is malformed the tags are left
    out and the normal voice is used; a value beyond its range becomes the nearest one.
    """
    if not _TAG.search(marked):
        return Marked(marked.strip())
    element = _ELEMENT.fullmatch(marked)
    if element is None or _TAG.search(element[2]):
        expected = "expected one <prosody ...>text</prosody> around the whole text"
        rest = " ".join(_TAG.sub(" ", marked).split())  # a space: no new tag may come about
        return Marked(rest, problem=f"malformed prosody, {expected}")
    text = element[2].strip()
    try:
        return Marked(text, _prosody(element[1].rstrip()))
    except ValueError as error:
        return Marked(text, problem=str(error))


def _prosody(attributes: str) -> Prosody:
    position, values = 0, {"rate": 1.0, "pitch": 0.0, "volume": 0.0}
    while position < len(attributes):
        match = _ATTRIBUTE.match(attributes, position)
        if match is None:
            raise ValueError(f"malformed prosody, {attributes[position:]!r} is no attribute")
        name, value = match[1], match[2][1:-1].strip()
        if name not in values:
            raise ValueError(
                f"prosody has an attribute '{name}', expected one of rate, pitch, volume"
            )
        values[name], position = _value(name, value), match.end()
    return Prosody(
        _clamped(values["rate"], RATE),
        _clamped(values["pitch"], PITCH_ST),
        _clamped(values["volume"], VOLUME_DB),
    )


def _value(name: str, text: str) -> float:
    if text in _WORDS[name]:
        return _WORDS[name][text]
    match = _NUMBER.fullmatch(text)
    value, unit = (float(match[1]), match[2]) if match else (0.0, "nothing")
    if name == "rate" and unit in ("%", "") and value > 0.0:
        return value / 100.0 if unit else value
    if name == "pitch" and unit == "st":
        return value
    if name == "pitch" and unit == "%" and text[0] in "+-" and value > -100.0:
        return 12.0 * math.log2(1.0 + value / 100.0)
    if name == "volume" and unit == "dB":
        return value
    raise ValueError(f"prosody {name} is {text!r}, expected {_EXPECTED[name]}")


def _clamped(value: float, limits: tuple[float, float]) -> float:
    return min(max(value, limits[0]), limits[1])


# ----------------------------------------------------------------------
# Prepares a text for a voice: without what cannot be spoken, in pieces of some seconds.
#
# The first piece is synthesised alone, so that a long text begins as soon as a short one.

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


def pieces(text: str) -> Iterator[str]:
    """Splits a text at the ends of sentences, else of clauses, else of words.

    Args:
        text: what `speakable` returns.

    Yields:
        1..`LONGEST` characters each; joined they are the text, but for the spaces.
    """
    position = 0
    while position < len(text):
        window = text[position : position + LONGEST + 1]
        end = _end(window, len(text) - position)
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

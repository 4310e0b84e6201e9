"""Text for RViz, whose text markers have one font and draw it byte by byte.

So only ASCII appears, and every byte of another letter leaves a gap. Latin letters lose their
accents; a text in another script is told about instead of being shown.
"""

from __future__ import annotations

import textwrap
import unicodedata

FOREIGN = "(not in Latin letters, see the topic speech)"
"""Stands for a text that RViz cannot draw."""

_PLAIN = {
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "–": "-", "—": "-",
    "…": "...", "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
    "ł": "l", "Ł": "L", "°": " degrees", "¿": "", "¡": "",
}  # fmt: skip
_TABLE = str.maketrans(_PLAIN)
_MOST_LOST = 0.3
"""Share of letters that may be missing from a text that is still worth reading."""


def plain(text: str) -> str:
    """A text as RViz can draw it: printable ASCII, single spaces.

    Returns:
        `FOREIGN` for a text of which too little would be left.
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_TABLE))
    letters = sum(char.isalpha() for char in decomposed)
    lost = sum(char.isalpha() and not char.isascii() for char in decomposed)
    if lost > _MOST_LOST * letters:
        return FOREIGN
    shown = "".join(char if " " <= char <= "~" else _instead(char) for char in decomposed)
    return " ".join(shown.split())


def wrapped(text: str, width: int, lines: int) -> str:
    """A text as RViz can draw it, in lines.

    Args:
        text: any.
        width: letters in a line; longer words are divided.
        lines: at most; what does not fit ends in three dots.
    """
    parts = textwrap.wrap(
        plain(text), width, max_lines=lines, placeholder=" ...", break_on_hyphens=False
    )
    return "\n".join(parts)


def _instead(char: str) -> str:
    """For what is no ASCII: a space for what separates words, nothing for an accent."""
    return " " if char.isspace() else ""

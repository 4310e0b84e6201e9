"""A colour for each expression, the same wherever the project shows one.

Okabe and Ito, "Color Universal Design" (2008): told apart by people with any of the common
kinds of colour blindness. Each is used for what it stands for in most people's minds. Contempt
has the colour that is farthest from all of them.
"""

from __future__ import annotations

import colorsys
from functools import lru_cache
from zlib import crc32

from ec_rfernet.labels import CONTEMPT, UNKNOWN

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "angry": (213, 94, 0),
    "disgusted": (0, 158, 115),
    "scared": (204, 121, 167),
    "happy": (240, 228, 66),
    "sad": (0, 114, 178),
    "surprised": (230, 159, 0),
    "neutral": (86, 180, 233),
    CONTEMPT: (168, 84, 252),
    UNKNOWN: (200, 200, 200),
}
"""Of the labels that we know, RGB, 0..255; see `colour_of` for any label."""

BLACK, WHITE = (18, 18, 18), (250, 250, 250)


@lru_cache(maxsize=64)
def colour_of(label: str) -> Colour:
    """The colour of a label, RGB, 0..255; one that `COLOURS` lacks always has the same."""
    if label in COLOURS:
        return COLOURS[label]
    hue = crc32(label.encode()) / 2**32
    red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, 0.7, 0.6))
    return red, green, blue


def ink(ground: Colour) -> Colour:
    """Black or white, whichever is read better on a ground; RGB, 0..255."""
    return BLACK if contrast(ground, BLACK) > contrast(ground, WHITE) else WHITE


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio of two colours after WCAG 2.1, 1 (none) to 21; text needs 4.5."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    parts = (value / 255 for value in colour)
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

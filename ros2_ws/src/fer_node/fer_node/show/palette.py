"""A colour for each expression, the same wherever the project shows one.

Okabe and Ito, "Color Universal Design" (2008): told apart by people with any of the common
kinds of colour blindness. Each is used for what it stands for in most people's minds.
"""

from __future__ import annotations

from ec_rfernet.labels import UNKNOWN

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "angry": (213, 94, 0),
    "disgusted": (0, 158, 115),
    "scared": (204, 121, 167),
    "happy": (240, 228, 66),
    "sad": (0, 114, 178),
    "surprised": (230, 159, 0),
    "neutral": (86, 180, 233),
    UNKNOWN: (200, 200, 200),
}
"""RGB, 0..255."""

BLACK, WHITE = (18, 18, 18), (250, 250, 250)


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

"""A colour for each expression."""

from __future__ import annotations

from ec_rfernet.labels import UNKNOWN

COLOURS: dict[str, tuple[int, int, int]] = {
    "angry": (235, 87, 87),
    "disgusted": (124, 179, 66),
    "scared": (171, 130, 255),
    "happy": (255, 202, 40),
    "sad": (79, 143, 247),
    "surprised": (255, 145, 60),
    "neutral": (120, 205, 195),
    UNKNOWN: (165, 165, 165),
}
"""RGB, 0..255; told apart on dark and on light grounds."""

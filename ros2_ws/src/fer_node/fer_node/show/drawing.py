"""Text and plates in a picture, in place; what lies outside of it is cut off."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fer_node.show.palette import Colour

if TYPE_CHECKING:
    from PIL import ImageFont


@dataclass(frozen=True)
class Area:
    """A rectangle of whole pixels; may lie outside of the picture."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column after it."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first row after it."""
        return self.top + self.height

    def within(self, width: int, height: int) -> Area:
        """Shifted into a picture of that size, as far as it fits."""
        left = min(max(self.left, 0), max(width - self.width, 0))
        top = min(max(self.top, 0), max(height - self.height, 0))
        return Area(left, top, self.width, self.height)

    def overlap(self, other: Area) -> int:
        """Pixels that it shares with another."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(wide, 0) * max(high, 0)


def text_size(text: str, size: int) -> tuple[int, int]:
    """Width and height of a line of text, pixels; the height is that of every line."""
    height, width = _letters(text, size).shape
    return width, height


def write(canvas: np.ndarray, text: str, left: int, top: int, size: int, colour: Colour) -> None:
    """Writes a line of text.

    Args:
        canvas: BGR uint8 [H, W, 3].
        text: one line.
        left: of the text, pixels.
        top: of the line, pixels.
        size: of the letters, pixels.
        colour: RGB, 0..255.
    """
    letters = _letters(text, size)
    rows, columns = canvas.shape[:2]
    height, width = letters.shape
    upper, lower = max(0, -top), min(height, rows - top)
    first, last = max(0, -left), min(width, columns - left)
    if upper >= lower or first >= last:
        return
    share = letters[upper:lower, first:last, None].astype(np.uint16)
    region = canvas[top + upper : top + lower, left + first : left + last]
    region[:] = (region * (255 - share) + share * np.array(colour[::-1], np.uint16)) // 255


def shade(canvas: np.ndarray, area: Area, colour: Colour, alpha: float) -> None:
    """Lays a plate of a colour (RGB, 0..255) and an opacity (0..1) over an area."""
    top, left = max(0, area.top), max(0, area.left)
    region = canvas[top : max(0, area.bottom), left : max(0, area.right)]
    if region.size:
        plate = np.full_like(region, colour[::-1])
        region[:] = cv2.addWeighted(plate, alpha, region, 1 - alpha, 0)


@lru_cache(maxsize=1024)
def _letters(text: str, size: int) -> np.ndarray:
    """Coverage of each pixel, uint8 [height of a line, width of the text]."""
    font = _font(size)
    ascent, descent = font.getmetrics()
    width = max(1, round(font.getlength(text)))
    mask, (x, y) = font.getmask2(text, mode="L")
    wide, high = mask.size
    drawn = np.asarray(mask, np.uint8).reshape(high, wide)
    letters = np.zeros((ascent + descent, width), np.uint8)
    part = drawn[: letters.shape[0] - y, : letters.shape[1] - x]
    letters[y : y + part.shape[0], x : x + part.shape[1]] = part
    return letters


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont  # perception is lighter without it, until somebody looks

    return ImageFont.load_default(size)  # type: ignore[return-value]

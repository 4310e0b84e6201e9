"""Draws what was perceived into the image: boxes, captions, and a panel with bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ec_rfernet.labels import UNKNOWN
from ec_rfernet.perceived import EmotionEstimate, Perceived
from ec_rfernet.show.palette import BLACK, WHITE, Colour, colour_of, ink

if TYPE_CHECKING:
    from PIL import ImageFont


# Text and plates in a picture, in place; what lies outside of it is cut off.


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
    mask, start = font.getmask2(text, mode="L")
    x, y = (max(0, round(offset)) for offset in start)  # a j begins left of where it is written
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


# The panel with a bar for each probability.

_FAINT: Colour = (190, 194, 200)
_EMPTY: Colour = (84, 88, 94)


def panel_size(labels: Sequence[str], size: int) -> tuple[int, int]:
    """Width and height of a panel of these labels for a text size, pixels."""
    name, line = _columns(labels, size)
    return name + 3 * _gap(size) + _bar(size), len(labels) * line + 2 * _gap(size)


def place(
    face: Area, size: tuple[int, int], own: Sequence[Area], others: Sequence[Area], picture: Area
) -> Area:
    """Where a panel hides least: beside its face, or in a corner of the picture.

    Args:
        face: that it belongs to.
        size: width and height of the panel, pixels.
        own: the face, and all captions, which should stay visible above all.
        others: what else is drawn.
        picture: all of it.
    """
    width, height = size
    gap = max(3, width // 16)
    sides = [face.right + gap, face.left - gap - width]
    if picture.width - face.right < face.left:
        sides.reverse()
    right, bottom = picture.width - width, picture.height - height
    corners = [(right, 0), (0, 0), (right, bottom), (0, bottom)]
    tops = face.top, face.bottom - height
    spots = [Area(left, top, *size) for top in tops for left in sides]
    spots += [Area(left, top, *size) for left, top in corners]
    inside = [spot.within(picture.width, picture.height) for spot in spots]
    return min(inside, key=lambda spot: _hidden(spot, own, others))


def draw_bars(
    canvas: np.ndarray, estimate: EmotionEstimate, labels: Sequence[str], area: Area, size: int
) -> None:
    """Draws the panel of an estimate.

    Args:
        canvas: BGR uint8 [H, W, 3].
        estimate: its label is drawn strong; ``unknown`` is none of the model's.
        labels: of the model, in its order.
        area: of `panel_size`.
        size: of the letters, pixels.
    """
    shade(canvas, area, BLACK, 0.85)
    name, line = _columns(labels, size)
    gap = _gap(size)
    start = area.left + name + 2 * gap
    for index, label in enumerate(labels):
        top = area.top + gap + index * line
        ink = WHITE if label == estimate.label else _FAINT
        write(canvas, label, area.left + gap, top, size, ink)
        upper, lower = top + round(0.28 * line), top + round(0.8 * line)
        end = start + _bar(size)
        cv2.rectangle(canvas, (start, upper), (end, lower), _EMPTY[::-1], -1)
        share = min(max(float(estimate.probabilities[index]), 0.0), 1.0)
        full = start + round(share * _bar(size))
        if full > start:
            cv2.rectangle(canvas, (start, upper), (full, lower), colour_of(label)[::-1], -1)


def _columns(labels: Sequence[str], size: int) -> tuple[int, int]:
    """Width of the longest name, and height of a row."""
    sizes = [text_size(label, size) for label in labels]
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def _bar(size: int) -> int:
    return 4 * size


def _gap(size: int) -> int:
    return max(3, size // 2)


def _hidden(spot: Area, own: Sequence[Area], others: Sequence[Area]) -> int:
    return 4 * sum(map(spot.overlap, own)) + sum(map(spot.overlap, others))


# The whole picture.

_REFERENCE = (480, 640)  # height and width that everything is sized for
_LETTERS, _SMALLEST, _TINIEST = 16, 11, 7
"""Size of the letters for the reference, for pictures however small, and for panels of labels
that are too many for a picture; pixels."""
_LARGEST = 1600  # of an image that is enlarged, pixels of its longer side
_ROWS = 4  # above each other, and below, in which captions of faces near each other find room
_COVERED = 0.1  # share of a panel that may lie on its face before there is a margin


def draw(image: np.ndarray, perceived: Perceived, latency_s: float | None = None) -> np.ndarray:
    """A picture for people.

    Each face has its box, label, confidence and id, and says why it could not be judged
    where that is so. The attended one has thick corners, a caption on a coloured ground,
    and a bar for each of its probabilities beside it. A line at the bottom tells how
    many faces there are and how old the image was.

    Args:
        image: BGR uint8 [H, W, 3]; stays as it is.
        perceived: in this image.
        latency_s: from the image's stamp until now, seconds; None where nobody asks.

    Returns:
        BGR uint8 [H, W, 3].
    """
    canvas = np.ascontiguousarray(image).copy()
    height, width = canvas.shape[:2]
    picture = Area(0, 0, width, height)
    letters, small = _sizes(height, width)
    focus = perceived.focus
    others = [estimate for estimate in perceived.estimates if estimate is not focus]
    plates = [_footer(canvas, len(perceived.estimates), latency_s, letters)]
    faces = [_area(estimate) for estimate in perceived.estimates]
    if focus is not None:
        plates.append(_plate(focus, letters, plates, faces, picture))
    for estimate in others:
        _frame(canvas, _area(estimate), colour_of(estimate.label), max(2, letters // 9))
    for estimate in others:
        plate = _plate(estimate, small, plates, faces, picture)
        _caption(canvas, estimate, plate, small, strong=False)
        plates.append(plate)
    if focus is not None:
        face = _area(focus)
        _brackets(canvas, face, colour_of(focus.label), max(3, letters // 4))
        _caption(canvas, focus, plates[1], letters, strong=True)
        labels = perceived.labels
        size = _panel_letters(labels, letters, picture)
        spot = place(face, panel_size(labels, size), [face, *plates], faces, picture)
        draw_bars(canvas, focus, labels, spot, size)
    return canvas


def _panel_letters(labels: Sequence[str], letters: int, picture: Area) -> int:
    """The size of the letters with which the panel of many labels fits into the picture."""
    while letters > _TINIEST and panel_size(labels, letters)[1] > picture.height:
        letters -= 1
    return letters


def annotated(image: np.ndarray, perceived: Perceived, margin: bool = True) -> np.ndarray:
    """A picture for people, as `draw` makes it, of an image of any size.

    A small image is enlarged, so that all letters can be read. Where a face fills so much of it
    that its bars would lie on the face, the image gets a margin for them at its right.

    Args:
        image: BGR uint8 [H, W, 3]; stays as it is.
        perceived: in this image.
        margin: whether there may be one; without, images of one size become pictures of one size.

    Returns:
        BGR uint8 [H', W', 3].
    """
    scale = max(1.0, _REFERENCE[0] / min(image.shape[:2]))
    scale = max(1.0, min(scale, _LARGEST / max(image.shape[:2])))
    if scale > 1.0:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        perceived = replace(
            perceived,
            estimates=tuple(replace(e, box=e.box.scaled(scale)) for e in perceived.estimates),
        )
    focus = perceived.focus
    if margin and focus is not None:
        height, width = image.shape[:2]
        letters, _ = _sizes(height, width)
        picture, own = Area(0, 0, width, height), [_area(focus)]
        size = panel_size(perceived.labels, _panel_letters(perceived.labels, letters, picture))
        spot = place(own[0], size, own, [], picture)
        if spot.overlap(own[0]) > _COVERED * spot.width * spot.height:
            wide = size[0] + 2 * max(3, size[0] // 16)
            image = cv2.copyMakeBorder(image, 0, 0, 0, wide, cv2.BORDER_CONSTANT, value=BLACK[::-1])
    return draw(image, perceived)


def _sizes(height: int, width: int) -> tuple[int, int]:
    """Size of the letters for who is attended to, and for the others."""
    scale = min(height / _REFERENCE[0], width / _REFERENCE[1])
    letters = max(_SMALLEST, round(_LETTERS * scale))
    return letters, max(_SMALLEST, round(0.85 * letters))


def _footer(canvas: np.ndarray, faces: int, latency_s: float | None, letters: int) -> Area:
    text = "nobody in view" if not faces else f"{faces} face{'s' if faces > 1 else ''}"
    if latency_s is not None:
        text += f" · {1000 * latency_s:.0f} ms"
    width, height = text_size(text, letters)
    pad = letters // 2
    area = Area(0, canvas.shape[0] - height - pad, width + 2 * pad, height + pad)
    shade(canvas, area, BLACK, 0.7)
    write(canvas, text, area.left + pad, area.top + pad // 2, letters, WHITE)
    return area


def _plate(
    estimate: EmotionEstimate,
    letters: int,
    plates: Sequence[Area],
    faces: Sequence[Area],
    picture: Area,
) -> Area:
    """Where to caption a face: above it, or near it where that hides less.

    Another caption is never hidden where that can be helped, a face rather not.
    """
    box = _area(estimate)
    width, height = text_size(_words(estimate, letters, picture.width), letters)
    pad, gap = _pad(letters), max(3, letters // 4)
    wide, high = width + 2 * pad, height + pad
    above, below = box.top - gap - high, box.bottom + gap
    tops = [top for row in range(_ROWS) for top in (above - row * high, below + row * high)]
    if above < 0:
        tops[:2] = tops[1::-1]
    tops += range(box.top, box.bottom - high + 1, high)
    lefts = [box.left, box.right - wide, box.left + (box.width - wide) // 2]
    spots = [Area(left, top, wide, high) for top in tops for left in lefts]
    inside = [spot.within(picture.width, picture.height) for spot in spots]

    def hidden(spot: Area) -> tuple[int, int]:
        return sum(map(spot.overlap, plates)), sum(map(spot.overlap, faces))

    return min(inside, key=hidden)


def _pad(letters: int) -> int:
    return max(2, letters // 4)


def _caption(
    canvas: np.ndarray, estimate: EmotionEstimate, plate: Area, letters: int, strong: bool
) -> None:
    colour = colour_of(estimate.label)
    shade(canvas, plate, colour if strong else BLACK, 1.0 if strong else 0.7)
    shown, pad = ink(colour) if strong else WHITE, _pad(letters)
    words = _words(estimate, letters, canvas.shape[1])
    write(canvas, words, plate.left + pad, plate.top + pad // 2, letters, shown)


def _words(estimate: EmotionEstimate, letters: int, width: int) -> str:
    """As much of a caption as fits into a width, pixels; at least the label."""
    parts = [estimate.label]
    if estimate.label != UNKNOWN:
        parts.append(f" {estimate.confidence:.0%}")
    elif estimate.flaw:
        parts.append(f" ({estimate.flaw})")
    if estimate.face_id:
        parts.append(f" · {estimate.face_id}")
    while len(parts) > 1 and text_size("".join(parts), letters)[0] + 2 * _pad(letters) > width:
        parts.pop()
    return "".join(parts)


def _frame(canvas: np.ndarray, box: Area, colour: Colour, line: int) -> None:
    """A box; its dark edge makes it stand out from bright pictures, its colour from dark ones."""
    for shown, extra in ((BLACK, 2), (colour, 0)):
        corners = (box.left, box.top), (box.right, box.bottom)
        cv2.rectangle(canvas, *corners, shown[::-1], line + extra)


def _brackets(canvas: np.ndarray, box: Area, colour: Colour, line: int) -> None:
    """A box with thick corners."""
    _frame(canvas, box, colour, 2)
    arm = max(2 * line, box.width // 5)
    for shown, extra in ((BLACK, 2), (colour, 0)):
        for x, dx in ((box.left, arm), (box.right, -arm)):
            for y, dy in ((box.top, arm), (box.bottom, -arm)):
                points = np.array([(x + dx, y), (x, y), (x, y + dy)], np.int32)
                cv2.polylines(canvas, [points], False, shown[::-1], line + extra)


def _area(estimate: EmotionEstimate) -> Area:
    box = estimate.box
    left, top = round(box.x), round(box.y)
    return Area(left, top, round(box.x + box.width) - left, round(box.y + box.height) - top)

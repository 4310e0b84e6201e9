"""The panel with a bar for each of the seven probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ec_rfernet.labels import LABELS
from fer_node.perception.estimate import EmotionEstimate
from fer_node.show.drawing import Area, shade, text_size, write
from fer_node.show.palette import BLACK, COLOURS, WHITE, Colour

_FAINT: Colour = (190, 194, 200)
_EMPTY: Colour = (84, 88, 94)


def panel_size(size: int) -> tuple[int, int]:
    """Width and height of a panel for a text size, pixels."""
    name, line = _columns(size)
    return name + 3 * _gap(size) + _bar(size), len(LABELS) * line + 2 * _gap(size)


def place(
    face: Area, size: tuple[int, int], own: Sequence[Area], others: Sequence[Area], picture: Area
) -> Area:
    """Where a panel hides least: beside its face, or in a corner of the picture.

    Args:
        face: that it belongs to.
        size: width and height of the panel, pixels.
        own: what belongs to the same face, and should stay visible above all.
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
    spots = [Area(left, face.top, *size) for left in sides]
    spots += [Area(left, top, *size) for left, top in corners]
    inside = [spot.within(picture.width, picture.height) for spot in spots]
    return min(inside, key=lambda spot: _hidden(spot, own, others))


def draw(canvas: np.ndarray, estimate: EmotionEstimate, area: Area, size: int) -> None:
    """Draws the panel of an estimate.

    Args:
        canvas: BGR uint8 [H, W, 3].
        estimate: its label is drawn strong; ``unknown`` is none of the seven.
        area: of `panel_size`.
        size: of the letters, pixels.
    """
    shade(canvas, area, BLACK, 0.85)
    name, line = _columns(size)
    gap = _gap(size)
    start = area.left + name + 2 * gap
    for index, label in enumerate(LABELS):
        top = area.top + gap + index * line
        ink = WHITE if label == estimate.label else _FAINT
        write(canvas, label, area.left + gap, top, size, ink)
        upper, lower = top + round(0.28 * line), top + round(0.8 * line)
        end = start + _bar(size)
        cv2.rectangle(canvas, (start, upper), (end, lower), _EMPTY[::-1], -1)
        share = min(max(float(estimate.probabilities[index]), 0.0), 1.0)
        full = start + round(share * _bar(size))
        if full > start:
            cv2.rectangle(canvas, (start, upper), (full, lower), COLOURS[label][::-1], -1)


def _columns(size: int) -> tuple[int, int]:
    """Width of the longest name, and height of a row."""
    sizes = [text_size(label, size) for label in LABELS]
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def _bar(size: int) -> int:
    return 4 * size


def _gap(size: int) -> int:
    return max(3, size // 2)


def _hidden(spot: Area, own: Sequence[Area], others: Sequence[Area]) -> int:
    return 4 * sum(map(spot.overlap, own)) + sum(map(spot.overlap, others))

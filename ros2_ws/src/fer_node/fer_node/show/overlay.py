"""Draws what was perceived into the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from ec_rfernet.labels import UNKNOWN
from fer_node.perception.estimate import EmotionEstimate
from fer_node.perception.pipeline import Perceived
from fer_node.show import bars
from fer_node.show.drawing import Area, shade, text_size, write
from fer_node.show.palette import BLACK, COLOURS, WHITE, Colour, ink

_REFERENCE = (480, 640)  # height and width that everything is sized for
_LETTERS, _SMALLEST = 16, 11
"""Size of the letters for the reference, and for pictures however small; pixels."""


def draw(image: np.ndarray, perceived: Perceived, latency_s: float) -> np.ndarray:
    """A picture for people.

    Each face has its box, label, confidence and id, and says why it could not be judged
    where that is so. The attended one has thick corners, a caption on a coloured ground,
    and a bar for each of the seven probabilities beside it. A line at the bottom tells how
    many faces there are and how old the image was.

    Args:
        image: BGR uint8 [H, W, 3]; stays as it is.
        perceived: in this image.
        latency_s: from the image's stamp until now, seconds.

    Returns:
        BGR uint8 [H, W, 3].
    """
    canvas = np.ascontiguousarray(image).copy()
    height, width = canvas.shape[:2]
    picture = Area(0, 0, width, height)
    scale = min(height / _REFERENCE[0], width / _REFERENCE[1])
    letters = max(_SMALLEST, round(_LETTERS * scale))
    small = max(_SMALLEST, round(0.85 * letters))
    focus = perceived.focus
    others = [estimate for estimate in perceived.estimates if estimate is not focus]
    taken = [_footer(canvas, len(perceived.estimates), latency_s, letters)]
    own = [_area(focus), _plate(focus, letters, taken, picture)] if focus is not None else []
    for estimate in others:
        _frame(canvas, _area(estimate), COLOURS[estimate.label], max(2, letters // 9))
    for estimate in others:
        plate = _plate(estimate, small, [*taken, *own], picture)
        _caption(canvas, estimate, plate, small, strong=False)
        taken.append(plate)
    if focus is not None:
        _brackets(canvas, own[0], COLOURS[focus.label], max(3, letters // 4))
        _caption(canvas, focus, own[1], letters, strong=True)
        taken += map(_area, others)
        spot = bars.place(own[0], bars.panel_size(letters), own, taken, picture)
        bars.draw(canvas, focus, spot, letters)
    return canvas


def _footer(canvas: np.ndarray, faces: int, latency_s: float, letters: int) -> Area:
    people = "nobody in view" if not faces else f"{faces} face{'s' if faces > 1 else ''}"
    text = f"{people} · {1000 * latency_s:.0f} ms"
    width, height = text_size(text, letters)
    pad = letters // 2
    area = Area(0, canvas.shape[0] - height - pad, width + 2 * pad, height + pad)
    shade(canvas, area, BLACK, 0.7)
    write(canvas, text, area.left + pad, area.top + pad // 2, letters, WHITE)
    return area


def _plate(estimate: EmotionEstimate, letters: int, taken: Sequence[Area], picture: Area) -> Area:
    """Where to caption a face: above it, or below where that hides less."""
    box = _area(estimate)
    width, height = text_size(_words(estimate), letters)
    pad, gap = max(2, letters // 4), max(3, letters // 4)
    above = Area(box.left, box.top - gap - height - pad, width + 2 * pad, height + pad)
    spots = [above, replace(above, top=box.bottom + gap)]
    if above.top < 0:
        spots.reverse()
    inside = [spot.within(picture.width, picture.height) for spot in spots]
    return min(inside, key=lambda spot: sum(spot.overlap(other) for other in taken))


def _caption(
    canvas: np.ndarray, estimate: EmotionEstimate, plate: Area, letters: int, strong: bool
) -> None:
    colour = COLOURS[estimate.label]
    shade(canvas, plate, colour if strong else BLACK, 1.0 if strong else 0.7)
    shown, pad = ink(colour) if strong else WHITE, max(2, letters // 4)
    write(canvas, _words(estimate), plate.left + pad, plate.top + pad // 2, letters, shown)


def _words(estimate: EmotionEstimate) -> str:
    if estimate.label == UNKNOWN:
        reason = f" ({estimate.flaw})" if estimate.flaw else ""
        return f"{UNKNOWN}{reason} · {estimate.face_id}"
    return f"{estimate.label} {estimate.confidence:.0%} · {estimate.face_id}"


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

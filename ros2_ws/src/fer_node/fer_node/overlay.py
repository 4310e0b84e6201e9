"""Draws what was perceived into the image."""

from __future__ import annotations

import cv2
import numpy as np

from ec_rfernet.faces import Box
from ec_rfernet.labels import LABELS, UNKNOWN
from fer_node.estimate import EmotionEstimate
from fer_node.palette import COLOURS
from fer_node.perception import Perceived

_FONT = cv2.FONT_HERSHEY_DUPLEX
_LIGHT = (245, 245, 245)
_DARK = (28, 24, 22)
_FAINT = (195, 195, 195)
_REFERENCE = (480, 640)  # height and width that everything is sized for


def draw(image: np.ndarray, perceived: Perceived) -> np.ndarray:
    """A picture for people.

    Each face has its box, id, label and confidence; the attended one is drawn strong
    and has a bar for each of the seven probabilities beside it.

    Args:
        image: BGR uint8 [H, W, 3]; stays as it is.
        perceived: in this image.

    Returns:
        BGR uint8 [H, W, 3].
    """
    canvas = np.ascontiguousarray(image).copy()
    scale = max(0.5, min(image.shape[0] / _REFERENCE[0], image.shape[1] / _REFERENCE[1]))
    focus = perceived.focus
    for estimate in perceived.estimates:
        if estimate is not focus:
            _face(canvas, estimate, scale, strong=False)
    if focus is not None:
        _bars(canvas, focus, scale)
        _face(canvas, focus, scale, strong=True)
    return canvas


def _face(canvas: np.ndarray, estimate: EmotionEstimate, scale: float, strong: bool) -> None:
    colour = _bgr(estimate.label)
    box, line = estimate.box, max(1, round((2.6 if strong else 1.4) * scale))
    left, top = round(box.x), round(box.y)
    right, bottom = round(box.x + box.width), round(box.y + box.height)
    _corners(canvas, (left, top, right, bottom), colour, line)
    size = (0.52 if strong else 0.42) * scale
    text = _caption(estimate)
    (width, height), _ = cv2.getTextSize(text, _FONT, size, 1)
    pad = round(5 * scale)
    x = int(np.clip(left, 0, max(0, canvas.shape[1] - width - 2 * pad)))
    y = top - height - 3 * pad
    y = y if y >= 0 else min(bottom + pad, canvas.shape[0] - height - 2 * pad)
    ground = (x, y, x + width + 2 * pad, y + height + 2 * pad)
    _shade(canvas, ground, colour if strong else _DARK, 0.92 if strong else 0.7)
    ink = _DARK if strong else _LIGHT
    cv2.putText(canvas, text, (x + pad, y + height + pad), _FONT, size, ink, 1, cv2.LINE_AA)


def _caption(estimate: EmotionEstimate) -> str:
    if estimate.label == UNKNOWN:
        reason = f" ({estimate.flaw})" if estimate.flaw else ""
        return f"{UNKNOWN}{reason}  {estimate.face_id}"
    return f"{estimate.label} {estimate.confidence:.0%}  {estimate.face_id}"


def _corners(
    canvas: np.ndarray, box: tuple[int, int, int, int], colour: tuple[int, int, int], line: int
) -> None:
    left, top, right, bottom = box
    cv2.rectangle(canvas, (left, top), (right, bottom), colour, 1, cv2.LINE_AA)
    arm = max(4, (right - left) // 5)
    for x, dx in ((left, arm), (right, -arm)):
        for y, dy in ((top, arm), (bottom, -arm)):
            cv2.line(canvas, (x, y), (x + dx, y), colour, line, cv2.LINE_AA)
            cv2.line(canvas, (x, y), (x, y + dy), colour, line, cv2.LINE_AA)


def _bars(canvas: np.ndarray, estimate: EmotionEstimate, scale: float) -> None:
    row, pad, name, bar = (round(v * scale) for v in (18, 8, 78, 74))
    width, height = name + bar + 3 * pad, len(LABELS) * row + 2 * pad
    x, y = _beside(canvas, estimate.box, width, height, pad)
    _shade(canvas, (x, y, x + width, y + height), _DARK, 0.72)
    for index, label in enumerate(LABELS):
        top = y + pad + index * row
        shown = label == estimate.label
        ink = _LIGHT if shown else _FAINT
        baseline = (x + pad, top + round(13 * scale))
        cv2.putText(canvas, label, baseline, _FONT, 0.4 * scale, ink, 1, cv2.LINE_AA)
        start, end = x + name + 2 * pad, x + name + 2 * pad + bar
        upper, lower = top + round(5 * scale), top + round(13 * scale)
        cv2.rectangle(canvas, (start, upper), (end, lower), (70, 66, 64), -1)
        full = start + round(bar * float(estimate.probabilities[index]))
        if full > start:
            cv2.rectangle(canvas, (start, upper), (full, lower), _bgr(label), -1)


def _beside(canvas: np.ndarray, box: Box, width: int, height: int, gap: int) -> tuple[int, int]:
    """Upper left corner of a panel beside a box, on the side with more room."""
    rows, columns = canvas.shape[:2]
    room_right = columns - (box.x + box.width)
    x = box.x + box.width + gap if room_right >= box.x else box.x - gap - width
    y = box.y
    x = np.clip(x, 0, max(0, columns - width))
    return int(x), int(np.clip(y, 0, max(0, rows - height)))


def _shade(
    canvas: np.ndarray, area: tuple[int, int, int, int], colour: tuple[int, int, int], alpha: float
) -> None:
    left, top, right, bottom = (max(0, value) for value in area)
    region = canvas[top:bottom, left:right]
    if region.size:
        ground = np.full_like(region, colour)
        canvas[top:bottom, left:right] = cv2.addWeighted(ground, alpha, region, 1 - alpha, 0)


def _bgr(label: str) -> tuple[int, int, int]:
    red, green, blue = COLOURS[label]
    return blue, green, red

"""The light of the robot's eyes: blinking, and what it tells about the robot."""

from __future__ import annotations

import math
import random
from functools import lru_cache

BLINK_EVERY_S = 4.0
"""One blink in so long, at a random moment; people blink about as often."""

TWICE_SHARE = 0.15
"""Share of the blinks that come in pairs."""

AGAIN_S = 0.35
"""Time from one blink of a pair to the next."""

CLOSING_S, CLOSED_S, OPENING_S = 0.08, 0.06, 0.14
"""The course of a blink."""

Light = tuple[float, float, float, float]
"""Red, green and blue of the light, and how open the eyes are, 0..1 each."""

_COLOURS = {
    "attending": (0.55, 0.92, 1.0),
    "idle": (0.36, 0.66, 0.78),
    "held": (1.0, 0.68, 0.1),
    "fault": (1.0, 0.15, 0.1),
}


def light(
    now: float, mood: str, blinks: bool = True, seed: int = 0, since_sign: float = math.inf
) -> Light:
    """The eyes at a time.

    Args:
        now: seconds.
        mood: ``attending`` (to a face), ``idle``, ``held`` (stopped by somebody: amber)
            or ``fault`` (red). The last two do not blink: they are signals.
        blinks: false for eyes that stay open.
        seed: of the blinks.
        since_sign: seconds since somebody was noticed, which is answered with a blink.
    """
    if mood in ("held", "fault"):
        return (*_COLOURS[mood], 1.0)
    by_itself = openness(now, seed) if blinks else 1.0
    return (*_COLOURS[mood], min(by_itself, _lid(since_sign)))


def openness(now: float, seed: int = 0) -> float:
    """How open blinking eyes are at a time, 0 (closed) to 1."""
    slot = math.floor(now / BLINK_EVERY_S)
    return min(_lid(now - slot * BLINK_EVERY_S - begin) for begin in _blinks(seed, slot))


@lru_cache(maxsize=4)
def _blinks(seed: int, slot: int) -> tuple[float, ...]:
    """When the blinks of a slot begin, s from its beginning; all end within it."""
    draw = random.Random(f"blink {seed} {slot}")
    length = CLOSING_S + CLOSED_S + OPENING_S
    first = draw.uniform(0.0, BLINK_EVERY_S - AGAIN_S - length)
    return (first, first + AGAIN_S) if draw.random() < TWICE_SHARE else (first,)


def _lid(since: float) -> float:
    """How open the eyes are some seconds after a blink has begun."""
    closing = 1.0 - since / CLOSING_S
    opening = (since - CLOSING_S - CLOSED_S) / OPENING_S
    return min(max(closing, opening, 0.0), 1.0)

"""Chooses among the variants of a behaviour so that the robot does not repeat itself."""

from __future__ import annotations

import random

from robot_behavior.behaviors import Behavior, Variant


class Chooser:
    """Random, but never the same variant or the same sentence twice in a row.

    A behaviour with a single variant has to repeat its motion; its only sentence
    is still not said again until something else has been said.

    Args:
        rng: where chance comes from.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._variants: dict[str, Variant] = {}
        self._sentence = ""

    def choose(self, behavior: Behavior) -> tuple[str, str | None]:
        """(motion, sentence) of the next answer; None for no sentence."""
        last = self._variants.get(behavior.name)
        worded = [v for v in behavior.variants if not v.say or self._fresh(v)]
        usable = worded or list(behavior.variants)
        variant = self._rng.choice([v for v in usable if v != last] or usable)
        self._variants[behavior.name] = variant
        sentences = self._fresh(variant)
        if not sentences:
            return variant.motion, None
        self._sentence = self._rng.choice(sentences)
        return variant.motion, self._sentence

    def _fresh(self, variant: Variant) -> list[str]:
        return [sentence for sentence in variant.say if sentence != self._sentence]

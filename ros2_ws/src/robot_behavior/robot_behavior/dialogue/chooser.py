"""Chooses among the variants of a behaviour so that the robot does not repeat itself."""

from __future__ import annotations

import random
from collections.abc import Collection

from robot_behavior.dialogue.behaviors import Behavior, Variant


class Chooser:
    """Random, but never the same variant twice in a row.

    The motion changes, too, if there is another one. A variant that has nothing to say
    any more gives way to one that has.

    Args:
        rng: where chance comes from.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._variants: dict[str, Variant] = {}

    def choose(
        self, behavior: Behavior, never: Collection[str] = (), rather_not: Collection[str] = ()
    ) -> tuple[str, str | None]:
        """(motion, sentence) of the next answer; None for no sentence.

        Args:
            behavior: what to choose from.
            never: sentences that must not be said.
            rather_not: sentences that are only said when there is no other one.
        """
        last = self._variants.get(behavior.name)
        worded = [v for v in behavior.variants if not v.say or self._fresh(v, never)]
        usable = worded or list(behavior.variants)
        other = [v for v in usable if last is None or v.motion != last.motion]
        variant = self._rng.choice(other or [v for v in usable if v != last] or usable)
        self._variants[behavior.name] = variant
        sentences = self._fresh(variant, never)
        if not sentences:
            return variant.motion, None
        new = [sentence for sentence in sentences if sentence not in rather_not]
        return variant.motion, self._rng.choice(new or sentences)

    def has_words(self, behavior: Behavior, never: Collection[str] = ()) -> bool:
        """Whether there is something to say."""
        return any(self._fresh(variant, never) for variant in behavior.variants)

    @staticmethod
    def _fresh(variant: Variant, never: Collection[str]) -> list[str]:
        return [sentence for sentence in variant.say if sentence not in never]

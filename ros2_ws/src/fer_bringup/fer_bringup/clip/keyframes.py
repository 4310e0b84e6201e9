"""Values that change over time, given at a few moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Blendable(Protocol):
    """What can be mixed with another of its kind."""

    def towards(self: T, other: T, share: float) -> T:
        """``share`` (0..1) of the way to ``other``."""
        ...


T = TypeVar("T", bound=Blendable)


def at(keys: Sequence[tuple[float, T]], time: float) -> T:
    """The value at a moment: eased between the keys, constant before and after them.

    Args:
        keys: (seconds, value), times rising; at least one.
        time: seconds.
    """
    before = keys[0]
    for key in keys:
        if key[0] > time:
            if key is keys[0]:
                return key[1]
            share = (time - before[0]) / (key[0] - before[0])
            return before[1].towards(key[1], share * share * (3 - 2 * share))
        before = key
    return before[1]

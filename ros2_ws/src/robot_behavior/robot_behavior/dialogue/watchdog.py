"""Notices that perception has fallen silent."""

from __future__ import annotations

from collections.abc import Callable

PAUSE_S = 1.0
"""A stream that is silent for longer has lost sight of who is there."""


class Watchdog:
    """Watches a stream that should never pause.

    It wakes with the first message: a robot that is driven by hand, with single
    messages, is not watched.

    Args:
        clock: seconds, monotonic.
        timeout_s: a silence of so long is a fault.
    """

    def __init__(self, clock: Callable[[], float], timeout_s: float) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self._last: float | None = None

    def feed(self, wake: bool = True) -> None:
        """A message has come.

        Args:
            wake: whether it belongs to the stream; others keep a watchdog content but
                do not wake it.
        """
        if wake or self._last is not None:
            self._last = self._clock()

    @property
    def is_blind(self) -> bool:
        """Whether nothing has been seen lately, because nobody has looked."""
        return self._last is not None and self._clock() - self._last > PAUSE_S

    @property
    def alarm(self) -> str:
        """What is wrong; empty when nothing is."""
        if self._last is None or self._clock() - self._last <= self._timeout_s:
            return ""
        return f"perception is silent for {self._clock() - self._last:.0f} s: is fer_node running?"

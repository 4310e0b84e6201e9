"""After a motion has failed the robot pauses before the next one."""

from __future__ import annotations

from collections.abc import Callable

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0


class MotionFaults:
    """Keeps a robot from failing again and again.

    The pause doubles with each failure in a row, and a motion that succeeds ends the row.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._row = 0
        self._at = 0.0
        self._problem = ""

    def failed(self, problem: str) -> None:
        """A motion has failed; the problem is one readable clause."""
        self._row += 1
        self._at, self._problem = self._clock(), problem

    def succeeded(self) -> None:
        """A motion has been played to its end."""
        self._row = 0

    @property
    def pause(self) -> str:
        """Why no motion may be tried now; empty when one may."""
        if not self._row:
            return ""
        length = min(FIRST_PAUSE_S * 2 ** (self._row - 1), LONGEST_PAUSE_S)
        ago = self._clock() - self._at
        if ago >= length:
            return ""
        return f"{self._problem} {ago:.1f} s ago: no motion for {length:g} s"

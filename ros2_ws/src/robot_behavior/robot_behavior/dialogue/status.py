"""What the robot is doing and why, and how often to say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum


class State(str, Enum):
    """The states of ``BehaviorState``."""

    DISABLED = "disabled"
    IDLE = "idle"
    ATTENDING = "attending"
    RESPONDING = "responding"
    COOLDOWN = "cooldown"


@dataclass(frozen=True)
class Status:
    """One moment of the robot's behaviour; the fields are those of ``BehaviorState``."""

    state: State
    reason: str
    face_id: str = ""
    emotion: str = ""
    motion: str = ""
    speech: str = ""


class StatusFilter:
    """Lets every change pass, but changes of the reason alone only now and then.

    A reason counts tenths of seconds; on each tick that would be a flood.

    Args:
        clock: seconds, monotonic.
        period_s: shortest time between two changes of the reason alone.
    """

    def __init__(self, clock: Callable[[], float], period_s: float = 0.5) -> None:
        self._clock = clock
        self._period_s = period_s
        self._last: Status | None = None
        self._at = 0.0

    def is_news(self, status: Status) -> bool:
        """Whether to publish this status now; if so, it counts as published."""
        if status == self._last:
            return False
        now = self._clock()
        wording = self._last is not None and replace(self._last, reason=status.reason) == status
        if wording and now - self._at < self._period_s:
            return False
        self._last, self._at = status, now
        return True

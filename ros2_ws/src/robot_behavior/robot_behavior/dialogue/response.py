"""What the robot does at one occasion, how that ended, and what it tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from fer_common.reason import Reason
from robot_behavior.dialogue.behaviors import OCCASIONS, RESTING
from robot_behavior.dialogue.sentences import Words


@dataclass(frozen=True)
class Response:
    """A motion and a sentence that belong together: they start in the same moment.

    Attributes:
        name: the behaviour it comes from: an expression, one of `OCCASIONS`, or `RESTING`.
        face_id: the face it is meant for; None for nobody in particular.
        motion: name of the motion; None for none.
        words: what is said, and how; None for nothing.
        priority: 0..255.
        timeout_s: it is cancelled when it takes longer.
        reason: why the robot does it.
    """

    name: str
    face_id: str | None
    motion: str | None
    words: Words | None
    priority: int
    timeout_s: float
    reason: Reason

    @property
    def emotion(self) -> str | None:
        """The expression that is answered; None for all other occasions."""
        return None if self.name in (*OCCASIONS, RESTING) else self.name

    @property
    def sentence(self) -> str | None:
        """The text that is said; None for nothing."""
        return self.words.text if self.words is not None else None


def rest(reason: Reason, motion: str) -> Response:
    """Ends everything else and brings the robot into its rest pose.

    Args:
        reason: why.
        motion: name of the motion that leads there.
    """
    return Response(RESTING, None, motion, None, priority=255, timeout_s=5.0, reason=reason)


@dataclass(frozen=True)
class Finished:
    """How a response ended.

    Attributes:
        response: the response.
        spoken: whether its sentence was said to its end.
        problems: what went wrong; a server that was not there to begin with is none.
        said: the template of its sentence, if that was said, if only in part; else None.
        moved: whether its motion was played to its end.
        fault: why its motion failed; None if it did not. A motion that was rejected,
            because something more important is under way, has not failed.
    """

    response: Response
    spoken: bool
    problems: tuple[Reason, ...]
    said: str | None = None
    moved: bool = False
    fault: Reason | None = None


# ----------------------------------------------------------------------
# What the robot tells of itself.


class Activity(str, Enum):
    """What the robot is about; the states of ``BehaviorState``."""

    DISABLED = "disabled"
    IDLE = "idle"
    ATTENDING = "attending"
    RESPONDING = "responding"
    COOLDOWN = "cooldown"


@dataclass(frozen=True)
class BehaviorStatus:
    """What the robot does and why; the fields are those of ``BehaviorState``.

    Attributes:
        activity: what it is about.
        reason: why it does something, or does not.
        face_id: the face that is attended to or answered; None for none.
        emotion: the expression that is considered or answered; None for none.
        motion: the motion of the response under way; None for none.
        speech: the sentence of the response under way; None for none.
    """

    activity: Activity
    reason: Reason
    face_id: str | None = None
    emotion: str | None = None
    motion: str | None = None
    speech: str | None = None


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
        self._last: BehaviorStatus | None = None
        self._at = 0.0

    def is_news(self, status: BehaviorStatus) -> bool:
        """Whether to publish this status now; if so, it counts as published."""
        if status == self._last:
            return False
        now = self._clock()
        reason_only = self._last is not None and replace(self._last, reason=status.reason) == status
        if reason_only and now - self._at < self._period_s:
            return False
        self._last, self._at = status, now
        return True

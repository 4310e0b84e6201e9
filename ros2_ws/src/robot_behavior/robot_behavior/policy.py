"""Decides which response is due, and says why or why not.

An expression is answered once it has been held by the attended face for its dwell
time, unless it was answered a short while ago. The cool-down is measured from the
end of the answer. An estimate that is unknown, or not confident enough, changes
nothing: it neither triggers an answer nor breaks off the expression before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ec_rfernet.labels import UNKNOWN
from robot_behavior.behaviors import NOTICE, Behavior, Behaviors
from robot_behavior.response import Finished
from robot_behavior.status import State


@dataclass(frozen=True)
class Decision:
    """What to do now.

    Attributes:
        state: idle, attending or cooldown.
        reason: one readable sentence.
        face_id: the attended face; empty if nobody is attended to.
        emotion: the expression considered; empty if none is.
        due: the behaviour that should be carried out; None for none.
    """

    state: State
    reason: str
    face_id: str = ""
    emotion: str = ""
    due: Behavior | None = None


@dataclass
class _Held:
    """An expression and the time between its first and its last observation."""

    label: str
    since: float
    last: float


@dataclass(frozen=True)
class _Answer:
    """The last answer to an expression."""

    at: float
    problems: tuple[str, ...]


class Policy:
    """When to respond to what.

    Args:
        behaviors: what to respond to.
        clock: seconds, monotonic.
        forget_after_s: a face, or an expression of it, that is not observed for so
            long is over.
        notice: whether to give the notice of `Behaviors`.
    """

    def __init__(
        self,
        behaviors: Behaviors,
        clock: Callable[[], float],
        forget_after_s: float = 2.0,
        notice: bool = True,
    ) -> None:
        self._behaviors = behaviors
        self._clock = clock
        self._forget_after_s = forget_after_s
        self._notice = behaviors.notice if notice else None
        self._face: str | None = None
        self._face_at = 0.0
        self._crowd_at: float | None = None
        self._held: _Held | None = None
        self._doubt = ""
        self._answers: dict[str, _Answer] = {}
        self._quiet_since: float | None = None

    def observe(self, face_id: str, label: str, confidence: float) -> None:
        """Takes in the expression of the attended face.

        Args:
            face_id: id of the face.
            label: one of `ec_rfernet.labels.LABELS`, or unknown.
            confidence: of the label, 0..1.
        """
        now = self._clock()
        if face_id != self._face:
            self._held = None
        self._face, self._face_at = face_id, now
        behavior = self._behaviors.emotions.get(label)
        least = behavior.min_confidence if behavior else 0.0
        if label == UNKNOWN:
            self._doubt = "the expression is unclear"
        elif not confidence >= least:  # NaN is not confident either
            self._doubt = f"{label} at {confidence:.0%} is below the {least:.0%} it needs"
        else:
            self._doubt = ""
            held = self._held
            if held is None or held.label != label or self._is_old(held.last):
                self._held = held = _Held(label, now, now)
            held.last = now

    def see(self, faces: int) -> None:
        """Takes in how many faces are in view; none means that the person has left."""
        self._crowd_at = self._clock() if faces else None
        if not faces:
            self.forget()

    def forget(self) -> None:
        """Starts anew: the expression has to be shown for its dwell time once more."""
        self._face = self._held = None
        self._doubt = ""

    def finished(self, finished: Finished) -> None:
        """Starts the cool-down of a response that has just ended."""
        now = self._clock()
        self._quiet_since = now
        self._answers[finished.response.name] = _Answer(now, finished.problems)
        if finished.response.name == NOTICE and finished.spoken:
            self._notice = None

    def decide(self, running: str = "", can_speak: bool = True) -> Decision:
        """What is due now.

        Args:
            running: name of the behaviour that is being carried out, if any.
            can_speak: whether the notice could be spoken now.
        """
        if self._face is not None and self._is_old(self._face_at):
            self.forget()
        if self._face is None:
            crowd = self._crowd_at is not None and not self._is_old(self._crowd_at)
            reason = "someone is in view, but not attended to yet" if crowd else "nobody is in view"
            return Decision(State.IDLE, reason)
        notice = self._notice if can_speak else None
        if notice is not None and running != notice.name and not self._wait(notice):
            return self._attending("the first face has not been told about the camera yet", notice)
        if self._doubt:
            return self._attending(self._doubt)
        held = self._held
        if held is None or self._is_old(held.last):
            return self._attending("waiting for an expression")
        return self._consider(held, running)

    def _consider(self, held: _Held, running: str) -> Decision:
        behavior = self._behaviors.emotions.get(held.label)
        if behavior is None:
            return self._attending(f"no answer is set for {held.label}")
        if running == behavior.name:
            return self._attending(f"{held.label} is being answered")
        lasted = held.last - held.since
        dwell = f"{behavior.dwell_s:g} s"
        if lasted < behavior.dwell_s:
            return self._attending(f"{held.label} for {_tenths(lasted)} s of {dwell}")
        wait = self._wait(behavior)
        if wait:
            return Decision(State.COOLDOWN, wait, self._face or "", held.label)
        return self._attending(
            f"{held.label} has lasted {_tenths(lasted)} s (dwell {dwell})", behavior
        )

    def _wait(self, behavior: Behavior) -> str:
        """Why an answer has to wait; empty when it has not."""
        now = self._clock()
        answer = self._answers.get(behavior.name)
        if answer is not None and now - answer.at < behavior.cooldown_s:
            problems = f" ({'; '.join(answer.problems)})" if answer.problems else ""
            verb = "tried" if problems else "answered"
            return (
                f"{behavior.name} again, but {verb} {_tenths(now - answer.at)} s ago{problems}: "
                f"cool-down of {behavior.cooldown_s:g} s"
            )
        pause, quiet_since = self._behaviors.pause_s, self._quiet_since
        if quiet_since is not None and now - quiet_since < pause:
            ago = f"{_tenths(now - quiet_since)} s ago"
            return f"{behavior.name}, but the last response ended {ago}: pause of {pause:g} s"
        return ""

    def _attending(self, reason: str, due: Behavior | None = None) -> Decision:
        considered = self._held.label if self._held else ""
        emotion = UNKNOWN if self._doubt else considered
        return Decision(State.ATTENDING, reason, self._face or "", emotion, due)

    def _is_old(self, moment: float) -> bool:
        return self._clock() - moment > self._forget_after_s


def _tenths(seconds: float) -> str:
    """Rounded down: "0.8 s of 0.8 s" must not stand for a dwell that is not over yet."""
    return f"{math.floor(seconds * 10) / 10:.1f}"

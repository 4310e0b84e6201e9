"""The client's side of one action: at most one goal at a time, no cancel ever lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

ANSWER_S = 2.0
"""A server that has not accepted or rejected a goal after this long is given up."""

STOP_S = 1.0
"""A goal that has not ended this long after its cancellation is given up."""

SILENCE_S = 2.0
"""So is one whose server tells of its progress, and then falls silent for so long."""


@dataclass(frozen=True)
class Start:
    """Asks for a goal to be sent.

    Attributes:
        action: name of the action.
        goal: number of the goal, unique within the action.
        text: the motion's name, or the sentence.
        priority: 0..255.
    """

    action: str
    goal: int
    text: str
    priority: int


@dataclass(frozen=True)
class Cancel:
    """Asks for an accepted goal to be cancelled."""

    action: str
    goal: int


Command = Start | Cancel


@dataclass
class _Goal:
    number: int
    text: str
    since: float  # of the last step: sent, or asked to end
    progressed: float | None = None  # when its server has told of its progress last
    accepted: bool = False
    unwanted: bool = False


@dataclass
class GoalSlot:
    """Keeps account of the goals of one action.

    A cancellation before the server has accepted the goal is remembered and sent
    upon acceptance, however late that comes; the goal cannot leak. Neither can the
    slot hang: a server that does not answer, stop or exist is given up after a time.

    Attributes:
        action: name of the action.
        clock: seconds, monotonic.
        send: carries commands out.
        problem: why the last goal did not complete; empty if it did or was cancelled.
        succeeded: whether the last goal completed.
        failed: whether the last goal failed; one that was rejected did not, it never began.
    """

    action: str
    clock: Callable[[], float]
    send: Callable[[Command], None]
    problem: str = ""
    succeeded: bool = False
    failed: bool = False
    _current: _Goal | None = None
    _unanswered: dict[int, _Goal] = field(default_factory=dict)
    _count: int = 0

    @property
    def busy(self) -> bool:
        """Whether a goal is under way."""
        return self._current is not None

    def start(self, text: str, priority: int) -> None:
        """Sends a goal; the slot must not be busy."""
        if self._current is not None:
            raise RuntimeError(f"{self.action} still has goal '{self._current.text}'")
        self._count += 1
        self._current = _Goal(self._count, text, self.clock())
        self._unanswered[self._count] = self._current
        self.problem, self.succeeded, self.failed = "", False, False
        self.send(Start(self.action, self._count, text, priority))

    def cancel(self) -> None:
        """Ends the goal under way, if any; harmless when repeated."""
        goal = self._current
        if goal is None or goal.unwanted:
            return
        goal.unwanted, goal.since = True, self.clock()
        if goal.accepted:
            self.send(Cancel(self.action, goal.number))

    def accepted(self, number: int) -> None:
        """The server has accepted a goal."""
        goal = self._unanswered.pop(number, None)
        if goal is None:
            return
        goal.accepted = True
        if goal.unwanted:
            goal.since = self.clock()
            self.send(Cancel(self.action, number))

    def progressed(self, number: int) -> None:
        """The server tells that it is at work on a goal."""
        if self._current is not None and self._current.number == number:
            self._current.progressed = self.clock()

    def rejected(self, number: int) -> None:
        """The server has rejected a goal."""
        goal = self._unanswered.pop(number, None)
        if goal is not None and goal is self._current:
            self._end(f"{self.action} rejected '{goal.text}'", failed=False)

    def ended(self, number: int, success: bool, message: str) -> None:
        """A goal has a result."""
        goal = self._current
        if goal is None or goal.number != number:
            return  # the result of a goal that was given up
        self._unanswered.pop(number, None)
        self.succeeded = success
        said = f": {message}" if message else ""
        self._end("" if success else f"{self.action} did not complete '{goal.text}'{said}")

    def update(self, available: bool) -> None:
        """Gives up a goal whose server is gone, does not answer or has fallen silent."""
        goal = self._current
        if goal is None:
            return
        waited = self.clock() - goal.since
        if not available:
            self._give_up(f"{self.action} disappeared during '{goal.text}'")
        elif goal.unwanted and waited > STOP_S:
            self._give_up(f"{self.action} did not stop '{goal.text}' within {STOP_S:g} s")
        elif goal.progressed is not None and self.clock() - goal.progressed > SILENCE_S:
            self._give_up(f"{self.action} fell silent during '{goal.text}'")
        elif not goal.accepted and waited > ANSWER_S:
            self._give_up(f"{self.action} did not answer within {ANSWER_S:g} s")

    def _give_up(self, problem: str) -> None:
        self.cancel()
        self._current = None
        self.problem, self.failed = problem, True

    def _end(self, problem: str, failed: bool = True) -> None:
        # A goal that we cancelled ourselves and that therefore ended is no problem.
        cancelled = self._current is not None and self._current.unwanted
        self._current = None
        self.problem = "" if cancelled else problem
        self.failed = failed and bool(self.problem)

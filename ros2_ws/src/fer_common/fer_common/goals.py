"""The goals of an action, as its client sees them: one at a time, no cancellation is lost.

Without ROS; `fer_common.actions` connects it to an action server.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from fer_common.reason import Reason

Goal = TypeVar("Goal")

REJECTED = "rejected"
FAILED = "failed"
CANCELLED_BY_OTHERS = "cancelled_by_others"
DISAPPEARED = "disappeared"
UNANSWERED = "unanswered"
UNSTOPPABLE = "unstoppable"
SILENT = "silent"
"""Codes of the reasons why a goal was not completed."""


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for, seconds.

    Attributes:
        answer_s: one that has not accepted or rejected a goal after so long is given up.
        stop_s: so is one whose goal has not ended so long after its cancellation.
        silence_s: so is one that tells of its progress, and then falls silent for so long.
    """

    answer_s: float = 2.0
    stop_s: float = 1.0
    silence_s: float = 2.0


@dataclass(frozen=True)
class GoalEnd:
    """How a goal ended.

    Attributes:
        succeeded: whether it was completed.
        problem: why it was not; None if it was, and if we cancelled it ourselves.
        message: what its server said about that; None for nothing.
    """

    succeeded: bool
    problem: Reason | None = None
    message: str | None = None


@dataclass
class _Sent:
    number: int
    name: str
    since: float  # of the last step: sent, or asked to end
    progressed: float | None = None  # when its server has told of its progress last
    accepted: bool = False
    unwanted: bool = False


class GoalSlot(ABC, Generic[Goal]):
    """Keeps account of the goals of one action, and sends them; never blocks.

    A cancellation before the server has accepted the goal is remembered and sent upon
    acceptance, however late that comes; the goal cannot leak. Neither can the slot hang: a
    server that does not answer, stop or exist is given up after a time, see `update`.

    Whoever implements it sends what `send_goal` and `cancel_goal` ask for, and reports what
    becomes of it to `accepted`, `rejected`, `progressed` and `concluded`.

    Args:
        action: name of the action, for messages.
        clock: seconds, monotonic.
        ended: called when the server has ended or rejected the goal under way, so that nobody
            has to ask. It is not called for what `update` gives up.
        patience: how long the server is waited for; None: as `Patience` says.
        rejects: why the server rejects a goal, as a clause; None where nobody knows.

    Attributes:
        action: name of the action.
        end: how the last goal ended; None while one is under way, and before the first.
    """

    def __init__(
        self,
        action: str,
        clock: Callable[[], float],
        ended: Callable[[], object] = lambda: None,
        patience: Patience | None = None,
        rejects: str | None = None,
    ) -> None:
        self.action = action
        self.end: GoalEnd | None = None
        self._clock, self._ended, self._rejects = clock, ended, rejects
        self._patience = patience or Patience()
        self._current: _Sent | None = None
        self._unanswered: dict[int, _Sent] = {}
        self._count = 0

    @property
    @abstractmethod
    def available(self) -> bool:
        """Whether the server is there."""

    @abstractmethod
    def send_goal(self, number: int, goal: Goal) -> None:
        """Sends a goal to the server; must return at once.

        Args:
            number: of the goal, unique within the slot.
            goal: what `start` was given.
        """

    @abstractmethod
    def cancel_goal(self, number: int) -> None:
        """Asks the server to cancel a goal that it has accepted; must return at once."""

    @property
    def busy(self) -> bool:
        """Whether a goal is under way."""
        return self._current is not None

    def start(self, goal: Goal, name: str) -> None:
        """Sends a goal.

        Args:
            goal: what is sent.
            name: what messages call it.

        Raises:
            RuntimeError: another goal is under way.
        """
        if self._current is not None:
            raise RuntimeError(f"{self.action} still has goal '{self._current.name}'")
        self._count += 1
        self._current = _Sent(self._count, name, self._clock())
        self._unanswered[self._count] = self._current
        self.end = None
        self.send_goal(self._count, goal)

    def replace(self, goal: Goal, name: str) -> None:
        """Sends a goal to a server that lets it replace the one under way without a halt.

        The end of that one is not told. It is cancelled only if the server accepts it so late.
        """
        if self._current is not None:
            self._current.unwanted = True
            self._current = None
        self.start(goal, name)

    def cancel(self) -> None:
        """Asks for the end of the goal under way, if any; harmless when repeated."""
        sent = self._current
        if sent is None or sent.unwanted:
            return
        sent.unwanted, sent.since = True, self._clock()
        if sent.accepted:
            self.cancel_goal(sent.number)

    def accepted(self, number: int) -> None:
        """The server has accepted a goal."""
        sent = self._unanswered.pop(number, None)
        if sent is None:
            return
        sent.accepted = True
        if sent.unwanted:
            sent.since = self._clock()
            self.cancel_goal(number)

    def progressed(self, number: int) -> None:
        """The server tells that it is at work on a goal."""
        if self._current is not None and self._current.number == number:
            self._current.progressed = self._clock()

    def rejected(self, number: int) -> None:
        """The server has rejected a goal."""
        sent = self._unanswered.pop(number, None)
        if sent is not None and sent is self._current:
            why = f": {self._rejects}" if self._rejects else ""
            self._conclude(Reason(REJECTED, f"{self.action} rejected '{sent.name}'{why}"))

    def concluded(
        self, number: int, success: bool, message: str | None = None, by_others: bool = False
    ) -> None:
        """A goal has a result.

        Args:
            number: of the goal.
            success: whether it was completed.
            message: what the server says about it; None for nothing.
            by_others: whether it was cancelled; by others, unless `cancel` was called.
        """
        sent = self._current
        if sent is None or sent.number != number:
            return  # the result of a goal that was given up, or replaced
        self._unanswered.pop(number, None)
        if success:
            self._conclude(None, message)
            return
        said = f": {message}" if message else ""
        code = CANCELLED_BY_OTHERS if by_others else FAILED
        sentence = f"{self.action} did not complete '{sent.name}'{said}"
        self._conclude(Reason(code, sentence), message)

    def update(self) -> bool:
        """Gives up a goal whose server is gone, does not answer or has fallen silent.

        Returns:
            Whether it did.
        """
        sent = self._current
        if sent is None:
            return False
        problem = self._hopeless(sent)
        if problem is None:
            return False
        self.cancel()
        self._current, self.end = None, GoalEnd(False, problem)
        return True

    def _hopeless(self, sent: _Sent) -> Reason | None:
        now, patience = self._clock(), self._patience
        waited = now - sent.since
        if not self.available:
            return Reason(DISAPPEARED, f"{self.action} disappeared during '{sent.name}'")
        if sent.unwanted and waited > patience.stop_s:
            within = f"within {patience.stop_s:g} s"
            return Reason(UNSTOPPABLE, f"{self.action} did not stop '{sent.name}' {within}")
        if sent.progressed is not None and now - sent.progressed > patience.silence_s:
            return Reason(SILENT, f"{self.action} fell silent during '{sent.name}'")
        if not sent.accepted and waited > patience.answer_s:
            within = f"within {patience.answer_s:g} s"
            return Reason(UNANSWERED, f"{self.action} did not answer {within}")
        return None

    def _conclude(self, problem: Reason | None, message: str | None = None) -> None:
        # A goal that we cancelled ourselves and that therefore ended is no problem.
        cancelled = self._current is not None and self._current.unwanted
        self._current = None
        self.end = GoalEnd(problem is None, None if cancelled else problem, message)
        self._ended()

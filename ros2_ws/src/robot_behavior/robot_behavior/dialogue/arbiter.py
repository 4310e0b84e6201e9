"""Carries out one response at a time: starts, interrupts, watches and ends it.

The action servers let an equal priority preempt. Between responses that would make
the robot interrupt itself without need, so here only a strictly higher priority
interrupts and an equal one waits. The interrupted goals are cancelled, and the new
ones are sent when they have ended: two motions never run at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from robot_behavior.dialogue.response import Finished, Response

# ----------------------------------------------------------------------
# The client's side of one action: at most one goal at a time, no cancel ever lost.

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


# ----------------------------------------------------------------------

MOTION, SPEECH = "play_motion", "say"
"""The actions, by their ROS names."""

PATIENCE_S = 3.0
"""After one server has come or gone, the other is waited for: it may just be starting."""


class Arbiter:
    """Runs responses on the two actions.

    Args:
        clock: seconds, monotonic.
        send: carries out the commands that start and cancel goals.

    Attributes:
        current: the response under way; None when there is none.
        slots: the two actions by name; events of their goals are reported there.
        said: the template of the last sentence that was given to speech, but for those
            that speech failed to say; empty for none.
    """

    def __init__(self, clock: Callable[[], float], send: Callable[[Command], None]) -> None:
        self._clock = clock
        self.slots = {name: GoalSlot(name, clock, send) for name in (MOTION, SPEECH)}
        self.current: Response | None = None
        self.said = self._said_before = ""
        self._next: Response | None = None
        self._absent = list(self.slots)
        self._absent_since = clock()
        self._used: list[GoalSlot] = []
        self._skipped: list[str] = []
        self._late = ""
        self._deadline = 0.0

    @property
    def latest(self) -> Response | None:
        """The response that is about to start, else the one under way."""
        return self._next or self.current

    @property
    def problems(self) -> dict[str, str]:
        """What has gone wrong with the response under way, by action: readable clauses."""
        missing = {name: f"{name} is not available" for name in self._skipped}
        return missing | {slot.action: slot.problem for slot in self._used if slot.problem}

    @property
    def absent(self) -> tuple[str, ...]:
        """The actions whose servers are missing and are not waited for any more."""
        settled = self._clock() - self._absent_since >= PATIENCE_S
        return tuple(self._absent) if settled else ()

    def refusal(self, priority: int) -> str:
        """Why a response of this priority cannot start now; empty when it can."""
        if len(self._absent) == len(self.slots):
            return f"neither {MOTION} nor {SPEECH} is available"
        if self._absent and not self.absent:
            return f"waits a moment for {self._absent[0]} to become available"
        rival = self.latest
        if rival is not None and priority <= rival.priority:
            return f"its priority {priority} is not above the {rival.priority} of {rival.name}"
        return ""

    def start(self, response: Response) -> None:
        """Starts a response, at once or as soon as the one under way has been cancelled.

        Whether it may interrupt is the caller's question to `refusal`.
        """
        if self.current is None:
            self._begin(response)
        else:
            self._next = response
            self._cancel()

    def update(self, available: Mapping[str, bool]) -> Finished | None:
        """Moves on: time-outs, the end of a response, the start of the next.

        Args:
            available: whether the server of each action is there.

        Returns:
            The response that has just ended, if one has.
        """
        absent = [name for name in self.slots if not available[name]]
        if absent != self._absent:
            self._absent, self._absent_since = absent, self._clock()
        for name, slot in self.slots.items():
            slot.update(available[name])
        if self.current is None:
            return None
        if self._clock() > self._deadline:
            self._deadline = float("inf")
            self._late = f"it took longer than {self.current.timeout_s:g} s"
            self._cancel()
        if any(slot.busy for slot in self.slots.values()):
            return None
        done = {slot.action for slot in self._used if slot.succeeded}
        problems = [self._late, *(slot.problem for slot in self._used)]
        motion, speech = self.slots[MOTION], self.slots[SPEECH]
        said = ""
        if speech in self._used and speech.problem:
            self.said = self._said_before
        elif speech in self._used:
            said = self.said
        fault = motion.problem if motion in self._used and motion.failed else ""
        finished = Finished(
            self.current,
            spoken=SPEECH in done,
            problems=tuple(filter(None, problems)),
            said=said,
            moved=MOTION in done,
            fault=fault,
        )
        following, self.current, self._next = self._next, None, None
        if following is not None:
            self._begin(following)
        return finished

    def _begin(self, response: Response) -> None:
        self.current = response
        self._deadline = self._clock() + response.timeout_s
        self._used, self._skipped, self._late = [], [], ""
        for name, text in ((MOTION, response.motion), (SPEECH, response.sentence)):
            if text is None:
                continue
            if name in self._absent:
                self._skipped.append(name)
            else:
                self._used.append(self.slots[name])
                if name == SPEECH:
                    self._said_before, self.said = self.said, response.template or text
                self.slots[name].start(text, response.priority)

    def _cancel(self) -> None:
        for slot in self.slots.values():
            slot.cancel()

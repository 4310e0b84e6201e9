"""Carries out one response at a time: starts, interrupts, watches and ends it.

The action servers let an equal priority preempt. Between responses that would make
the robot interrupt itself without need, so here only a strictly higher priority
interrupts and an equal one waits. The interrupted goals are cancelled, and the new
ones are sent when they have ended: two motions never run at once.
"""

from __future__ import annotations

from collections.abc import Callable

from fer_common.goals import REJECTED, GoalSlot
from fer_common.reason import Reason
from robot_behavior.dialogue.response import Finished, Response

MOTION, SPEECH = "play_motion", "say"
"""The actions, by their ROS names."""

PATIENCE_S = 3.0
"""After one server has come or gone, the other is waited for: it may just be starting."""

NO_SERVER, SERVER_MAY_COME, OUTRANKED = "no_server", "server_may_come", "outranked"
"""Codes of the reasons why a response cannot start."""

NOT_AVAILABLE, TOO_LONG = "not_available", "too_long"
"""Codes of what goes wrong with a response; those of its goals are in `fer_common.goals`."""

Slots = dict[str, GoalSlot[Response]]


class Arbiter:
    """Runs responses on the two actions.

    Args:
        clock: seconds, monotonic.
        motion: the action that plays motions; its goals are responses.
        speech: the action that says sentences, likewise.

    Attributes:
        current: the response under way; None when there is none.
        said: the template of the last sentence that was given to speech, but for those
            that speech failed to say; None for none.
    """

    def __init__(
        self, clock: Callable[[], float], motion: GoalSlot[Response], speech: GoalSlot[Response]
    ) -> None:
        self._clock = clock
        self._actions: Slots = {MOTION: motion, SPEECH: speech}
        self.current: Response | None = None
        self.said: str | None = None
        self._said_before: str | None = None
        self._next: Response | None = None
        self._missing = list(self._actions)
        self._missing_since = clock()
        self._used: Slots = {}
        self._skipped: list[str] = []
        self._late: Reason | None = None
        self._deadline = 0.0

    @property
    def latest(self) -> Response | None:
        """The response that is about to start, else the one under way."""
        return self._next or self.current

    @property
    def problems(self) -> dict[str, Reason]:
        """What has gone wrong with the response under way, by action."""
        skipped = {
            name: Reason(NOT_AVAILABLE, f"{name} is not available") for name in self._skipped
        }
        return skipped | self._failures

    @property
    def can_speak(self) -> bool:
        """Whether somebody was there to say a sentence when it was looked last."""
        return SPEECH not in self._missing

    @property
    def absent(self) -> tuple[str, ...]:
        """The actions whose servers are missing and are not waited for any more."""
        settled = self._clock() - self._missing_since >= PATIENCE_S
        return tuple(self._missing) if settled else ()

    def refusal(self, priority: int) -> Reason | None:
        """Why a response of this priority cannot start now; None when it can."""
        if len(self._missing) == len(self._actions):
            return Reason(NO_SERVER, f"neither {MOTION} nor {SPEECH} is available")
        if self._missing and not self.absent:
            waits = f"waits a moment for {self._missing[0]} to become available"
            return Reason(SERVER_MAY_COME, waits)
        rival = self.latest
        if rival is not None and priority <= rival.priority:
            lower = f"its priority {priority} is not above the {rival.priority} of {rival.name}"
            return Reason(OUTRANKED, lower)
        return None

    def start(self, response: Response) -> None:
        """Starts a response, at once or as soon as the one under way has been cancelled.

        Whether it may interrupt is the caller's question to `refusal`.
        """
        if self.current is None:
            self._begin(response)
        else:
            self._next = response
            self._cancel()

    def update(self) -> Finished | None:
        """Moves on: time-outs, the end of a response, the start of the next.

        Returns:
            The response that has just ended, if one has.
        """
        missing = [name for name, action in self._actions.items() if not action.available]
        if missing != self._missing:
            self._missing, self._missing_since = missing, self._clock()
        for action in self._actions.values():
            action.update()
        if self.current is None:
            return None
        if self._clock() > self._deadline:
            self._deadline = float("inf")
            self._late = Reason(TOO_LONG, f"it took longer than {self.current.timeout_s:g} s")
            self._cancel()
        if any(action.busy for action in self._actions.values()):
            return None
        finished = self._finished(self.current)
        following, self.current, self._next = self._next, None, None
        if following is not None:
            self._begin(following)
        return finished

    @property
    def _failures(self) -> dict[str, Reason]:
        """Why goals of the response under way were not completed, by action."""
        ends = {name: action.end for name, action in self._used.items()}
        return {name: end.problem for name, end in ends.items() if end and end.problem}

    def _finished(self, response: Response) -> Finished:
        done = {name for name, action in self._used.items() if action.end and action.end.succeeded}
        failures = self._failures
        said = None
        if SPEECH in failures:
            self.said = self._said_before
        elif SPEECH in self._used:
            said = self.said
        fault = failures.get(MOTION)
        if fault is not None and fault.code == REJECTED:
            fault = None
        late = [self._late] if self._late is not None else []
        return Finished(
            response,
            spoken=SPEECH in done,
            problems=(*late, *failures.values()),
            said=said,
            moved=MOTION in done,
            fault=fault,
        )

    def _begin(self, response: Response) -> None:
        self.current = response
        self._deadline = self._clock() + response.timeout_s
        self._used, self._skipped, self._late = {}, [], None
        if response.words is not None and SPEECH not in self._missing:
            self._said_before, self.said = self.said, response.words.template
        for name, what in ((MOTION, response.motion), (SPEECH, response.sentence)):
            if what is None:
                continue
            if name in self._missing:
                self._skipped.append(name)
            else:
                self._used[name] = self._actions[name]
                self._used[name].start(response, what)

    def _cancel(self) -> None:
        for action in self._actions.values():
            action.cancel()

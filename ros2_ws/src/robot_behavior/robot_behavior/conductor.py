"""The robot's behaviour as a whole, without ROS: policy, choice of words and arbiter."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from robot_behavior.arbiter import MOTION, SPEECH, Arbiter
from robot_behavior.behaviors import Behavior
from robot_behavior.chooser import Chooser
from robot_behavior.motion_library import REST
from robot_behavior.policy import Decision, Policy
from robot_behavior.response import Response, rest
from robot_behavior.status import State, Status


class Conductor:
    """Turns what is seen into responses, one at a time.

    It starts disabled.

    Args:
        policy: decides what is due.
        chooser: decides how.
        arbiter: carries it out; outlives the conductor, so that no goal is forgotten.
        timeout_s: a response that takes longer is cancelled.
        started: told of each response that starts.
        failed: told of each problem that a response has had.
    """

    def __init__(
        self,
        policy: Policy,
        chooser: Chooser,
        arbiter: Arbiter,
        timeout_s: float,
        started: Callable[[Response], None] = lambda response: None,
        failed: Callable[[str], None] = lambda problem: None,
    ) -> None:
        self.policy = policy
        self._chooser = chooser
        self._arbiter = arbiter
        self._timeout_s = timeout_s
        self._started = started
        self._failed = failed
        self._disabled = "not active"

    def enable(self) -> None:
        """Starts to respond."""
        if self._disabled:
            self.policy.forget()
        self._disabled = ""

    def disable(self, reason: str) -> None:
        """Cancels the response under way, rests, and responds no more."""
        if not self._disabled:
            self.stop(reason)
        self._disabled = reason

    def stop(self, reason: str) -> None:
        """Cancels the response under way and rests; then goes on."""
        self.policy.forget()
        latest = self._arbiter.latest
        if latest is None or latest.name != REST:
            self._start(rest(reason))

    def tick(self, available: Mapping[str, bool]) -> Status:
        """Moves on; to be called many times a second.

        Args:
            available: whether the server of each action is there.
        """
        finished = self._arbiter.update(available)
        if finished is not None:
            self.policy.finished(finished)
            for problem in finished.problems:
                self._failed(problem)
        if self._disabled:
            return self._status(Decision(State.DISABLED, self._disabled), "")
        latest = self._arbiter.latest
        decision = self.policy.decide(latest.name if latest else "", available[SPEECH])
        refusal = ""
        if decision.due is not None:
            refusal = self._arbiter.refusal(decision.due.priority)
            if not refusal:
                self._start(self._response(decision, decision.due, latest))
        return self._status(decision, refusal)

    def _response(self, decision: Decision, due: Behavior, rival: Response | None) -> Response:
        motion, sentence = self._chooser.choose(due)
        reason = decision.reason
        if rival is not None:
            reason += f"; outranks {rival.name}, {due.priority} over {rival.priority}"
        face_id = decision.face_id
        return Response(due.name, face_id, motion, sentence, due.priority, self._timeout_s, reason)

    def _start(self, response: Response) -> None:
        self._started(response)
        self._arbiter.start(response)

    def _status(self, decision: Decision, refusal: str) -> Status:
        current = self._arbiter.current
        if current is None:
            reason = f"{decision.reason}, but {refusal}" if refusal else decision.reason
            return Status(decision.state, reason, decision.face_id, decision.emotion)
        problems = self._arbiter.problems
        disabled = decision.state is State.DISABLED
        clauses = [decision.reason if disabled else current.reason, *problems.values()]
        if refusal and decision.due is not None:
            clauses.append(f"{decision.due.name} waits: {refusal}")
        return Status(
            State.DISABLED if disabled else State.RESPONDING,
            "; ".join(clauses),
            current.face_id,
            current.emotion,
            "" if MOTION in problems else current.motion,
            "" if SPEECH in problems else current.sentence or "",
        )

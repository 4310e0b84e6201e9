"""Whatever action servers do, no goal is left running and nothing hangs."""

from __future__ import annotations

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fer_common.reason import Reason
from robot_behavior.dialogue.arbiter import MOTION, SPEECH, Arbiter
from robot_behavior.dialogue.behaviors import RESTING
from robot_behavior.dialogue.response import Response, rest
from robot_behavior.dialogue.sentences import Words
from robot_behavior.prosody import PLAIN
from robot_behavior.testing.dialogue import FakeAction

BECAUSE = Reason("because", "because")


def response(name: str, priority: int, sentence: str | None) -> Response:
    words = None if sentence is None else Words(sentence, "en", PLAIN, sentence)
    return Response(name, "anna", f"{name}_motion", words, priority, 20.0, BECAUSE)


class AnyServers(RuleBasedStateMachine):
    """Servers that accept, reject, end, stall, vanish and come back in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.started: list[Response] = []
        self.finished: list[Response] = []
        # Of each action: goals by number, as sent | accepted | cancelled | ended.
        self.goals: dict[str, dict[int, str]] = {MOTION: {}, SPEECH: {}}
        self.actions = {name: self.action(name) for name in self.goals}
        self.arbiter = Arbiter(lambda: self.now, *self.actions.values())
        self.arbiter.update()

    def action(self, name: str) -> FakeAction:
        goals = self.goals[name]

        def sent(number: int, goal: Response) -> None:
            assert "accepted" not in goals.values(), "a goal is still wanted"
            assert number not in goals
            assert self.actions[name].available
            goals[number] = "sent"

        def cancelled(number: int) -> None:
            assert goals[number] == "accepted", "only what was accepted can be cancelled"
            goals[number] = "cancelled"

        return FakeAction(name, lambda: self.now, sent, cancelled)

    def update(self) -> None:
        finished = self.arbiter.update()
        if finished:
            self.finished.append(finished.response)

    def interrupt(self, new: Response) -> None:
        if self.arbiter.latest is not self.arbiter.current:
            self.started.pop()  # it was to be the next, and never began
        self.arbiter.start(new)
        self.started.append(new)
        if self.arbiter.current is not new:
            for goals in self.goals.values():
                assert "accepted" not in goals.values(), "the one before was not cancelled"

    def pick(self, data: st.DataObject, *states: str) -> tuple[str, int] | None:
        found = [
            (action, goal)
            for action, goals in self.goals.items()
            for goal, state in goals.items()
            if state in states
        ]
        return data.draw(st.sampled_from(found)) if found else None

    @rule(priority=st.sampled_from([10, 120, 160, 254]), sentence=st.sampled_from(["Hi", None]))
    def offer(self, priority: int, sentence: str | None) -> None:
        new = response(f"r{len(self.started)}", priority, sentence)
        if self.arbiter.refusal(priority) is None:
            self.interrupt(new)

    @rule()
    def rest(self) -> None:
        """What ``~/stop`` does; unlike an offer it asks nobody."""
        if self.arbiter.latest is None or self.arbiter.latest.name != RESTING:
            self.interrupt(rest(BECAUSE, "rest"))

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.1, 1.1, 2.1, 25.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.update()

    @rule(data=st.data(), good=st.sampled_from([True, True, False]))
    def answer(self, data: st.DataObject, good: bool) -> None:
        found = self.pick(data, "sent")
        if found:
            action, goal = found
            self.goals[action][goal] = "accepted" if good else "ended"
            slot = self.actions[action]
            (slot.accepted if good else slot.rejected)(goal)

    @rule(data=st.data(), success=st.booleans())
    def end(self, data: st.DataObject, success: bool) -> None:
        found = self.pick(data, "accepted", "cancelled")
        if found:
            action, goal = found
            self.goals[action][goal] = "ended"
            self.actions[action].concluded(goal, success)

    @rule(data=st.data())
    def progress(self, data: st.DataObject) -> None:
        found = self.pick(data, "accepted", "cancelled")
        if found:
            self.actions[found[0]].progressed(found[1])

    @rule(action=st.sampled_from([MOTION, SPEECH]))
    def toggle(self, action: str) -> None:
        self.actions[action].available = not self.actions[action].available
        self.update()

    @precondition(lambda self: self.arbiter.current is None)
    @rule()
    def nothing_is_left_running(self) -> None:
        for goals in self.goals.values():
            assert "accepted" not in goals.values()

    @invariant()
    def at_most_one_wanted_goal_per_action(self) -> None:
        for goals in self.goals.values():
            assert list(goals.values()).count("accepted") <= 1

    @invariant()
    def responses_end_once_and_in_order(self) -> None:
        assert self.finished == self.started[: len(self.finished)]
        assert len(self.started) - len(self.finished) <= 2

    def teardown(self) -> None:
        # Even when no server ever says another word, the robot ends up still ...
        for _ in range(4):
            self.now += 30.0
            self.update()
        assert self.arbiter.latest is None
        assert self.finished == self.started
        # ... and goals that are accepted ever so late are cancelled.
        waiting = [(a, g) for a, goals in self.goals.items() for g in goals if goals[g] == "sent"]
        random.Random(0).shuffle(waiting)
        for action, goal in waiting:
            self.goals[action][goal] = "accepted"
            self.actions[action].accepted(goal)
            assert self.goals[action][goal] == "cancelled"


AnyServers.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestAnyServers = AnyServers.TestCase

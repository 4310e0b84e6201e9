"""Whatever people and action servers do: what the robot must never do, and always does."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ec_rfernet.labels import UNKNOWN
from fer_common.reason import Reason
from robot_behavior.dialogue.arbiter import MOTION, SPEECH, Arbiter
from robot_behavior.dialogue.behaviors import (
    FAREWELL,
    GREETING,
    NOTICE,
    RESTING,
    Behavior,
    Behaviors,
    EngagementRules,
    Variant,
)
from robot_behavior.dialogue.conductor import Conductor, DialogueSettings
from robot_behavior.dialogue.policy import FAREWELL_DROPPED, PolicySettings
from robot_behavior.dialogue.response import Activity, BehaviorStatus, Finished, Response
from robot_behavior.testing.dialogue import FakeAction

REST = "home"
TICK_S = 0.1
TOLD = "A camera looks at you."
BY_HAND = Reason("by_hand", "switched off by hand")


def behavior(name: str, priority: int, *sentences: str) -> Behavior:
    variants = tuple(Variant(f"{name}_{i}", sentences) for i in range(2))
    return Behavior(name, 0.3, 2.0, priority, 0.5, variants)


SAD = replace(
    behavior("sad", 140, "You look sad.", "You look down."),
    again=(Variant("sad_2", ("Take your time.",)), Variant("sad_3", ())),
    limit=3,
    then=replace(behavior("sad", 20), dwell_s=0.0),
)
BEHAVIORS = Behaviors(
    locale="en",
    pause_s=0.2,
    response_timeout_s=5.0,
    emotions={
        "happy": behavior("happy", 120, "You look happy!", "What a smile!"),
        "scared": behavior("scared", 160, "It's okay."),
        "sad": SAD,
    },
    notice=replace(behavior(NOTICE, 200, TOLD), dwell_s=0.0),
    engagement=EngagementRules(
        near=0.12,
        far=0.08,
        dwell_s=0.3,
        leave_s=1.0,
        greeting=behavior(GREETING, 180, "Hello!", "Hi!"),
        farewell=behavior(FAREWELL, 170, "Goodbye!"),
    ),
    memory_s=30.0,
)
SERVERS = st.fixed_dictionaries(
    {
        "delay": st.sampled_from([0.0, 0.0, 0.1, 1.0, 5.0]),
        "answer": st.sampled_from(["accept", "accept", "accept", "reject", "mute"]),
        "end": st.sampled_from(["succeed", "succeed", "abort", "never"]),
        "length": st.sampled_from([0.1, 1.0, 3.0]),
        "cancels": st.sampled_from([True, True, False]),
    }
)
SECONDS = st.sampled_from([0.1, 0.5, 1.0, 2.0, 2.0, 6.0])


class Goal:
    """One goal as its server sees it."""

    def __init__(self, number: int, text: str, now: float, manners: dict) -> None:
        self.number, self.text, self.since, self.manners = number, text, now, manners
        self.state = "sent"  # accepted, ended, lost
        self.cancelled_at: float | None = None
        self.succeeded = False  # and was still wanted


class Dialogue(RuleBasedStateMachine):
    """People, servers of all kinds and the passing of time, in any order."""

    @initialize(seed=st.integers(0, 99), notice=st.booleans())
    def begin(self, seed: int, notice: bool) -> None:
        self.now = 0.0
        self.faces: dict[str, tuple[str, float, float]] = {}
        self.observed: tuple[str, str, float] | None = None
        self.speaking = True
        self.manners: dict[str, dict] = {}
        self.goals: dict[str, list[Goal]] = {MOTION: [], SPEECH: []}
        self.started: list[tuple[float, Response]] = []
        self.ended: dict[str, float] = {}
        self.said: list[str] = []
        self.greeted_since_farewell: list[str | None] = []
        self.status: BehaviorStatus | None = None
        self.actions = {name: self.action(name) for name in self.goals}
        self.arbiter = Arbiter(lambda: self.now, *self.actions.values())
        self.conductor = Conductor(
            BEHAVIORS,
            self.arbiter,
            REST,
            lambda: self.now,
            random.Random(seed),
            DialogueSettings(PolicySettings(notice=notice)),
            started=self.on_start,
            ended=self.on_end,
            dropped=self.on_drop,
        )
        self.conductor.enable()

    def action(self, name: str) -> FakeAction:
        goals = self.goals[name]

        def sent(number: int, response: Response) -> None:
            for goal in goals:
                assert goal.state != "accepted" or goal.cancelled_at is not None
            text = str(response.motion if name == MOTION else response.sentence)
            if name == SPEECH:
                if self.said[-1:] == [text]:
                    assert not goals[-1].succeeded, "the same sentence twice in a row"
                self.said.append(text)
            goals.append(Goal(number, text, self.now, self.manners.get(name, {})))
            if not self.actions[name].available:
                goals[-1].state = "lost"

        def cancelled(number: int) -> None:
            goal = next(goal for goal in goals if goal.number == number)
            assert goal.state in ("accepted", "lost"), "only what was accepted can be cancelled"
            goal.cancelled_at = self.now

        return FakeAction(name, lambda: self.now, sent, cancelled)

    def on_start(self, response: Response) -> None:
        assert response.reason
        if response.name != RESTING:
            cooldown = 10.0 if response.name == NOTICE else 2.0
            known = self.ended.get(response.name, -99.0)
            assert self.now - known >= min(cooldown, 2.0) - 1e-6, f"cool-down of {response.name}"
            if response.emotion:
                seen = (response.face_id, response.emotion, 0.9)
                assert self.observed == seen, "answers what was not seen for certain"
        if response.name == GREETING:
            assert response.face_id not in self.greeted_since_farewell
            self.greeted_since_farewell.append(response.face_id)
        if response.name == FAREWELL:
            self.greeted_since_farewell.clear()
        self.started.append((self.now, response))

    def on_end(self, finished: Finished) -> None:
        self.ended[finished.response.name] = self.now

    def on_drop(self, note: Reason) -> None:
        if note.code == FAREWELL_DROPPED:
            self.greeted_since_farewell.clear()  # they have left, if without a farewell

    def serve(self) -> None:
        for action, goals in self.goals.items():
            slot = self.actions[action]
            for goal in goals:
                manners, age = goal.manners, self.now - goal.since
                if goal.state == "sent" and age >= manners.get("delay", 0.0):
                    answer = manners.get("answer", "accept")
                    if answer == "accept":
                        goal.state, goal.since = "accepted", self.now
                        slot.accepted(goal.number)
                    elif answer == "reject":
                        goal.state = "ended"
                        slot.rejected(goal.number)
                elif goal.state == "accepted":
                    end = manners.get("end", "succeed")
                    obeys = goal.cancelled_at is not None and manners.get("cancels", True)
                    if obeys or (end != "never" and age >= manners.get("length", 1.0)):
                        goal.state = "ended"
                        succeeded = end == "succeed" and not obeys
                        goal.succeeded = succeeded and goal.cancelled_at is None
                        slot.concluded(goal.number, succeeded)

    @rule(face=st.sampled_from(["anna", "bert"]), size=st.sampled_from([0.0, 0.05, 0.1, 0.2]),
          label=st.sampled_from(["happy", "scared", "sad", "sad", UNKNOWN]),
          sure=st.sampled_from([0.9, 0.9, 0.9, 0.3]), seconds=SECONDS)  # fmt: skip
    def show(self, face: str, size: float, label: str, sure: float, seconds: float) -> None:
        self.faces[face] = (label, size, sure)
        self.wait(seconds)

    @rule(face=st.sampled_from(["anna", "bert"]), seconds=SECONDS)
    def leave(self, face: str, seconds: float) -> None:
        self.faces.pop(face, None)
        self.wait(seconds)

    @rule(action=st.sampled_from([MOTION, SPEECH]), manners=SERVERS)
    def behave(self, action: str, manners: dict) -> None:
        self.manners[action] = manners

    @rule(action=st.sampled_from([MOTION, SPEECH]))
    def toggle_server(self, action: str) -> None:
        self.actions[action].available = not self.actions[action].available
        if not self.actions[action].available:
            for goal in self.goals[action]:
                goal.state = "lost"

    @rule()
    def toggle_perception(self) -> None:
        self.speaking = not self.speaking
        self.greeted_since_farewell.clear()  # after a long silence the robot starts anew

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.now += TICK_S
            if self.speaking:
                for face, (label, _, sure) in list(self.faces.items())[:1]:
                    self.observed = (face, label, sure)
                    self.conductor.observe(face, label, sure)
                self.conductor.see({face: seen[1] for face, seen in self.faces.items()})
            self.serve()
            self.status = self.conductor.tick()
            assert self.status.reason

    @rule()
    def stop(self) -> None:
        self.conductor.stop(BY_HAND)
        for goals in self.goals.values():
            for goal in goals:
                wanted = goal.state == "accepted" and goal.cancelled_at is None
                assert not wanted or goal.text == REST, "a stop cancels at once"

    @rule(on=st.booleans())
    def enable(self, on: bool) -> None:
        if on:
            self.greeted_since_farewell.clear()
            self.conductor.enable()
        else:
            self.conductor.disable(BY_HAND)

    @invariant()
    def never_two_wanted_goals_of_an_action(self) -> None:
        for goals in getattr(self, "goals", {}).values():
            wanted = [g for g in goals if g.state == "accepted" and g.cancelled_at is None]
            assert len(wanted) <= 1

    @invariant()
    def idle_means_that_nothing_is_left_running(self) -> None:
        if self.status is not None and self.arbiter.latest is None:
            for goals in self.goals.values():
                for goal in goals:
                    assert goal.state != "accepted" or goal.cancelled_at is not None

    def teardown(self) -> None:
        """With servers that work, a stop ends at rest and in silence."""
        if not hasattr(self, "arbiter"):
            return
        self.manners.clear()
        for action in self.actions.values():
            action.available = True
        self.faces.clear()
        self.wait(10.0)  # goals of the servers that did not work are given up
        self.conductor.enable()
        self.conductor.disable(BY_HAND)
        self.conductor.stop(BY_HAND)
        self.wait(30.0)
        assert self.arbiter.latest is None
        assert self.status is not None
        assert self.status.activity is Activity.DISABLED
        motions = [goal for goal in self.goals[MOTION] if goal.state == "ended"]
        assert motions[-1].text == REST
        self.idle_means_that_nothing_is_left_running()


Dialogue.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestDialogue = Dialogue.TestCase

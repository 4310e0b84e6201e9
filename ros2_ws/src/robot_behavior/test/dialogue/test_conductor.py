"""From what is seen to goals, with servers that do as they are told: no ROS, no waiting."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from robot_behavior.dialogue.arbiter import MOTION, SPEECH, Arbiter, Command, Start
from robot_behavior.dialogue.behaviors import NOTICE, Behavior, Behaviors, Variant
from robot_behavior.dialogue.conductor import Conductor, DialogueOptions
from robot_behavior.dialogue.status import State, Status, StatusFilter

HAPPY = Behavior("happy", 0.5, 8.0, 120, 0.0, (Variant("bounce", ("You look happy!", "Nice!")),))
SCARED = Behavior("scared", 0.5, 8.0, 160, 0.0, (Variant("palms", ("It's okay.",)),))
IDLY = Behavior("neutral", 0.5, 8.0, 10, 0.0, (Variant("attend", ()),))
NOTE = Behavior(NOTICE, 0.0, 10.0, 200, 0.0, (Variant("greet", ("A camera looks at you.",)),))
EMOTIONS = {behavior.name: behavior for behavior in (HAPPY, SCARED, IDLY)}


class Stage:
    """A conductor whose goals take one second each."""

    def __init__(self, notice: Behavior | None = None) -> None:
        self.now = 0.0
        self.available = {MOTION: True, SPEECH: True}
        self.failing = ""
        self.running: dict[tuple[str, int], float] = {}
        self.sent: list[str] = []
        self.cancelled: list[str] = []
        self.arbiter = Arbiter(lambda: self.now, self.carry_out)
        behaviors = Behaviors("en", 1.0, 20.0, EMOTIONS, notice)
        self.conductor = Conductor.of(
            behaviors, self.arbiter, lambda: self.now, random.Random(1), DialogueOptions()
        )
        self.conductor.enable()
        self.status = self.conductor.tick(self.available)

    def carry_out(self, command: Command) -> None:
        if isinstance(command, Start):
            self.sent.append(command.text)
            self.running[command.action, command.goal] = self.now + 1.0
        else:
            self.cancelled.append(command.action)
            self.running[command.action, command.goal] = self.now

    def show(self, label: str | None, seconds: float) -> Status:
        """Runs at 8 Hz while a face shows an expression; None: nobody is there."""
        for _ in range(round(seconds * 8)):
            self.now += 0.125
            if label is None:
                self.conductor.policy.see({})
            else:
                self.conductor.policy.observe("anna", label, 0.9)
            for (action, goal), end in list(self.running.items()):
                self.arbiter.slots[action].accepted(goal)
                if self.now >= end:
                    del self.running[action, goal]
                    self.arbiter.slots[action].ended(goal, action != self.failing, "")
            self.status = self.conductor.tick(self.available)
        return self.status


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_face_is_attended_to_answered_and_left_alone(stage: Stage) -> None:
    assert stage.status.state is State.IDLE
    assert stage.show("happy", 0.25).state is State.ATTENDING
    answering = stage.show("happy", 0.5)
    assert (answering.state, answering.emotion, answering.motion, answering.face_id) == (
        State.RESPONDING,
        "happy",
        "bounce",
        "anna",
    )
    assert answering.speech in ("You look happy!", "Nice!")
    assert answering.reason == "happy has lasted 0.5 s (dwell 0.5 s)"
    cooling = stage.show("happy", 2.0)
    assert cooling.state is State.COOLDOWN
    assert cooling.reason.endswith("cool-down of 8 s")
    assert stage.sent[0] == "bounce"
    assert len(stage.sent) == 2
    assert stage.show(None, 0.5).state is State.IDLE


def test_an_urgent_expression_interrupts(stage: Stage) -> None:
    stage.show("neutral", 0.75)
    assert stage.status.motion == "attend"
    urgent = stage.show("scared", 0.875)
    assert urgent.motion == "palms"
    assert urgent.reason == "scared has lasted 0.5 s (dwell 0.5 s); outranks neutral, 160 over 10"
    assert stage.cancelled == [MOTION]


def test_a_minor_expression_waits_and_the_reason_says_so(stage: Stage) -> None:
    stage.show("scared", 0.625)
    waiting = stage.show("happy", 0.75)
    assert waiting.motion == "palms"
    assert waiting.reason == (
        "scared has lasted 0.5 s (dwell 0.5 s); "
        "happy waits: its priority 120 is not above the 160 of scared"
    )
    assert stage.show("happy", 1.5).motion == "bounce"
    assert stage.cancelled == []


def test_a_face_that_leaves_lets_the_robot_finish(stage: Stage) -> None:
    stage.show("happy", 0.75)
    assert stage.show(None, 0.5).state is State.RESPONDING
    assert stage.show(None, 1.0).state is State.IDLE
    assert stage.cancelled == []


def test_disabling_cancels_rests_and_answers_no_more(stage: Stage) -> None:
    stage.show("happy", 0.75)
    stage.conductor.disable("switched off")
    assert stage.show("scared", 0.25).state is State.DISABLED
    assert sorted(stage.cancelled) == [MOTION, SPEECH]
    assert stage.sent[-1] == "rest"
    off = stage.show("scared", 5.0)
    assert (off.reason, off.motion) == ("switched off", "")
    assert stage.sent[-1] == "rest"
    stage.conductor.enable()
    assert stage.show("scared", 0.25).state is State.ATTENDING
    assert stage.show("scared", 0.5).motion == "palms"


def test_disabling_twice_rests_once(stage: Stage) -> None:
    for _ in range(3):
        stage.conductor.disable("switched off")
        stage.show(None, 2.0)
    assert stage.sent == ["rest"]


def test_stop_rests_and_then_goes_on(stage: Stage) -> None:
    stage.show("happy", 0.75)
    stage.conductor.stop("stopped by hand")
    stage.conductor.stop("stopped by hand")
    resting = stage.show("scared", 0.375)
    assert (resting.motion, resting.emotion) == ("rest", "")
    assert resting.reason.startswith("stopped by hand")
    assert stage.sent.count("rest") == 1
    assert stage.show("scared", 2.5).motion == "palms"


def test_nothing_interrupts_rest(stage: Stage) -> None:
    stage.conductor.stop("stopped by hand")
    assert stage.show("scared", 0.875).motion == "rest"


def test_without_servers_it_says_so_and_starts_when_they_appear(stage: Stage) -> None:
    stage.available = {MOTION: False, SPEECH: False}
    waiting = stage.show("happy", 1.0)
    assert waiting.state is State.ATTENDING
    assert waiting.reason == (
        "happy has lasted 0.8 s (dwell 0.5 s), but neither play_motion nor say is available"
    )
    stage.available[MOTION] = True
    assert stage.show("happy", 1.0).reason.endswith("waits a moment for say to become available")
    half = stage.show("happy", 2.25)
    assert (half.motion, half.speech) == ("bounce", "")
    assert half.reason.endswith("; say is not available")


def test_the_notice_comes_first_and_once() -> None:
    stage = Stage(NOTE)
    stage.available[SPEECH] = False
    assert stage.show("unknown", 5.0).state is State.ATTENDING  # it cannot be spoken yet
    stage.available[SPEECH] = True
    greeting = stage.show("scared", 0.75)
    assert (greeting.speech, greeting.emotion) == ("A camera looks at you.", "")
    stage.show("scared", 10.0)
    stage.show(None, 10.0)
    stage.show("happy", 10.0)
    assert stage.sent.count("greet") == 1


def test_the_notice_is_said_again_when_speech_failed() -> None:
    stage = Stage(NOTE)
    stage.failing = SPEECH
    stage.show("unknown", 5.0)
    stage.failing = ""
    stage.show("unknown", 40.0)
    assert stage.sent.count("A camera looks at you.") == 2


def test_a_sentence_that_failed_does_not_part_two_others(stage: Stage) -> None:
    stage.show("scared", 2.0)
    stage.failing = SPEECH
    stage.show("happy", 9.0)
    stage.failing = ""
    stage.show("scared", 2.0)
    assert stage.sent.count("It's okay.") == 1


def test_what_was_only_meant_to_be_said_does_not_part_two_sentences(stage: Stage) -> None:
    stage.show("scared", 2.0)
    stage.available[SPEECH] = False
    stage.show("happy", 9.0)
    stage.available[SPEECH] = True
    stage.show("scared", 2.0)
    assert [text for text in stage.sent if text != "bounce"] == ["palms", "It's okay.", "palms"]


def test_reasons_alone_are_published_now_and_then() -> None:
    now = 0.0
    news = StatusFilter(lambda: now, period_s=0.5)
    first = Status(State.ATTENDING, "happy for 0.1 s", "anna", "happy")
    assert news.is_news(first)
    assert not news.is_news(first)
    assert not news.is_news(replace(first, reason="happy for 0.2 s"))
    assert news.is_news(replace(first, reason="an answer", state=State.RESPONDING))
    now = 0.6
    assert news.is_news(replace(first, reason="another", state=State.RESPONDING))

"""From what is seen to goals, with servers that do as they are told: no ROS, no waiting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fer_common.reason import Reason
from fer_common.testing import FakeClock
from robot_behavior.dialogue.arbiter import MOTION, SPEECH
from robot_behavior.dialogue.behaviors import NOTICE, Behavior, Behaviors, Variant
from robot_behavior.dialogue.conductor import MotionFaults
from robot_behavior.dialogue.response import Activity, BehaviorStatus, StatusFilter
from robot_behavior.testing.dialogue import SimulatedTalk

HAPPY = Behavior("happy", 0.5, 8.0, 120, 0.0, (Variant("bounce", ("You look happy!", "Nice!")),))
SCARED = Behavior("scared", 0.5, 8.0, 160, 0.0, (Variant("palms", ("It's okay.",)),))
IDLY = Behavior("neutral", 0.5, 8.0, 10, 0.0, (Variant("attend", ()),))
NOTE = Behavior(NOTICE, 0.0, 10.0, 200, 0.0, (Variant("greet", ("A camera looks at you.",)),))
BY_HAND = Reason("by_hand", "stopped by hand")
OFF = Reason("off", "switched off")
EMOTIONS = {behavior.name: behavior for behavior in (HAPPY, SCARED, IDLY)}


class Stage(SimulatedTalk):
    """A talk with one person, anna."""

    def __init__(self, notice: Behavior | None = None) -> None:
        super().__init__(Behaviors("en", 1.0, 20.0, EMOTIONS, notice))

    def see(self, label: str | None, seconds: float) -> BehaviorStatus:
        """Shows an expression; None: nobody is there."""
        self.show(seconds, **({} if label is None else {"anna": label}))
        return self.status

    @property
    def cancelled(self) -> dict[str, int]:
        return {MOTION: self.motion.cancelled, SPEECH: self.speech.cancelled}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_face_is_attended_to_answered_and_left_alone(stage: Stage) -> None:
    assert stage.status.activity is Activity.IDLE
    assert stage.see("happy", 0.25).activity is Activity.ATTENDING
    answering = stage.see("happy", 0.5)
    assert (answering.activity, answering.emotion, answering.motion, answering.face_id) == (
        Activity.RESPONDING,
        "happy",
        "bounce",
        "anna",
    )
    assert answering.speech in ("You look happy!", "Nice!")
    assert str(answering.reason) == "happy has lasted 0.5 s (dwell 0.5 s)"
    cooling = stage.see("happy", 2.0)
    assert cooling.activity is Activity.COOLDOWN
    assert str(cooling.reason).endswith("cool-down of 8 s")
    assert stage.sent[0] == "bounce"
    assert len(stage.sent) == 2
    assert stage.see(None, 0.5).activity is Activity.IDLE


def test_an_urgent_expression_interrupts(stage: Stage) -> None:
    stage.see("neutral", 0.75)
    assert stage.status.motion == "attend"
    urgent = stage.see("scared", 0.875)
    assert urgent.motion == "palms"
    assert (
        str(urgent.reason) == "scared has lasted 0.5 s (dwell 0.5 s); outranks neutral, 160 over 10"
    )
    assert stage.cancelled == {MOTION: 1, SPEECH: 0}


def test_a_minor_expression_waits_and_the_reason_says_so(stage: Stage) -> None:
    stage.see("scared", 0.625)
    waiting = stage.see("happy", 0.75)
    assert waiting.motion == "palms"
    assert str(waiting.reason) == (
        "scared has lasted 0.5 s (dwell 0.5 s); "
        "happy waits: its priority 120 is not above the 160 of scared"
    )
    assert stage.see("happy", 1.5).motion == "bounce"
    assert stage.cancelled == {MOTION: 0, SPEECH: 0}


def test_a_face_that_leaves_lets_the_robot_finish(stage: Stage) -> None:
    stage.see("happy", 0.75)
    assert stage.see(None, 0.5).activity is Activity.RESPONDING
    assert stage.see(None, 1.0).activity is Activity.IDLE
    assert stage.cancelled == {MOTION: 0, SPEECH: 0}


def test_disabling_cancels_rests_and_answers_no_more(stage: Stage) -> None:
    stage.see("happy", 0.75)
    stage.conductor.disable(OFF)
    assert stage.see("scared", 0.25).activity is Activity.DISABLED
    assert stage.cancelled == {MOTION: 1, SPEECH: 1}
    assert stage.sent[-1] == "rest"
    off = stage.see("scared", 5.0)
    assert (off.reason, off.motion) == (OFF, None)
    assert stage.sent[-1] == "rest"
    stage.conductor.enable()
    assert stage.see("scared", 0.25).activity is Activity.ATTENDING
    assert stage.see("scared", 0.5).motion == "palms"


def test_disabling_twice_rests_once(stage: Stage) -> None:
    for _ in range(3):
        stage.conductor.disable(OFF)
        stage.see(None, 2.0)
    assert stage.sent == ["rest"]


def test_stop_rests_and_then_goes_on(stage: Stage) -> None:
    stage.see("happy", 0.75)
    stage.conductor.stop(BY_HAND)
    stage.conductor.stop(BY_HAND)
    resting = stage.see("scared", 0.375)
    assert (resting.motion, resting.emotion) == ("rest", None)
    assert stage.reason.startswith(str(BY_HAND))
    assert stage.sent.count("rest") == 1
    assert stage.see("scared", 2.5).motion == "palms"


def test_nothing_interrupts_rest(stage: Stage) -> None:
    stage.conductor.stop(BY_HAND)
    assert stage.see("scared", 0.875).motion == "rest"


def test_without_servers_it_says_so_and_starts_when_they_appear(stage: Stage) -> None:
    stage.motion.available = stage.speech.available = False
    waiting = stage.see("happy", 1.0)
    assert waiting.activity is Activity.ATTENDING
    assert str(waiting.reason) == (
        "happy has lasted 0.8 s (dwell 0.5 s), but neither play_motion nor say is available"
    )
    stage.motion.available = True
    assert str(stage.see("happy", 1.0).reason).endswith(
        "waits a moment for say to become available"
    )
    half = stage.see("happy", 2.25)
    assert (half.motion, half.speech) == ("bounce", None)
    assert str(half.reason).endswith("; say is not available")


def test_the_notice_comes_first_and_once() -> None:
    stage = Stage(NOTE)
    stage.speech.available = False
    assert stage.see("unknown", 5.0).activity is Activity.ATTENDING  # it cannot be spoken yet
    stage.speech.available = True
    greeting = stage.see("scared", 0.75)
    assert (greeting.speech, greeting.emotion) == ("A camera looks at you.", None)
    stage.see("scared", 10.0)
    stage.see(None, 10.0)
    stage.see("happy", 10.0)
    assert stage.sent.count("greet") == 1


def test_the_notice_is_said_again_when_speech_failed() -> None:
    stage = Stage(NOTE)
    stage.failing = SPEECH
    stage.see("unknown", 5.0)
    stage.failing = None
    stage.see("unknown", 40.0)
    assert stage.sent.count("A camera looks at you.") == 2


def test_a_sentence_that_failed_does_not_part_two_others(stage: Stage) -> None:
    stage.see("scared", 2.0)
    stage.failing = SPEECH
    stage.see("happy", 9.0)
    stage.failing = None
    stage.see("scared", 2.0)
    assert stage.sent.count("It's okay.") == 1


def test_what_was_only_meant_to_be_said_does_not_part_two_sentences(stage: Stage) -> None:
    stage.see("scared", 2.0)
    stage.speech.available = False
    stage.see("happy", 9.0)
    stage.speech.available = True
    stage.see("scared", 2.0)
    assert [text for text in stage.sent if text != "bounce"] == ["palms", "It's okay.", "palms"]


def test_reasons_alone_are_published_now_and_then() -> None:
    def why(sentence: str) -> Reason:
        return Reason("because", sentence)

    now = 0.0
    news = StatusFilter(lambda: now, period_s=0.5)
    first = BehaviorStatus(Activity.ATTENDING, why("happy for 0.1 s"), "anna", "happy")
    assert news.is_news(first)
    assert not news.is_news(first)
    assert not news.is_news(replace(first, reason=why("happy for 0.2 s")))
    assert news.is_news(replace(first, reason=why("an answer"), activity=Activity.RESPONDING))
    now = 0.6
    assert news.is_news(replace(first, reason=why("another"), activity=Activity.RESPONDING))


# A robot that was stopped.


def test_a_stopped_robot_is_not_asked_to_move_but_talks_and_says_why(stage: Stage) -> None:
    stopped = Reason("robot_stopped", "stopped since 10:15:02, until 'release'")
    stage.conductor.hold(stopped)
    assert str(stopped) in str(stage.see(None, 0.5).reason)
    status = stage.see("happy", 1.0)
    assert status.activity is Activity.RESPONDING
    assert status.motion is None and status.speech in ("You look happy!", "Nice!")
    assert str(status.reason).count(str(stopped)) == 1
    stage.conductor.hold(None)
    status = stage.conductor.tick()
    assert status.activity is Activity.RESPONDING and str(stopped) not in str(status.reason)
    stage.conductor.hold(stopped)
    stage.see(None, 20.0)
    status = stage.see("neutral", 1.0)
    assert status.activity is not Activity.RESPONDING, "it would be a gesture without words"
    assert str(status.reason).count(str(stopped)) == 1
    stage.conductor.hold(None)
    assert stage.see("neutral", 1.0).motion == "attend"


# What failed because the robot was away.


def test_a_pause_ends_when_the_robot_is_back() -> None:
    clock = FakeClock()
    faults = MotionFaults(clock)
    for _ in range(5):
        faults.began()
        clock.now += 1.0
        faults.failed(Reason("failed", "play_motion fell silent"))
    assert faults.pause is not None
    assert "no motion for 60 s" in str(faults.pause)
    faults.returned()
    assert faults.pause is None
    clock.now += 1.0
    faults.began()
    clock.now += 1.0
    faults.failed(Reason("failed", "the arm is stuck"))
    assert "no motion for 5 s" in str(faults.pause)


def test_what_began_before_the_robot_was_back_does_not_pause_it() -> None:
    clock = FakeClock()
    faults = MotionFaults(clock)
    faults.began()
    clock.now += 1.0
    faults.returned()
    clock.now += 1.0
    faults.failed(Reason("failed", "play_motion fell silent"))
    assert faults.pause is None

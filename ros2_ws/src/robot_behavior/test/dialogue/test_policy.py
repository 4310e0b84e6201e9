"""What is due, when, and the reason that is given."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.labels import CONTEMPT, LABELS, UNKNOWN
from fer_common.reason import Reason
from robot_behavior.dialogue.behaviors import (
    FAREWELL,
    GREETING,
    NOTICE,
    Behavior,
    Behaviors,
    EngagementRules,
    Variant,
)
from robot_behavior.dialogue.policy import (
    COOLDOWN,
    NO_BEHAVIOUR,
    NOBODY,
    Decision,
    Policy,
    PolicySettings,
)
from robot_behavior.dialogue.response import Activity, Finished, Response
from robot_behavior.dialogue.sentences import Words
from robot_behavior.prosody import PLAIN

HAPPY = Behavior("happy", 0.5, 8.0, 120, 0.0, (Variant("nod", ("You look happy!",)),))
SAD = replace(HAPPY, name="sad", dwell_s=1.5, priority=140, min_confidence=0.5)
NOTE = replace(HAPPY, name=NOTICE, dwell_s=0.0, cooldown_s=10.0, priority=200)
BEHAVIORS = Behaviors("en", 1.0, 20.0, {"happy": HAPPY, "sad": SAD}, None)


class Scene:
    """A person in front of a policy. Times are multiples of 1/8 s: exact in binary."""

    def __init__(
        self,
        behaviors: Behaviors = BEHAVIORS,
        forget_after_s: float = 2.0,
        in_person: bool = True,
    ) -> None:
        self.now = 100.0
        settings = PolicySettings(forget_after_s, in_person=in_person)
        self.policy = Policy(behaviors, lambda: self.now, settings)

    def show(self, label: str, seconds: float, face: str = "anna", sure: float = 0.9) -> Decision:
        """Shows an expression at 8 Hz; the decision after the last picture."""
        for _ in range(round(seconds * 8) + 1):
            self.policy.observe(face, label, sure)
            self.now += 0.125
        self.now -= 0.125
        return self.policy.decide()

    def wait(self, seconds: float) -> Decision:
        self.now += seconds
        return self.policy.decide()

    def answer(self, name: str, spoken: bool = True, problems: tuple[Reason, ...] = ()) -> None:
        """An answer that ends now."""
        words = Words("Hi", "en", PLAIN, "Hi")
        response = Response(name, "anna", "nod", words, 120, 20.0, Reason("because", "because"))
        self.policy.finished(Finished(response, spoken, problems))


def test_nobody_in_view() -> None:
    assert Scene().wait(0.0) == Decision(Activity.IDLE, Reason(NOBODY, "nobody is in view"))


def test_someone_in_view_whom_nobody_attends_to() -> None:
    scene = Scene()
    scene.policy.see({"anna": 0.1, "bert": 0.1})
    assert str(scene.wait(0.0).reason) == "someone is in view, but not attended to yet"
    assert str(scene.wait(3.0).reason) == "nobody is in view"


def test_an_expression_is_answered_after_its_dwell_time() -> None:
    scene = Scene()
    early = scene.show("happy", 0.375)
    assert (early.activity, early.due) == (Activity.ATTENDING, None)
    assert str(early.reason) == "happy for 0.3 s of 0.5 s"
    late = scene.show("happy", 0.125)
    assert late.due is HAPPY
    assert str(late.reason) == "happy has lasted 0.5 s (dwell 0.5 s)"
    assert (late.face_id, late.emotion) == ("anna", "happy")


def test_a_single_picture_is_no_dwell() -> None:
    scene = Scene()
    scene.show("happy", 0.0)
    assert scene.wait(1.5).due is None


def test_one_message_a_second_is_enough() -> None:
    # `ros2 topic pub` sends at 1 Hz unless told otherwise.
    scene = Scene()
    scene.show("happy", 0.0)
    scene.wait(1.0)
    assert scene.show("happy", 0.0).due is HAPPY


def test_another_expression_in_between_starts_the_dwell_anew() -> None:
    scene = Scene()
    scene.show("happy", 0.375)
    scene.show("sad", 0.125)
    assert str(scene.show("happy", 0.375).reason) == "happy for 0.3 s of 0.5 s"


def test_another_face_starts_the_dwell_anew() -> None:
    scene = Scene()
    scene.show("happy", 0.375, face="anna")
    assert scene.show("happy", 0.375, face="bert").due is None


def test_unknown_changes_nothing() -> None:
    scene = Scene()
    scene.show("happy", 0.375)
    unclear = scene.show(UNKNOWN, 0.5)
    assert (unclear.due, unclear.emotion) == (None, UNKNOWN)
    assert str(unclear.reason) == "the expression is unknown"
    assert scene.show("happy", 0.0).due is HAPPY


def test_an_uncertain_estimate_counts_as_unknown() -> None:
    scene = Scene()
    doubtful = scene.show("sad", 3.0, sure=0.42)
    assert doubtful.due is None
    assert str(doubtful.reason) == "sad at 42% is below the 50% it needs"
    assert scene.show("sad", 3.0, sure=float("nan")).due is None
    assert scene.show("sad", 1.5, sure=0.5).due is SAD


def test_a_label_without_a_behaviour_is_not_answered_and_the_reason_says_so() -> None:
    for label in ("neutral", CONTEMPT):
        decision = Scene().show(label, 30.0)
        assert decision.reason == Reason(NO_BEHAVIOUR, f"no answer is set for {label}")
        assert (decision.due, decision.emotion) == (None, label)


def test_a_label_of_another_model_is_answered_where_it_has_a_behaviour() -> None:
    proud = replace(HAPPY, name="proud")
    scene = Scene(replace(BEHAVIORS, emotions={"proud": proud}))
    assert scene.show("proud", 0.5).due is proud
    scene.answer("proud")
    again = scene.show("proud", 3.25)
    assert again.reason.code == COOLDOWN
    assert str(again.reason) == "proud again, but answered 3.2 s ago: cool-down of 8 s"


def test_cooldown_runs_from_the_end_of_the_answer() -> None:
    scene = Scene()
    scene.show("happy", 5.0)
    scene.answer("happy")
    again = scene.show("happy", 3.25)
    assert (again.activity, again.due) == (Activity.COOLDOWN, None)
    assert str(again.reason) == "happy again, but answered 3.2 s ago: cool-down of 8 s"
    assert scene.show("happy", 4.75).due is HAPPY


def test_cooldown_of_one_expression_lets_another_pass_after_the_pause() -> None:
    scene = Scene()
    scene.show("sad", 2.0)
    scene.answer("happy")
    pausing = scene.show("sad", 0.5)
    assert (pausing.activity, pausing.due) == (Activity.COOLDOWN, None)
    assert str(pausing.reason) == "sad, but the last answer ended 0.5 s ago: pause of 1 s"
    assert scene.show("sad", 0.5).due is SAD


def test_a_failed_answer_is_told_and_not_repeated_at_once() -> None:
    scene = Scene()
    scene.show("happy", 1.0)
    scene.answer("happy", problems=(Reason("rejected", "say rejected 'Hi'"),))
    assert str(scene.show("happy", 1.0).reason) == (
        "happy again, but tried 1.0 s ago (say rejected 'Hi'): cool-down of 8 s"
    )


def test_what_is_being_answered_is_not_due_again() -> None:
    scene = Scene()
    scene.show("happy", 2.0)
    decision = scene.policy.decide(running="happy")
    assert (decision.due, str(decision.reason)) == (None, "happy is being answered")


def test_an_empty_view_forgets_the_face_at_once() -> None:
    scene = Scene()
    scene.show("happy", 0.375)
    scene.policy.see({})
    assert str(scene.wait(0.0).reason) == "nobody is in view"
    assert scene.show("happy", 0.375).due is None


def test_a_face_without_news_is_forgotten_after_a_while() -> None:
    scene = Scene(forget_after_s=2.0)
    scene.show("happy", 0.5)
    assert scene.wait(1.9).activity is Activity.ATTENDING
    assert str(scene.wait(0.2).reason) == "nobody is in view"


def test_an_expression_that_was_not_confirmed_for_long_is_over() -> None:
    scene = Scene()
    scene.show("happy", 0.375)
    assert scene.show(UNKNOWN, 3.0).due is None
    assert scene.show("happy", 0.375).due is None


def test_the_first_face_gets_the_notice_once() -> None:
    scene = Scene(replace(BEHAVIORS, notice=NOTE))
    first = scene.show(UNKNOWN, 0.0)
    assert first.due is NOTE
    assert str(first.reason) == "the first face has not been told about the camera yet"
    assert scene.policy.decide(running=NOTICE).due is None
    scene.answer(NOTICE)
    assert scene.show("happy", 2.0, face="bert").due is HAPPY


def test_a_notice_that_could_not_be_spoken_is_repeated_later() -> None:
    scene = Scene(replace(BEHAVIORS, notice=NOTE))
    scene.show("happy", 0.0)
    assert scene.policy.decide(can_speak=False).due is None
    assert scene.policy.decide(can_speak=True).due is NOTE
    scene.answer(NOTICE, spoken=False, problems=(Reason("not_available", "say is not available"),))
    assert scene.show("happy", 2.0).due is HAPPY
    assert scene.show("happy", 10.0).due is NOTE


def test_the_notice_can_be_switched_off() -> None:
    policy = Policy(
        replace(BEHAVIORS, notice=NOTE), lambda: 0.0, settings=PolicySettings(notice=False)
    )
    policy.observe("anna", "happy", 1.0)
    assert policy.decide().due is None


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 3.0),
            st.sampled_from(["anna", "bert"]),
            st.sampled_from([*LABELS, UNKNOWN]),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_due_only_when_confirmed_held_and_not_answered_lately(
    events: list[tuple[float, str, str, bool]],
) -> None:
    scene = Scene()
    run: tuple[str, str] | None = None  # face and label of the observations without a break
    since = last = 0.0
    answered: dict[str, float] = {}
    for step, face, label, empty in events:
        scene.now += step
        if empty:
            scene.policy.see({})
            run = None
        else:
            scene.policy.observe(face, label, 0.9)
            if label == UNKNOWN:
                run = run if run and run[0] == face else None
            elif run != (face, label) or scene.now - last > 2.0:
                run, since = (face, label), scene.now
            last = scene.now if label != UNKNOWN else last
        decision = scene.policy.decide()
        assert decision.reason
        assert (decision.activity is Activity.IDLE) == empty
        if decision.due is not None:
            assert label == decision.due.name
            assert run == (face, label)
            assert last - since >= decision.due.dwell_s
            assert scene.now - answered.get(label, -100.0) >= decision.due.cooldown_s
            answered[label] = scene.now
            scene.answer(label)


@pytest.mark.parametrize("label", ["happy", "sad"])
def test_a_steady_expression_is_answered_once_per_cooldown(label: str) -> None:
    scene = Scene()
    times = []
    for _ in range(400):
        if scene.show(label, 0.0).due:
            times.append(scene.now)
            scene.answer(label)
        scene.now += 0.125
    assert len(times) == 7
    assert all(later - earlier >= 8.0 for earlier, later in pairwise(times))


def test_who_comes_after_the_notice_and_a_farewell_is_greeted() -> None:
    greeting = replace(HAPPY, name=GREETING, dwell_s=0.0, cooldown_s=20.0, priority=180)
    farewell = replace(greeting, name=FAREWELL)
    rules = EngagementRules(0.12, 0.08, 0.5, 2.0, greeting, farewell)
    scene = Scene(replace(BEHAVIORS, notice=NOTE, engagement=rules))

    def stay(seconds: float, **sizes: float) -> list[str]:
        """The occasions that came up and were used."""
        found = []
        for _ in range(round(seconds * 8)):
            scene.now += 0.125
            scene.policy.see(sizes)
            for face in sizes:
                scene.policy.observe(face, "neutral", 0.9)
            due = scene.policy.decide().due
            if due is not None:
                found.append(due.name)
                scene.policy.started(due.name)
                scene.answer(due.name)
        return found

    assert stay(5.0, anna=0.2) == [NOTICE]  # which was her greeting
    assert stay(5.0) == [FAREWELL]
    assert stay(3.0, bert=0.2) == [GREETING]


def test_who_is_not_there_in_person_is_neither_told_nor_greeted() -> None:
    greeting = replace(HAPPY, name=GREETING, dwell_s=0.0, priority=180)
    rules = EngagementRules(0.12, 0.08, 0.5, 2.0, greeting, None)
    scene = Scene(replace(BEHAVIORS, notice=NOTE, engagement=rules), in_person=False)
    scene.policy.see({"anna": 0.2})
    assert scene.show("happy", 0.5).due is HAPPY


def test_other_settings_hold_at_once_and_what_was_told_is_remembered() -> None:
    scene, quiet = Scene(replace(BEHAVIORS, notice=NOTE)), PolicySettings(notice=False)
    assert scene.show("happy", 1.0).due == NOTE
    scene.policy.adjust(replace(BEHAVIORS, notice=NOTE), quiet)
    assert scene.show("happy", 1.0).due == HAPPY
    scene.policy.adjust(replace(BEHAVIORS, notice=NOTE), PolicySettings())
    assert scene.show("happy", 1.0).due == NOTE
    scene.answer(NOTICE)
    slow = replace(BEHAVIORS, notice=NOTE, emotions={"happy": replace(HAPPY, dwell_s=9.0)})
    scene.policy.adjust(slow, PolicySettings())
    scene.wait(4.0)
    assert scene.show("happy", 2.0).due is None

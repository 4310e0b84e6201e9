"""A conversation of moods: nothing twice, comfort three times, then quiet attention."""

from __future__ import annotations

from dataclasses import replace

from robot_behavior.dialogue.arbiter import MOTION, SPEECH
from robot_behavior.dialogue.behaviors import Behavior, Behaviors, EngagementRules, Variant
from robot_behavior.dialogue.policy import Moods
from robot_behavior.dialogue.response import Activity
from robot_behavior.testing.dialogue import SimulatedTalk

HAPPY = Behavior("happy", 0.5, 4.0, 120, 0.0, (Variant("nod", ("You look happy!",)),))
SAD = Behavior(
    "sad",
    dwell_s=1.0,
    cooldown_s=3.0,
    priority=140,
    min_confidence=0.0,
    variants=(Variant("lean", ("You look sad.", "You look down.")),),
    again=(Variant("palms", ("I am here.", "Take your time.", "No hurry.")),),
    limit=3,
    then=Behavior("sad", 0.0, 5.0, 20, 0.0, (Variant("listen", ()),)),
)
EMOTIONS = {"happy": HAPPY, "sad": SAD}


BEHAVIORS = Behaviors("en", 0.5, 20.0, EMOTIONS, None, memory_s=20.0)


def talk_of(behaviors: Behaviors = BEHAVIORS) -> SimulatedTalk:
    return SimulatedTalk(behaviors, seed=2)


def test_sad_that_stays_sad_is_comforted_three_times_and_then_listened_to() -> None:
    talk = talk_of()
    sent = talk.show(60.0, anna="sad")
    words = [text for text in sent if text[0].isupper()]
    assert sent[0] == "lean"
    assert sent[2] == sent[4] == "palms"
    assert words[0] in SAD.variants[0].say
    assert set(words[1:]) <= set(SAD.again[0].say)
    assert len(words) == len(set(words)) == 3
    assert set(sent[6:]) == {"listen"}
    assert len(sent[6:]) >= 5
    assert any(str(s.reason) == "sad goes on after 3 answers" for s in talk.statuses)


def test_another_mood_starts_anew() -> None:
    talk = talk_of()
    talk.show(40.0, anna="sad")
    assert "You look happy!" in talk.show(5.0, anna="happy")
    again = talk.show(4.0, anna="sad")
    assert again[0] == "lean"
    assert again[1] in SAD.variants[0].say


def test_words_that_were_not_said_can_still_be_said() -> None:
    talk = talk_of()
    talk.failing = SPEECH
    assert talk.show(3.0, anna="happy") == ["nod", "You look happy!"]
    talk.failing = None
    assert talk.show(5.0, anna="happy") == ["nod", "You look happy!"]
    assert talk.show(5.0, anna="happy") == ["nod"]


def test_a_glimpse_of_something_else_is_no_other_mood() -> None:
    talk = talk_of()
    talk.show(30.0, anna="sad")
    talk.show(0.25, anna="happy")
    talk.show(1.0, anna="unknown")
    assert set(talk.show(20.0, anna="sad")) == {"listen"}


def test_moods_are_remembered_by_face_and_forgotten_after_a_while() -> None:
    talk = talk_of()
    talk.show(30.0, anna="sad")
    assert talk.show(8.0, bert="sad")[0] == "lean"
    assert set(talk.show(10.0, anna="sad")) == {"listen"}
    talk.show(25.0)
    assert talk.show(5.0, anna="sad")[0] == "lean"


def test_the_memory_does_not_grow() -> None:
    now = 0.0
    moods = Moods(lambda: now, memory_s=10.0)
    for number in range(1000):
        now += 1.0
        moods.confirm(str(number), "sad")
    assert len(moods) <= 11
    assert moods.answers("0", "sad") == 0


def test_without_more_to_say_there_is_a_gesture_without_words() -> None:
    plain = replace(HAPPY, cooldown_s=1.0)
    talk = talk_of(Behaviors("en", 0.5, 20.0, {"happy": plain}, None))
    sent = talk.show(20.0, anna="happy")
    assert sent.count("You look happy!") == 1
    assert sent.count("nod") >= 5


def test_a_limit_without_anything_after_it_means_silence() -> None:
    once = replace(HAPPY, limit=1)
    talk = talk_of(Behaviors("en", 0.5, 20.0, {"happy": once}, None))
    assert len(talk.show(30.0, anna="happy")) == 2
    assert talk.status.activity is Activity.ATTENDING
    assert talk.reason.endswith("after 1 answers: quiet until the mood changes")


def test_somebody_else_waits_until_the_first_one_has_been_answered() -> None:
    loud = replace(SAD, dwell_s=0.1)
    talk = talk_of(Behaviors("en", 0.0, 20.0, {"happy": HAPPY, "sad": loud}, None))
    talk.show(0.75, anna="happy")
    talk.show(0.5, bert="sad", anna="happy")
    assert talk.motion.cancelled == talk.speech.cancelled == 0
    waits = "sad waits: somebody else is being answered (happy)"
    assert any(waits in str(status.reason) for status in talk.statuses)
    assert "lean" in talk.show(1.5, bert="sad", anna="happy")


def test_what_waited_and_passed_is_dropped_and_the_reason_says_so() -> None:
    talk = talk_of()
    talk.show(1.125, anna="sad")
    talk.show(0.75, anna="happy")
    assert "happy waits" in talk.reason
    talk.show(0.125, anna="sad")
    assert talk.reason.endswith("happy dropped: it passed while sad went on")


def test_a_motion_that_fails_means_rest_and_a_pause_that_grows() -> None:
    talk = talk_of(Behaviors("en", 0.5, 20.0, {"happy": replace(HAPPY, cooldown_s=0.0)}, None))
    talk.failing = MOTION
    sent = talk.show(30.0, anna="happy")
    motions = [text for text in sent if not text[0].isupper()]
    assert motions[:2] == ["nod", "rest"]
    assert len(motions) <= 6  # twice a failure and rest; both pauses have passed within 30 s
    assert "no motion for" in talk.reason
    talk.failing = None
    talk.show(70.0, anna="happy")
    assert talk.sent[-1] == "nod"
    assert "no motion for" not in talk.reason


def test_perception_that_falls_silent_means_rest_and_idleness() -> None:
    talk = talk_of()
    talk.seconds = 99.0
    talk.show(1.25, anna="sad")
    assert talk.status.activity is Activity.RESPONDING
    talk.seconds = 1.0
    talk.show(4.0, silent=True)
    assert talk.motion.cancelled == talk.speech.cancelled == 1
    assert talk.sent[-1] == "rest"
    assert talk.status.activity is Activity.IDLE
    assert talk.reason == "perception is silent for 4 s: is fer_node running?"
    assert talk.show(3.0, anna="sad")[0] in ("lean", "palms")


def test_where_perception_has_ended_on_purpose_an_answer_comes_to_its_end() -> None:
    talk = talk_of()
    talk.seconds = 6.0
    talk.show(1.25, anna="sad")
    talk.conductor.sees_no_more()
    talk.show(4.0, silent=True)
    assert talk.motion.cancelled == talk.speech.cancelled == 0
    assert talk.status.activity is Activity.RESPONDING
    talk.show(4.0, silent=True)
    assert talk.status.activity is Activity.IDLE
    assert "silent" not in talk.reason


RULES = EngagementRules(
    near=0.12,
    far=0.08,
    dwell_s=0.25,
    leave_s=2.0,
    greeting=Behavior("greeting", 0.0, 30.0, 180, 0.0, (Variant("wave", ("Hello!",)),)),
    farewell=Behavior("farewell", 0.0, 9.0, 170, 0.0, (Variant("wave", ("Goodbye!",)),)),
)


def test_after_a_silence_nobody_is_told_goodbye_and_expressions_count_anew() -> None:
    talk = talk_of(Behaviors("en", 0.5, 20.0, EMOTIONS, None, RULES))
    assert "Hello!" in talk.show(2.0, anna="happy")
    assert talk.show(6.0, silent=True) == []
    assert talk.show(0.25, anna="sad") == []
    assert talk.status.activity is Activity.ATTENDING
    talk.show(5.0, silent=True)
    assert talk.show(5.0) == []


def test_a_greeting_comes_before_the_answer_and_a_farewell_at_the_end() -> None:
    talk = talk_of(Behaviors("en", 0.5, 20.0, EMOTIONS, None, RULES))
    assert talk.show(5.0, anna="happy") == ["wave", "Hello!", "nod", "You look happy!"]
    assert talk.show(5.0) == ["wave", "Goodbye!"]
    assert "wave" not in talk.show(4.0, bert="happy")
    assert any("greeting dropped: said 9.0 s ago" in str(status.reason) for status in talk.statuses)


class _CountedLimit(float):
    """Counts how often something was compared with it."""

    comparisons = 0

    def __lt__(self, other: float) -> bool:
        self.comparisons += 1
        return float(self) < other


def test_to_see_a_face_costs_the_same_however_many_are_remembered() -> None:
    limit = _CountedLimit(1000.0)
    now = 0.0
    moods = Moods(lambda: now, limit)
    for number in range(500):
        now += 1.0
        moods.saw(f"face {number}")
    moods.saw("face 0")
    assert (len(moods), limit.comparisons) == (500, 500)
    now += 999.5
    moods.saw("somebody")
    assert len(moods) == 3, "the last one, who came back, and somebody"

"""The behaviours file: what is read, and what its author is told about a mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ec_rfernet.labels import CONTEMPT, LABELS
from robot_behavior.dialogue.behaviors import (
    NEAREST,
    NOT_ANSWERED,
    NOT_TOLD,
    SUBSTITUTE,
    Behaviors,
    Repertoire,
    Variant,
    load,
)
from robot_behavior.motion.library import read_gestures
from robot_behavior.prosody import PLAIN
from robot_behavior.yaml_file import ConfigError

SHIPPED = Path(__file__).parents[2] / "config" / "behaviors.yaml"
MOTIONS = Repertoire(dict.fromkeys(("greet", "nod", "wave", "happy_arms_up", "happy_bounce"), ()))

GOOD = """
locale: en
pause_s: 1.0
response_timeout_s: 20
notice: {motion: greet, say: "A camera looks at you.", priority: 200}
emotions:
  happy:
    dwell_s: 0.5
    cooldown_s: 8
    priority: 120
    min_confidence: 0.4
    variants:
      - {motion: happy_arms_up, say: [You look happy!, What a smile!]}
      - {motion: nod, say: Nice to see you smile.}
      - {motion: wave}
"""


def from_text(tmp_path: Path, text: str) -> Behaviors:
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, MOTIONS)


def shipped() -> Behaviors:
    gestures = read_gestures(SHIPPED.with_name("motions.yaml"))
    return load(SHIPPED, Repertoire(gestures), SHIPPED.parent / "sentences")


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    behaviors = from_text(tmp_path, GOOD)
    happy = behaviors.emotions["happy"]
    assert (behaviors.locale, behaviors.pause_s, behaviors.response_timeout_s) == ("en", 1.0, 20.0)
    assert (happy.dwell_s, happy.cooldown_s, happy.priority) == (0.5, 8.0, 120)
    assert happy.min_confidence == 0.4
    assert happy.variants == (
        Variant("happy_arms_up", ("You look happy!", "What a smile!")),
        Variant("nod", ("Nice to see you smile.",)),
        Variant("wave", ()),
    )
    assert behaviors.notice is not None
    assert behaviors.notice.variants == (Variant("greet", ("A camera looks at you.",)),)


RICH = (
    GOOD
    + """    again: [{motion: nod, say: Still smiling!}]
    limit: 3
    then: {cooldown_s: 15, variants: [{motion: nod}]}
memory_s: 30
engagement:
  near: 0.15
  far: 0.1
  dwell_s: 1
  leave_s: 2
  greeting: {cooldown_s: 20, priority: 180, variants: [{motion: wave, say: Hello.}]}
  farewell: {cooldown_s: 20, priority: 170, variants: [{motion: wave, say: Goodbye.}]}
"""
)


def test_moods_and_engagement_are_read(tmp_path: Path) -> None:
    behaviors = from_text(tmp_path, RICH)
    happy, engagement = behaviors.emotions["happy"], behaviors.engagement
    assert (happy.limit, behaviors.memory_s) == (3, 30.0)
    assert happy.again == (Variant("nod", ("Still smiling!",)),)
    assert happy.then is not None
    assert (happy.then.cooldown_s, happy.then.priority) == (15.0, 120)
    assert engagement is not None
    assert (engagement.near, engagement.far) == (0.15, 0.1)
    assert engagement.greeting is not None
    assert engagement.greeting.variants == (Variant("wave", ("Hello.",)),)


def test_a_file_without_them_stays_valid(tmp_path: Path) -> None:
    behaviors = from_text(tmp_path, GOOD)
    happy = behaviors.emotions["happy"]
    assert behaviors.engagement is None
    assert (happy.limit, happy.again, happy.then) == (0, (), None)


RICH_MALFORMED = [
    ("limit: 3", "limit: 0", "emotions.happy.limit is 0, expected a whole number 1..1000"),
    ("    limit: 3\n", "", "emotions.happy.limit is missing"),
    ("{motion: nod, say: Still", "{motion: nid, say: Still", "happy.again[0].motion is 'nid'"),
    ("[{motion: nod}]}\nmemory", "[]}\nmemory", "emotions.happy.then.variants is []"),
    ("cooldown_s: 15", "dwell_s: 15", "emotions.happy.then.dwell_s is not known"),
    ("memory_s: 30", "memory_s: long", "memory_s is 'long', expected a number 0..3600"),
    ("near: 0.15", "near: 15", "engagement.near is 15, expected a number 0.001..1"),
    ("far: 0.1", "far: 0.2", "engagement.far is 0.2, expected a number 0..0.15"),
    ("  leave_s: 2\n", "", "engagement.leave_s is missing"),
    ("greeting:", "greetings:", "engagement.greetings is not known"),
    ("priority: 170", "priority: high", "engagement.farewell.priority is 'high'"),
    ("say: Hello.", "say: ['']", "engagement.greeting.variants[0].say is ''"),
]


@pytest.mark.parametrize(("old", "new", "message"), RICH_MALFORMED)
def test_a_mistake_in_moods_or_engagement_is_named(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in RICH
    with pytest.raises(ConfigError) as caught:
        from_text(tmp_path, RICH.replace(old, new, 1))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_keys_stand_for_the_sentences_of_the_language(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD.replace("say: Nice to see you smile.", "say: [happy, Nice!]"))
    for locale in (None, "de"):
        behaviors = load(file, MOTIONS, SHIPPED.parent / "sentences", locale)
        say = behaviors.emotions["happy"].variants[1].say
        assert behaviors.sentences is not None
        assert say == (*behaviors.sentences.of("happy"), "Nice!")
        for sentence in (say[0], "Nice!"):
            words = behaviors.words(sentence, "happy", 12)
            assert (words.text, words.locale) == (sentence, locale or "en")
            assert words.prosody == behaviors.sentences.prosody("happy") != PLAIN
    file.write_text(GOOD.replace("say: Nice to see you smile.", "say: hapy"))
    with pytest.raises(ConfigError, match=r"variants\[1\]\.say: .*did you mean happy"):
        load(file, MOTIONS, SHIPPED.parent / "sentences")


def test_a_greeting_knows_the_time_of_day() -> None:
    behaviors = shipped()
    template = next(sentence for sentence in behaviors.keys if "{time_of_day}" in sentence)
    assert "Good morning" in behaviors.words(template, "greeting", 8).text
    assert "Good evening" in behaviors.words(template, "greeting", 21).text


def test_the_notice_can_be_left_out(tmp_path: Path) -> None:
    assert from_text(tmp_path, re.sub(r"notice:.*\n", "", GOOD)).notice is None


@pytest.mark.parametrize("label", [CONTEMPT, "proud", "surprise", "Fear"])
def test_any_label_of_a_model_can_be_answered(tmp_path: Path, label: str) -> None:
    behaviors = from_text(tmp_path, GOOD.replace("happy:", f"{label}:"))
    assert behaviors.emotions[label].name == label


def test_labels_that_do_not_fit_the_model_are_told_with_the_nearest_name(tmp_path: Path) -> None:
    behaviors = from_text(tmp_path, GOOD.replace("happy:", "surprise:"))
    told, other = behaviors.misfits(("happy", "surprised"))
    assert (told.code, str(told)) == (
        NOT_TOLD,
        "the behaviours answer surprise, which the model does not tell, "
        "expected one of happy, surprised (did you mean surprised?)",
    )
    text = "the model tells happy, surprised, which have no behaviour: they are not answered"
    assert (other.code, str(other)) == (NOT_ANSWERED, text)


def test_labels_of_which_none_fits_are_one_sentence() -> None:
    for labels, told in ((("",) * 7, "none"), (("0", "0"), "0"), ((), "none")):
        first, *others = shipped().misfits(labels)
        assert str(first).endswith(f"which the model does not tell, expected one of {told}")
        assert len(others) == (told == "0")


def test_the_shipped_behaviours_fit_the_shipped_labels() -> None:
    assert shipped().misfits(LABELS) == []
    (told,) = shipped().misfits((*LABELS, CONTEMPT))
    assert told.code == NOT_ANSWERED and CONTEMPT in str(told)


MALFORMED = [
    ("happy:", "suprised:", "emotions.suprised is not an expression", "did you mean surprised"),
    ("happy:", "Happy:", "emotions.Happy is not an expression", "did you mean happy?"),
    ("happy:", "notice:", "emotions.notice is not an expression", "another label of the model"),
    ("happy:", "rest:", "emotions.rest is not an expression", "another label of the model"),
    ("happy:", "hapy:", "emotions.hapy is not an expression", "did you mean happy?"),
    ("happy:", "unknown:", "emotions.unknown is not an expression", "one of angry, disgusted"),
    ("motion: nod", "motion: nood", "emotions.happy.variants[1].motion is 'nood'", "mean nod?"),
    ("motion: nod", "motion: zzz", "variants[1].motion is 'zzz'", "happy_bounce, nod, wave"),
    ("motion: nod, ", "", "emotions.happy.variants[1].motion is missing", ""),
    ("motion: nod", "motion: [nod]", "variants[1].motion is ['nod']", "a text"),
    ("say: Nice to see you smile.", "say: ''", "variants[1].say is ''", "not empty"),
    ("say: Nice to see you smile.", "say: ['  ']", "variants[1].say is '  '", "not empty"),
    ("say: Nice to see you smile.", "say: 7", "variants[1].say is 7", "a sentence"),
    ("say: Nice to see you smile.", "say: [no]", "variants[1].say is False", "a sentence"),
    ("say: Nice to see you smile.", "say: What a smile!", "is 'What a smile!'", "differ within"),
    ("motion: nod, say: Nice to see you smile.", "motion: wave", "is 'wave'", "not listed twice"),
    ("say: Nice", "says: Nice", "variants[1].says is not known", "motion, say"),
    ("dwell_s: 0.5", "dwell_s: -1", "emotions.happy.dwell_s is -1", "a number 0..3600"),
    ("dwell_s: 0.5", "dwell_s: soon", "dwell_s is 'soon'", "a number 0..3600"),
    ("dwell_s: 0.5", "dwell_s: .nan", "dwell_s is nan", "a number 0..3600"),
    ("dwell_s: 0.5", "dwell: 0.5", "emotions.happy.dwell is not known", "did you mean 'dwell_s'?"),
    ("cooldown_s: 8", "cooldown_s: .inf", "cooldown_s is inf", "a number 0..3600"),
    ("cooldown_s: 8", "cooldown_s: 8\n    wait_s: 1", "happy.wait_s is not known", "cooldown_s"),
    ("priority: 120", "priority: 256", "emotions.happy.priority is 256", "0..255"),
    ("priority: 120", "priority: 1.5", "priority is 1.5", "a whole number"),
    ("priority: 120", "priority: yes", "priority is True", "a whole number"),
    ("min_confidence: 0.4", "min_confidence: 40", "min_confidence is 40", "a number 0..1"),
    ("locale: en", "locale: no", "locale is False", "a text"),
    ("locale: en", "locale: english please", "locale is 'english please'", "en, de or en-GB"),
    ("locale: en\n", "", "locale is missing", ""),
    ("pause_s: 1.0", "pause_s: -0.1", "pause_s is -0.1", "a number"),
    ("response_timeout_s: 20", "response_timeout_s: 0", "response_timeout_s is 0", "1..3600"),
    ("emotions:", "emotion:", "emotion is not known", "did you mean 'emotions'?"),
    ("motion: greet", "motion: great", "notice.motion is 'great'", "did you mean greet?"),
    ('say: "A camera looks at you."', "say: ' '", "notice.say is ' '", "not empty"),
    ("locale: en", "locale: en\nlanguage: en", "language is not known", "locale"),
    ("locale: en", "locale: [en", "is not valid YAML", "mine.yaml"),
    ("  happy:", "  happy: &a [1]\n  sad:", "emotions.happy is [1]", "a mapping"),
]


@pytest.mark.parametrize(("old", "new", "place", "expected"), MALFORMED)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, place: str, expected: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        from_text(tmp_path, GOOD.replace(old, new, 1))
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "mine.yaml"))
    assert place in message
    assert expected in message
    assert "\n" not in message


def test_no_variants_at_all(tmp_path: Path) -> None:
    document = yaml.safe_load(GOOD)
    document["emotions"]["happy"]["variants"] = []
    with pytest.raises(ConfigError, match=r"happy\.variants is \[\], expected at least one"):
        from_text(tmp_path, yaml.safe_dump(document))


def test_an_expression_listed_twice_is_refused(tmp_path: Path) -> None:
    block = GOOD[GOOD.index("  happy:") :]
    with pytest.raises(ConfigError, match=r"line 16, column 3: key 'happy' is there twice"):
        from_text(tmp_path, GOOD + block)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "\x00"])
def test_a_file_that_is_something_else(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        from_text(tmp_path, text)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        load(tmp_path / "nowhere.yaml", MOTIONS)


def test_shipped_behaviours_answer_every_expression() -> None:
    behaviors = shipped()
    assert set(behaviors.emotions) == set(LABELS)
    assert behaviors.notice is not None
    for name, behavior in behaviors.emotions.items():
        if name == "neutral":
            assert not any(variant.say for variant in behavior.variants)
        else:
            assert len(behavior.variants) >= 2
            assert sum(len(variant.say) for variant in behavior.variants) >= 3


def test_shipped_sentences_never_assert_a_feeling() -> None:
    for behavior in shipped().emotions.values():
        for variant in behavior.variants:
            for sentence in variant.say:
                assert not re.search(r"\byou('re| are| feel| seem)\b", sentence, re.IGNORECASE)


def test_shipped_behaviours_answer_within_two_seconds() -> None:
    # People expect an answer within two seconds (Shiwa et al., 2009).
    for name, behavior in shipped().emotions.items():
        assert name == "neutral" or behavior.dwell_s <= 1.5


HUMANOID = read_gestures(SHIPPED.with_name("motions.yaml"))
EXPRESSIVE = GOOD.replace("motion: happy_arms_up", "express: rejoice").replace(
    "motion: nod", "express: agree"
)


def expressive(tmp_path: Path, gestures: dict[str, tuple[str, ...]]) -> Behaviors:
    file = tmp_path / "mine.yaml"
    file.write_text(EXPRESSIVE)
    return load(file, Repertoire(gestures, HUMANOID))


def test_an_expression_becomes_every_gesture_that_the_robot_has_for_it(tmp_path: Path) -> None:
    gestures = {"greet": ("greet",), "wave": (), "jump": ("rejoice",), "spin": ("agree", "rejoice")}
    behaviors = expressive(tmp_path, gestures)
    say = ("You look happy!", "What a smile!")
    assert behaviors.emotions["happy"].variants == (
        Variant("jump", say),
        Variant("spin", say),
        Variant("spin", ("Nice to see you smile.",)),
        Variant("wave", ()),
    )
    assert behaviors.substitutes == ()


def test_a_robot_without_a_gesture_shows_what_is_nearest_and_says_so(tmp_path: Path) -> None:
    behaviors = expressive(tmp_path, {"greet": ("greet",), "wave": (), "tilt": ("listen",)})
    rejoice, agree, _wave = behaviors.emotions["happy"].variants
    assert (rejoice.motion, agree.motion) == ("greet", "tilt")
    assert rejoice.instead is not None and rejoice.instead.code == SUBSTITUTE
    assert str(rejoice.instead) == "the robot has no gesture for 'rejoice': it shows 'greet'"
    assert set(behaviors.substitutes) == {rejoice.instead, agree.instead}


def test_a_robot_with_nothing_alike_stays_at_rest_and_says_so(tmp_path: Path) -> None:
    behaviors = expressive(tmp_path, {"rest": (), "greet": (), "wave": ()})
    variant = behaviors.emotions["happy"].variants[0]
    assert variant.motion == "rest" and variant.say
    assert str(variant.instead).endswith("'rejoice' or the like: it stays at rest")


def test_behaviours_that_name_motions_of_the_humanoid_serve_another_robot(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD.replace("{motion: wave}", "{motion: nod}"))
    behaviors = load(file, Repertoire({"hop": ("rejoice",), "bow": ("greet", "listen")}, HUMANOID))
    happy = behaviors.emotions["happy"].variants
    assert [variant.motion for variant in happy] == ["hop", "bow", "bow"]
    assert str(happy[0].instead) == ("the robot has no motion 'happy_arms_up': it shows 'rejoice'")
    assert str(happy[1].instead) == "the robot has no gesture for 'agree': it shows 'listen'"
    assert behaviors.notice is not None and behaviors.notice.variants[0].motion == "bow"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("express: rejoice", "express: rejoyce", r"express is 'rejoyce', .*mean rejoice or"),
        ("{motion: wave}", "{motion: wave, express: greet}", "either 'motion' or 'express'"),
        ("{motion: wave}", "{express: agree, say: Nice to see you smile.}", "differ within"),
        ("{motion: wave}", "{motion: wvae}", r"a motion of the library \(did you mean wave\?"),
    ],
)
def test_mistakes_in_what_is_expressed(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(EXPRESSIVE.replace(old, new))
    with pytest.raises(ConfigError, match=complaint):
        load(file, Repertoire({"wave": ("greet",)}, HUMANOID))


def test_every_expression_has_gestures_of_the_humanoid_or_something_near() -> None:
    known = Repertoire(HUMANOID)
    used = {word for words in HUMANOID.values() for word in words} - {"rest"}
    assert used <= set(NEAREST)
    for expression, nearest in NEAREST.items():
        assert set(nearest) < set(NEAREST)
        motions, instead = known.motions(expression)
        assert motions != ("rest",) or expression == "fall_asleep"
        assert (instead is None) == (expression in used)


LIVELY = {"rejoice", "greet", "be_surprised"}


@pytest.mark.parametrize("calm", ["calm", "comfort", "reassure", "wait", "give_space", "withdraw"])
def test_calm_is_never_replaced_by_something_lively(calm: str) -> None:
    assert not LIVELY & set(NEAREST[calm])
    motions, _ = Repertoire({"jump": tuple(LIVELY)}).motions(calm)
    assert motions == ("rest",)

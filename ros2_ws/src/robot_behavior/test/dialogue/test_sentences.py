"""The sentence files: the shipped ones, and those with mistakes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.dialogue.sentences import Sentences
from robot_behavior.prosody import Prosody
from robot_behavior.speech.text import speakable
from robot_behavior.yaml_file import ConfigError

SHIPPED = Path(__file__).parents[2] / "config" / "sentences"
LANGUAGES = ("en", "zh", "de", "fr", "es")
EMOTIONS = ("happy", "sad", "angry", "scared", "surprised", "disgusted")
STATEMENTS = {  # about how somebody feels; the robot only knows how somebody looks
    "en": r"\byou are\b|\byou're\b|\byou feel\b",
    "de": r"\bSie sind\b|\bdu bist\b|\bSie fühlen\b",
    "fr": r"\bvous êtes\b|\btu es\b|\bvous vous sentez\b",
    "es": r"\b(usted )?está(s)? (triste|feliz|enfad|asust|sorprend)|\beres\b|\bse siente\b",
    "zh": "您是|你是|(^|[，。！])您很|您感到",
}
INFORMAL = {"de": r"\b(du|dir|dich|dein)\b", "fr": r"\b(tu|toi|ton)\b", "zh": "你"}
FILE = """
locale: en
time_of_day:
  - {from_hour: 6, say: Good morning}
  - {from_hour: 18, say: Good evening}
sentences:
  sad: ["You look sad."]
  greeting: ["{time_of_day}!"]
"""
PROSODY = "prosody:\n  sad: {rate: 0.8, pitch_st: -2}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "en.yaml").write_text(FILE)
    (tmp_path / "prosody.yaml").write_text(PROSODY)
    return tmp_path


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_as_much_as_english(language: str) -> None:
    english, other = Sentences.load(SHIPPED, "en"), Sentences.load(SHIPPED, language)
    assert other.fallback is None and other.locale == language
    counts = [{key: len(s.templates[key]) for key in s.templates} for s in (english, other)]
    assert counts[0] == counts[1]
    assert {"greeting", "farewell", "notice", *EMOTIONS} <= set(other.templates)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_claims_to_know_what_somebody_feels(language: str) -> None:
    sentences = Sentences.load(SHIPPED, language)
    for key, templates in sentences.templates.items():
        for template in templates:
            for hour in (0, 8, 14, 20):
                text = sentences.words(template, key, hour).text
                assert not re.search(STATEMENTS[language], text, re.IGNORECASE), text
                assert not re.search(INFORMAL.get(language, "$^"), text, re.IGNORECASE), text
                assert "{" not in text and speakable(text) == text.replace("\n", " ")


def test_comfort_is_slow_low_and_soft_and_joy_is_not() -> None:
    sentences = Sentences.load(SHIPPED, "en")
    for key in ("sad", "sad.again", "sad.quiet", "angry", "scared", "scared.distance"):
        prosody = sentences.prosody(key)
        assert prosody.rate < 0.9 and prosody.pitch_st < 0 and prosody.volume_db < 0, key
    assert sentences.prosody("happy").rate > 1 < sentences.prosody("happy").pitch_st
    assert sentences.prosody("sad.again") == sentences.prosody("sad")
    assert set(sentences.prosodies) <= set(sentences.templates)


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("de-AT", "de-AT"),
        ("DE_at", "DE_at"),
        ("zh-CN", "zh-CN"),
        ("cmn-Hans", "cmn-Hans"),
        ("en-GB-scotland", "en-GB-scotland"),
    ],
)
def test_a_region_falls_back_to_its_language(asked: str, spoken: str) -> None:
    sentences = Sentences.load(SHIPPED, asked)
    assert sentences.locale == spoken and sentences.fallback is None
    assert sentences.file.stem == {"c": "zh", "z": "zh"}.get(asked[0], asked[:2].lower())


def test_a_language_without_a_file_is_answered_in_english_and_says_so() -> None:
    sentences = Sentences.load(SHIPPED, "tlh")
    assert sentences.locale == "en"
    assert str(sentences.fallback) == (
        "no sentences in 'tlh', using 'en'; there are de, en, es, fr, zh: choose one of them as "
        "locale, or name a folder of your own as sentences_dir"
    )


@pytest.mark.parametrize(
    ("hour", "greeting"), [(6, "Good morning!"), (17, "Good morning!"), (3, "Good evening!")]
)
def test_the_time_of_day_is_filled_in(folder: Path, hour: int, greeting: str) -> None:
    sentences = Sentences.load(folder, "en")
    assert sentences.words(sentences.of("greeting")[0], "greeting", hour).text == greeting


def test_words_are_said_as_their_key_demands(folder: Path) -> None:
    words = Sentences.load(folder, "en-GB").words("You look sad.", "sad.again", 12)
    assert (words.text, words.locale) == ("You look sad.", "en-GB")
    assert words.prosody == Prosody(rate=0.8, pitch_st=-2.0)


def test_words_are_known_by_their_template(folder: Path) -> None:
    words = Sentences.load(folder, "en").words("{time_of_day}!", "greeting", 12)
    assert (words.text, words.template) == ("Good morning!", "{time_of_day}!")


@pytest.mark.parametrize("locale", ["", "-", "../en", "klingon!", "e", "en.yaml"])
def test_what_is_no_language_tag_is_refused(folder: Path, locale: str) -> None:
    with pytest.raises(ConfigError, match="expected a language tag such as en, de-AT or zh-CN"):
        Sentences.load(folder, locale)


def test_no_language_at_all_is_an_error(folder: Path) -> None:
    (folder / "en.yaml").rename(folder / "fr.yaml")
    with pytest.raises(ConfigError, match=r"no sentences in 'de' or 'en', but in fr"):
        Sentences.load(folder, "de")


def test_a_missing_key_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"en.yaml: has no sentences 'sat', .*did you mean sad"):
        Sentences.load(folder, "en").of("sat")


@pytest.mark.parametrize(
    ("mistake", "complaint"),
    [
        (("{time_of_day}!", "{name}!"), r"en.yaml: sentences.greeting: variable '{name}' in"),
        (("{time_of_day}!", "{time_of_day!r}"), "is not known, expected {time_of_day}"),
        (("{time_of_day}!", "{time_of_day.x}"), "variable '{time_of_day.x}'"),
        (("{time_of_day}!", "{}"), "variable '{}'"),
        (("{time_of_day}!", "{time"), "sentences.greeting: '{time' is malformed"),
        (('["You look sad."]', "You look sad."), "sentences.sad is 'You look sad.', expected a"),
        (('["You look sad."]', "[]"), r"sentences.sad is \[\], expected at least one sentence"),
        (('"You look sad."', '" "'), "expected sentences that are not empty"),
        (('"You look sad."', "A., A."), "expected a sentence that is not listed twice"),
        (('"You look sad."', "7"), r"sentences.sad is \[7\], expected a list of texts"),
        (("sad:", "Very Sad:"), "expected a key in small letters"),
        (("locale: en", "locale: de"), "locale is 'de', expected en, as the name of the file"),
        (("from_hour: 18", "from_hour: 5"), "from_hour is 5, expected a whole number 7..23"),
        (("sentences:", "sentence:"), "sentence is not known, did you mean 'sentences'?"),
        (("locale: en", "locale: en\nlanguage: x"), "language is not known"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    folder: Path, mistake: tuple[str, str], complaint: str
) -> None:
    (folder / "en.yaml").write_text(FILE.replace(*mistake))
    with pytest.raises(ConfigError, match=complaint):
        Sentences.load(folder, "en")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("prosody: {sad: {rate: 9}}", "prosody.sad.rate is 9, expected a number 0.5..2"),
        ("prosody: {sad: {pitch: 1}}", "prosody.sad.pitch is not known"),
        ("prosody: {sad: {volume_db: .nan}}", "prosody.sad.volume_db is nan"),
        ("prosody: {sad: slow}", "prosody.sad is 'slow', expected a mapping"),
    ],
)
def test_a_mistake_in_the_prosody_is_named(folder: Path, text: str, complaint: str) -> None:
    (folder / "prosody.yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"prosody.yaml: {complaint}"):
        Sentences.load(folder, "en")


@given(st.text())
def test_any_template_is_filled_in_or_named(template: str) -> None:
    sentences = Sentences.load(SHIPPED, "en")
    try:
        text = sentences.words(template, "happy", 9).text
    except ConfigError as error:
        assert "en.yaml: happy: " in str(error)
    else:
        assert text == template.replace("{{", "{").replace("}}", "}")


@pytest.mark.parametrize(
    ("text", "key"), [("sad", True), ("sad.again", True), ("Sad", False), ("hm?", False)]
)
def test_keys_are_told_from_sentences(text: str, key: bool) -> None:
    assert Sentences.is_key(text) is key

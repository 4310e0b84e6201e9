"""eSpeak NG and the voice for the log."""

from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from robot_behavior.dialogue.sentences import Sentences
from robot_behavior.prosody import PLAIN, Prosody
from robot_behavior.speech.espeak import EspeakVoice
from robot_behavior.speech.loudness import levelled
from robot_behavior.speech.voice import STEP_S, LogVoice, Sound, SpeechError, VoiceSettings

SENTENCE = "You look happy! I am glad to see that."
LANGUAGES = {
    "en": "You look a bit sad. I'm here if you want to talk.",
    "de": "Sie sehen etwas traurig aus. Ich bin da, wenn Sie reden möchten.",
    "fr": "Vous avez l'air un peu triste. Je suis là, si vous voulez parler.",
    "es": "Se le ve un poco triste. Aquí me tiene, si quiere hablar.",
    "zh": "您看起来有点难过。想聊聊的话，我在这里。",
}


LONG_PATH = """
import sys, espeakng_loader
espeakng_loader.get_data_path = lambda: sys.argv[1]
from robot_behavior.prosody import PLAIN
from robot_behavior.speech.espeak import EspeakVoice
for _ in range(2):  # a second voice shares the library
    voice = EspeakVoice()
for language in ("en", "de", "zh"):
    print(len(voice.synthesise("Hello.", voice.language(language), PLAIN, lambda: False).samples))
"""


@pytest.mark.parametrize("folder", ["x" * 80, f"{'x' * 120}/{'ü' * 100}"])
def test_voices_far_down_in_a_project_speak(folder: str, tmp_path: Path) -> None:
    espeakng_loader = pytest.importorskip("espeakng_loader")
    place = tmp_path / folder
    place.mkdir(parents=True)
    data = place / "espeak-ng-data"
    shutil.copytree(espeakng_loader.get_data_path(), data)
    done = subprocess.run(
        [sys.executable, "-c", LONG_PATH, str(data)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(int(count) > 5000 for count in done.stdout.split())
    assert len(done.stdout.split()) == 3


def wanted() -> bool:
    return False


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0


def pitch_hz(sound: Sound) -> float:
    """Mean fundamental frequency of the loud frames, by autocorrelation."""
    frame, low, found = sound.rate // 20, sound.rate // 300, []
    for start in range(0, len(sound.samples) - frame, frame // 4):
        wave = sound.samples[start : start + frame] / 32768
        if rms(wave) > 0.05:
            correlation = np.correlate(wave, wave, "full")[frame - 1 :]
            found.append(sound.rate / (low + correlation[low : sound.rate // 55].argmax()))
    return float(np.exp(np.mean(np.log(found))))


@pytest.fixture(scope="module")
def espeak() -> EspeakVoice:
    pytest.importorskip("espeakng_loader")
    return EspeakVoice()


def test_espeak_speaks(espeak: EspeakVoice) -> None:
    sound = espeak.synthesise(SENTENCE, "en", PLAIN, wanted)
    assert sound.rate == espeak.rate >= 16000
    assert 1.5 < sound.duration < 4.0
    assert rms(sound.samples / 32768) > 0.03


def test_espeak_speaks_other_languages_and_any_text(espeak: EspeakVoice) -> None:
    german = espeak.synthesise("Schön, dich zu sehen.", espeak.language("de-DE"), PLAIN, wanted)
    assert rms(german.samples / 32768) > 0.03
    for text in ("...", "\U0001f600", "<break/> & [[h@]]", "\udcff", "a" * 5000):
        espeak.synthesise(text, "en", PLAIN, wanted)


def test_espeak_stops_when_nobody_wants_to_hear_more(espeak: EspeakVoice) -> None:
    text = "This is a very long story. " * 30
    asked = count()
    short = espeak.synthesise(text, "en", PLAIN, lambda: next(asked) > 1)
    assert short.duration < 0.5 * espeak.synthesise(text, "en", PLAIN, wanted).duration


@pytest.mark.parametrize(
    ("tag", "language"), [("en", "en"), ("en-GB", "en-gb"), ("en_US", "en-us"), ("en-IE", "en")]
)
def test_language_tags_fall_back(espeak: EspeakVoice, tag: str, language: str) -> None:
    assert espeak.language(tag) == language


@pytest.mark.parametrize("tag", ["xx", "klingon", "", "-"])
def test_an_unknown_language_is_named_with_what_there_is(espeak: EspeakVoice, tag: str) -> None:
    with pytest.raises(SpeechError, match=f"no voice speaks '{tag}', expected one of af.*, en,"):
        espeak.language(tag)


def test_faster_speech_is_shorter() -> None:
    pytest.importorskip("espeakng_loader")
    slow = EspeakVoice(VoiceSettings(rate_wpm=120)).synthesise(SENTENCE, "en", PLAIN, wanted)
    fast = EspeakVoice(VoiceSettings(rate_wpm=240)).synthesise(SENTENCE, "en", PLAIN, wanted)
    assert fast.duration < 0.8 * slow.duration


@pytest.mark.parametrize("locale", ["en", "en-GB", "de", "zh"])
def test_espeak_tells_the_file_of_its_voice_and_where_a_better_one_is(
    espeak: EspeakVoice, locale: str
) -> None:
    language = espeak.language(locale)
    engine, file = espeak.described(language).split(", ")
    assert engine.startswith("eSpeak NG 1.") and Path(file).is_file()
    better = espeak.better(language)
    if locale.startswith("en"):
        assert better == "more natural: --speech piper, which make setup VOICE=piper installs"
    else:
        assert better and f"a piper voice for '{language}' as piper_voice" in better


def test_a_missing_espeak_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr("ctypes.util.find_library", lambda _name: None)
    with pytest.raises(SpeechError, match="pip install espeakng-loader.*speech:=log"):
        EspeakVoice()


def test_the_log_voice_is_silent_and_takes_its_time() -> None:
    sound = LogVoice().synthesise(SENTENCE, "en", PLAIN, wanted)
    assert 1.5 < sound.duration < 4.0
    assert not sound.samples.any()


@pytest.mark.parametrize("locale", LANGUAGES)
def test_espeak_speaks_the_languages_of_the_sentence_files(
    espeak: EspeakVoice, locale: str
) -> None:
    sound = espeak.synthesise(LANGUAGES[locale], espeak.language(locale), PLAIN, wanted)
    assert 2.5 < sound.duration < 7.0 and rms(sound.samples / 32768) > 0.03


LETTERS_PER_S = {"zh": (2.0, 5.0)}
"""Of a sentence, pauses included; a Chinese character is a syllable."""


@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_shipped_sentence_is_heard(espeak: EspeakVoice, locale: str) -> None:
    """As long as its text, loud enough for a room, and not distorted."""
    sentences = Sentences.load(Path(__file__).parents[2] / "config" / "sentences", locale)
    slowest, fastest = LETTERS_PER_S.get(locale, (6.0, 23.0))
    for key, templates in sentences.templates.items():
        for template in templates:
            words = sentences.words(template, key, 8)
            language = espeak.language(words.locale)
            spoken = espeak.synthesise(words.text, language, words.prosody, wanted)
            sound = levelled(spoken, words.prosody.gain)
            letters = sum(map(str.isalnum, words.text))
            assert slowest < letters / sound.duration < fastest, words.text
            loudness = np.abs(sound.samples.astype(int))
            assert loudness.max() > 0.2 * 32767, words.text
            assert (loudness >= 32760).mean() < 1e-4, f"{words.text}: clipped"
            audible = loudness > 0.02 * 32767
            assert 0.15 < audible.mean() < 0.9, words.text


@pytest.mark.parametrize("locale", ["zh", "zh-CN", "cmn", "cmn-Hans"])
def test_chinese_characters_are_spoken_and_not_spelled(espeak: EspeakVoice, locale: str) -> None:
    text = LANGUAGES["zh"]
    sound = espeak.synthesise(text, espeak.language(locale), PLAIN, wanted)
    assert 0.15 < sound.duration / len(text) < 0.35  # a syllable each
    phonemes = espeak.phonemes(text, espeak.language(locale))
    assert "ɕ" in phonemes or "tɕh" in phonemes or "kh" in phonemes
    assert "lˈɛtə" not in phonemes  # "Chinese letter"


def test_espeak_obeys_the_prosody(espeak: EspeakVoice) -> None:
    def say(prosody: Prosody) -> tuple[float, float, float]:
        sound = levelled(espeak.synthesise(SENTENCE, "en", prosody, wanted), prosody.gain)
        return sound.duration, pitch_hz(sound), rms(sound.samples / 32768)

    plain, sad, happy = say(PLAIN), say(Prosody(0.8, -3.0, -6.0)), say(Prosody(1.2, 4.0, 1.0))
    assert sad[0] > 1.1 * plain[0] > 1.2 * happy[0]
    assert sad[1] < 0.92 * plain[1] and happy[1] > 1.12 * plain[1]
    assert sad[2] < 0.6 * plain[2] < happy[2]
    assert say(PLAIN) == pytest.approx(plain, rel=0.05)  # nothing of it stays behind


def test_the_log_voice_obeys_the_prosody_and_moves_its_mouth() -> None:
    def say(text: str, prosody: Prosody = PLAIN) -> Sound:
        return LogVoice().synthesise(text, "en", prosody, wanted)

    plain, slow = say(SENTENCE), say(SENTENCE, Prosody(0.5, 0.0, -6.0))
    assert slow.duration == pytest.approx(2 * plain.duration, rel=0.01)
    assert len(plain.opening()) == pytest.approx(plain.duration / STEP_S, abs=1)
    assert plain.opening().max() > 1.9 * slow.opening().max() > 0.5
    assert (plain.opening() < 0.05).any() and not say("... ...").opening().any()
    assert say(LANGUAGES["zh"]).duration > 3.0 and say("").duration == 0.0


def test_the_mouth_follows_the_loudness() -> None:
    times = np.arange(16000) / 16000
    tone = np.sin(2 * np.pi * 200 * times) * np.where(times < 0.5, 3000, 30000)
    opening = Sound(tone.astype(np.int16), 16000).opening()
    assert len(opening) == 50 and (opening[:25] < 0.3).all() and (opening[25:] == 1.0).all()
    assert len(Sound(np.zeros(0, np.int16), 16000).opening()) == 0


def test_another_speed_takes_effect_when_it_is_asked_to() -> None:
    voice = LogVoice()
    before = voice.synthesise(SENTENCE, "en", PLAIN, lambda: False).duration
    take_effect = voice.adjust(VoiceSettings(rate_wpm=320))
    assert voice.synthesise(SENTENCE, "en", PLAIN, lambda: False).duration == before
    take_effect()
    after = voice.synthesise(SENTENCE, "en", PLAIN, lambda: False).duration
    assert after == pytest.approx(before / 2, rel=0.01)

"""Voices, loudspeaker, recording, and the thread that brings them together."""

from __future__ import annotations

import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from robot_behavior.speech.espeak import EspeakVoice
from robot_behavior.speech.log_voice import LogVoice
from robot_behavior.speech.loudspeaker import Loudspeaker
from robot_behavior.speech.recorder import Recorder
from robot_behavior.speech.sound import Sound
from robot_behavior.speech.speaker import Speaker
from robot_behavior.speech.voice import SpeechError

RATE = 8000
SENTENCE = "You look happy! I am glad to see that."


def wanted() -> bool:
    return False


def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline, pause = time.monotonic() + timeout_s, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.005)


def read(file: Path) -> tuple[np.ndarray, int]:
    with wave.open(str(file)) as recording:
        assert (recording.getnchannels(), recording.getsampwidth()) == (1, 2)
        data = recording.readframes(recording.getnframes())
        return np.frombuffer(data, np.int16) / 32768.0, recording.getframerate()


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0


@pytest.fixture(scope="module")
def espeak() -> EspeakVoice:
    pytest.importorskip("espeakng_loader")
    return EspeakVoice(160, 100)


def test_espeak_speaks(espeak: EspeakVoice) -> None:
    sound = espeak.synthesise(SENTENCE, "en", wanted)
    assert sound.rate == espeak.rate >= 16000
    assert 1.5 < sound.duration < 4.0
    assert rms(sound.samples / 32768) > 0.03


def test_espeak_speaks_other_languages_and_any_text(espeak: EspeakVoice) -> None:
    german = espeak.synthesise("Schön, dich zu sehen.", espeak.language("de-DE"), wanted)
    assert rms(german.samples / 32768) > 0.03
    for text in ("...", "\U0001f600", "<break/> & [[h@]]", "\udcff", "a" * 5000):
        espeak.synthesise(text, "en", wanted)


def test_espeak_stops_when_nobody_wants_to_hear_more(espeak: EspeakVoice) -> None:
    text = "This is a very long story. " * 200
    began = time.monotonic()
    short = espeak.synthesise(text, "en", lambda: time.monotonic() > began + 0.005)
    assert short.duration < 0.5 * espeak.synthesise(text, "en", wanted).duration


@pytest.mark.parametrize(
    ("tag", "language"), [("en", "en"), ("en-GB", "en-gb"), ("en_US", "en-us"), ("en-IE", "en")]
)
def test_language_tags_fall_back(espeak: EspeakVoice, tag: str, language: str) -> None:
    assert espeak.language(tag) == language


@pytest.mark.parametrize("tag", ["xx", "klingon", "", "-"])
def test_an_unknown_language_is_named_with_what_there_is(espeak: EspeakVoice, tag: str) -> None:
    with pytest.raises(SpeechError, match=f"no voice speaks '{tag}', expected one of af.*, en,"):
        espeak.language(tag)


def test_faster_speech_is_shorter_and_volume_matters() -> None:
    pytest.importorskip("espeakng_loader")
    slow = EspeakVoice(120, 100).synthesise(SENTENCE, "en", wanted)
    fast = EspeakVoice(240, 30).synthesise(SENTENCE, "en", wanted)
    assert fast.duration < 0.8 * slow.duration
    assert rms(fast.samples / 32768) < 0.7 * rms(slow.samples / 32768)


def test_a_missing_espeak_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr("ctypes.util.find_library", lambda _name: None)
    with pytest.raises(SpeechError, match="pip install espeakng-loader.*speech:=log"):
        EspeakVoice(160, 100)


def test_the_log_voice_is_silent_and_takes_its_time() -> None:
    sound = LogVoice(160).synthesise(SENTENCE, "en", wanted)
    assert 1.5 < sound.duration < 4.0
    assert not sound.samples.any()


def test_a_missing_sound_device_is_named(capfd: pytest.CaptureFixture) -> None:
    try:
        Loudspeaker("null")
    except SpeechError as error:
        pytest.skip(f"ALSA is not usable here: {error}")
    with pytest.raises(SpeechError, match="sound device 'no_such_device': "):
        Loudspeaker("no_such_device")
    assert capfd.readouterr().err == ""


def test_the_loudspeaker_gets_every_sample(tmp_path: Path) -> None:
    file = tmp_path / "heard.raw"
    try:
        loudspeaker = Loudspeaker(f"file:FILE={file},FORMAT=raw")
    except SpeechError as error:
        pytest.skip(f"ALSA is not usable here: {error}")
    samples = (8000 * np.sin(np.arange(RATE) * 0.3)).astype(np.int16)
    loudspeaker.play(Sound(samples, RATE), wanted)
    np.testing.assert_array_equal(np.fromfile(file, np.int16)[:RATE], samples)
    loudspeaker.play(Sound(samples, RATE), lambda: True)
    assert len(np.fromfile(file, np.int16)) <= RATE


def test_a_recording_is_complete_after_every_sentence(tmp_path: Path) -> None:
    file = tmp_path / "new" / "said.wav"
    recorder = Recorder(file, RATE)
    assert len(read(file)[0]) == 0
    tone = np.full(RATE // 2, 10000, np.int16)
    recorder.add(Sound(tone, RATE), at_s=1.0)
    samples, rate = read(file)  # not closed: the program may be killed at any time
    assert rate == RATE and len(samples) == 1.5 * RATE
    recorder.add(Sound(tone, RATE), at_s=2.5)
    recorder.close()
    samples, _ = read(file)
    loud = np.abs(samples) > 0.1
    np.testing.assert_array_equal(np.flatnonzero(np.diff(loud)) + 1, [8000, 12000, 20000])


def test_a_recording_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="cannot record to"):
        Recorder(tmp_path, RATE)


class Tone:
    """A voice that hums for a tenth of a second per word."""

    rate = RATE

    def language(self, locale: str) -> str:
        return locale

    def synthesise(self, text: str, _language: str, _unwanted: Callable[[], bool]) -> Sound:
        if text == "mute":
            raise SpeechError("lost its voice")
        return Sound(np.full(len(text.split()) * RATE // 10, 9000, np.int16), RATE)


@pytest.fixture
def said(tmp_path: Path) -> Iterator[tuple[Speaker, Path, list[str]]]:
    file, warnings = tmp_path / "said.wav", []
    speaker = Speaker(Tone(), None, Recorder(file, RATE), warnings.append)
    yield speaker, file, warnings
    speaker.close()


def test_a_sentence_takes_as_long_as_its_sound(said: tuple) -> None:
    speaker, file, _ = said
    began = time.monotonic()
    utterance = speaker.say("one two three", "en")
    until(lambda: utterance.started is not None)
    assert not speaker.is_silent
    until(lambda: utterance.is_over)
    assert 0.3 <= time.monotonic() - began < 0.8
    assert utterance.progress(time.monotonic()) == 1.0 and utterance.error == ""
    speaker.close()
    assert len(read(file)[0]) >= 0.3 * RATE


def test_a_new_sentence_stops_the_old_one_and_the_recording_tells(said: tuple) -> None:
    speaker, file, _ = said
    long = speaker.say("word " * 100, "en")
    until(lambda: long.started is not None)
    began = time.monotonic()
    short = speaker.say("one two", "en")
    until(lambda: short.is_over)
    assert long.is_over and time.monotonic() - began < 1.0
    speaker.close()
    samples, _ = read(file)
    assert len(samples) < 2 * RATE  # and not the ten seconds of the long one


def test_a_sentence_that_was_stopped_before_it_began_is_never_heard(said: tuple) -> None:
    speaker, _, _ = said
    first, second = speaker.say("one", "en"), speaker.say("two", "en")
    until(lambda: first.is_over and second.is_over)
    speaker.stop()
    assert second.started is not None


def test_a_voice_that_fails_says_why_and_the_next_sentence_is_said(said: tuple) -> None:
    speaker, _, _ = said
    utterance = speaker.say("mute", "en")
    until(lambda: utterance.is_over)
    assert utterance.error == "lost its voice" and utterance.started is None
    utterance = speaker.say("one", "en")
    until(lambda: utterance.is_over)
    assert utterance.error == ""


def test_a_device_that_fails_is_told_once_and_time_goes_on(tmp_path: Path) -> None:
    class Broken(Loudspeaker):
        def __init__(self) -> None:
            pass

        def play(self, sound: Sound, unwanted: Callable[[], bool]) -> None:
            raise SpeechError("unplugged")

    warnings: list[str] = []
    speaker = Speaker(Tone(), Broken(), None, warnings.append)
    for _ in range(2):
        began = time.monotonic()
        utterance = speaker.say("one two", "en")
        until(lambda u=utterance: u.is_over)  # type: ignore[misc]
        assert time.monotonic() - began >= 0.2
    speaker.close()
    assert warnings == ["nothing can be heard from now on: unplugged"]

"""Loudspeaker, recording, and the thread that brings them together."""

from __future__ import annotations

import gc
import resource
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_common.testing import until
from robot_behavior.prosody import Prosody
from robot_behavior.speech.loudness import LOUDNESS, loudness
from robot_behavior.speech.loudspeaker import Loudspeaker, Recorder, Silence, SoundStream, load_alsa
from robot_behavior.speech.speaker import Speaker
from robot_behavior.speech.voice import Sound, SpeechError, Voice

RATE = 8000


def read(file: Path) -> tuple[np.ndarray, int]:
    with wave.open(str(file)) as recording:
        assert (recording.getnchannels(), recording.getsampwidth()) == (1, 2)
        data = recording.readframes(recording.getnframes())
        return np.frombuffer(data, np.int16) / 32768.0, recording.getframerate()


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
    stream = loudspeaker.open(RATE)
    position = 0
    while position < RATE:
        position += stream.write(samples[position : position + 160])
    stream.finish()
    stream.close()
    np.testing.assert_array_equal(np.fromfile(file, np.int16)[:RATE], samples)


class FullDevice:
    """ALSA, whose device takes no more sound once it is full."""

    def __init__(self) -> None:
        self.alsa, self.is_full = load_alsa(), False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.alsa, name)

    def snd_pcm_writei(self, *arguments: Any) -> int:
        return -11 if self.is_full else int(self.alsa.snd_pcm_writei(*arguments))


def test_a_device_that_takes_no_more_sound_is_given_up() -> None:
    try:
        device = FullDevice()
        stream = Loudspeaker("null", device).open(RATE)
    except SpeechError as error:
        pytest.skip(f"ALSA is not usable here: {error}")
    samples = np.zeros(160, np.int16)
    assert stream.write(samples) == 160
    device.is_full = True
    began = time.monotonic()
    with pytest.raises(SpeechError, match="sound device 'null': .*timed out"):
        while time.monotonic() < began + 60.0:
            assert stream.write(samples) == 0
    stream.close()


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


class Tone(Voice):
    """A voice that hums for a tenth of a second per word."""

    rate = RATE

    def language(self, locale: str) -> str:
        return locale

    def synthesise(
        self, text: str, _language: str, prosody: Prosody, _unwanted: Callable[[], bool]
    ) -> Sound:
        if text == "mute":
            raise SpeechError("lost its voice")
        return Sound(np.full(len(text.split()) * RATE // 10, 9000, np.int16), RATE)


class Hum(Tone):
    """A voice of another package, softer or louder than others."""

    def __init__(self, amplitude: int) -> None:
        self._amplitude = amplitude

    def synthesise(
        self, text: str, _language: str, prosody: Prosody, _unwanted: Callable[[], bool]
    ) -> Sound:
        wave = np.sin(np.arange(len(text.split()) * RATE // 10) * 2.0 * np.pi * 500.0 / RATE)
        return Sound((self._amplitude * wave).astype(np.int16), RATE)


@pytest.mark.parametrize(
    ("amplitude", "volume", "volume_db", "expected"),
    [(2000, 100, 0, 0.0), (32000, 100, 0, 0.0), (9000, 50, 0, -6.0), (9000, 200, -12, -6.0)],
)
def test_every_voice_is_as_loud_as_the_others_but_for_what_is_asked_of_it(
    tmp_path: Path, amplitude: int, volume: int, volume_db: int, expected: float
) -> None:
    file = tmp_path / "said.wav"
    speaker = Speaker(Hum(amplitude), None, Recorder(file, RATE), lambda _warning: None)
    try:
        speaker.volume = volume
        utterance = speaker.say("one two three four five", "en", Prosody(volume_db=volume_db))
        assert until(lambda: utterance.is_over) and utterance.error is None
    finally:
        speaker.close()
    samples, rate = read(file)
    sound = samples[np.flatnonzero(samples)[0] :]
    assert loudness(sound, rate) == pytest.approx(LOUDNESS + expected, abs=0.3)


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
    assert until(lambda: utterance.started is not None)
    assert not speaker.is_silent or utterance.is_over
    assert until(lambda: utterance.is_over)
    assert time.monotonic() - began >= 0.3
    assert utterance.started is not None and utterance.progress(utterance.started + 0.15) < 0.51
    assert utterance.progress(time.monotonic()) == 1.0 and utterance.error is None
    speaker.close()
    samples, _ = read(file)
    assert np.count_nonzero(samples) == 0.3 * RATE


def test_a_full_disk_ends_the_recording_with_one_sentence(
    said: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker, _, warnings = said
    complaints: list[object] = []  # of what is thrown away
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        for _ in range(2):
            utterance = speaker.say("one two three", "en")
            assert until(lambda u=utterance: u.is_over)  # type: ignore[misc]
            assert utterance.error is None
        speaker.close()
        gc.collect()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (warning,) = warnings
    assert warning.startswith("nothing is recorded from now on: cannot record: ")
    assert complaints == []


def test_a_new_sentence_stops_the_old_one_and_the_recording_tells(said: tuple) -> None:
    speaker, file, _ = said
    long = speaker.say("word " * 10_000, "en")  # for a quarter of an hour
    assert until(lambda: long.started is not None)
    short = speaker.say("one two", "en")
    assert until(lambda: short.is_over)
    assert long.is_over
    speaker.close()
    samples, _ = read(file)
    assert len(samples) < 100 * RATE


def test_a_sentence_that_was_stopped_before_it_began_is_never_heard(said: tuple) -> None:
    speaker, _, _ = said
    first, second = speaker.say("one", "en"), speaker.say("two", "en")
    assert until(lambda: first.is_over and second.is_over)
    speaker.stop()
    assert second.started is not None


def test_a_voice_that_fails_says_why_and_the_next_sentence_is_said(said: tuple) -> None:
    speaker, _, _ = said
    utterance = speaker.say("mute", "en")
    assert until(lambda: utterance.is_over)
    assert utterance.error == "lost its voice" and utterance.started is None
    utterance = speaker.say("one", "en")
    assert until(lambda: utterance.is_over)
    assert utterance.error is None


class Unplugged(Loudspeaker):
    """A device that can be pulled out and put back in."""

    def __init__(self, works_for: int = 0) -> None:
        self.left = works_for  # writes

    def open(self, rate: int) -> SoundStream:
        if self.left <= 0:
            raise SpeechError("unplugged")
        return self.Opened(self)

    class Opened(Silence):
        def __init__(self, device: Unplugged) -> None:
            self.device = device

        def write(self, samples: np.ndarray) -> int:
            self.device.left -= 1
            if self.device.left < 0:
                raise SpeechError("unplugged")
            return len(samples)


@pytest.mark.parametrize("works_for", [0, 5])
def test_a_device_that_fails_is_told_once_and_time_goes_on(works_for: int) -> None:
    warnings: list[str] = []
    speaker = Speaker(Tone(), Unplugged(works_for), None, warnings.append)
    for _ in range(2):
        began = time.monotonic()
        utterance = speaker.say("one two", "en")
        assert until(lambda u=utterance: u.is_over)  # type: ignore[misc]
        assert time.monotonic() - began >= 0.2 and utterance.error is None
    speaker.close()
    assert warnings == ["nothing can be heard from now on: unplugged"]


def test_a_device_that_comes_back_is_used_again() -> None:
    warnings: list[str] = []
    device = Unplugged()
    speaker = Speaker(Tone(), device, None, warnings.append)
    assert until(speaker.say("one", "en").over.is_set)
    device.left = 1000
    assert until(speaker.say("one", "en").over.is_set)
    speaker.close()
    assert warnings[1:] == ["the sound device works again"] and device.left < 1000


def test_a_long_text_begins_before_all_of_it_is_synthesised() -> None:
    made: list[str] = []

    class Counting(Tone):
        def synthesise(self, text: str, *rest: Any) -> Sound:
            made.append(text)
            return super().synthesise(text, *rest)

    speaker = Speaker(Counting(), None, None, str)
    utterance = speaker.say("It goes on and on and on. " * 400, "en")
    assert until(lambda: utterance.started is not None)
    assert len(made) <= 3 and utterance.progress(time.monotonic()) < 0.01
    speaker.close()
    assert utterance.is_over and len(made) <= 3


def test_pieces_follow_each_other_and_progress_never_goes_back() -> None:
    speaker = Speaker(Tone(), None, None, str)
    began = time.monotonic()
    utterance = speaker.say("This is the first sentence. This is the second one.", "en")
    progress = [0.0]
    assert until(lambda: progress.append(utterance.progress(time.monotonic())) or utterance.is_over)
    speaker.close()
    assert progress == sorted(progress) and progress[-1] > 0.95
    assert time.monotonic() - began > 1.3  # ten words, and the pause between


def test_the_mouth_moves_with_the_sound() -> None:
    class Halves(Tone):
        """Loud for 0.3 s, then nothing for a minute."""

        def synthesise(self, *_: Any) -> Sound:
            samples = np.zeros(60 * RATE, np.int16)
            samples[: 3 * RATE // 10] = 9000
            return Sound(samples, RATE)

    speaker = Speaker(Halves(), None, None, str)
    utterance = speaker.say("one", "en")
    assert utterance.mouth(time.monotonic()) == 0.0
    assert until(lambda: utterance.started is not None)
    start = utterance.started
    assert start is not None
    assert until(lambda: time.monotonic() > start + 0.45)
    assert utterance.mouth(start + 0.1) == pytest.approx(1.0)
    assert utterance.mouth(start + 0.28) == pytest.approx(1.0)
    assert utterance.mouth(start + 0.33) == 0.0
    utterance.stop()
    assert utterance.mouth(start + 0.1) == 0.0
    speaker.close()


class Delayed(Loudspeaker):
    """A device in real time with a buffer of a tenth of a second, as ALSA's."""

    BUFFER_S = 0.1

    def __init__(self) -> None:
        self.silent_at, self.writes = 0.0, 0
        self.is_finished = self.is_closed = False

    def open(self, rate: int) -> SoundStream:
        return self.Opened(self, rate)

    class Opened(Silence):
        def __init__(self, device: Delayed, rate: int) -> None:
            self.device, self.rate, self.written, self.began = device, rate, 0, time.monotonic()

        @property
        def delay_s(self) -> float:  # type: ignore[override]
            return max(self.began + self.written / self.rate - time.monotonic(), 0.0)

        def write(self, samples: np.ndarray) -> int:
            if self.delay_s > Delayed.BUFFER_S:
                threading.Event().wait(0.02)
                return 0
            self.written += len(samples)
            self.device.writes += 1
            return len(samples)

        def finish(self) -> None:
            self.device.is_finished = True

        def close(self) -> None:
            self.device.silent_at, self.device.is_closed = time.monotonic(), True


def test_a_stop_silences_the_device_at_once() -> None:
    device = Delayed()
    speaker = Speaker(Tone(), device, None, str)
    for _ in range(5):
        utterance = speaker.say("word " * 100, "en")
        assert until(lambda u=utterance: u.progress(time.monotonic()) > 0.01)  # type: ignore[misc]
        speaker.stop()
        written = device.writes
        assert until(utterance.over.is_set)
        # At most the step under way, and the buffer is thrown away instead of played to its end.
        assert device.writes - written <= 1 and device.is_closed and not device.is_finished
    speaker.close()


def test_what_is_in_the_buffer_counts_as_not_heard_yet() -> None:
    device = Delayed()
    speaker = Speaker(Tone(), device, None, str)
    began = time.monotonic()
    assert until(speaker.say("one two three", "en").over.is_set)
    assert device.silent_at - began >= 0.3  # closed when all has been heard
    speaker.close()

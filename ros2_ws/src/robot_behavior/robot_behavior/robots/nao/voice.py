"""The own voice of NAO and Pepper, over ``ALTextToSpeech`` or ``ALAnimatedSpeech``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ec_rfernet.errors import InputError
from robot_behavior.prosody import Prosody
from robot_behavior.robots.nao import Naoqi, NaoqiError, library, result
from robot_behavior.speech.voice import (
    LogVoice,
    OwnVoice,
    Sound,
    SpeechError,
    VoiceSettings,
    best_language,
)

LANGUAGES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fi": "Finnish", "fr": "French", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "nb": "Norwegian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish",
    "pt": "Portuguese", "pt-br": "Brazilian", "ru": "Russian", "sv": "Swedish", "tr": "Turkish",
    "zh": "Chinese", "zh-tw": "MandarinTaiwan",
}  # fmt: skip
"""NAOqi's names of languages, by BCP 47 tag."""

LOOK_S = 0.02
PATIENCE_S = 10.0
"""A sentence may take so much longer than three times what it should."""


def marked(text: str, prosody: Prosody, volume: int = 100, wpm: int = 160) -> str:
    """A text with the marks of NAOqi's voice for how it sounds; marks of its own are taken out."""
    speed = min(max(round(100 * prosody.rate * wpm / 160), 50), 400)
    pitch = min(max(round(100 * 2.0 ** (prosody.pitch_st / 12.0)), 50), 200)
    loud = min(max(round(80 * prosody.gain * volume / 100), 0), 100)
    plain = text.replace("\\", " ").replace("^", " ")
    return f"\\rspd={speed}\\\\vct={pitch}\\\\vol={loud}\\{plain}"


class NaoqiVoice(OwnVoice):
    """Says it through the robot's own loudspeakers.

    Args:
        settings: where the robot is.

    Raises:
        SpeechError: the package ``qi`` is not installed.
    """

    rate = LogVoice.rate

    def __init__(self, settings: VoiceSettings) -> None:
        try:
            self._qi = library()
        except InputError as error:
            raise SpeechError(str(error)) from error
        self.name = f"of the robot at {settings.host}"
        self._take(settings)
        self._robot: Naoqi | None = None
        self._known: frozenset[str] = frozenset(LANGUAGES)  # until the robot has told

    def _take(self, settings: VoiceSettings) -> None:
        self._settings, self._silence = settings, LogVoice(settings)

    def adjust(self, settings: VoiceSettings) -> Callable[[], None]:
        """See `Voice.adjust`."""
        return partial(self._take, settings)

    def language(self, locale: str) -> str:
        """See `Voice.language`; as long as the robot has not told, it may speak all it could."""
        return best_language(locale, self._known)

    def synthesise(
        self, text: str, language: str, prosody: Prosody, unwanted: Callable[[], bool]
    ) -> Sound:
        """Silence that is about as long as the sentence, with the mouth's movements."""
        return self._silence.synthesise(text, language, prosody, unwanted)

    def say(
        self,
        text: str,
        language: str,
        prosody: Prosody,
        began: Callable[[], object],
        unwanted: threading.Event,
    ) -> None:
        """See `OwnVoice.say`."""
        seconds = self.synthesise(text, language, prosody, unwanted.is_set).duration
        try:
            robot = self._connected()
            said = self._begin(robot, text, language, prosody)
            began()
            end = time.monotonic() + 3.0 * seconds + PATIENCE_S
            while said.isRunning():
                if unwanted.wait(LOOK_S):
                    robot.post("ALTextToSpeech", "stopAll")
                    return
                if not robot.is_connected or time.monotonic() > end:
                    raise NaoqiError("it does not answer any more")
            result(said)
        except NaoqiError as error:
            self._drop()
            raise SpeechError(f"the voice {self.name} fails: {error}") from error

    def _begin(self, robot: Naoqi, text: str, language: str, prosody: Prosody) -> Any:
        settings, name = self._settings, LANGUAGES[language]
        words = marked(text, prosody, settings.volume, settings.rate_wpm)
        if settings.naoqi_gestures and robot.has("ALAnimatedSpeech"):
            robot.ask("ALTextToSpeech", "setLanguage", name)
            return robot.post("ALAnimatedSpeech", "say", words, {"bodyLanguageMode": "contextual"})
        return robot.post("ALTextToSpeech", "say", words, name)

    def _connected(self) -> Naoqi:
        if self._robot is None or not self._robot.is_connected:
            self._robot = Naoqi(self._qi, self._settings.host, self._settings.naoqi_voice_port)
            told = self._robot.ask("ALTextToSpeech", "getAvailableLanguages")
            known = frozenset(tag for tag, name in LANGUAGES.items() if name in told)
            self._known = known or self._known
        return self._robot

    def close(self) -> None:
        """Ends the session."""
        self._drop()

    def _drop(self) -> None:
        if self._robot is not None:
            self._robot.close()
            self._robot = None

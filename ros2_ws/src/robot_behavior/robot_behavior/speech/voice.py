"""What a speech synthesiser must be able to do, the sound that it makes, and a silent one."""

from __future__ import annotations

import threading
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from fer_common.settings import setting
from robot_behavior.prosody import Prosody

STEP_S = 0.02
"""Time between two values of the mouth's opening, s."""

_OPEN = 0.25  # root mean square of a loud vowel, full scale 1: the mouth is wide open

CHARACTERS_PER_WORD = 6.0
"""Of English prose, with the space: what words per minute are counted in."""

_IDEOGRAPH = 4  # a Chinese character is a syllable, and takes as long as so many letters
_SYLLABLES_HZ = 4.5
_LOUD = 0.8


@dataclass(frozen=True)
class Sound:
    """Sound of one channel.

    Attributes:
        samples: int16 [N].
        rate: samples per second.
        mouth: float32 [ceil(N / samples per `STEP_S`)], 0..1, how far it is open; None
            where it follows from the samples.
    """

    samples: np.ndarray
    rate: int
    mouth: np.ndarray | None = None

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate

    @property
    def step(self) -> int:
        """Samples per `STEP_S`."""
        return round(self.rate * STEP_S)

    def opening(self) -> np.ndarray:
        """How far the mouth is open in each step, float32 [M], 0..1."""
        if self.mouth is not None:
            return self.mouth
        count = -(-len(self.samples) // self.step)
        padded = np.zeros(count * self.step, np.float32)
        padded[: len(self.samples)] = self.samples
        rms = np.sqrt(np.mean((padded.reshape(count, self.step) / 32768.0) ** 2, axis=1))
        return np.minimum(rms / _OPEN, 1.0).astype(np.float32)


class SpeechError(RuntimeError):
    """Something cannot be said; the message is one line for the user."""


@dataclass(frozen=True)
class VoiceSettings:
    """What every voice is made with; one that has no use for a setting ignores it."""

    piper_voice: str = setting(
        "",
        "Path of a piper voice (.onnx); several, of different languages, joined by colons; "
        "empty: the installed ones.",
    )
    rate_wpm: int = setting(160, "Speed of speech, words per minute.", low=80, high=450, live=True)
    volume: int = setting(100, "Loudness of the voice; 100 is normal.", low=0, high=200, live=True)
    host: str = setting("127.0.0.1", "Name or address of the robot whose own voice speaks.")
    naoqi_voice_port: int = setting(
        9559, "Port of the NAOqi whose voice speaks, for speech:=naoqi.", low=1, high=65535
    )
    naoqi_gestures: bool = setting(
        False, "Whether NAO or Pepper gestures by itself as it speaks, for speech:=naoqi."
    )
    interface: str = setting(
        "",
        "Network interface that leads to the robot whose own voice speaks, for speech:=unitree.",
    )
    g1_voice_domain: int = setting(
        0, "DDS domain of that robot, for speech:=unitree.", low=0, high=232
    )


class Voice(ABC):
    """A synthesiser; used from one thread at a time, but for `language`.

    Whoever implements it sets its attributes.

    Attributes:
        name: what people call it.
        rate: samples per second of every sound.
        audible: whether its sound is meant for a loudspeaker.
        hurries: whether it takes so long that it should get short pieces of a text.
        remarks: what the user should know, one line each; may grow at any time.
    """

    name: str = "unnamed"
    rate: int
    audible: bool = True
    hurries: bool = False
    remarks: Sequence[str] = ()

    def adjust(self, settings: VoiceSettings) -> Callable[[], None]:
        """Makes ready for another speed, from the next sentence on; an `OwnVoice` volume, too.

        Returns:
            What lets them take effect; it does not fail.

        Raises:
            SpeechError: this voice cannot change; so it is unless a class says otherwise.
        """
        raise SpeechError(
            f"the voice {self.name} cannot change how it speaks while it runs: start the "
            "speech node again"
        )

    def described(self, language: str) -> str:
        """Who speaks a language, for people: the engine, its voice, and the file of it.

        Args:
            language: what `language` has returned.
        """
        return self.name

    def better(self, language: str) -> str | None:
        """How to get a better voice for a language; None where there is nothing to do."""
        return None

    @abstractmethod
    def language(self, locale: str) -> str:
        """The language that serves a BCP 47 tag such as ``en-GB``.

        Raises:
            SpeechError: none does; names the tag and what there is.
        """

    @abstractmethod
    def synthesise(
        self, text: str, language: str, prosody: Prosody, unwanted: Callable[[], bool]
    ) -> Sound:
        """Turns a text into sound; how loud it is does not matter, see `levelled`.

        Args:
            text: what to say; a sentence or two, see `pieces`.
            language: what `language` has returned.
            prosody: how to say it; its loudness is seen to by others.
            unwanted: asked now and then; once it is true the rest is not made.

        Raises:
            SpeechError: it cannot be done.
        """


class OwnVoice(Voice):
    """A voice that needs no loudspeaker of ours: a robot's own.

    What it synthesises is silence, as long as the text will take, more or less.
    """

    audible = False

    @abstractmethod
    def say(
        self,
        text: str,
        language: str,
        prosody: Prosody,
        began: Callable[[], object],
        unwanted: threading.Event,
    ) -> None:
        """Says a text, and returns when it has been said.

        Args:
            text: what to say, as a whole.
            language: what `language` has returned.
            prosody: how to say it.
            began: to be called when it is heard.
            unwanted: once it is set, the rest is not said.

        Raises:
            SpeechError: it cannot be done.
        """

    def described(self, language: str) -> str:
        """See `Voice.described`."""
        return f"the robot's own, {self.name}"

    def close(self) -> None:
        """Lets go of what says it; nothing is said any more."""


def best_language(locale: str, known: Collection[str]) -> str:
    """The known language that serves a tag; falls back as in RFC 4647: ``en-IE`` to ``en``.

    Args:
        locale: BCP 47 tag, in any case, also with underscores.
        known: languages in small letters, with hyphens.

    Raises:
        SpeechError: none does; names the tag and the known ones.
    """
    parts = locale.lower().replace("_", "-").split("-")
    for length in range(len(parts), 0, -1):
        language = "-".join(parts[:length])
        if language in known:
            return language
    available = ", ".join(sorted(known))
    raise SpeechError(f"no voice speaks '{locale}', expected one of {available}")


class LogVoice(Voice):
    """Silence of the right length; every language serves.

    Args:
        settings: None: the defaults.
    """

    name, rate, audible = "log", 16000, False

    def __init__(self, settings: VoiceSettings | None = None) -> None:
        self._take(settings or VoiceSettings())

    def _take(self, settings: VoiceSettings) -> None:
        self._seconds_per_character = 60.0 / (settings.rate_wpm * CHARACTERS_PER_WORD)

    def adjust(self, settings: VoiceSettings) -> Callable[[], None]:
        """See `Voice.adjust`."""
        return partial(self._take, settings)

    def described(self, language: str) -> str:
        """See `Voice.described`."""
        return "none: what is said is only written"

    def better(self, language: str) -> str | None:
        """See `Voice.better`."""
        return "--speech espeak (speech:=espeak with ros2 launch) speaks"

    def language(self, locale: str) -> str:
        """See `Voice.language`."""
        return locale

    def synthesise(
        self, text: str, language: str, prosody: Prosody, unwanted: Callable[[], bool]
    ) -> Sound:
        """See `Voice.synthesise`; the mouth opens once per syllable, and not in a pause."""
        text = text.strip()
        wide = np.array([unicodedata.east_asian_width(c) == "W" for c in text], bool)
        per_character = self._seconds_per_character / prosody.rate
        spoken = np.array([character.isalnum() for character in text], bool)
        voiced = np.repeat(spoken, np.where(wide, _IDEOGRAPH, 1))
        duration = len(voiced) * per_character
        times = (np.arange(int(np.ceil(duration / STEP_S))) + 0.5) * STEP_S
        which = np.minimum((times / per_character).astype(int), len(voiced) - 1)
        syllables = np.sin(np.pi * _SYLLABLES_HZ * times * prosody.rate) ** 2
        mouth = np.minimum(_LOUD * prosody.gain, 1.0) * syllables * voiced[which]
        samples = np.zeros(round(duration * self.rate), np.int16)
        return Sound(samples, self.rate, mouth.astype(np.float32))

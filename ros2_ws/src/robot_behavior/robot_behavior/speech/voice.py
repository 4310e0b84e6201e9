"""What a speech synthesiser must be able to do, the sound that it makes, and a silent one."""

from __future__ import annotations

import math
import threading
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

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


# How loud a sound is, and the same loudness for every sentence of every voice.

LOUDNESS = -16.0
"""Of a sentence at normal volume, LUFS; usual for speech."""

_CEILING = 0.9  # of the samples, full scale 1
_BLOCK_S, _REACH = 0.001, 6  # the limiter: its steps, and how many of them it looks ahead
_WINDOW_S, _HOP_S = 0.4, 0.1
_SILENCE = -70.0  # LUFS


def loudness(samples: np.ndarray, rate: int) -> float:
    """Integrated loudness by ITU-R BS.1770-4, LUFS.

    Args:
        samples: float [N], full scale 1.
        rate: samples per second.

    Returns:
        -inf for silence.
    """
    window, hop = round(_WINDOW_S * rate), round(_HOP_S * rate)
    padded = np.pad(samples, (0, max(window - len(samples), 0)))
    spectrum = np.fft.rfft(padded) * _weighting(np.fft.rfftfreq(len(padded), 1.0 / rate), rate)
    energy = np.concatenate([[0.0], np.cumsum(np.fft.irfft(spectrum, len(padded)) ** 2)])
    starts = np.arange(0, len(padded) - window + 1, hop)
    powers = (energy[starts + window] - energy[starts]) / window
    powers = powers[powers > _power(_SILENCE)]
    if not len(powers):
        return -math.inf
    powers = powers[powers > 0.1 * powers.mean()]
    return -0.691 + 10.0 * math.log10(powers.mean())


def levelled(samples: np.ndarray, rate: int, volume: int, prosody: Prosody) -> np.ndarray:
    """The sound as loud as it is meant to be, without clipping.

    Args:
        samples: float [N], full scale 1.
        rate: samples per second.
        volume: see `VoiceSettings`.
        prosody: its loudness counts.

    Returns:
        int16 [N], of `LOUDNESS` at normal volume.
    """
    loud = loudness(samples, rate)
    gain = 10.0 ** ((LOUDNESS - loud) / 20.0) if math.isfinite(loud) else 1.0
    scaled = samples * (gain * volume / 100.0 * prosody.gain)
    block = max(round(_BLOCK_S * rate), 1)
    blocks = np.pad(np.abs(scaled), (0, -len(scaled) % block)).reshape(-1, block)
    most = np.maximum(blocks.max(axis=1, initial=0.0), _CEILING)
    if len(most) and most.max() > _CEILING:  # turned down softly around each peak
        ahead = np.pad(_CEILING / most, 2 * _REACH + 1, mode="edge")
        lowest = np.lib.stride_tricks.sliding_window_view(ahead, 2 * _REACH + 3).min(axis=1)
        gains = np.convolve(lowest, np.full(2 * _REACH + 1, 1.0 / (2 * _REACH + 1)), "valid")
        centres = block * (np.arange(len(gains)) + 0.5)
        scaled = scaled * np.interp(np.arange(len(scaled)) + 0.5, centres, gains)
    return np.round(32767.0 * np.clip(scaled, -1.0, 1.0)).astype(np.int16)


def _power(lufs: float) -> float:
    return float(10.0 ** ((lufs + 0.691) / 10.0))


def _weighting(frequencies: np.ndarray, rate: int) -> np.ndarray:
    """K-weighting: how much each frequency counts, float [F], as a factor on its amplitude."""
    z = np.exp(-2j * np.pi * frequencies / rate)

    def filtered(corner_hz: float, q: float, above: Callable[[float], tuple[float, ...]]) -> Any:
        k = math.tan(math.pi * corner_hz / rate)
        scale = 1.0 + k / q + k * k
        b0, b1, b2 = above(k)
        a1, a2 = 2.0 * (k * k - 1.0) / scale, (1.0 - k / q + k * k) / scale
        return (b0 + b1 * z + b2 * z**2) / (1.0 + a1 * z + a2 * z**2)

    q, high = 0.7071752369554196, 10.0 ** (3.999843853973347 / 20.0)
    middle = high**0.4996667741545416

    def shelf(k: float) -> tuple[float, ...]:
        edge, scale = middle * k / q, 1.0 + k / q + k * k
        rows = (high + edge + k * k, 2.0 * (k * k - high), high - edge + k * k)
        return tuple(row / scale for row in rows)

    head = filtered(1681.974450955533, q, shelf)
    return np.abs(head * filtered(38.13547087602444, 0.5003270373238773, lambda _k: (1, -2, 1)))


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
        """Makes ready for another speed and volume, from the next sentence on.

        Returns:
            What lets them take effect; it does not fail.

        Raises:
            SpeechError: this voice cannot change them; so it is unless a class says otherwise.
        """
        raise SpeechError(
            f"the voice {self.name} cannot change its speed or volume while it runs: start the "
            "speech node again"
        )

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
        """Turns a text into sound.

        Args:
            text: what to say; a sentence or two, see `pieces`.
            language: what `language` has returned.
            prosody: how to say it.
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

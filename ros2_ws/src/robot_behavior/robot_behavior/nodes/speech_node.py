"""The node ``speech_node``: says sentences."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_interfaces.action import Say
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Float32, String

from fer_common.diagnostics import Limits, Mishaps, Report, Statistics, error, warn
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.parameters import declare
from fer_common.qos import EVENTS, STREAM
from fer_common.runner import StartError
from fer_common.settings import setting
from robot_behavior.nodes.exclusive_action import ExclusiveAction
from robot_behavior.speech.espeak import EspeakVoice
from robot_behavior.speech.log_voice import LogVoice
from robot_behavior.speech.loudspeaker import Loudspeaker, Recorder
from robot_behavior.speech.piper import NeuralVoice
from robot_behavior.speech.speaker import Speaker, Utterance
from robot_behavior.speech.text import parse, speakable
from robot_behavior.speech.voice import SpeechError, Voice

# ----------------------------------------------------------------------
# How the voice is doing.

WINDOW_S = 600.0
"""The time to sound is that of the last ten minutes."""


@dataclass(frozen=True)
class SpeechMoment:
    """What the speech node does now.

    Attributes:
        saying: what is being said; empty if nothing is.
        goals: outcomes, see `robot_behavior.nodes.exclusive_action.ExclusiveAction`.
        deaf: why nothing can be heard; empty if it can, or is not meant to be.
    """

    saying: str
    goals: Mapping[str, object]
    deaf: str


class SpeechHealth:
    """Counts sentences, and how long they take to begin.

    Args:
        voice: backend, voice, language and sound device by name.
        delay: from a goal to its first sound, seconds.
        clock: monotonic seconds.

    Attributes:
        mishaps: sentences that could not be said.
    """

    def __init__(self, voice: Mapping[str, str], delay: Limits, clock: Callable[[], float]) -> None:
        self.mishaps = Mishaps(clock)
        self._voice, self._delay, self._clock = voice, delay, clock
        self._delays = Statistics(WINDOW_S)
        self._asked: float | None = None

    def asked(self) -> None:
        """Something is to be said."""
        self._asked = self._clock()

    def began(self, started: float) -> None:
        """It is heard; only the first of several such calls counts.

        Args:
            started: monotonic seconds.
        """
        if self._asked is not None:
            self._delays.add(started - self._asked, self._clock())
            self._asked = None

    def report(self, moment: SpeechMoment) -> Report:
        """How the voice is doing."""
        delays = self._delays.summary(self._clock())
        values = {
            "state": "speaking" if moment.saying else "silent",
            **self._voice,
            "saying": moment.saying or "nothing",
            **moment.goals,
            "rate [1/min]": f"{60 * delays.rate:.1f}",
            "time to sound, median [ms]": f"{1000 * delays.median_s:.0f}",
            "time to sound, 99th percentile [ms]": f"{1000 * delays.p99_s:.0f}",
            **self.mishaps.values,
        }
        late = (
            f"sentences begin {delays.median_s:.1f} s after they are asked for, "
            f"expected at most {self._delay.warn:g} s: is the machine busy?"
        )
        findings = [
            error(self.mishaps.recent),
            warn(f"nothing can be heard: {moment.deaf}" if moment.deaf else ""),
            self._delay.above(delays.median_s, late),
        ]
        return Report("speaks" if moment.saying else "silent", values, findings)


# ----------------------------------------------------------------------

RATE_HZ = 30.0
"""How often the mouth moves and progress is told."""

_SHOWN = 200  # characters of a sentence in the log


@dataclass(frozen=True)
class SpeechParams:
    """The parameters of `SpeechNode`."""

    backend: str = setting(
        "espeak",
        "espeak speaks; piper speaks with a neural voice; log only writes to the log.",
        choices=("espeak", "piper", "log"),
    )
    piper_voice: str = setting(
        "", "Path of a piper voice (.onnx); several, of different languages, joined by colons."
    )
    locale: str = setting("en", "Language tag of goals that name none.")
    rate_wpm: int = setting(160, "Speed of speech, words per minute.", low=80, high=450)
    volume: int = setting(100, "Loudness of the voice; 100 is normal.", low=0, high=200)
    audio_device: str = setting("default", "ALSA name of the sound device.")
    record_to: str = setting("", "Path of a WAV file with all that is said; empty: none.")
    warn_delay_s: float = setting(
        1.0,
        "Diagnostics warns when sentences begin later than so after they are asked for, s.",
        low=0.0,
        high=60.0,
    )


class SpeechNode(Node):
    """Serves ``say``; publishes ``speech`` and ``mouth``.

    ``speech`` is what is being said, empty when it is over; ``mouth`` is how far a mouth is
    open, 0..1, in step with what is heard, `RATE_HZ` times a second, and 0 in the end.
    The text of a goal may carry a prosody, see `robot_behavior.speech.text`.

    Args:
        clock: monotonic seconds.
        options: of `rclpy.node.Node`.

    Raises:
        StartError: the voice, its language or the recording is not available.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, **options: Any) -> None:
        super().__init__("speech_node", **options)
        params = declare(self, SpeechParams)
        self._monotonic, self._locale = clock, params.locale
        self._announced: Utterance | None = None
        self._utterance: Utterance | None = None
        try:
            self._voice = _voice(params)
            language = self._voice.language(params.locale)
            recorder = None
            if params.record_to:
                recorder = Recorder(Path(params.record_to).expanduser(), self._voice.rate)
        except SpeechError as error:
            raise StartError(str(error)) from error
        self._deaf = ""  # why there is no loudspeaker where there should be one
        loudspeaker = self._loudspeaker(params)
        self._speaker = Speaker(self._voice, loudspeaker, recorder, self._warn, clock)
        self._speaker.warm_up(language)
        self._speech = self.create_publisher(String, "speech", EVENTS)
        self._mouth = self.create_publisher(Float32, "mouth", STREAM)
        self._action = ExclusiveAction(self, Say, "say", self._refusal, self._begin, self._stop)
        voice = {
            "backend": params.backend,
            "voice": params.piper_voice or params.backend,
            "language": language,
            "sound device": params.audio_device if loudspeaker else "none",
        }
        self._health = SpeechHealth(voice, Limits(params.warn_delay_s), clock)
        DiagnosticsPublisher(self, "voice", self._report)
        self.create_timer(1.0 / RATE_HZ, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def begin_stop(self) -> None:
        """Falls silent."""
        self._action.finish(False, "the speech node stops")
        self._stop()

    def is_stopped(self) -> bool:
        """Whether it is silent and every goal has its result."""
        return self._speaker.is_silent and not self._action.busy

    def destroy_node(self) -> None:
        """Also ends the speaker's thread and completes the recording."""
        self._speaker.close()
        self._action.destroy()
        super().destroy_node()

    def _loudspeaker(self, params: SpeechParams) -> Loudspeaker | None:
        if params.backend == "log":
            return None
        try:
            return Loudspeaker(params.audio_device)
        except SpeechError as error:
            self._deaf = str(error)
            self._warn(f"nothing will be heard: {error}")
            return None

    def _warn(self, message: str) -> None:
        self.get_logger().warning(message)

    def _refusal(self, goal: Say.Goal) -> str:
        """Why a goal cannot be carried out; empty if it can."""
        if not speakable(parse(goal.text).text):
            return f"the text is {_shown(goal.text)!r}, expected something to say"
        try:
            self._voice.language(goal.locale or self._locale)
        except SpeechError as error:
            return str(error)
        return ""

    def _begin(self, goal: Say.Goal) -> None:
        self._stop()
        language = self._voice.language(goal.locale or self._locale)
        marked = parse(goal.text)
        self._utterance = self._speaker.say(marked.text, language, marked.prosody)
        self._health.asked()
        if marked.problem:
            self._warn(f'says "{_shown(marked.text)}" plainly: {marked.problem}')

    def _stop(self) -> None:
        self._speaker.stop()
        self._close_mouth()
        self._utterance = None
        self._announce(None)

    def _close_mouth(self) -> None:
        if self._utterance is not None:
            self._mouth.publish(Float32(data=0.0))

    def _tick(self) -> None:
        utterance = self._utterance
        if utterance is None:
            return
        over = utterance.is_over  # asked first: what follows is then final
        if utterance.started is not None:
            self._health.began(utterance.started)
            self._announce(utterance)
            self._action.report(utterance.progress(self._monotonic()))
            self._mouth.publish(Float32(data=utterance.mouth(self._monotonic())))
        if over:
            self._close_mouth()
            self._utterance = None
            self._announce(None)
            if utterance.error:
                self._health.mishaps.note(utterance.error)
            self._action.finish(not utterance.error, utterance.error)

    def _report(self) -> Report:
        saying = self._announced.text if self._announced is not None else ""
        deaf = self._deaf or self._speaker.muted
        return self._health.report(SpeechMoment(_shown(saying), self._action.outcomes, deaf))

    def _announce(self, utterance: Utterance | None) -> None:
        """Publishes what is being said, when that changes."""
        if utterance is self._announced:
            return
        self._announced = utterance
        text = utterance.text if utterance is not None else ""
        self._speech.publish(String(data=text))
        if text:
            self.get_logger().info(f'says "{_shown(text)}"')


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _voice(params: SpeechParams) -> Voice:
    if params.backend == "log":
        return LogVoice(params.rate_wpm)
    if params.backend == "espeak":
        return EspeakVoice(params.rate_wpm, params.volume)
    files = [Path(file).expanduser() for file in params.piper_voice.split(os.pathsep) if file]
    if not files:
        raise SpeechError(
            "parameter 'piper_voice' is empty, expected the path of a voice for backend:=piper"
        )
    return NeuralVoice(files, params.rate_wpm, params.volume)

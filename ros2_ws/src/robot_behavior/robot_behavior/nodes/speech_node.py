"""The node ``speech_node``: says sentences."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from fer_interfaces.action import Say
from rclpy.clock import Clock, ClockType
from std_msgs.msg import Float32, String

from ec_rfernet.errors import InputError
from ec_rfernet.files import user_path
from ec_rfernet.registry import in_one_line
from fer_common.actions import ExclusiveAction
from fer_common.diagnostics import Limits, Mishaps, Report, Statistics, error, warn
from fer_common.diagnostics_publisher import DiagnosticsPublisher
from fer_common.parameters import declare, on_change
from fer_common.qos import EVENTS, STREAM
from fer_common.reason import Finding, Reason
from fer_common.runner import ClosingNode, StartError
from fer_common.settings import part, setting
from robot_behavior.prosody import Prosody
from robot_behavior.speech import DEFAULT_VOICE, SPEAKS, SPEAKS_BETTER, VOICES
from robot_behavior.speech.loudspeaker import Loudspeaker, Recorder
from robot_behavior.speech.speaker import Speaker, Utterance
from robot_behavior.speech.text import speakable
from robot_behavior.speech.voice import OwnVoice, SpeechError, Voice, VoiceSettings

RATE_HZ = 30.0
"""How often the mouth moves and progress is told."""

WINDOW_S = 600.0
"""The time to sound is that of the last ten minutes."""

NOTHING_TO_SAY, NO_SUCH_LANGUAGE, NO_SUCH_PROSODY = "nothing_to_say", "language", "prosody"
"""Codes of the reasons why a goal is refused."""

_SHOWN = 200  # characters of a sentence in the log


class TimeToSound:
    """How long sentences take to begin.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
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

    @property
    def values(self) -> dict[str, object]:
        """The figures, for a `fer_common.diagnostics.Report`."""
        delays = self._delays.summary(self._clock())
        return {
            "rate [1/min]": f"{60 * delays.rate:.1f}",
            "time to sound, median [ms]": f"{1000 * delays.median_s:.0f}",
            "time to sound, 99th percentile [ms]": f"{1000 * delays.p99_s:.0f}",
        }

    def finding(self, limits: Limits) -> Finding | None:
        """Whether it takes too long, seconds."""
        median_s = self._delays.summary(self._clock()).median_s
        late = (
            f"sentences begin {median_s:.1f} s after they are asked for, "
            f"expected at most {limits.warn:g} s: is the machine busy?"
        )
        return limits.above(median_s, late)


@dataclass(frozen=True)
class SpeechParams:
    """The parameters of `SpeechNode`."""

    backend: str = setting(
        DEFAULT_VOICE,
        "Which voice speaks.",
        choices=VOICES.names,
    )
    voice: VoiceSettings = part(VoiceSettings)
    locale: str = setting("en", "Language tag of goals that name none.", live=True)
    audio_device: str = setting("default", "ALSA name of the sound device.")
    record_to: str = setting("", "Path of a WAV file with all that is said; empty: none.")
    warn_delay_s: float = setting(
        1.0,
        "Diagnostics warns when sentences begin later than so after they are asked for, s.",
        low=0.0,
        high=60.0,
        live=True,
    )


class SpeechNode(ClosingNode):
    """Serves ``say``; publishes ``speech`` and ``mouth``.

    ``speech`` is what is being said, empty when it is over; ``mouth`` is how far a mouth is
    open, 0..1, in step with what is heard, `RATE_HZ` times a second, and 0 in the end.
    A text is only a text: markup in it is spoken as it stands. How it sounds is said by the
    fields of the goal; a value out of range is refused.

    Args:
        clock: monotonic seconds; those of the machine also where ``use_sim_time`` is set, for
            sound is heard in real time.
        options: of `rclpy.node.Node`.

    Raises:
        StartError: the voice, its language or the recording is not available.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, **options: Any) -> None:
        super().__init__("speech_node", **options)
        params = declare(self, SpeechParams)
        self._params, self._monotonic = params, clock
        self._announced: Utterance | None = None
        self._utterance: Utterance | None = None
        self._told = 0  # of the voice's remarks
        self._deaf: str | None = None  # why there is no loudspeaker where there should be one
        try:
            self._voice: Voice = VOICES.make(params.backend, params.voice)
            self._language = self._voice.language(params.locale)
            self._loudspeaker = self._open_loudspeaker()
            recorder = None
            if params.record_to:
                recorder = Recorder(user_path(params.record_to), self._voice.rate)
        except (SpeechError, InputError) as problem:
            raise StartError(str(problem)) from problem
        self._speaker = Speaker(
            self._voice, self._loudspeaker, recorder, self._warn, clock, params.voice.volume
        )
        self.closing.callback(self._speaker.close)
        self._speaker.warm_up(self._language)
        spoken = (self._voice.described(self._language), self._voice.better(self._language))
        self.introduction = f"voice: {'; '.join(filter(None, spoken))}"
        self.get_logger().info(self.introduction)
        self._speech = self.create_publisher(String, "speech", EVENTS)
        self._mouth = self.create_publisher(Float32, "mouth", STREAM)
        self._action = ExclusiveAction(self, Say, "say", self._refusal, self._begin, self._stop)
        self.closing.callback(self._action.destroy)
        self._mishaps, self._delays = Mishaps(clock), TimeToSound(clock)
        DiagnosticsPublisher(self, "voice", self._report)
        self.create_timer(1.0 / RATE_HZ, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        on_change(self, SpeechParams, self._prepare)

    def _prepare(self, new: SpeechParams, _names: frozenset[str]) -> Callable[[], None]:
        def nothing() -> None:
            pass

        try:
            language = self._voice.language(new.locale)
            before = self._params.voice
            if not isinstance(self._voice, OwnVoice):  # then the volume is the speaker's
                before = replace(before, volume=new.voice.volume)
            adjust = nothing if new.voice == before else self._voice.adjust(new.voice)
        except SpeechError as problem:
            raise InputError(str(problem)) from problem

        def change() -> None:
            adjust()
            self._speaker.volume = new.voice.volume
            self._params, self._language = new, language

        return change

    def begin_stop(self) -> None:
        """Falls silent."""
        self._action.finish(False, "the speech node stops")
        self._stop()

    def is_stopped(self) -> bool:
        """Whether it is silent and every goal has its result."""
        return self._speaker.is_silent and not self._action.busy

    def _open_loudspeaker(self) -> Loudspeaker | None:
        if not self._voice.audible:
            return None
        try:
            return Loudspeaker(self._params.audio_device)
        except SpeechError as problem:
            self._deaf = str(problem)
            self._warn(f"nothing will be heard: {problem}")
            return None

    def _warn(self, message: str) -> None:
        self.get_logger().warning(message)

    def _refusal(self, goal: Say.Goal) -> Reason | None:
        """Why a goal cannot be carried out; None if it can."""
        if not speakable(goal.text):
            text = f"the text is {_shown(goal.text)!r}, expected something to say"
            return Reason(NOTHING_TO_SAY, text)
        try:
            self._voice.language(goal.locale or self._params.locale)
            _prosody(goal)
        except SpeechError as problem:
            return Reason(NO_SUCH_LANGUAGE, str(problem))
        except ValueError as problem:
            return Reason(NO_SUCH_PROSODY, str(problem))
        except Exception as problem:  # of a voice that somebody else wrote: the node goes on
            return Reason(NO_SUCH_LANGUAGE, f"the voice failed: {in_one_line(problem)}")
        return None

    def _begin(self, goal: Say.Goal) -> None:
        self._stop()
        language = self._voice.language(goal.locale or self._params.locale)
        self._delays.asked()  # first: the thread of the speaker may begin at once
        self._utterance = self._speaker.say(goal.text.strip(), language, _prosody(goal))

    def _stop(self) -> None:
        self._speaker.stop()
        self._close_mouth()
        self._utterance = None
        self._announce(None)

    def _close_mouth(self) -> None:
        if self._utterance is not None:
            self._mouth.publish(Float32(data=0.0))

    def _tick(self) -> None:
        for remark in self._voice.remarks[self._told :]:
            self._told += 1
            self._warn(remark)
        utterance = self._utterance
        if utterance is None:
            return
        over = utterance.is_over  # asked first: what follows is then final
        if utterance.started is not None:
            self._delays.began(utterance.started)
            self._announce(utterance)
            self._action.report(utterance.progress(self._monotonic()))
            self._mouth.publish(Float32(data=utterance.mouth(self._monotonic())))
        if over:
            self._close_mouth()
            self._utterance = None
            self._announce(None)
            if utterance.error is not None:
                self._mishaps.note(utterance.error)
            self._action.finish(utterance.error is None, utterance.error)

    def _report(self) -> Report:
        saying = _shown(self._announced.text) if self._announced is not None else None
        deaf = self._deaf or self._speaker.muted
        values = {
            "state": "silent" if saying is None else "speaking",
            "backend": self._params.backend,
            SPEAKS: self._voice.described(self._language),
            SPEAKS_BETTER: self._voice.better(self._language) or "",
            "language": self._language,
            "sound device": self._params.audio_device if self._loudspeaker else "none",
            "saying": saying or "nothing",
            **self._action.outcomes,
            **self._delays.values,
            **self._mishaps.values,
        }
        findings = [
            error(self._mishaps.recent),
            warn(f"nothing can be heard: {deaf}") if deaf is not None else None,
            self._delays.finding(Limits(self._params.warn_delay_s)),
            *(warn(remark) for remark in self._voice.remarks),
        ]
        return Report("silent" if saying is None else "speaks", values, findings)

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


def _prosody(goal: Say.Goal) -> Prosody:
    return Prosody(goal.rate, goal.pitch_st, goal.volume_db)

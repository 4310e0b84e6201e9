"""Says one sentence after the other on a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from robot_behavior.speech.loudspeaker import Loudspeaker
from robot_behavior.speech.recorder import Recorder
from robot_behavior.speech.sound import Sound
from robot_behavior.speech.voice import SpeechError, Voice


@dataclass
class Utterance:
    """A sentence on its way; written by the speaker's thread, read by others.

    Attributes:
        text: what is said.
        language: of the voice.
        started: monotonic seconds; None before it can be heard.
        duration: s; known once it has started.
        error: why it could not be said; empty if it could.
    """

    text: str
    language: str
    started: float | None = None
    duration: float = 0.0
    error: str = ""
    _unwanted: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whichever way."""
        return self._over.is_set()

    def stop(self) -> None:
        """Ends it now, within a few hundredths of a second."""
        self._unwanted.set()

    def progress(self, now: float) -> float:
        """Share that has been said, 0..1."""
        if self.started is None:
            return 0.0
        return min((now - self.started) / self.duration, 1.0) if self.duration > 0 else 1.0


class Speaker:
    """Synthesises, plays and records; each sentence takes as long as its sound.

    Args:
        voice: makes the sound.
        loudspeaker: None where there is none; nothing is heard then.
        recorder: None to record nothing.
        warn: called, from the thread, with what the user should know.
        clock: monotonic seconds; the recording begins now.
    """

    def __init__(
        self,
        voice: Voice,
        loudspeaker: Loudspeaker | None,
        recorder: Recorder | None,
        warn: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._voice, self._loudspeaker, self._recorder = voice, loudspeaker, recorder
        self._warn, self._clock, self._epoch = warn, clock, clock()
        self._queue: queue.SimpleQueue[Utterance | None] = queue.SimpleQueue()
        self._current: Utterance | None = None
        self._thread = threading.Thread(target=self._work, name="speaker", daemon=True)
        self._thread.start()

    @property
    def is_silent(self) -> bool:
        """Whether nothing is being said."""
        return self._current is None or self._current.is_over

    def say(self, text: str, language: str) -> Utterance:
        """Says a text; stops what was being said."""
        self.stop()
        self._current = Utterance(text, language)
        self._queue.put(self._current)
        return self._current

    def stop(self) -> None:
        """Stops what is being said."""
        if self._current is not None:
            self._current.stop()

    def close(self) -> None:
        """Stops, ends the thread and completes the recording."""
        self.stop()
        self._queue.put(None)
        self._thread.join(timeout=2.0)
        if self._recorder is not None:
            self._recorder.close()

    def _work(self) -> None:
        while (utterance := self._queue.get()) is not None:
            try:
                self._say(utterance)
            except SpeechError as error:
                utterance.error = str(error)
            finally:
                utterance._over.set()

    def _say(self, utterance: Utterance) -> None:
        unwanted = utterance._unwanted
        if unwanted.is_set():
            return
        sound = self._voice.synthesise(utterance.text, utterance.language, unwanted.is_set)
        started = self._clock()
        utterance.duration, utterance.started = sound.duration, started
        self._play(sound, unwanted)
        # Also paces a device that takes the sound faster than it can be heard.
        unwanted.wait(max(started + sound.duration - self._clock(), 0.0))
        if self._recorder is not None:
            said = sound
            if unwanted.is_set():
                count = round((self._clock() - started) * sound.rate)
                said = Sound(sound.samples[:count], sound.rate)
            self._record(said, started - self._epoch)

    def _play(self, sound: Sound, unwanted: threading.Event) -> None:
        if self._loudspeaker is None:
            return
        try:
            self._loudspeaker.play(sound, unwanted.is_set)
        except SpeechError as error:
            self._loudspeaker = None
            self._warn(f"nothing can be heard from now on: {error}")

    def _record(self, sound: Sound, at_s: float) -> None:
        if self._recorder is None:
            return
        try:
            self._recorder.add(sound, at_s)
        except SpeechError as error:
            self._recorder = None
            self._warn(f"nothing is recorded from now on: {error}")

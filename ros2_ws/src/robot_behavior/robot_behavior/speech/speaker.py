"""Says one text after the other on a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ec_rfernet.registry import in_one_line
from robot_behavior.prosody import PLAIN, Prosody
from robot_behavior.speech.loudness import levelled
from robot_behavior.speech.loudspeaker import Loudspeaker, Recorder, Silence, SoundStream
from robot_behavior.speech.text import pause_after, pieces, speakable
from robot_behavior.speech.voice import STEP_S, OwnVoice, Sound, SpeechError, Voice

# ----------------------------------------------------------------------
# A sentence on its way, seen from two threads.


class Utterance:
    """Written by the speaker's thread, read by others.

    Args:
        text: what is said.
        language: of the voice.
        prosody: how it is said.

    Attributes:
        started: when its first sample was given to the sound device, monotonic seconds;
            None before.
        error: why it could not be said; None if it could.
        unwanted: set when it shall end.
        over: set when it has ended, in whichever way.
    """

    def __init__(self, text: str, language: str, prosody: Prosody) -> None:
        self.text, self.language, self.prosody = text, language, prosody
        self.started: float | None = None
        self.error: str | None = None
        self.unwanted, self.over = threading.Event(), threading.Event()
        self._zero = 0.0  # when its first sample is, or would have been, heard
        self._mouth: list[float] = []  # per STEP_S
        self._marks = [(0.0, 0.0)]  # (seconds of sound, share of the text)
        self._progress = 0.0

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whichever way."""
        return self.over.is_set()

    def stop(self) -> None:
        """Ends it now, within a few hundredths of a second."""
        self.unwanted.set()

    def progress(self, now: float) -> float:
        """Share that has been said, 0..1; never less than before."""
        times, shares = zip(*list(self._marks), strict=True)
        said = float(np.interp(self.heard(now), times, shares))
        self._progress = max(self._progress, said)
        return self._progress

    def mouth(self, now: float) -> float:
        """How far the mouth is open, 0..1, by what is heard at this moment."""
        index = int(self.heard(now) / STEP_S)
        audible = self.started is not None and not self.unwanted.is_set() and not self.is_over
        return self._mouth[index] if audible and index < len(self._mouth) else 0.0

    def heard(self, now: float) -> float:
        """Seconds of its sound that have been heard."""
        return max(now - self._zero, 0.0) if self.started is not None else 0.0

    def add(self, sound: Sound, share: float) -> None:
        """Notes what comes next.

        Args:
            sound: of a whole number of steps.
            share: of the text that is said at its end, 0..1.
        """
        self._mouth.extend(sound.opening().tolist())
        self._marks.append((self._marks[-1][0] + sound.duration, share))

    def lags(self, now: float, heard_s: float) -> None:
        """Notes how much has been heard at the most; the sound device may stall."""
        if self.started is None:
            self.started = self._zero = now
        self._zero = max(self._zero, now - heard_s)


# ----------------------------------------------------------------------

_LEAD_S = 0.15  # sound that a device may take before it is heard


class Speaker:
    """Synthesises, plays and records; each text takes as long as its sound.

    While a piece of the text is heard the next one is synthesised, on a second thread.

    Args:
        voice: makes the sound.
        loudspeaker: None where there is none; nothing is heard then.
        recorder: None to record nothing.
        warn: called, from the thread, with what the user should know.
        clock: monotonic seconds; the recording begins now.
        volume: see `volume`.

    Attributes:
        volume: how loud it speaks from the next piece on, percent of `LOUDNESS`; the own voice of
            a robot has its own.
    """

    def __init__(
        self,
        voice: Voice,
        loudspeaker: Loudspeaker | None,
        recorder: Recorder | None,
        warn: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
        volume: int = 100,
    ) -> None:
        self.volume = volume
        self._voice, self._loudspeaker, self._recorder = voice, loudspeaker, recorder
        self._warn, self._clock, self._epoch = warn, clock, clock()
        self._muted: str | None = None  # why the sound device has failed
        self._queue: queue.SimpleQueue[Utterance | None] = queue.SimpleQueue()
        self._current: Utterance | None = None
        self._studio = ThreadPoolExecutor(max_workers=1, thread_name_prefix="voice")
        self._thread = threading.Thread(target=self._work, name="speaker", daemon=True)
        self._thread.start()

    @property
    def muted(self) -> str | None:
        """Why the sound device plays nothing; None if it does, or is not meant to."""
        return self._muted

    @property
    def is_silent(self) -> bool:
        """Whether nothing is being said."""
        return self._current is None or self._current.is_over

    def warm_up(self, language: str) -> None:
        """Makes the voice load what it needs for a language, in the background."""
        self._studio.submit(self._made, "a", language, PLAIN, lambda: False)

    def say(self, text: str, language: str, prosody: Prosody = PLAIN) -> Utterance:
        """Says a text; stops what was being said."""
        self.stop()
        self._current = Utterance(text, language, prosody)
        self._queue.put(self._current)
        return self._current

    def stop(self) -> None:
        """Stops what is being said."""
        if self._current is not None:
            self._current.stop()

    def close(self) -> None:
        """Stops, ends the threads and completes the recording."""
        self.stop()
        self._queue.put(None)
        self._thread.join(timeout=2.0)
        if isinstance(self._voice, OwnVoice):
            self._voice.close()
        self._studio.shutdown(wait=False, cancel_futures=True)
        if self._recorder is not None:
            self._recorder.close()

    def _work(self) -> None:
        while (utterance := self._queue.get()) is not None:
            try:
                if not utterance.unwanted.is_set():
                    self._say(utterance)
            except SpeechError as error:
                utterance.error = str(error)
            except Exception as error:  # of a voice that somebody else wrote: the thread goes on
                utterance.error = f"the voice failed: {in_one_line(error)}"
            finally:
                utterance.over.set()

    def _say(self, utterance: Utterance) -> None:
        if isinstance(self._voice, OwnVoice):
            self._have_said(self._voice, utterance)
            return
        stream: SoundStream | None = None
        try:
            written_s = 0.0
            for sound, share in self._sounds(utterance):
                if stream is None:
                    stream = self._open(sound.rate)
                utterance.add(sound, share)
                stream = self._play(stream, sound, written_s, utterance)
                self._record(sound, written_s, utterance)
                written_s += sound.duration
            if stream is not None and not utterance.unwanted.is_set():
                stream.finish()
                utterance.unwanted.wait(written_s - utterance.heard(self._clock()))
        finally:
            if stream is not None:
                stream.close()

    def _have_said(self, voice: OwnVoice, utterance: Utterance) -> None:
        """Has a voice say it that is heard without us; its progress is estimated."""
        text, language = speakable(utterance.text), utterance.language
        likely = voice.synthesise(text, language, utterance.prosody, utterance.unwanted.is_set)
        utterance.add(_padded(likely, 0.0), 1.0)

        def began() -> None:
            utterance.lags(self._clock(), 0.0)

        voice.say(text, language, utterance.prosody, began, utterance.unwanted)

    def _sounds(self, utterance: Utterance) -> Iterator[tuple[Sound, float]]:
        """The sound of each piece, in whole steps, and the share of the text at its end."""
        text = speakable(utterance.text)
        unwanted, said = utterance.unwanted.is_set, 0
        parts = list(pieces(text, self._voice.hurries))

        def begin(index: int) -> Future[Sound]:
            return self._studio.submit(
                self._made, parts[index], utterance.language, utterance.prosody, unwanted
            )

        pending = begin(0) if parts else None
        for index, part in enumerate(parts):
            assert pending is not None
            sound = pending.result()
            if unwanted():
                return
            last = index + 1 == len(parts)
            pending = None if last else begin(index + 1)
            said += len(part)
            pause_s = 0.0 if last else pause_after(part) / utterance.prosody.rate
            yield _padded(sound, pause_s), said / sum(map(len, parts))

    def _made(
        self, text: str, language: str, prosody: Prosody, unwanted: Callable[[], bool]
    ) -> Sound:
        """A piece, as loud as it is meant to be."""
        sound = self._voice.synthesise(text, language, prosody, unwanted)
        return levelled(sound, self.volume / 100.0 * prosody.gain)

    def _open(self, rate: int) -> SoundStream:
        if self._loudspeaker is None:
            return Silence()
        try:
            stream = self._loudspeaker.open(rate)
        except SpeechError as error:
            return self._mute(error)
        if self._muted is not None:
            self._muted = None
            self._warn("the sound device works again")
        return stream

    def _mute(self, error: SpeechError) -> SoundStream:
        if self._muted is None:
            self._muted = str(error)
            self._warn(f"nothing can be heard from now on: {error}")
        return Silence()

    def _play(
        self, stream: SoundStream, sound: Sound, at_s: float, utterance: Utterance
    ) -> SoundStream:
        """Gives a sound to the device, not much sooner than it is heard."""
        position = 0
        while position < len(sound.samples) and not utterance.unwanted.is_set():
            try:
                position += stream.write(sound.samples[position : position + sound.step])
                delay_s = stream.delay_s
            except SpeechError as error:
                stream.close()
                stream, delay_s = self._mute(error), 0.0
            written_s = at_s + position / sound.rate
            utterance.lags(self._clock(), written_s - delay_s)
            # A device without a clock of its own, or none at all, takes everything at once.
            ahead_s = written_s - utterance.heard(self._clock())
            if ahead_s > _LEAD_S:
                utterance.unwanted.wait(ahead_s - _LEAD_S)
        return stream

    def _record(self, sound: Sound, at_s: float, utterance: Utterance) -> None:
        if self._recorder is None or utterance.started is None:
            return
        now = self._clock()
        heard_s = utterance.heard(now)
        if utterance.unwanted.is_set():
            count = round(max(heard_s - at_s, 0.0) * sound.rate)
            sound = Sound(sound.samples[:count], sound.rate)
        try:  # at the time at which it is heard, which is later than it was given to a device
            self._recorder.add(sound, now - heard_s - self._epoch + at_s)
        except SpeechError as error:
            self._recorder = None
            self._warn(f"nothing is recorded from now on: {error}")


def _padded(sound: Sound, pause_s: float) -> Sound:
    """With a pause after it, and the rest of the last step."""
    pause = round(pause_s * sound.rate)
    count = -(-(len(sound.samples) + pause) // sound.step) * sound.step
    samples = np.zeros(count, np.int16)
    samples[: len(sound.samples)] = sound.samples
    if sound.mouth is None:
        return Sound(samples, sound.rate)
    mouth = np.zeros(count // sound.step, np.float32)
    mouth[: len(sound.mouth)] = sound.mouth[: len(mouth)]
    return Sound(samples, sound.rate, mouth)

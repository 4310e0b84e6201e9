"""What the robot has seen and done so far, what it sees and does now, and who is told of it."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ec_rfernet.labels import LABELS, UNKNOWN
from fer_common.diagnostics import Statistics

# The account that the robot gives at the end. It does not grow with the run.

REMEMBERED = 500
"""So many answers and sentences are told, the latest."""

_MOST_LABELS = 100  # of models; who invents more is not counted


class LatencyHistogram:
    """Percentiles of all latencies so far, each known to 1 %, in 22 kB.

    Attributes:
        count: of latencies.
        odd: how many were none: whoever made the stamp has another clock.
    """

    _FIRST_S, _STEP, _BINS = 1e-4, math.log(1.01), 1400
    _MOST_S = 3600.0

    def __init__(self) -> None:
        self.count = self.odd = 0
        self._counts, self._sums = np.zeros(self._BINS, np.int64), np.zeros(self._BINS)

    def add(self, latency_s: float) -> None:
        """Counts one, seconds; those below 0.1 ms, and those above 100 s, are one bin each.

        Of more than an hour, whether before or after, it is none.
        """
        if not abs(latency_s) <= self._MOST_S:
            self.odd += 1
            return
        steps = math.log(max(latency_s, self._FIRST_S) / self._FIRST_S) / self._STEP
        place = min(round(steps), self._BINS - 1)
        self._counts[place] += 1
        self._sums[place] += latency_s
        self.count += 1

    def percentile(self, percent: float) -> float:
        """The latency that so many of a hundred do not exceed, seconds; 0 without any."""
        if not self.count:
            return 0.0
        wanted = max(1, math.ceil(self.count * percent / 100))
        place = int(np.searchsorted(np.cumsum(self._counts), wanted))
        return float(self._sums[place] / self._counts[place])


@dataclass(frozen=True)
class Answered:
    """One response of the robot.

    Attributes:
        at_s: when it began, seconds since the start.
        emotion: the expression that was answered; None for what is no answer to one.
        motion: None for none.
        speech: None for none.
        reason: one readable sentence; None when none was given.
    """

    at_s: float
    emotion: str | None
    motion: str | None
    speech: str | None
    reason: str | None

    @property
    def what(self) -> str:
        """In one line: to what, with which motion, with which words."""
        parts = (self.motion, f"“{self.speech}”" if self.speech else None)
        return f"{self.emotion or 'people'}: {' '.join(part for part in parts if part)}"


@dataclass(frozen=True)
class RunSummary:
    """What was seen and done in one run.

    Attributes:
        duration_s: of the run.
        frames: processed images.
        rate: of them per second, while images came.
        median_s: median latency from an image's stamp to its result, seconds.
        p99_s: 99th percentile of it, seconds.
        odd_stamps: images whose stamp tells no latency, because it is from another clock.
        seconds: for how long the attended face showed each label.
        images: in how many images it did.
        answers: the last `REMEMBERED`, in their order.
        said: the last `REMEMBERED` sentences that were begun, in their order.
        emotions_answered: the different expressions, in the order of their first answer.
        stopped: since when the robot is stopped, and what releases it; None when it is not.
    """

    duration_s: float
    frames: int
    rate: float
    median_s: float
    p99_s: float
    odd_stamps: int
    seconds: Mapping[str, float]
    images: Mapping[str, int]
    answers: tuple[Answered, ...]
    said: tuple[str, ...]
    emotions_answered: tuple[str, ...]
    stopped: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON; numbers rounded to what they are worth."""
        values = dataclasses.asdict(self)
        values["seconds"] = {name: round(value, 2) for name, value in self.seconds.items()}
        for name, digits in (("duration_s", 2), ("rate", 2), ("median_s", 4), ("p99_s", 4)):
            values[name] = round(values[name], digits)
        for answer in values["answers"]:
            answer["at_s"] = round(answer["at_s"], 2)
        values["emotions_answered"] = list(self.emotions_answered)
        return values

    def lines(self) -> list[str]:
        """For people."""
        latency = (
            f"{1000 * self.median_s:.0f} ms median, {1000 * self.p99_s:.0f} ms 99th percentile"
        )
        if self.odd_stamps:
            latency = latency if self.odd_stamps < self.frames else "not known"
            latency += f"; {self.odd_stamps} images have stamps of another clock"
        frames = f"{self.frames} in {self.duration_s:.0f} s, {self.rate:.1f} per second"
        lines = [
            f"frames     {frames if self.frames else f'none in {self.duration_s:.0f} s'}",
            *([f"latency    {latency}"] if self.frames else []),
            f"seen       {self._seen()}",
            f"answered   {', '.join(self.emotions_answered) or 'nothing'}",
        ]
        if self.stopped:
            lines.append(f"robot      {self.stopped}; a new start changes nothing")
        return lines + [f"  {answer.at_s:5.1f} s  {answer.what}" for answer in self.answers]

    def _seen(self) -> str:
        known = sorted(
            ((value, name) for name, value in self.seconds.items() if name != UNKNOWN), reverse=True
        )
        parts = [f"{name} {value:.1f} s" for value, name in known]
        if self.seconds.get(UNKNOWN):
            parts.append(f"{UNKNOWN} {self.seconds[UNKNOWN]:.1f} s")
        return ", ".join(parts) or "nobody"


# What goes on right now.

_CURRENT_S = 1.0  # a face that was not reported for so long has left


@dataclass(frozen=True)
class JournalMoment:
    """The robot's world right now.

    Attributes:
        faces: in the last image; None before the first one.
        labels: that the model knows, in its order.
        label: expression of the attended face; None when nobody is attended to.
        confidence: of it, 0..1.
        probabilities: of the labels, 0..1; empty when they are not known.
        state: of the behaviour; None before it is known.
        motion: being played; None for none.
        speech: being said; None for nothing.
        reason: why the robot does or does not act; None before it is known.
        rate: processed images per second, lately.
        latency_s: median from an image's stamp to its result, lately, seconds.
        problem: what the perception complains of; None when all is well.
        trouble: what else of the robot is not in order, with its name; None when all is.
        expects_images: whether the perception does: a robot may have no camera.
    """

    faces: int | None = None
    labels: tuple[str, ...] = LABELS
    label: str | None = None
    confidence: float = 0.0
    probabilities: tuple[float, ...] = ()
    state: str | None = None
    motion: str | None = None
    speech: str | None = None
    reason: str | None = None
    rate: float = 0.0
    latency_s: float = 0.0
    problem: str | None = None
    trouble: str | None = None
    expects_images: bool = True


class Screen:
    """Where the view appears. This one shows nothing."""

    def line(self, text: str) -> None:
        """Something to be said once."""

    def seen(self, line: str) -> None:
        """Someone else is seen, or something else in the face."""

    def answered(self, answer: Answered) -> None:
        """The robot has begun to respond."""

    def draw(self, journal: Journal) -> None:
        """Called ten times a second."""


@dataclass
class _Attended:
    """Time that the attended face showed each label."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    images: Counter[str] = field(default_factory=Counter)
    label: str | None = None
    at: float = 0.0

    def add(self, label: str, now: float) -> None:
        if label not in self.images and len(self.images) >= _MOST_LABELS:
            label = UNKNOWN
        if self.label and now - self.at < _CURRENT_S:
            self.seconds[self.label] += now - self.at
        self.images[label] += 1
        self.label, self.at = label, now


class Journal:
    """Takes in messages, as plain values, and keeps the account.

    Args:
        clock: seconds, monotonic.
        screen: told of changes.
    """

    def __init__(self, clock: Callable[[], float], screen: Screen) -> None:
        self._clock = clock
        self._screen = screen
        self._began = clock()
        self._moment = JournalMoment()
        self._latencies = LatencyHistogram()
        self._lately = Statistics()
        self._images, self._first_image, self._last_image = 0, 0.0, 0.0
        self._attended = _Attended()
        self._answers: deque[Answered] = deque(maxlen=REMEMBERED)
        self._answered: dict[str, None] = {}
        self._said: deque[str] = deque(maxlen=REMEMBERED)
        self._response: tuple[str | None, str | None] = (None, None)
        self._line: str | None = None
        self._stopped: str | None = None
        self._saying: str | None = None
        self._playing: str | None = None
        self._troubles: dict[str, str] = {}

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    @property
    def moment(self) -> JournalMoment:
        """The present."""
        now = self._clock()
        if self._moment.label and now - self._attended.at > _CURRENT_S:
            self._forget_the_face()
        lately = self._lately.summary(now)
        # What somebody has asked for is no response of the behaviour.
        return replace(
            self._moment,
            motion=self._moment.motion or self._playing,
            speech=self._moment.speech or self._saying,
            trouble=next((f"{name}: {text}" for name, text in self._troubles.items()), None),
            rate=lately.rate,
            latency_s=lately.median_s,
        )

    @property
    def responding(self) -> bool:
        """Whether the robot is in the middle of a response."""
        return any(self._response)

    @property
    def answers(self) -> Sequence[Answered]:
        """The responses so far, the last `REMEMBERED`."""
        return self._answers

    def image(self, faces: int, latency_s: float, labels: Sequence[str] = ()) -> None:
        """An image was processed.

        Args:
            faces: in it.
            latency_s: from its stamp to now, seconds.
            labels: that the model knows; empty when they are not told.
        """
        now = self._clock()
        if not self._images:
            self._first_image = now
        self._last_image = now
        self._images += 1
        odd = self._latencies.odd
        self._latencies.add(latency_s)
        self._lately.add(latency_s if self._latencies.odd == odd else 0.0, now)
        if faces == 0:
            self._forget_the_face()
        if labels and tuple(labels) != self._moment.labels:  # those of before say nothing now
            self._moment = replace(self._moment, labels=tuple(labels), probabilities=())
        self._moment = replace(self._moment, faces=faces)
        if faces == 0:
            self._see("nobody in view")

    def expression(
        self,
        label: str,
        confidence: float,
        labels: Sequence[str] = (),
        probabilities: Sequence[float] = (),
    ) -> None:
        """The attended face shows something; see `JournalMoment`.

        Args:
            label: what.
            confidence: in it, 0..1.
            labels: that the model knows; empty when they are not told.
            probabilities: one for each of the labels; others are not shown.
        """
        self._attended.add(label, self._clock())
        confidence = abs(confidence)  # of -0, which is in the range, too
        changed = label != self._moment.label
        order = tuple(labels) or self._moment.labels
        shares = tuple(map(abs, probabilities))
        if len(shares) != len(order):
            shares = ()
        self._moment = replace(
            self._moment, label=label, confidence=confidence, labels=order, probabilities=shares
        )
        if changed:
            self._see(f"{label}, {confidence:.0%}")

    def behaviour(
        self,
        state: str,
        emotion: str | None = None,
        motion: str | None = None,
        speech: str | None = None,
        reason: str | None = None,
    ) -> None:
        """The behaviour has changed; see `JournalMoment`."""
        self._moment = replace(
            self._moment, state=state, motion=motion, speech=speech, reason=reason
        )
        response = (motion, speech)
        begins = any(response) and not self._continues(response)
        self._response = response
        if begins and state == "responding" and motion != "rest":
            answer = Answered(self.elapsed, emotion, motion, speech, reason)
            self._answers.append(answer)
            if emotion and len(self._answered) < _MOST_LABELS:
                self._answered.setdefault(emotion)
            self._screen.answered(answer)

    def said(self, text: str | None) -> None:
        """The loudspeaker, or the log, has begun to say something; None: it is silent."""
        self._saying = text
        if text is None:
            return
        self._said.append(text)
        if text != self._moment.speech:
            self._asked_for(None, text)

    def plays(self, motion: str | None) -> None:
        """Which gesture the robot plays; None for none."""
        begins = motion not in (None, self._playing)
        self._playing = motion
        known = (self._moment.motion, self._answers[-1].motion if self._answers else None)
        if begins and motion not in known:
            self._asked_for(motion, None)

    def _asked_for(self, motion: str | None, speech: str | None) -> None:
        """Somebody has the robot do something, from the shell for example."""
        self._screen.answered(Answered(self.elapsed, "asked for", motion, speech, None))

    def trouble(self, name: str, text: str | None) -> None:
        """What is not in order of a part of the robot; None: it is."""
        if text is None:
            self._troubles.pop(name, None)
        elif self._troubles.get(name) is None:
            self._troubles[name] = text
            self._screen.line(f"{name}: {text}")
        else:
            self._troubles[name] = text

    def stopped(self, text: str | None) -> None:
        """Since when the robot is stopped, and what releases it; None: it is not."""
        self._stopped = text

    def problem(self, text: str | None) -> None:
        """What the perception complains of; None when all is well."""
        self._moment = replace(self._moment, problem=text)

    def expects_images(self, expected: bool) -> None:
        """Whether the perception does."""
        self._moment = replace(self._moment, expects_images=expected)

    def summary(self) -> RunSummary:
        """The account of everything so far."""
        latencies = self._latencies
        span = self._last_image - self._first_image
        return RunSummary(
            duration_s=self.elapsed,
            frames=self._images,
            rate=(self._images - 1) / span if span > 0 else 0.0,
            median_s=latencies.percentile(50),
            p99_s=latencies.percentile(99),
            odd_stamps=latencies.odd,
            seconds=dict(self._attended.seconds),
            images=dict(self._attended.images),
            answers=tuple(self._answers),
            said=tuple(self._said),
            emotions_answered=tuple(self._answered),
            stopped=self._stopped,
        )

    def _forget_the_face(self) -> None:
        self._moment = replace(self._moment, label=None, confidence=0.0, probabilities=())

    def _continues(self, response: tuple[str | None, str | None]) -> bool:
        """Whether this is the same response, of which a part has ended meanwhile."""
        return all(new in (None, old) for new, old in zip(response, self._response, strict=True))

    def _see(self, line: str) -> None:
        if line != self._line:
            self._line = line
            self._screen.seen(line)

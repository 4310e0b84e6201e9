"""Decides which response is due, and says why or why not.

In this order: a farewell to those who have just left, the notice to the first face, a
greeting to those who have come near, an answer to the expression of the attended face.

An expression is answered once it has been held by the attended face for its dwell
time, unless it was answered a short while ago. The cool-down is measured from the
end of the answer. An estimate that is unknown, or not confident enough, changes
nothing: it neither triggers an answer nor breaks off the expression before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ec_rfernet.labels import LABELS, UNKNOWN
from robot_behavior.dialogue.behaviors import NOTICE, Behavior, Behaviors
from robot_behavior.dialogue.engagement import Engagement, Occasion
from robot_behavior.dialogue.response import Decision, Finished
from robot_behavior.dialogue.status import State

# ----------------------------------------------------------------------
# How long the robot is silent after what it has done.


@dataclass(frozen=True)
class _Answer:
    """The last time that a behaviour was carried out."""

    at: float
    problems: tuple[str, ...]


class Cooldowns:
    """Measures from the end of each response.

    Args:
        clock: seconds, monotonic.
        pause_s: shortest pause between any two responses.
    """

    def __init__(self, clock: Callable[[], float], pause_s: float) -> None:
        self._clock = clock
        self._pause_s = pause_s
        self._answers: dict[str, _Answer] = {}
        self._quiet_since: float | None = None

    def finished(self, name: str, problems: tuple[str, ...] = ()) -> None:
        """A behaviour has just been carried out; the problems are readable clauses."""
        self._quiet_since = self._clock()
        self._answers[name] = _Answer(self._quiet_since, problems)

    def since(self, name: str) -> float:
        """Seconds since a behaviour was carried out; infinite if it never was."""
        answer = self._answers.get(name)
        return math.inf if answer is None else self._clock() - answer.at

    def wait(self, behavior: Behavior) -> str:
        """Why a behaviour has to wait; empty when it has not."""
        return self.of(behavior) or self.pause(behavior)

    def of(self, behavior: Behavior) -> str:
        """Why a behaviour must not be repeated yet; empty when it may."""
        ago = self.since(behavior.name)
        if ago >= behavior.cooldown_s:
            return ""
        answer = self._answers[behavior.name]
        problems = f" ({'; '.join(answer.problems)})" if answer.problems else ""
        verb = "tried" if problems else "answered" if behavior.name in LABELS else "said"
        return (
            f"{behavior.name} again, but {verb} {tenths(ago)} s ago{problems}: "
            f"cool-down of {behavior.cooldown_s:g} s"
        )

    def pause(self, behavior: Behavior) -> str:
        """Why a behaviour has to wait for the pause to be over; empty when it has not."""
        ago = math.inf if self._quiet_since is None else self._clock() - self._quiet_since
        if ago >= self._pause_s:
            return ""
        ended = f"the last response ended {tenths(ago)} s ago"
        return f"{behavior.name}, but {ended}: pause of {self._pause_s:g} s"


def tenths(seconds: float) -> str:
    """Rounded down: "0.8 s of 0.8 s" must not stand for a dwell that is not over yet."""
    return f"{math.floor(seconds * 10) / 10:.1f}"


# ----------------------------------------------------------------------
# What the robot remembers of the moods of each face, while the face is there.


@dataclass
class _Memory:
    """Of one face."""

    seen: float
    label: str = ""
    answers: int = 0
    told: set[str] = field(default_factory=set)
    told_before: set[str] = field(default_factory=set)


class Moods:
    """How often, and with which words, the mood of each face has been answered.

    A mood is an expression that has lasted for its dwell time; it goes on until another
    one has. The memory of a face fades when the face has been gone for a while; the id
    of a face is random per run, so that nothing is known about a person.

    Args:
        clock: seconds, monotonic.
        memory_s: how long a face that is gone is remembered.
    """

    def __init__(self, clock: Callable[[], float], memory_s: float) -> None:
        self._clock = clock
        self._memory_s = memory_s
        self._faces: dict[str, _Memory] = {}

    def __len__(self) -> int:
        return len(self._faces)

    def saw(self, face_id: str) -> None:
        """A face is there."""
        now = self._clock()
        old = [f for f, memory in self._faces.items() if now - memory.seen > self._memory_s]
        for face in old:
            del self._faces[face]
        self._faces.setdefault(face_id, _Memory(now)).seen = now

    def confirm(self, face_id: str, label: str) -> None:
        """A face has shown an expression for its dwell time: this is its mood now."""
        self.saw(face_id)
        memory = self._faces[face_id]
        if memory.label != label:
            memory.label, memory.answers = label, 0
            memory.told_before |= memory.told
            memory.told = set()

    def answered(self, face_id: str, label: str, sentence: str) -> None:
        """A mood of a face was answered, with a sentence or, if that is empty, without."""
        memory = self._faces.get(face_id)
        if memory is None:
            return  # it was forgotten meanwhile
        if memory.label == label:
            memory.answers += 1
            memory.told |= {sentence} if sentence else set()
        elif sentence:
            memory.told_before.add(sentence)

    def answers(self, face_id: str, label: str) -> int:
        """How often the mood that lasts has been answered; 0 for another mood."""
        memory = self._faces.get(face_id)
        return memory.answers if memory is not None and memory.label == label else 0

    def told(self, face_id: str, label: str) -> frozenset[str]:
        """What was said about the mood that lasts: not to be said again."""
        memory = self._faces.get(face_id)
        return frozenset(memory.told if memory is not None and memory.label == label else ())

    def told_before(self, face_id: str) -> frozenset[str]:
        """What was said about earlier moods: better not to be said again."""
        memory = self._faces.get(face_id)
        return frozenset(memory.told_before if memory is not None else ())


# ----------------------------------------------------------------------

NOTE_S = 3.0
"""For so long the reasons tell of something that was dropped."""

_MOOD_S = 1.0  # the dwell time of an expression that has no answer


@dataclass
class _Held:
    """An expression and the time between its first and its last observation."""

    label: str
    since: float
    last: float


class Policy:
    """When to respond to what.

    Args:
        behaviors: what to respond to.
        clock: seconds, monotonic.
        forget_after_s: a face, or an expression of it, that is not observed for so
            long is over.
        notice: whether to give the notice of `Behaviors`.
        greet: whether to greet and to tell goodbye as `Behaviors` says.
    """

    def __init__(
        self,
        behaviors: Behaviors,
        clock: Callable[[], float],
        forget_after_s: float = 2.0,
        notice: bool = True,
        greet: bool = True,
    ) -> None:
        self._behaviors = behaviors
        self._clock = clock
        self._forget_after_s = forget_after_s
        self._notice = behaviors.notice if notice else None
        rules = behaviors.engagement if greet else None
        self._engagement = Engagement(rules, clock) if rules is not None else None
        self._moods = Moods(clock, behaviors.memory_s)
        self._face: str | None = None
        self._face_at = 0.0
        self._crowd: dict[str, float] = {}  # when each face was last in view
        self._held: _Held | None = None
        self._doubt = ""
        self._cooldowns = Cooldowns(clock, behaviors.pause_s)
        self._note, self._note_at = "", -math.inf

    @property
    def note(self) -> str:
        """What was dropped lately, and why; empty for nothing."""
        return self._note if self._clock() - self._note_at <= NOTE_S else ""

    def drop(self, note: str) -> None:
        """Something is not going to be done; the note says what, and why."""
        self._note, self._note_at = note, self._clock()

    def observe(self, face_id: str, label: str, confidence: float, size: float = 0.0) -> None:
        """Takes in the expression of the attended face.

        Args:
            face_id: id of the face.
            label: one of `ec_rfernet.labels.LABELS`, or unknown.
            confidence: of the label, 0..1.
            size: see `see`.
        """
        now = self._clock()
        if face_id != self._face:
            self._held = None
        self._face, self._face_at = face_id, now
        self._moods.saw(face_id)
        self._notice_sizes({face_id: size})
        behavior = self._behaviors.emotions.get(label)
        least = behavior.min_confidence if behavior else 0.0
        if label == UNKNOWN:
            self._doubt = "the expression is unclear"
        elif not confidence >= least:  # NaN is not confident either
            self._doubt = f"{label} at {confidence:.0%} is below the {least:.0%} it needs"
        else:
            self._doubt = ""
            held = self._held
            if held is None or held.label != label or self._is_old(held.last):
                self._held = held = _Held(label, now, now)
            held.last = now
            if now - held.since >= (behavior.dwell_s if behavior else _MOOD_S):
                self._moods.confirm(face_id, label)

    def see(self, sizes: Mapping[str, float]) -> None:
        """Takes in which faces are in view; none means that the attended person has left.

        Args:
            sizes: width of each face by its id, as a share of the image's width; 0 when
                it is not known.
        """
        now = self._clock()
        self._crowd = {f: at for f, at in self._crowd.items() if not self._is_old(at)}
        self._crowd |= dict.fromkeys(sizes, now)
        for face in sizes:
            self._moods.saw(face)
        self._notice_sizes(sizes)
        if not sizes:
            self._crowd.clear()
            self._forget_expression()

    def sees(self, face_id: str) -> bool:
        """Whether a face is in view."""
        if face_id == self._face and not self._is_old(self._face_at):
            return True
        at = self._crowd.get(face_id)
        return at is not None and not self._is_old(at)

    def forget(self) -> None:
        """The expression has to be shown for its dwell time once more; nothing is pending."""
        self._forget_expression()
        if self._engagement is not None:
            self._engagement.used("stopped")

    def restart(self) -> None:
        """Starts anew: whoever is there now has just come, as far as the robot knows."""
        self.forget()
        self._crowd.clear()
        if self._engagement is not None:
            self._engagement.reset()

    def started(self, name: str) -> None:
        """A response to a face begins; a greeting or a farewell is used up by it."""
        engagement = self._engagement
        pending = engagement.pending if engagement is not None else None
        if engagement is not None and pending is not None and pending.occasion.value == name:
            engagement.used()

    def finished(self, finished: Finished) -> None:
        """Starts the cool-down of a response that has just ended."""
        response = finished.response
        self._cooldowns.finished(response.name, finished.problems)
        if response.name == NOTICE and finished.spoken:
            self._notice = None
        failed = bool(finished.problems) and not finished.spoken and not finished.moved
        if response.emotion and not failed:
            self._moods.answered(response.face_id, response.emotion, finished.said)

    def decide(self, running: str = "", can_speak: bool = True, is_blind: bool = False) -> Decision:
        """What is due now.

        Args:
            running: name of the behaviour that is being carried out, if any.
            can_speak: whether the notice could be spoken now.
            is_blind: whether perception pauses; nobody is told goodbye for not being seen then.
        """
        if self._face is not None and self._is_old(self._face_at):
            self._forget_expression()
        farewell = None if is_blind else self._occasion(Occasion.FAREWELL, running)
        if farewell is not None:
            return farewell
        if self._face is None:
            crowd = any(not self._is_old(at) for at in self._crowd.values())
            reason = "someone is in view, but not attended to yet" if crowd else "nobody is in view"
            return Decision(State.IDLE, reason)
        notice = self._notice if can_speak else None
        if notice is not None and running != notice.name and not self._cooldowns.wait(notice):
            return self._attending("the first face has not been told about the camera yet", notice)
        greeting = None if is_blind else self._occasion(Occasion.GREETING, running)
        if greeting is not None:
            return greeting
        held = self._held
        if self._doubt or held is None or self._is_old(held.last):
            return self._attending(self._doubt or "waiting for an expression")
        return self._consider(held, running)

    def _occasion(self, occasion: Occasion, running: str) -> Decision | None:
        """The greeting or the farewell, if it is due; None if it is not."""
        engagement, rules = self._engagement, self._behaviors.engagement
        if engagement is None or rules is None:
            return None
        engagement.attend(self._face)
        engagement.update()
        if engagement.dropped:
            self.drop(engagement.dropped)
            engagement.dropped = ""
        pending = engagement.pending
        if pending is None or pending.occasion is not occasion:
            return None
        greets = occasion is Occasion.GREETING
        behavior = rules.greeting if greets else rules.farewell
        if behavior is None:
            engagement.used()
            return None
        wait = self._cooldowns.of(behavior)
        if greets and not wait:
            wait = self._welcomed(behavior.cooldown_s, running)
        if wait:
            engagement.used(wait.removeprefix(f"{behavior.name} again, but "))
            return None
        if self._cooldowns.pause(behavior):
            return None
        return Decision(State.ATTENDING, pending.reason, pending.face_id, due=behavior)

    def _welcomed(self, cooldown_s: float, running: str) -> str:
        """Whether the notice has served as a greeting; empty if it has not."""
        recently = self._cooldowns.since(NOTICE) < cooldown_s
        return "the notice was the greeting" if recently or running == NOTICE else ""

    def _consider(self, held: _Held, running: str) -> Decision:
        behavior = self._behaviors.emotions.get(held.label)
        if behavior is None:
            return self._attending(f"no answer is set for {held.label}")
        if running == behavior.name:
            return self._attending(f"{held.label} is being answered")
        lasted = held.last - held.since
        dwell = f"{behavior.dwell_s:g} s"
        if lasted < behavior.dwell_s:
            return self._attending(f"{held.label} for {tenths(lasted)} s of {dwell}")
        reason = f"{held.label} has lasted {tenths(lasted)} s (dwell {dwell})"
        face = self._face or ""
        answers = self._moods.answers(face, held.label)
        due = behavior
        if behavior.limit and answers >= behavior.limit:
            reason = f"{held.label} goes on after {answers} answers"
            if behavior.then is None:
                return self._attending(f"{reason}: quiet until the mood changes")
            due = behavior.then
        elif answers and behavior.again:
            due = replace(behavior, variants=behavior.again)
        wait = self._cooldowns.wait(due)
        if wait:
            return Decision(State.COOLDOWN, wait, face, held.label)
        never, before = self._moods.told(face, held.label), self._moods.told_before(face)
        return Decision(State.ATTENDING, reason, face, held.label, due, never, before)

    def _attending(self, reason: str, due: Behavior | None = None) -> Decision:
        considered = self._held.label if self._held else ""
        emotion = UNKNOWN if self._doubt else considered
        return Decision(State.ATTENDING, reason, self._face or "", emotion, due)

    def _notice_sizes(self, sizes: Mapping[str, float]) -> None:
        if self._engagement is not None:
            self._engagement.see(sizes)

    def _forget_expression(self) -> None:
        self._face = self._held = None
        self._doubt = ""

    def _is_old(self, moment: float) -> bool:
        return self._clock() - moment > self._forget_after_s

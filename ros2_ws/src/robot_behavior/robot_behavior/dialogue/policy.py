"""Decides which response is due, and says why or why not; remembers moods and cool-downs.

In this order: a farewell to those who have just left, the notice to the first face, a
greeting to those who have come near, an answer to the expression of the attended face.

An expression is answered once it has been held by the attended face for its dwell
time, unless it was answered a short while ago. The cool-down is measured from the
end of the answer. An estimate that is unknown, or not confident enough, changes
nothing: it neither triggers an answer nor breaks off the expression before it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from ec_rfernet.labels import UNKNOWN
from fer_common.reason import Reason
from fer_common.settings import setting
from robot_behavior.dialogue.behaviors import (
    FAREWELL,
    GREETING,
    NOTICE,
    OCCASIONS,
    Behavior,
    Behaviors,
    EngagementRules,
)
from robot_behavior.dialogue.response import Activity, Finished

# ----------------------------------------------------------------------
# Who has come near, and who has left: the beginning and the end of an encounter.
#
# How near somebody is shows in the size of the face in the image. An encounter is one
# however many people take part in it: it begins when the attended face has been near for
# a while, and it ends when nobody has been near for a while.

CAME_NEAR, WENT_AWAY = "came_near", "went_away"
"""Codes of the reasons for a greeting and for a farewell."""

GREETING_DROPPED, FAREWELL_DROPPED = "greeting_dropped", "farewell_dropped"
"""Codes of the reasons why one of them was not said."""

GAP_S = 1.5
"""A face that is lost, or a little too small, for so long is still the same visit."""

_MOST_MET = 1000

PATIENCE_S = 5.0
"""A greeting or a farewell that could not be said for so long comes too late."""


class Occasion(str, Enum):
    """What the robot may have to say about an encounter."""

    GREETING = GREETING
    FAREWELL = FAREWELL


@dataclass(frozen=True)
class Pending:
    """An occasion that has not been used yet.

    Attributes:
        occasion: greeting or farewell.
        face_id: the face that it is for.
        since: when it came up, seconds.
        reason: why it came up.
    """

    occasion: Occasion
    face_id: str
    since: float
    reason: Reason


@dataclass
class _Visit:
    """The time between the first and the last moment at which a face was near."""

    since: float
    last: float


class Engagement:
    """Follows encounters; says each greeting and each farewell exactly once.

    Args:
        rules: what is near, and for how long; may be replaced at any time.
        clock: seconds, monotonic.

    Attributes:
        partner: id of the face that the encounter is with; None between encounters.
        parted: when the last encounter has ended, seconds; -inf before.
        pending: what has to be said; None for nothing.
        dropped: why the last occasion was not used; None if it was.
    """

    def __init__(self, rules: EngagementRules, clock: Callable[[], float]) -> None:
        self.rules = rules
        self._clock = clock
        self._visits: dict[str, _Visit] = {}
        self._met: set[str] = set()
        self._attended: str | None = None
        self.partner: str | None = None
        self.parted = -math.inf
        self.pending: Pending | None = None
        self.dropped: Reason | None = None

    def see(self, sizes: Mapping[str, float]) -> None:
        """Takes in the faces of an image.

        Args:
            sizes: width of each face by its id, as a share of the image's width; 0 when
                it is not known, which counts as far away.
        """
        now = self._clock()
        for face, size in sizes.items():
            visit = self._visits.get(face)
            current = visit is not None and now - visit.last <= GAP_S
            if size >= self.rules.near and not current:
                self._visits[face] = _Visit(now, now)
            elif visit is not None and current and size >= self.rules.far:
                visit.last = now

    def attend(self, face_id: str | None) -> None:
        """Takes in which face is attended to; None for none."""
        self._attended = face_id

    def reset(self) -> None:
        """Forgets the encounter; nobody is told goodbye."""
        self.dropped = None
        self._visits.clear()
        self._met.clear()
        self.partner = self.pending = self._attended = None

    def used(self) -> None:
        """The pending occasion is over: it is being said."""
        self.pending = None

    def drop(self, why: str) -> None:
        """The pending occasion, if any, is over without having been said.

        Args:
            why: one readable clause.
        """
        if self.pending is not None:
            greets = self.pending.occasion is Occasion.GREETING
            code = GREETING_DROPPED if greets else FAREWELL_DROPPED
            self.dropped = Reason(code, f"{self.pending.occasion.value} dropped: {why}")
        self.pending = None

    def update(self) -> None:
        """Lets encounters begin and end, and occasions expire."""
        now = self._clock()
        self._expire(now)
        if self._attended is not None and not self._is_busy(now):
            self._consider(self._attended, now)
        if self.partner is not None and not self._near_within(self.rules.leave_s, now):
            self._part(self.partner, now)
        longest = max(GAP_S, self.rules.leave_s)
        for face in [f for f, visit in self._visits.items() if now - visit.last > longest]:
            if face != self.partner:
                del self._visits[face]

    def _consider(self, face: str, now: float) -> None:
        """Meets a face that has been near for a while."""
        visit = self._visits.get(face)
        if visit is None or now - visit.last > GAP_S:
            return
        if visit.last - visit.since >= self.rules.dwell_s:
            self._meet(face, visit, now)

    def _is_busy(self, now: float) -> bool:
        """Whether the encounter is with somebody who is still near, or has been met already."""
        if self.partner is None or self.partner == self._attended:
            return self.partner is not None
        return now - self._visits[self.partner].last <= GAP_S

    def _meet(self, face: str, visit: _Visit, now: float) -> None:
        former = self._visits.get(self.partner) if self.partner is not None else None
        # A face that appears where another one has just been lost is the same person
        # under a new id; nobody is greeted twice for having looked away.
        same = former is not None and visit.since > former.last
        known = same or face in self._met
        self.partner = face
        if len(self._met) > _MOST_MET:  # somebody else has always been near, for hours
            self._met &= self._visits.keys()
        self._met |= {f for f, v in self._visits.items() if now - v.last <= GAP_S}
        if self.pending is not None and self.pending.occasion is Occasion.FAREWELL:
            self.drop("they came back before it could be said")
        if not known:
            lasted = visit.last - visit.since
            reason = Reason(CAME_NEAR, f"somebody has been near for {lasted:.1f} s")
            self.pending = Pending(Occasion.GREETING, face, now, reason)

    def _part(self, face: str, now: float) -> None:
        self.drop("they left before it could be said")
        reason = Reason(WENT_AWAY, f"nobody has been near for {self.rules.leave_s:g} s")
        self.pending = Pending(Occasion.FAREWELL, face, now, reason)
        self.partner, self.parted = None, now
        self._visits.clear()
        self._met.clear()

    def _near_within(self, seconds: float, now: float) -> bool:
        return any(now - visit.last < seconds for visit in self._visits.values())

    def _expire(self, now: float) -> None:
        if self.pending is not None and now - self.pending.since > PATIENCE_S:
            self.drop(f"it could not be said within {PATIENCE_S:g} s")


# ----------------------------------------------------------------------
# Why the robot does, or does not, respond.

COOLDOWN, PAUSE = "cooldown", "pause"
NOBODY, NOT_ATTENDED = "nobody", "not_attended"
UNCLEAR, UNCERTAIN, WAITS_FOR_EXPRESSION = "unclear", "uncertain", "waits_for_expression"
NOTICE_IS_DUE, NO_BEHAVIOUR = "notice_is_due", "no_behaviour"
BEING_ANSWERED, TOO_SHORT, HAS_LASTED = "being_answered", "too_short", "has_lasted"
GOES_ON, QUIET = "goes_on", "quiet"
"""Codes of the reasons of a `Decision`."""


@dataclass(frozen=True)
class Decision:
    """What to do now.

    Attributes:
        activity: idle, attending or cooldown.
        reason: why.
        face_id: the attended face; None if nobody is attended to.
        emotion: the expression considered; None if none is.
        due: the behaviour that should be carried out; None for none.
        never: sentences that must not be said, because they have been.
        rather_not: sentences that this face has heard before.
    """

    activity: Activity
    reason: Reason
    face_id: str | None = None
    emotion: str | None = None
    due: Behavior | None = None
    never: frozenset[str] = frozenset()
    rather_not: frozenset[str] = frozenset()


# ----------------------------------------------------------------------
# How long the robot is silent after what it has done.


@dataclass(frozen=True)
class _Answer:
    """The last time that a behaviour was carried out."""

    at: float
    problems: tuple[Reason, ...]


class Cooldowns:
    """Measures from the end of each response.

    Args:
        clock: seconds, monotonic.
        pause_s: shortest pause between any two responses; may be changed at any time.
    """

    def __init__(self, clock: Callable[[], float], pause_s: float) -> None:
        self._clock = clock
        self.pause_s = pause_s
        self._answers: dict[str, _Answer] = {}
        self._quiet_since: float | None = None

    def finished(self, name: str, problems: tuple[Reason, ...] = ()) -> None:
        """A behaviour has just been carried out, with these problems."""
        self._quiet_since = self._clock()
        self._answers[name] = _Answer(self._quiet_since, problems)

    def since(self, name: str) -> float:
        """Seconds since a behaviour was carried out; infinite if it never was."""
        answer = self._answers.get(name)
        return math.inf if answer is None else self._clock() - answer.at

    def wait(self, behavior: Behavior) -> Reason | None:
        """Why a behaviour has to wait; None when it has not."""
        lately = self.lately(behavior)
        if lately is None:
            return self.pause(behavior)
        return Reason(COOLDOWN, f"{behavior.name} again, but {lately}")

    def lately(self, behavior: Behavior) -> str | None:
        """When a behaviour was carried out, as a clause; None when it may be repeated."""
        ago = self.since(behavior.name)
        if ago >= behavior.cooldown_s:
            return None
        answer = self._answers[behavior.name]
        problems = f" ({'; '.join(map(str, answer.problems))})" if answer.problems else ""
        verb = "tried" if problems else "said" if behavior.name in OCCASIONS else "answered"
        return f"{verb} {tenths(ago)} s ago{problems}: cool-down of {behavior.cooldown_s:g} s"

    def pause(self, behavior: Behavior) -> Reason | None:
        """Why a behaviour has to wait for the pause to be over; None when it has not."""
        ago = math.inf if self._quiet_since is None else self._clock() - self._quiet_since
        if ago >= self.pause_s:
            return None
        ended = f"the last answer ended {tenths(ago)} s ago"
        return Reason(PAUSE, f"{behavior.name}, but {ended}: pause of {self.pause_s:g} s")


def tenths(seconds: float) -> str:
    """Rounded down: "0.8 s of 0.8 s" must not stand for a dwell that is not over yet."""
    return f"{math.floor(seconds * 10) / 10:.1f}"


# ----------------------------------------------------------------------
# What the robot remembers of the moods of each face, while the face is there.


@dataclass
class _Memory:
    """Of one face."""

    seen: float
    label: str | None = None
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
        memory_s: how long a face that is gone is remembered; may be changed at any time.
    """

    def __init__(self, clock: Callable[[], float], memory_s: float) -> None:
        self._clock = clock
        self.memory_s = memory_s
        self._faces = OrderedDict[str, _Memory]()  # whoever was seen last is the last

    def __len__(self) -> int:
        return len(self._faces)

    def saw(self, face_id: str) -> None:
        """A face is there."""
        now = self._clock()
        while self._faces and now - next(iter(self._faces.values())).seen > self.memory_s:
            self._faces.popitem(last=False)
        self._faces.setdefault(face_id, _Memory(now)).seen = now
        self._faces.move_to_end(face_id)

    def confirm(self, face_id: str, label: str) -> None:
        """A face has shown an expression for its dwell time: this is its mood now."""
        self.saw(face_id)
        memory = self._faces[face_id]
        if memory.label != label:
            memory.label, memory.answers = label, 0
            memory.told_before |= memory.told
            memory.told = set()

    def answered(self, face_id: str, label: str, sentence: str | None) -> None:
        """A mood of a face was answered, with a sentence or, if that is None, without."""
        memory = self._faces.get(face_id)
        if memory is None:
            return  # it was forgotten meanwhile
        if memory.label == label:
            memory.answers += 1
            memory.told |= set() if sentence is None else {sentence}
        elif sentence is not None:
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
# What is due.

NOTE_S = 3.0
"""For so long the reasons tell of something that was dropped."""

_MOOD_S = 1.0  # the dwell time of an expression that has no answer


@dataclass
class _Held:
    """An expression and the time between its first and its last observation."""

    label: str
    since: float
    last: float


@dataclass(frozen=True)
class PolicySettings:
    """What the person who starts the robot may choose."""

    forget_after_s: float = setting(
        2.0,
        "A face or an expression that is not observed for so long is over, in seconds.",
        low=0.2,
        high=60.0,
        live=True,
    )
    notice: bool = setting(True, "Tell the first face about the camera.", live=True)
    greet: bool = setting(
        True, "Greet people who come near, and say goodbye to people who leave.", live=True
    )
    in_person: bool = setting(
        True,
        "Whether people are there, and not in a picture or a video only: nobody is told about the "
        "camera then, or greeted.",
    )


class Policy:
    """When to respond to what.

    Args:
        behaviors: what to respond to.
        clock: seconds, monotonic.
        settings: None: the defaults.
        dropped: told of each note, see `drop`.
    """

    def __init__(
        self,
        behaviors: Behaviors,
        clock: Callable[[], float],
        settings: PolicySettings | None = None,
        dropped: Callable[[Reason], None] = lambda note: None,
    ) -> None:
        self._clock = clock
        self._has_told = False  # about the camera
        self._engagement: Engagement | None = None
        self._moods = Moods(clock, behaviors.memory_s)
        self._cooldowns = Cooldowns(clock, behaviors.pause_s)
        self.adjust(behaviors, settings or PolicySettings())
        self._face: str | None = None
        self._face_at = 0.0
        self._crowd: dict[str, float] = {}  # when each face was last in view
        self._held: _Held | None = None
        self._doubt: Reason | None = None
        self._dropped = dropped
        self._note: Reason | None = None
        self._note_at = -math.inf

    def adjust(self, behaviors: Behaviors, settings: PolicySettings) -> None:
        """Goes on with other behaviours and settings; remembers who is there, and what was said.

        Who is there when greeting is switched on has just come.
        """
        self._behaviors, self._settings = behaviors, settings
        self._moods.memory_s, self._cooldowns.pause_s = behaviors.memory_s, behaviors.pause_s
        rules = behaviors.engagement if settings.greet and settings.in_person else None
        if rules is None:
            self._engagement = None
        elif self._engagement is None:
            self._engagement = Engagement(rules, self._clock)
        else:
            self._engagement.rules = rules

    @property
    def note(self) -> Reason | None:
        """What was dropped lately, and why; None for nothing."""
        return self._note if self._clock() - self._note_at <= NOTE_S else None

    def drop(self, note: Reason) -> None:
        """Something is not going to be done; the note says what, and why."""
        self._note, self._note_at = note, self._clock()
        self._dropped(note)

    def observe(self, face_id: str, label: str, confidence: float) -> None:
        """Takes in the expression of the attended face.

        Args:
            face_id: id of the face.
            label: one of the model's labels, or unknown; one without a behaviour is not answered.
            confidence: of the label, 0..1.
        """
        now = self._clock()
        if face_id != self._face:
            self._held = None
        self._face, self._face_at = face_id, now
        self._moods.saw(face_id)
        behavior = self._behaviors.emotions.get(label)
        least = behavior.min_confidence if behavior else 0.0
        if label == UNKNOWN:
            self._doubt = Reason(UNCLEAR, "the expression is unknown")
        elif not confidence >= least:  # NaN is not confident either
            below = f"{label} at {confidence:.0%} is below the {least:.0%} it needs"
            self._doubt = Reason(UNCERTAIN, below)
        else:
            self._doubt = None
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
        if self._engagement is not None:
            self._engagement.see(sizes)
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
            self._engagement.drop("stopped")

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
            self._has_told = True
        failed = bool(finished.problems) and not finished.spoken and not finished.moved
        if response.emotion is not None and response.face_id is not None and not failed:
            self._moods.answered(response.face_id, response.emotion, finished.said)

    def decide(
        self, running: str | None = None, can_speak: bool = True, is_blind: bool = False
    ) -> Decision:
        """What is due now.

        Args:
            running: name of the behaviour that is being carried out; None for none.
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
            reason = Reason(NOBODY, "nobody is in view")
            if crowd:
                reason = Reason(NOT_ATTENDED, "someone is in view, but not attended to yet")
            return Decision(Activity.IDLE, reason)
        due = (
            can_speak and self._settings.notice and self._settings.in_person and not self._has_told
        )
        notice = self._behaviors.notice if due else None
        if notice is not None and running != notice.name and not self._cooldowns.wait(notice):
            untold = "the first face has not been told about the camera yet"
            return self._attending(Reason(NOTICE_IS_DUE, untold), notice)
        greeting = None if is_blind else self._occasion(Occasion.GREETING, running)
        if greeting is not None:
            return greeting
        return self._expression(self._face, running)

    def _occasion(self, occasion: Occasion, running: str | None) -> Decision | None:
        """The greeting or the farewell, if it is due; None if it is not."""
        engagement, rules = self._engagement, self._behaviors.engagement
        if engagement is None or rules is None:
            return None
        engagement.attend(self._face)
        engagement.update()
        if engagement.dropped is not None:
            self.drop(engagement.dropped)
            engagement.dropped = None
        pending = engagement.pending
        if pending is None or pending.occasion is not occasion:
            return None
        greets = occasion is Occasion.GREETING
        behavior = rules.greeting if greets else rules.farewell
        if behavior is None:
            engagement.used()
            return None
        useless = self._cooldowns.lately(behavior)
        if greets and useless is None and self._has_welcomed(engagement, behavior, running):
            useless = "the notice was the greeting"
        if useless is not None:
            engagement.drop(useless)
            return None
        if self._cooldowns.pause(behavior) is not None:
            return None
        return Decision(Activity.ATTENDING, pending.reason, pending.face_id, due=behavior)

    def _has_welcomed(
        self, engagement: Engagement, greeting: Behavior, running: str | None
    ) -> bool:
        """Whether the notice has served as a greeting of those who are near now."""
        ago = self._cooldowns.since(NOTICE)
        told = ago < greeting.cooldown_s and self._clock() - ago > engagement.parted
        return told or running == NOTICE

    def _expression(self, face: str, running: str | None) -> Decision:
        """What the expression of the attended face calls for."""
        held = self._held
        if self._doubt is not None:
            return self._attending(self._doubt)
        if held is None or self._is_old(held.last):
            return self._attending(Reason(WAITS_FOR_EXPRESSION, "waiting for an expression"))
        return self._consider(face, held, running)

    def _consider(self, face: str, held: _Held, running: str | None) -> Decision:
        label, behavior = held.label, self._behaviors.emotions.get(held.label)
        if behavior is None:
            return self._attending(Reason(NO_BEHAVIOUR, f"no answer is set for {label}"))
        if running == behavior.name:
            return self._attending(Reason(BEING_ANSWERED, f"{label} is being answered"))
        lasted = held.last - held.since
        dwell = f"{behavior.dwell_s:g} s"
        if lasted < behavior.dwell_s:
            so_far = f"{label} for {tenths(lasted)} s of {dwell}"
            return self._attending(Reason(TOO_SHORT, so_far))
        reason = Reason(HAS_LASTED, f"{label} has lasted {tenths(lasted)} s (dwell {dwell})")
        answers = self._moods.answers(face, label)
        due = behavior
        if behavior.limit and answers >= behavior.limit:
            reason = Reason(GOES_ON, f"{label} goes on after {answers} answers")
            if behavior.then is None:
                return self._attending(Reason(QUIET, f"{reason}: quiet until the mood changes"))
            due = behavior.then
        elif answers and behavior.again:
            due = replace(behavior, variants=behavior.again)
        wait = self._cooldowns.wait(due)
        if wait is not None:
            return Decision(Activity.COOLDOWN, wait, face, label)
        never, before = self._moods.told(face, label), self._moods.told_before(face)
        return Decision(Activity.ATTENDING, reason, face, label, due, never, before)

    def _attending(self, reason: Reason, due: Behavior | None = None) -> Decision:
        considered = self._held.label if self._held is not None else None
        emotion = considered if self._doubt is None else UNKNOWN
        return Decision(Activity.ATTENDING, reason, self._face, emotion, due)

    def _forget_expression(self) -> None:
        self._face = self._held = None
        self._doubt = None

    def _is_old(self, moment: float) -> bool:
        return self._clock() - moment > self._settings.forget_after_s

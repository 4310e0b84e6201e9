"""The robot's behaviour as a whole, without ROS: from what is seen to a response under way.

`Conductor` asks the policy what is due, chooses motion and sentence, and has the arbiter carry
them out. It pauses motions that fail, and rests while perception is silent, or something missing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from ec_rfernet.labels import UNKNOWN
from fer_common.reason import Reason
from fer_common.settings import part, setting
from robot_behavior.dialogue.arbiter import MOTION, SPEECH, Arbiter
from robot_behavior.dialogue.behaviors import RESTING, Behavior, Behaviors, Variant
from robot_behavior.dialogue.policy import Decision, Policy, PolicySettings
from robot_behavior.dialogue.response import Activity, BehaviorStatus, Finished, Response, rest

SOMEBODY_ELSE, PASSED = "somebody_else", "passed"
MOTION_FAILED, MOTIONS_PAUSE = "motion_failed", "motions_pause"
PERCEPTION_IS_SILENT = "perception_is_silent"
"""Codes of the reasons that are made here."""

NOT_ACTIVE = Reason("not_active", "not active")

# ----------------------------------------------------------------------
# Chooses among the variants of a behaviour so that the robot does not repeat itself.


class Chooser:
    """Random, but never the same variant twice in a row.

    The motion changes, too, if there is another one. A variant that has nothing to say
    any more gives way to one that has.

    Args:
        rng: where chance comes from.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._variants: dict[str, Variant] = {}

    def choose(
        self, behavior: Behavior, never: Collection[str] = (), rather_not: Collection[str] = ()
    ) -> tuple[Variant, str | None]:
        """The next answer, and its sentence; None for no sentence.

        Args:
            behavior: what to choose from.
            never: sentences that must not be said.
            rather_not: sentences that are only said when there is no other one.
        """
        last = self._variants.get(behavior.name)
        worded = [v for v in behavior.variants if not v.say or self._fresh(v, never)]
        usable = worded or list(behavior.variants)
        other = [v for v in usable if last is None or v.motion != last.motion]
        variant = self._rng.choice(other or [v for v in usable if v != last] or usable)
        self._variants[behavior.name] = variant
        sentences = self._fresh(variant, never)
        if not sentences:
            return variant, None
        new = [sentence for sentence in sentences if sentence not in rather_not]
        return variant, self._rng.choice(new or sentences)

    def has_words(self, behavior: Behavior, never: Collection[str] = ()) -> bool:
        """Whether there is something to say."""
        return any(self._fresh(variant, never) for variant in behavior.variants)

    @staticmethod
    def _fresh(variant: Variant, never: Collection[str]) -> list[str]:
        return [sentence for sentence in variant.say if sentence not in never]


# ----------------------------------------------------------------------
# After a motion has failed the robot pauses before the next one.

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0


class MotionFaults:
    """Keeps a robot from failing again and again.

    The pause doubles with each failure in a row. A motion that succeeds ends the row, and so does
    the return of what moves the robot: what failed because it was away says nothing of it.

    Args:
        clock: seconds, monotonic.

    Attributes:
        held: that the robot was stopped; None while it may move.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.held: Reason | None = None
        self._row = 0
        self._at = self._began = 0.0
        self._returned = -math.inf
        self._problem: Reason | None = None

    def began(self) -> None:
        """A response begins."""
        self._began = self._clock()

    def returned(self) -> None:
        """What moves the robot is back, or has been released."""
        self._row, self._returned = 0, self._clock()

    def failed(self, problem: Reason) -> None:
        """The motion of the response that began last has failed."""
        if self._began <= self._returned:
            return
        self._row += 1
        self._at, self._problem = self._clock(), problem

    def succeeded(self) -> None:
        """A motion has been played to its end."""
        self._row = 0

    @property
    def pause(self) -> Reason | None:
        """Why no motion may be tried now; None when one may."""
        if self.held is not None or not self._row:
            return self.held
        length = min(FIRST_PAUSE_S * 2 ** (self._row - 1), LONGEST_PAUSE_S)
        ago = self._clock() - self._at
        if ago >= length:
            return None
        return Reason(MOTIONS_PAUSE, f"{self._problem} {ago:.1f} s ago: no motion for {length:g} s")


# ----------------------------------------------------------------------
# Notices that perception has fallen silent.

PAUSE_S = 1.0
"""A stream that is silent for longer has lost sight of who is there."""


class Watchdog:
    """Watches a stream that should never pause.

    It wakes with the first message: a robot that is driven by hand, with single
    messages, is not watched.

    Args:
        clock: seconds, monotonic.
        timeout_s: a silence of so long is a fault; may be changed at any time.

    Attributes:
        is_over: whether nothing more is to come, so that no silence is a fault.
    """

    def __init__(self, clock: Callable[[], float], timeout_s: float) -> None:
        self._clock = clock
        self.timeout_s = timeout_s
        self._last: float | None = None
        self.is_over = False

    def feed(self, wake: bool = True) -> None:
        """A message has come.

        Args:
            wake: whether it belongs to the stream; others keep a watchdog content but
                do not wake it.
        """
        if wake or self._last is not None:
            self._last = self._clock()

    @property
    def is_blind(self) -> bool:
        """Whether nothing has been seen lately, because nobody has looked."""
        return self._last is not None and self._clock() - self._last > PAUSE_S

    @property
    def alarm(self) -> Reason | None:
        """What is wrong; None when nothing is."""
        if self._last is None or self.is_over or self._clock() - self._last <= self.timeout_s:
            return None
        silent = f"perception is silent for {self._clock() - self._last:.0f} s"
        return Reason(PERCEPTION_IS_SILENT, f"{silent}: is fer_node running?")


# ----------------------------------------------------------------------
# The whole.


@dataclass(frozen=True)
class DialogueSettings:
    """What the person who starts the robot may choose."""

    policy: PolicySettings = part(PolicySettings)
    perception_timeout_s: float = setting(
        3.0,
        "After so long without any message of perception the robot rests, in seconds.",
        low=0.5,
        high=60.0,
        live=True,
    )


class Conductor:
    """Turns what is seen into responses, one at a time.

    What preempts, what waits, what is dropped:

    * a behaviour of a strictly higher priority interrupts the response under way, an
      equal or a lower one waits for its end; rest interrupts everything;
    * an expression of somebody else waits, whatever its priority, as long as the one who
      is being answered is in view: the robot does not jump between people;
    * what waits is dropped when it has passed: an expression that is over, a greeting or
      a farewell that comes too late.

    It starts disabled.

    Args:
        behaviors: what is answered, and how.
        arbiter: carries it out; outlives the conductor, so that no goal is forgotten.
        rest_motion: name of the motion that leads into the rest pose.
        clock: seconds, monotonic.
        rng: where chance comes from.
        settings: None: the defaults.
        hour: of the local day, 0..23; for greetings.
        started: told of each response that starts.
        ended: told of each response that has ended.
        dropped: told of what is not going to be done, and why.
    """

    def __init__(
        self,
        behaviors: Behaviors,
        arbiter: Arbiter,
        rest_motion: str,
        clock: Callable[[], float],
        rng: random.Random,
        settings: DialogueSettings | None = None,
        hour: Callable[[], int] = lambda: 12,
        started: Callable[[Response], None] = lambda response: None,
        ended: Callable[[Finished], None] = lambda finished: None,
        dropped: Callable[[Reason], None] = lambda note: None,
    ) -> None:
        settings = settings or DialogueSettings()
        self._behaviors, self._arbiter, self._rest_motion = behaviors, arbiter, rest_motion
        self._policy = Policy(behaviors, clock, settings.policy, dropped)
        self._chooser = Chooser(rng)
        self._watchdog = Watchdog(clock, settings.perception_timeout_s)
        self._faults = MotionFaults(clock)
        self._hour, self._started, self._ended = hour, started, ended
        self._disabled: Reason | None = NOT_ACTIVE
        self._needed: Reason | None = None
        self._without: Reason | None = None
        self._waiting: str | None = None

    def adjust(self, behaviors: Behaviors, settings: DialogueSettings) -> None:
        """Goes on with other behaviours and settings; what is under way is brought to its end."""
        self._behaviors = behaviors
        self._policy.adjust(behaviors, settings.policy)
        self._watchdog.timeout_s = settings.perception_timeout_s

    @property
    def alarm(self) -> Reason | None:
        """That something needed is missing, or perception has fallen silent; None: neither."""
        return self._needed or self._watchdog.alarm

    @property
    def note(self) -> Reason | None:
        """What was dropped lately, and why; None for nothing."""
        return self._policy.note

    def observe(self, face_id: str, label: str, confidence: float) -> None:
        """Takes in the expression of the attended face, see `Policy.observe`."""
        self._watchdog.feed(wake=False)
        self._policy.observe(face_id, label, confidence)

    def see(self, sizes: Mapping[str, float]) -> None:
        """Takes in which faces are in an image, see `Policy.see`."""
        self._watchdog.feed()
        self._policy.see(sizes)

    def sees_no_more(self) -> None:
        """Takes in that perception has ended on purpose: what is under way goes on to its end."""
        self._watchdog.is_over = True

    def robot_is_back(self) -> None:
        """Motions may be tried again at once: what moves the robot was away, and can again."""
        self._faults.returned()

    def hold(self, stopped: Reason | None) -> None:
        """Takes in that the robot was stopped, so that no motion is tried; None: it is free."""
        self._faults.held = stopped

    def miss(self, needed: Reason | None, without: Reason | None) -> None:
        """Takes in what is missing of the robot.

        Args:
            needed: that something is without which the robot rests; None for nothing.
            without: that something is without which it goes on; None for nothing.
        """
        self._needed, self._without = needed, without

    def enable(self) -> None:
        """Starts to respond."""
        if self._disabled is not None:
            self._policy.restart()
        self._disabled = None

    def disable(self, reason: Reason) -> None:
        """Cancels the response under way, rests, and responds no more."""
        if self._disabled is None:
            self.stop(reason)
        self._disabled = reason

    def stop(self, reason: Reason) -> None:
        """Cancels the response under way and rests; then goes on."""
        self._policy.forget()
        latest = self._arbiter.latest
        if latest is None or latest.name != RESTING:
            self._start(rest(reason, self._rest_motion))

    def tick(self) -> BehaviorStatus:
        """Moves on; to be called many times a second."""
        finished = self._arbiter.update()
        if finished is not None:
            self._conclude(finished)
        if self._disabled is not None:
            return self._status(Decision(Activity.DISABLED, self._disabled), None)
        alarm = self.alarm
        if alarm is not None:
            if self._arbiter.latest is not None:
                self.stop(alarm)
            self._policy.restart()
            return self._status(Decision(Activity.IDLE, alarm), None)
        latest = self._arbiter.latest
        running = latest.name if latest is not None else None
        decision = self._policy.decide(running, self._arbiter.can_speak, self._watchdog.is_blind)
        refusal = self._refusal(decision)
        if decision.due is not None and refusal is None:
            self._start(self._response(decision, decision.due, latest))
        self._drop_what_passed(decision, refusal)
        return self._status(decision, refusal)

    def _conclude(self, finished: Finished) -> None:
        self._policy.finished(finished)
        self._ended(finished)
        if finished.moved:
            self._faults.succeeded()
        if finished.fault is not None:
            self._faults.failed(finished.fault)
            if finished.response.name != RESTING and self._arbiter.latest is None:
                reason = Reason(MOTION_FAILED, f"rests because {finished.fault}")
                self._start(rest(reason, self._rest_motion))

    def _refusal(self, decision: Decision) -> Reason | None:
        """Why what is due cannot start now; None when it can."""
        due, latest = decision.due, self._arbiter.latest
        if due is None:
            return None
        refusal = self._arbiter.refusal(due.priority)
        if refusal is not None:
            return refusal
        if latest is not None and self._is_somebody_else(latest.face_id, decision.face_id):
            return Reason(SOMEBODY_ELSE, f"somebody else is being answered ({latest.name})")
        return None if self._chooser.has_words(due, self._never(decision)) else self._faults.pause

    def _never(self, decision: Decision) -> set[str]:
        """What must not be said now; above all not the last sentence once more."""
        said = self._arbiter.said
        return set(decision.never) | (set() if said is None else {said})

    def _is_somebody_else(self, answered: str | None, face: str | None) -> bool:
        """Whether a face would interrupt another one that is still in view."""
        return answered is not None and answered != face and self._policy.sees(answered)

    def _response(self, decision: Decision, due: Behavior, rival: Response | None) -> Response:
        reason, pause = str(decision.reason), self._faults.pause
        if rival is not None:
            reason += f"; outranks {rival.name}, {due.priority} over {rival.priority}"
        if pause is not None:
            if pause is not self._faults.held:  # which is told while it lasts
                reason += f"; without a gesture: {pause}"
            worded = tuple(variant for variant in due.variants if variant.say)
            due = replace(due, variants=worded)
        variant, sentence = self._chooser.choose(due, self._never(decision), decision.rather_not)
        if variant.instead is not None and pause is None:
            reason += f"; {variant.instead}"
        words = None
        if sentence is not None:
            words = self._behaviors.words(sentence, due.name, self._hour())
        return Response(
            due.name,
            decision.face_id,
            variant.motion if pause is None else None,
            words,
            due.priority,
            self._behaviors.response_timeout_s,
            replace(decision.reason, sentence=reason),
        )

    def _start(self, response: Response) -> None:
        self._started(response)
        self._faults.began()
        self._policy.started(response.name)
        self._arbiter.start(response)

    def _drop_what_passed(self, decision: Decision, refusal: Reason | None) -> None:
        """Says that something which had to wait is over."""
        if decision.emotion == UNKNOWN:
            return  # a moment of doubt does not end an expression
        due = decision.due.name if decision.due is not None else None
        latest, waiting = self._arbiter.latest, self._waiting
        if waiting is not None and waiting != due and latest is not None:
            passed = f"{waiting} dropped: it passed while {latest.name} went on"
            self._policy.drop(Reason(PASSED, passed))
        self._waiting = due if refusal is not None and latest is not None else None

    def _status(self, decision: Decision, refusal: Reason | None) -> BehaviorStatus:
        current, held = self._arbiter.current, self._faults.held
        # Who is disabled goes without everybody; at an end, others end first.
        without = None if decision.activity is Activity.DISABLED else self._without
        if current is None:
            reason = decision.reason
            if refusal is not None and refusal is not held:
                reason = replace(reason, sentence=f"{reason}, but {refusal}")
            return BehaviorStatus(
                decision.activity,
                _joined(reason, held, without, self.note),
                decision.face_id,
                decision.emotion,
            )
        problems = self._arbiter.problems
        # Disabled and alarmed, the robot only brings to an end what it was doing.
        ending = decision.activity is Activity.DISABLED or self.alarm is not None
        waits = None
        if refusal is not None and decision.due is not None:
            waits = f"{decision.due.name} waits: {refusal}"
        reason = decision.reason if ending else current.reason
        return BehaviorStatus(
            decision.activity if ending else Activity.RESPONDING,
            _joined(reason, held, *problems.values(), waits, without, self.note),
            current.face_id,
            current.emotion,
            None if MOTION in problems else current.motion,
            None if SPEECH in problems else current.sentence,
        )


def _joined(reason: Reason, *more: Reason | str | None) -> Reason:
    """A reason with further clauses; its code stays."""
    clauses = [str(clause) for clause in (reason, *more) if clause is not None]
    return replace(reason, sentence="; ".join(clauses))

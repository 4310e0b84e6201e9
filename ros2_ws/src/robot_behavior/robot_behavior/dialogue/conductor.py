"""The robot's behaviour as a whole, without ROS: policy, choice of words and arbiter."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from ec_rfernet.labels import UNKNOWN
from robot_behavior.dialogue.arbiter import MOTION, SPEECH, Arbiter
from robot_behavior.dialogue.behaviors import Behavior, Behaviors, Variant
from robot_behavior.dialogue.policy import Policy
from robot_behavior.dialogue.response import Decision, Finished, Response, rest
from robot_behavior.dialogue.sentences import Line
from robot_behavior.dialogue.status import State, Status
from robot_behavior.motion.library import REST

# ----------------------------------------------------------------------
# From the sentence that was chosen to what is said, in which language and voice.


class Wording:
    """Fills in the variables of sentences and gives them their prosody.

    Args:
        behaviors: where the sentences come from.
        hour: of the local day, 0..23.
    """

    def __init__(self, behaviors: Behaviors, hour: Callable[[], int] = lambda: 12) -> None:
        self._behaviors = behaviors
        self._hour = hour
        self._lines: dict[str, Line] = {}

    def text(self, sentence: str, occasion: str) -> str:
        """The words of a sentence.

        Args:
            sentence: one that the behaviours name; taken literally unless it comes from
                the sentence files.
            occasion: name of the behaviour; decides how a literal sentence sounds.
        """
        sentences = self._behaviors.sentences
        line = Line(sentence, self._behaviors.locale)
        if sentences is not None:
            key = self._behaviors.keys.get(sentence)
            if key is not None:
                line = sentences.line(sentence, key, self._hour())
            else:
                line = Line(sentence, line.locale, sentences.prosody(occasion))
        self._lines[line.text] = line
        return line.text

    def line(self, text: str) -> Line:
        """How to say what `text` has given."""
        return self._lines.get(text) or Line(text, self._behaviors.locale)


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
    ) -> tuple[str, str | None]:
        """(motion, sentence) of the next answer; None for no sentence.

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
            return variant.motion, None
        new = [sentence for sentence in sentences if sentence not in rather_not]
        return variant.motion, self._rng.choice(new or sentences)

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

    The pause doubles with each failure in a row, and a motion that succeeds ends the row.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._row = 0
        self._at = 0.0
        self._problem = ""

    def failed(self, problem: str) -> None:
        """A motion has failed; the problem is one readable clause."""
        self._row += 1
        self._at, self._problem = self._clock(), problem

    def succeeded(self) -> None:
        """A motion has been played to its end."""
        self._row = 0

    @property
    def pause(self) -> str:
        """Why no motion may be tried now; empty when one may."""
        if not self._row:
            return ""
        length = min(FIRST_PAUSE_S * 2 ** (self._row - 1), LONGEST_PAUSE_S)
        ago = self._clock() - self._at
        if ago >= length:
            return ""
        return f"{self._problem} {ago:.1f} s ago: no motion for {length:g} s"


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
        timeout_s: a silence of so long is a fault.
    """

    def __init__(self, clock: Callable[[], float], timeout_s: float) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self._last: float | None = None

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
    def alarm(self) -> str:
        """What is wrong; empty when nothing is."""
        if self._last is None or self._clock() - self._last <= self._timeout_s:
            return ""
        return f"perception is silent for {self._clock() - self._last:.0f} s: is fer_node running?"


# ----------------------------------------------------------------------


@dataclass(frozen=True)
class DialogueOptions:
    """What the person who starts the robot may choose.

    Attributes:
        forget_after_s: see `Policy`.
        notice: see `Policy`.
        greet: see `Policy`.
        perception_timeout_s: see `Watchdog`.
        hour: of the local day, 0..23; for greetings.
    """

    forget_after_s: float = 2.0
    notice: bool = True
    greet: bool = True
    perception_timeout_s: float = 3.0
    hour: Callable[[], int] = lambda: 12


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
        policy: decides what is due.
        chooser: decides how.
        arbiter: carries it out; outlives the conductor, so that no goal is forgotten.
        wording: gives the words of the sentences.
        watchdog: notices that perception has fallen silent.
        faults: makes the robot pause after a motion that failed.
        timeout_s: a response that takes longer is cancelled.
        started: told of each response that starts.
        failed: told of each problem that a response has had.
    """

    def __init__(
        self,
        policy: Policy,
        chooser: Chooser,
        arbiter: Arbiter,
        wording: Wording,
        watchdog: Watchdog,
        faults: MotionFaults,
        timeout_s: float,
        started: Callable[[Response], None] = lambda response: None,
        failed: Callable[[str], None] = lambda problem: None,
    ) -> None:
        self.policy = policy
        self.wording = wording
        self.watchdog = watchdog
        self._chooser = chooser
        self._arbiter = arbiter
        self._faults = faults
        self._timeout_s = timeout_s
        self._started = started
        self._failed = failed
        self._disabled = "not active"
        self._waiting = ""

    @classmethod
    def of(
        cls,
        behaviors: Behaviors,
        arbiter: Arbiter,
        clock: Callable[[], float],
        rng: random.Random,
        options: DialogueOptions,
        **listeners: Callable[..., None],
    ) -> Conductor:
        """The conductor of a behaviours file.

        Args:
            behaviors: the file.
            arbiter: see `Conductor`.
            clock: seconds, monotonic.
            rng: where chance comes from.
            options: see there.
            listeners: ``started`` and ``failed`` of `Conductor`.
        """
        return cls(
            Policy(behaviors, clock, options.forget_after_s, options.notice, options.greet),
            Chooser(rng),
            arbiter,
            Wording(behaviors, options.hour),
            Watchdog(clock, options.perception_timeout_s),
            MotionFaults(clock),
            behaviors.response_timeout_s,
            **listeners,
        )

    def enable(self) -> None:
        """Starts to respond."""
        if self._disabled:
            self.policy.restart()
        self._disabled = ""

    def disable(self, reason: str) -> None:
        """Cancels the response under way, rests, and responds no more."""
        if not self._disabled:
            self.stop(reason)
        self._disabled = reason

    def stop(self, reason: str) -> None:
        """Cancels the response under way and rests; then goes on."""
        self.policy.forget()
        latest = self._arbiter.latest
        if latest is None or latest.name != REST:
            self._start(rest(reason))

    def tick(self, available: Mapping[str, bool]) -> Status:
        """Moves on; to be called many times a second.

        Args:
            available: whether the server of each action is there.
        """
        finished = self._arbiter.update(available)
        if finished is not None:
            self._conclude(finished)
        if self._disabled:
            return self._status(Decision(State.DISABLED, self._disabled), "")
        alarm = self.watchdog.alarm
        if alarm:
            if self._arbiter.latest is not None:
                self.stop(alarm)
            self.policy.restart()
            return self._status(Decision(State.IDLE, alarm), "")
        latest = self._arbiter.latest
        running, is_blind = latest.name if latest else "", self.watchdog.is_blind
        decision = self.policy.decide(running, available[SPEECH], is_blind)
        refusal = self._refusal(decision)
        if decision.due is not None and not refusal:
            self._start(self._response(decision, decision.due, latest))
        self._drop_what_passed(decision, refusal)
        return self._status(decision, refusal)

    def _conclude(self, finished: Finished) -> None:
        self.policy.finished(finished)
        for problem in finished.problems:
            self._failed(problem)
        if finished.moved:
            self._faults.succeeded()
        if finished.fault:
            self._faults.failed(finished.fault)
            if finished.response.name != REST and self._arbiter.latest is None:
                self._start(rest(f"rests because {finished.fault}"))

    def _refusal(self, decision: Decision) -> str:
        """Why what is due cannot start now; empty when it can."""
        due, latest = decision.due, self._arbiter.latest
        if due is None:
            return ""
        refusal = self._arbiter.refusal(due.priority)
        if refusal:
            return refusal
        if latest is not None and self._is_somebody_else(latest.face_id, decision.face_id):
            return f"somebody else is being answered ({latest.name})"
        return "" if self._chooser.has_words(due, self._never(decision)) else self._faults.pause

    def _never(self, decision: Decision) -> set[str]:
        """What must not be said now; above all not the last sentence once more."""
        return {*decision.never, self._arbiter.said}

    def _is_somebody_else(self, answered: str, face: str) -> bool:
        """Whether a face would interrupt another one that is still in view."""
        return answered != face and self.policy.sees(answered)

    def _response(self, decision: Decision, due: Behavior, rival: Response | None) -> Response:
        reason, pause = decision.reason, self._faults.pause
        if rival is not None:
            reason += f"; outranks {rival.name}, {due.priority} over {rival.priority}"
        if pause:
            reason += f"; without a gesture: {pause}"
            worded = tuple(variant for variant in due.variants if variant.say)
            due = replace(due, variants=worded)
        motion, sentence = self._chooser.choose(due, self._never(decision), decision.rather_not)
        text = None if sentence is None else self.wording.text(sentence, due.name)
        return Response(
            due.name,
            decision.face_id,
            None if pause else motion,
            text,
            due.priority,
            self._timeout_s,
            reason,
            template=sentence,
        )

    def _start(self, response: Response) -> None:
        self._started(response)
        self.policy.started(response.name)
        self._arbiter.start(response)

    def _drop_what_passed(self, decision: Decision, refusal: str) -> None:
        """Says that something which had to wait is over."""
        if decision.emotion == UNKNOWN:
            return  # a moment of doubt does not end an expression
        due = decision.due.name if decision.due is not None else ""
        latest = self._arbiter.latest
        if self._waiting and self._waiting != due and latest is not None:
            self.policy.drop(f"{self._waiting} dropped: it passed while {latest.name} went on")
        self._waiting = due if refusal and latest is not None else ""

    def _status(self, decision: Decision, refusal: str) -> Status:
        current, note = self._arbiter.current, self.policy.note
        if current is None:
            reason = f"{decision.reason}, but {refusal}" if refusal else decision.reason
            reason = f"{reason}; {note}" if note else reason
            return Status(decision.state, reason, decision.face_id, decision.emotion)
        problems = self._arbiter.problems
        # Disabled and alarmed, the robot only brings to an end what it was doing.
        ending = decision.state is State.DISABLED or bool(self.watchdog.alarm)
        clauses = [decision.reason if ending else current.reason, *problems.values()]
        if refusal and decision.due is not None:
            clauses.append(f"{decision.due.name} waits: {refusal}")
        if note:
            clauses.append(note)
        return Status(
            decision.state if ending else State.RESPONDING,
            "; ".join(clauses),
            current.face_id,
            current.emotion,
            "" if MOTION in problems else current.motion or "",
            "" if SPEECH in problems else current.sentence or "",
        )

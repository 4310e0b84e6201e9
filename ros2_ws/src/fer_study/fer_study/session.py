"""One session: where it stands, what the operator may do now, and what follows from it.

`StudyCourse` is the way through the protocol: consent, then for each condition a start, its phases
and questions. `Desk` is where operators sit: it takes their orders, tells the robot, and notes
everything down. Neither knows ROS nor the web.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ec_rfernet.errors import InputError, writable
from fer_study.protocol import (
    AFTER_CONDITION,
    AFTER_SESSION,
    FIXED,
    MARKS,
    NONE,
    Participant,
    ScriptedAction,
    StudyCondition,
    StudyPhase,
    StudyProtocol,
    StudyQuestion,
)
from fer_study.store import COMPLETE, SessionFiles, StudyFolder

CONSENT, READY, PHASE, QUESTIONS, FINISHED = "consent", "ready", "phase", "questions", "finished"
"""Steps of a session."""

_LONGEST_ORDER_S = 30.0  # after it, whoever carries out an order is taken to be gone
_LONGEST_TEXT = 500  # of what an operator types
_REMEMBERED = 30  # events that the page shows


class StudyCourse:
    """The way of one participant through a protocol.

    Args:
        protocol: see there.
        participant: decides the order of conditions.
        clock: seconds, monotonic.

    Attributes:
        step: where it stands.
        place: of the condition in the order, from 0 on.
        pause: why the session pauses; None while it goes on.
    """

    def __init__(
        self, protocol: StudyProtocol, participant: Participant, clock: Callable[[], float]
    ) -> None:
        self.protocol, self._clock = protocol, clock
        self.order = protocol.order_for(participant)
        self.step = CONSENT
        self.place = 0
        self.pause: str | None = None
        self._phase = 0
        self._since = clock()
        self._spent = 0.0  # of the phase, before the last pause
        self._actions = 0

    @property
    def condition(self) -> StudyCondition | None:
        """The one under way; None between conditions, and before and after all of them."""
        return (
            self.order[self.place] if self.step in (PHASE, QUESTIONS) and self._has_place else None
        )

    @property
    def phase(self) -> StudyPhase | None:
        """The one under way; None while there is none."""
        return self.protocol.phases[self._phase] if self.step == PHASE else None

    @property
    def elapsed_s(self) -> float:
        """Of the phase, without pauses."""
        return self._spent + (0.0 if self.pause else self._clock() - self._since)

    @property
    def remaining_s(self) -> float | None:
        """Of the phase; None where there is none, or it ends when the operator says so."""
        phase = self.phase
        if phase is None or phase.seconds is None:
            return None
        return max(0.0, phase.seconds - self.elapsed_s)

    @property
    def questions(self) -> list[StudyQuestion]:
        """What is asked now."""
        if self.step != QUESTIONS:
            return []
        return self.protocol.questions_after(AFTER_CONDITION if self._has_place else AFTER_SESSION)

    @property
    def _has_place(self) -> bool:
        return self.place < len(self.order)

    def agree(self) -> None:
        """The participant has agreed.

        Raises:
            InputError: it is not the time for that; likewise of the others.
        """
        self._expect(CONSENT, "consent was asked for already")
        self.step = READY

    def start(self) -> None:
        """The next condition begins."""
        self._expect(READY, "no condition waits for its start")
        self._goes_on()
        self.step = PHASE
        self._begin(0)

    def next(self) -> None:
        """The phase ends; what follows is the next phase, questions, condition, or the end."""
        self._expect(PHASE, "no phase is under way")
        self._goes_on()
        if self._phase + 1 < len(self.protocol.phases):
            self._begin(self._phase + 1)
            return
        self.step = QUESTIONS
        if not self.questions:
            self.answered()

    def answered(self) -> None:
        """The questions are answered."""
        self._expect(QUESTIONS, "nothing is asked now")
        self.place += 1
        if self._has_place:
            self.step = READY
        elif self.place > len(self.order) or not self.questions:
            self.step = FINISHED

    def halt(self, why: str) -> None:
        """The session pauses: the time of the phase stands still."""
        if self.step not in (READY, PHASE):
            raise InputError("there is nothing to pause")
        if not self.pause:
            self._spent = self.elapsed_s
        self.pause = why

    def resume(self) -> None:
        """It goes on."""
        if not self.pause:
            raise InputError("the session does not pause")
        self.pause, self._since = None, self._clock()

    def is_over(self) -> bool:
        """Whether the time of the phase is up."""
        return self.remaining_s == 0.0 and not self.pause

    def due(self) -> ScriptedAction | None:
        """What a fixed condition does now; None for nothing. Each is given once."""
        condition = self.condition
        if condition is None or self.step != PHASE or condition.kind != FIXED or self.pause:
            return None
        if self._total_s < self._actions * condition.every_s:
            return None
        self._actions += 1
        return condition.script[(self._actions - 1) % len(condition.script)]

    @property
    def _total_s(self) -> float:
        """Since the condition began, without pauses."""
        return self._before + self.elapsed_s

    def _begin(self, phase: int) -> None:
        if phase == 0:
            self._actions, self._before = 0, 0.0
        else:
            self._before += self.elapsed_s
        self._phase, self._spent, self._since = phase, 0.0, self._clock()

    _before = 0.0

    def _expect(self, step: str, otherwise: str) -> None:
        if self.step != step:
            raise InputError(otherwise)

    def _goes_on(self) -> None:
        if self.pause:
            raise InputError("the session pauses: resume it first")


# The robot, as a study sees it.

Done = Callable[[bool, str], None]
"""Is told whether an order was carried out, and why it was not."""


class RobotLink(Protocol):
    """What a session asks of the robot; see `fer_study.station.StudyStation`."""

    def now(self) -> int:
        """The robot's clock, ns since 1970."""

    def play(self, gesture: str, done: Done) -> None:
        """Plays a gesture."""

    def say(self, text: str, done: Done) -> None:
        """Says a sentence."""

    def stop(self, done: Done) -> None:
        """Stops the robot at once, where it is."""

    def release(self, done: Done) -> None:
        """Lets it move again."""

    def behave(self, condition: StudyCondition, done: Done) -> None:
        """Uses the behaviours of a condition."""

    def wait_because(self, why: str) -> None:
        """Lets the behaviours wait; an empty text: they respond."""

    def record(self, files: SessionFiles) -> None:
        """Begins the bag.

        Raises:
            InputError: it cannot be written.
        """

    def publish(self, now: int, event: Mapping[str, object]) -> None:
        """Puts an event into the bag."""

    def problem(self) -> str | None:
        """Why nothing is recorded any more, or the robot is not there; None while all is well."""

    def state(self) -> dict[str, Any]:
        """What it sees and does, for the page."""


@dataclass
class DeskNotice:
    """What operators are told.

    Attributes:
        text: a sentence.
        bad: whether something went wrong.
        number: grows, so that a page knows which it has shown.
    """

    text: str = ""
    bad: bool = False
    number: int = 0


class Desk:
    """Where the operators of a session sit.

    One of them is in charge; the others watch, and may take charge on purpose. The robot's
    behaviours wait whenever the protocol or the operator says so, and are told why.

    Args:
        protocol: see there.
        participant: whose session it is.
        study: where it is kept.
        again: whether the participant may have had a session before.
        robot: see there.
        clock: seconds, monotonic.

    Attributes:
        notice: the newest.
        over: why the session has ended; None while it goes on, empty when it is complete.
        folder: of the session, once consent was given.
    """

    def __init__(
        self,
        protocol: StudyProtocol,
        participant: Participant,
        study: StudyFolder,
        again: bool,
        robot: RobotLink,
        clock: Callable[[], float],
    ) -> None:
        self.protocol, self.participant, self._robot = protocol, participant, robot
        self._study, self._again, self._clock = study, again, clock
        self.course = StudyCourse(protocol, participant, clock)
        self.notice = DeskNotice()
        self.over: str | None = None
        self.folder = study.next_folder(participant, again)
        self._files: SessionFiles | None = None
        self._events: deque[dict[str, object]] = deque(maxlen=_REMEMBERED)
        self._by_hand = False
        self._orders, self._asked = 0, dict[int, float]()  # those under way, and when they began
        self._pages: dict[int, float] = {}  # open ones, in the order in which they came
        self._in_charge: int | None = None
        self._last_page = clock()
        self._problem: str | None = None
        self._prepared: bool | None = None  # whether the robot has the behaviours; None: not yet
        self._wait()

    # Pages.

    def opened(self, page: int) -> None:
        """An operator's page was opened; the first one is in charge."""
        self._pages[page] = self._clock()
        if self._in_charge is None:
            self._in_charge = page
        self._note("page_opened", str(page), page=page)

    def closed(self, page: int) -> None:
        """It was closed. Nobody is in charge then: the others may not know that they could be."""
        self._pages.pop(page, None)
        if self._in_charge == page:
            self._in_charge = None
        self._last_page = self._clock()
        self._note("page_closed", str(page), page=page)

    def may_order(self, page: int) -> bool:
        """Whether a page is in charge."""
        return self._in_charge == page

    # Orders.

    def order(self, page: int, name: str, value: Any = None) -> None:
        """Does what an operator asks for, and tells what is wrong with it.

        Args:
            page: that asks.
            name: of the order, one of those that the page has buttons for.
            value: belongs to it.
        """
        try:
            if name == "take_charge":
                self._in_charge = page
                self._note("take_charge", str(page), page=page)
            elif name == "stop":  # whoever sees that the robot must be stopped may do so
                self._act("stop", "", self._robot.stop, page)
            elif page != self._in_charge:
                raise InputError("another page is in charge: take charge first")
            elif name not in _ORDERS:
                raise InputError("there is no such order")
            else:
                _ORDERS[name](self, page, value)
        except InputError as error:
            self._tell(str(error), bad=True)
        self._wait()

    def _agree(self, page: int, _value: Any) -> None:
        if self.course.step != CONSENT:
            raise InputError("consent was asked for already")
        now = self._robot.now()
        try:
            files = SessionFiles(self.folder, self.protocol, self.participant, now)
        except OSError as error:
            raise InputError(
                f"{error.filename or self.folder}: cannot be written "
                f"({error.strerror or error}); nothing was recorded"
            ) from error
        self._files = files
        self.course.agree()
        self._note("consent", "agreed", files.record.consent_sha256, page, now)
        try:
            self._robot.record(files)
        except InputError as error:
            self._trouble(f"{error}; no bag is written, the tables are")
        self._prepare()

    def _decline(self, page: int, _value: Any) -> None:
        if self.course.step != CONSENT:
            raise InputError("consent was given: end the session, and delete it afterwards")
        self.finish("the participant has not agreed")

    def _start(self, page: int, _value: Any) -> None:
        if self.course.step == READY and not self._prepared:
            self._prepare()
            raise InputError("the robot is still loading its behaviours: start again in a moment")
        self.course.start()
        condition = self.course.condition
        assert condition is not None
        self._note("condition", condition.name, condition.kind, page)
        self._note("phase", self._phase_name, page=page)

    def _prepare(self) -> None:
        """Has the robot load the behaviours of the condition that is next."""
        if self.course.step != READY:
            return
        condition = self.course.order[self.course.place]
        noted = self._outcome("behaviours", condition.name)

        def done(good: bool, why: str) -> None:
            self._prepared = good
            noted(good, why)

        self._prepared = None
        if condition.kind in (NONE, FIXED):
            self._prepared = True
        else:
            self._robot.behave(condition, done)

    def _next(self, page: int, _value: Any = None) -> None:
        condition = self.course.condition
        self.course.next()
        if self.course.step == PHASE:
            self._note("phase", self._phase_name, page=page)
        elif condition is not None:
            self._note("condition_end", condition.name, page=page)
        self._prepare()
        self._end_if_finished()

    def _answer(self, page: int, value: Any) -> None:
        questions = self.course.questions
        if not questions:
            raise InputError("nothing is asked now")
        given = value if isinstance(value, dict) else {}
        answers = {q.id: q.checked(str(given.get(q.id, ""))) for q in questions}
        for name, answer in answers.items():
            now = self._robot.now()
            self._note("answer", name, answer, page, now)
            if self._files is not None:
                self._files.answer(now, {**self._place, "question": name, "answer": answer})
        self.course.answered()
        self._prepare()
        self._end_if_finished()

    def _pause(self, page: int, _value: Any) -> None:
        self.course.halt("the operator has paused the session")
        self._note("pause", page=page)

    def _resume(self, page: int, _value: Any) -> None:
        self.course.resume()
        self._note("resume", page=page)

    def _mark(self, page: int, value: Any) -> None:
        if type(value) is not int or value not in MARKS:
            raise InputError("a mark is a number from 1 to 9")
        self._expect_consent()
        self._note("mark", str(value), self.protocol.marks.get(value, ""), page)

    def _take_over(self, page: int, _value: Any) -> None:
        if self._by_hand:
            raise InputError("the robot is in your hands already")
        self._by_hand = True
        self._note("take_over", page=page)

    def _give_back(self, page: int, _value: Any) -> None:
        if not self._by_hand:
            raise InputError("the robot is not in your hands")
        self._by_hand = False
        self._note("give_back", page=page)

    def _play(self, page: int, value: Any) -> None:
        gesture = _text(value, "a gesture")
        self._act("play", gesture, lambda done: self._robot.play(gesture, done), page)

    def _say(self, page: int, value: Any) -> None:
        text = _text(value, "a sentence")
        self._act("say", "", lambda done: self._robot.say(text, done), page, text)

    def _release(self, page: int, _value: Any) -> None:
        self._act("release", "", self._robot.release, page)

    def _end(self, page: int, value: Any) -> None:
        if self.course.step == CONSENT:
            raise InputError("nothing was recorded: let the participant agree or not")
        why = writable(value.strip()[:_LONGEST_TEXT]) if isinstance(value, str) else ""
        self.finish(why or "the operator has ended it")

    # What happens by itself.

    def tick(self) -> None:
        """Moves on; to be called several times a second."""
        if self.over is not None:
            return
        if self.course.is_over():
            self._next(0)
        # What an operator asks for is not cut short: the script comes a moment later.
        waits = self._is_asked and not self._by_hand
        action = None if waits else self.course.due()
        if action and not self._by_hand:  # what is due meanwhile is left out
            if action.play:
                gesture = action.play
                self._act("play", gesture, lambda done: self._robot.play(gesture, done), 0)
            if action.say:
                text = action.say
                self._act("say", "", lambda done: self._robot.say(text, done), 0, text)
        self._watch_pages()
        self._watch_disk()
        self._wait()

    def finish(self, why: str) -> None:
        """Ends the session.

        Args:
            why: it ends before its time; empty when it is complete.
        """
        if self.over is not None:
            return
        self._note("end", "stopped" if why else COMPLETE, why)
        self.over = why
        self.course.step = FINISHED
        self._wait()

    def close(self) -> list[str]:
        """Completes the tables; to be called when the bag is closed.

        Returns:
            What went wrong with it.
        """
        if self._files is None:
            return []
        try:
            self._files.close(self._robot.now(), self.over or "")
        except OSError as error:
            return [f"{self.folder}: {error.strerror or error}"]
        return [self._files.problem] if self._files.problem else []

    @property
    def is_recorded(self) -> bool:
        """Whether there is anything on the disk."""
        return self._files is not None

    def state(self, page: int) -> dict[str, Any]:
        """All that a page shows.

        Args:
            page: of whom.
        """
        course = self.course
        questions = [
            {"id": q.id, "ask": q.ask, "scale": q.scale, "low": q.low, "high": q.high,
             "optional": q.optional}
            for q in course.questions
        ]  # fmt: skip
        upcoming = course.order[course.place].name if course.step == READY else ""
        robot = self._robot.state()
        if not self.is_recorded:  # nobody is shown before they have agreed
            robot.pop("faces", None)
        return {
            "study": self.protocol.name,
            "participant": self.participant.code,
            "session": int(self.folder.name.rpartition("-")[2]),
            "step": course.step,
            "place": min(course.place + 1, len(course.order)),
            "places": len(course.order),
            "condition": course.condition.name if course.condition else "",
            "next_condition": upcoming,
            "prepared": bool(self._prepared),
            "phase": self._phase_name,
            "remaining_s": course.remaining_s,
            "elapsed_s": course.elapsed_s if course.phase else None,
            "pause": course.pause,
            "waits": self.waits,
            "by_hand": self._by_hand,
            "questions": questions,
            "consent": self.protocol.consent if course.step == CONSENT else "",
            "marks": {str(key): self.protocol.marks.get(key, "") for key in MARKS},
            "events": list(self._events),
            "page": page,
            "in_charge": self._in_charge == page,
            "somebody_in_charge": self._in_charge is not None,
            "pages": len(self._pages),
            "notice": vars(self.notice),
            "problem": self._problem,
            "over": self.over,
            "folder": str(self.folder) if self.is_recorded else "",
            "robot": robot,
        }

    @property
    def waits(self) -> str:
        """Why the robot's behaviours wait; empty: they respond."""
        course, condition = self.course, self.course.condition
        reasons = (
            (course.step == CONSENT, "the participant has not agreed yet"),
            (self.over is not None or course.step == FINISHED, "the session is over"),
            (bool(course.pause), course.pause or ""),
            (self._by_hand, "the operator has taken over"),
            (course.step != PHASE, "no condition of the study is under way"),
        )
        if found := next((why for holds, why in reasons if holds), ""):
            return found
        kind = condition.kind if condition is not None else ""
        text = {NONE: "has no behaviours", FIXED: "follows its script"}.get(kind)
        return f"condition {condition.name} {text}" if condition is not None and text else ""

    # Details.

    @property
    def _phase_name(self) -> str:
        return self.course.phase.name if self.course.phase else ""

    @property
    def _place(self) -> dict[str, object]:
        condition = self.course.condition
        return {
            "condition": condition.name if condition else "",
            "position": self.course.place + 1 if condition else "",
            "phase": self._phase_name,
        }

    def _expect_consent(self) -> None:
        if self._files is None:
            raise InputError("not before the participant has agreed")
        if self.over is not None:
            raise InputError("the session is over")

    def _act(
        self, kind: str, name: str, order: Callable[[Done], None], page: int, text: str = ""
    ) -> None:
        """Has the robot do something, and notes that, and how it has ended."""
        if kind in ("play", "say"):
            self._expect_consent()
        self._note(kind, name, text, page)
        self._orders += 1
        if page and kind in ("play", "say"):
            self._asked[self._orders] = self._clock()
        order(self._outcome(kind, name, self._orders))

    @property
    def _is_asked(self) -> bool:
        """Whether the robot plays or says what an operator has asked for, as far as is known."""
        since = self._clock() - _LONGEST_ORDER_S
        return any(began > since for began in self._asked.values())

    def _outcome(self, kind: str, name: str, number: int = 0) -> Done:
        def done(good: bool, why: str) -> None:
            self._asked.pop(number, None)
            self._note(f"{kind}_{'done' if good else 'failed'}", name, why)
            if not good:
                self._tell(f"{kind.replace('_', ' ')} {name}: {why}".replace("  ", " "), bad=True)

        return done

    def _note(
        self, kind: str, name: str = "", text: str = "", page: int = 0, now: int | None = None
    ) -> None:
        """Notes an event, in the table and in the bag; nothing before consent was given."""
        if self._files is None:
            return
        now = self._robot.now() if now is None else now
        row = {**self._place, "kind": kind, "name": name, "text": text, "page": page}
        self._files.event(now, row)
        record = self._files.record
        self._robot.publish(
            now, {**row, "participant": record.participant, "session": record.session}
        )
        since = (now - self._files.began) * 1e-9
        self._events.append({"time": round(since, 1), "kind": kind, "name": name, "text": text})

    def _tell(self, text: str, bad: bool = False) -> None:
        self.notice = DeskNotice(text, bad, self.notice.number + 1)

    def _wait(self) -> None:
        self._robot.wait_because(self.waits)

    def _end_if_finished(self) -> None:
        if self.course.step == FINISHED:
            self.finish("")

    def _watch_pages(self) -> None:
        limit = self.protocol.operator_timeout_s
        away = self._clock() - self._last_page
        if limit and not self._pages and away > limit and self.course.step == PHASE:
            if not self.course.pause:
                self.course.halt(f"no operator's page has been open for {limit:g} s")
                self._note("pause", text=self.course.pause or "")
        elif self._pages:
            self._last_page = self._clock()

    def _watch_disk(self) -> None:
        problem = self._robot.problem()
        if self._files is not None and self._files.problem:
            problem = self._files.problem
        if problem != self._problem:
            self._problem = problem
            if problem:
                self._trouble(problem)

    def _trouble(self, text: str) -> None:
        """Tells what goes wrong, and pauses: what is not recorded would be lost."""
        self._tell(text, bad=True)
        self._note("problem", text=text)
        if self.course.step in (READY, PHASE) and not self.course.pause:
            self.course.halt(text)


_ORDERS: dict[str, Callable[[Desk, int, Any], None]] = {
    "agree": Desk._agree,
    "decline": Desk._decline,
    "start": Desk._start,
    "next": Desk._next,
    "answer": Desk._answer,
    "pause": Desk._pause,
    "resume": Desk._resume,
    "mark": Desk._mark,
    "take_over": Desk._take_over,
    "give_back": Desk._give_back,
    "play": Desk._play,
    "say": Desk._say,
    "release": Desk._release,
    "end": Desk._end,
}


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_TEXT:
        raise InputError(f"expected {what} of 1 to {_LONGEST_TEXT} characters")
    if writable(value) != value:  # a half of a letter, or what a terminal would obey
        raise InputError(f"{what} cannot be written: '{writable(value)}'")
    return value.strip()

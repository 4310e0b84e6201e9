"""One response at a time, whatever the action servers do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fer_common.goals import REJECTED, UNSTOPPABLE, Patience
from fer_common.reason import Reason
from robot_behavior.dialogue.arbiter import (
    MOTION,
    NO_SERVER,
    OUTRANKED,
    PATIENCE_S,
    SERVER_MAY_COME,
    SPEECH,
    TOO_LONG,
    Arbiter,
)
from robot_behavior.dialogue.response import Finished, Response, rest
from robot_behavior.dialogue.sentences import Words
from robot_behavior.prosody import PLAIN
from robot_behavior.testing.dialogue import FakeAction

BECAUSE = Reason("because", "because")
STOPPED = Reason("stopped", "stopped")
ANSWER_S, STOP_S, SILENCE_S = Patience.answer_s, Patience.stop_s, Patience.silence_s


def words(text: str, template: str | None = None) -> Words:
    return Words(text, "en", PLAIN, template or text)


def response(name: str = "happy", priority: int = 120, sentence: str | None = "Hi") -> Response:
    said = None if sentence is None else words(sentence)
    return Response(name, "anna", f"{name}_motion", said, priority, 20.0, BECAUSE)


Command = tuple[str, str, object]  # what is asked of which action: a response, or a number


def start(action: str, what: Response) -> Command:
    return "start", action, what


def cancel(action: str, goal: int = 1) -> Command:
    return "cancel", action, goal


class Stage:
    """An arbiter with a clock to turn and a record of its commands."""

    def __init__(self) -> None:
        self.now = 0.0
        self.commands: list[Command] = []
        self.actions = {name: self.action(name) for name in (MOTION, SPEECH)}
        self.arbiter = Arbiter(lambda: self.now, *self.actions.values())
        self.finished: list[Finished] = []
        self.update()

    def action(self, name: str) -> FakeAction:
        return FakeAction(
            name,
            lambda: self.now,
            lambda number, goal: self.commands.append(start(name, goal)),
            lambda number: self.commands.append(cancel(name, number)),
        )

    def update(self, seconds: float = 0.0) -> None:
        self.now += seconds
        finished = self.arbiter.update()
        if finished:
            self.finished.append(finished)

    def new_commands(self) -> list[Command]:
        taken = list(self.commands)
        self.commands.clear()
        return taken

    def accept(self, action: str, goal: int = 1) -> None:
        self.actions[action].accepted(goal)

    def end(
        self, action: str, goal: int = 1, success: bool = True, message: str | None = None
    ) -> None:
        self.actions[action].concluded(goal, success, message)

    @property
    def last(self) -> Finished:
        return self.finished[-1]

    @property
    def last_problems(self) -> list[str]:
        return [str(problem) for problem in self.last.problems]

    @property
    def problems(self) -> dict[str, str]:
        return {action: str(problem) for action, problem in self.arbiter.problems.items()}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_motion_and_sentence_start_together(stage: Stage) -> None:
    stage.arbiter.start(response())
    assert stage.new_commands() == [
        start(MOTION, response()),
        start(SPEECH, response()),
    ]
    assert stage.arbiter.current == response()


def test_a_response_ends_when_both_have_ended(stage: Stage) -> None:
    stage.arbiter.start(response())
    for action in (MOTION, SPEECH):
        stage.accept(action)
    stage.end(MOTION)
    stage.update(1.0)
    assert stage.arbiter.current is not None
    stage.end(SPEECH)
    stage.update()
    assert stage.arbiter.latest is None
    assert stage.finished == [Finished(response(), True, (), said="Hi", moved=True)]


def test_a_silent_response_sends_no_sentence(stage: Stage) -> None:
    stage.arbiter.start(response(sentence=None))
    assert [action for _, action, _ in stage.new_commands()] == [MOTION]
    stage.accept(MOTION)
    stage.end(MOTION)
    stage.update()
    assert not stage.last.spoken


def test_it_knows_what_was_said_last(stage: Stage) -> None:
    stage.arbiter.start(response(sentence="Hi"))
    stage.accept(SPEECH)
    assert stage.arbiter.said == "Hi"
    stage.arbiter.start(replace(response(priority=200), words=words("Hello", "hello")))
    assert stage.arbiter.said == "Hi"  # interrupted, the other one has not begun
    stage.accept(MOTION)
    stage.end(SPEECH)
    stage.end(MOTION)
    stage.update()
    assert stage.arbiter.said == "hello"
    stage.accept(SPEECH, 2)
    stage.end(SPEECH, 2, success=False, message="no sound card")
    stage.accept(MOTION, 2)
    stage.end(MOTION, 2)
    stage.update()
    assert stage.last.said is None
    assert stage.arbiter.said == "Hi"  # still what was heard last


def test_an_equal_priority_waits(stage: Stage) -> None:
    stage.arbiter.start(response(priority=120))
    lower = "its priority 120 is not above the 120 of happy"
    assert stage.arbiter.refusal(120) == Reason(OUTRANKED, lower)
    assert stage.arbiter.refusal(121) is None


def test_a_higher_priority_interrupts_and_waits_for_the_end(stage: Stage) -> None:
    stage.arbiter.start(response())
    for action in (MOTION, SPEECH):
        stage.accept(action)
    stage.new_commands()
    stage.arbiter.start(response("scared", 160))
    assert stage.new_commands() == [cancel(MOTION, 1), cancel(SPEECH, 1)]
    stage.update(0.1)
    stage.end(MOTION, success=False, message="cancelled")
    stage.update(0.1)
    assert stage.new_commands() == []  # the sentence has not ended yet
    stage.end(SPEECH, success=False, message="cancelled")
    stage.update()
    assert stage.last == Finished(response(), False, (), said="Hi")
    assert stage.new_commands() == [
        start(MOTION, response("scared", 160)),
        start(SPEECH, response("scared", 160)),
    ]


def test_the_highest_of_several_that_interrupt_wins(stage: Stage) -> None:
    stage.arbiter.start(response())
    stage.arbiter.start(response("sad", 140))
    assert stage.arbiter.refusal(140)
    assert stage.arbiter.refusal(150) is None
    stage.arbiter.start(response("scared", 160))
    for action in (MOTION, SPEECH):
        stage.actions[action].rejected(1)
    stage.update()
    assert stage.arbiter.current == response("scared", 160)


def test_a_cancel_before_the_goal_is_accepted_is_not_lost(stage: Stage) -> None:
    stage.arbiter.start(response(sentence=None))
    stage.new_commands()
    stage.arbiter.start(rest(STOPPED, "rest"))
    assert stage.new_commands() == []  # there is nothing to cancel yet
    stage.accept(MOTION)
    assert stage.new_commands() == [cancel(MOTION, 1)]


def test_a_goal_accepted_after_it_was_given_up_is_cancelled(stage: Stage) -> None:
    stage.arbiter.start(response(sentence=None))
    stage.update(ANSWER_S + 0.1)
    assert stage.last_problems == ["play_motion did not answer within 2 s"]
    stage.arbiter.start(response("sad", sentence=None))
    stage.new_commands()
    stage.accept(MOTION, goal=1)
    assert stage.new_commands() == [cancel(MOTION, 1)]
    stage.end(MOTION, goal=1, success=True)  # the result of the old goal ...
    stage.update()
    assert stage.arbiter.current == response("sad", sentence=None)  # ... is not that of the new


def test_a_rejected_motion_does_not_silence_the_sentence(stage: Stage) -> None:
    stage.arbiter.start(response())
    stage.actions[MOTION].rejected(1)
    stage.accept(SPEECH)
    stage.update()
    assert stage.problems == {MOTION: "play_motion rejected 'happy_motion'"}
    stage.end(SPEECH)
    stage.update()
    assert stage.last.spoken
    assert stage.last.problems == (Reason(REJECTED, "play_motion rejected 'happy_motion'"),)
    assert stage.last.fault is None  # something more important is under way there


def test_an_aborted_goal_tells_why(stage: Stage) -> None:
    stage.arbiter.start(response(sentence=None))
    stage.accept(MOTION)
    stage.end(MOTION, success=False, message="joint stuck")
    stage.update()
    assert stage.last_problems == ["play_motion did not complete 'happy_motion': joint stuck"]


def test_without_one_server_the_other_half_is_done(stage: Stage) -> None:
    stage.actions[SPEECH].available = False
    stage.update()
    waits = Reason(SERVER_MAY_COME, "waits a moment for say to become available")
    assert stage.arbiter.refusal(120) == waits
    assert not stage.arbiter.can_speak
    stage.update(PATIENCE_S)
    assert stage.arbiter.refusal(120) is None
    stage.arbiter.start(response())
    assert [action for _, action, _ in stage.new_commands()] == [MOTION]
    assert stage.problems == {SPEECH: "say is not available"}


def test_without_servers_nothing_starts(stage: Stage) -> None:
    for action in stage.actions.values():
        action.available = False
    stage.update()
    neither = Reason(NO_SERVER, "neither play_motion nor say is available")
    assert stage.arbiter.refusal(255) == neither
    stage.update(60.0)
    stage.actions[SPEECH].available = True
    stage.update()
    waits = Reason(SERVER_MAY_COME, "waits a moment for play_motion to become available")
    assert stage.arbiter.refusal(0) == waits
    stage.actions[MOTION].available = True
    stage.update()
    assert stage.arbiter.refusal(0) is None


def test_who_was_never_there_is_waited_for_first() -> None:
    stage = Stage()
    arbiter = Arbiter(lambda: stage.now, *stage.actions.values())
    assert not arbiter.absent and not arbiter.can_speak
    stage.now += PATIENCE_S
    assert arbiter.absent == (MOTION, SPEECH)
    arbiter.update()
    assert not arbiter.absent and arbiter.can_speak


def test_rest_without_a_server_ends_at_once(stage: Stage) -> None:
    stage.actions[MOTION].available = False
    stage.update()
    stage.arbiter.start(rest(STOPPED, "rest"))
    stage.update()
    assert stage.arbiter.latest is None


def test_a_server_that_disappears_ends_its_half(stage: Stage) -> None:
    stage.arbiter.start(response())
    for action in (MOTION, SPEECH):
        stage.accept(action)
    stage.actions[MOTION].available = False
    stage.update()
    stage.end(SPEECH)
    stage.update()
    assert stage.last_problems == ["play_motion disappeared during 'happy_motion'"]


def test_a_goal_that_never_ends_is_cancelled_and_then_given_up(stage: Stage) -> None:
    stage.arbiter.start(response(sentence=None))
    stage.accept(MOTION)
    stage.new_commands()
    stage.update(20.1)
    assert stage.new_commands() == [cancel(MOTION, 1)]
    stage.update(STOP_S / 2)
    assert stage.new_commands() == [], "it is asked once"
    stage.update(STOP_S / 2 + 0.1)
    assert stage.last.problems == (
        Reason(TOO_LONG, "it took longer than 20 s"),
        Reason(UNSTOPPABLE, "play_motion did not stop 'happy_motion' within 1 s"),
    )
    assert stage.last.fault == stage.last.problems[1]
    assert stage.arbiter.latest is None


def test_a_server_that_falls_silent_is_given_up_long_before_the_time_is_over(stage: Stage) -> None:
    """Killed, it can say nothing, and discovery takes 20 s to notice."""
    stage.arbiter.start(response())
    for action in (MOTION, SPEECH):
        stage.accept(action)
        stage.actions[action].progressed(1)
    for _ in range(10):
        stage.update(SILENCE_S / 2)
        stage.actions[MOTION].progressed(1)
    assert stage.problems == {SPEECH: "say fell silent during 'Hi'"}
    assert cancel(SPEECH, 1) in stage.commands and cancel(MOTION, 1) not in stage.commands
    stage.end(MOTION)
    stage.update()
    assert stage.last.moved and stage.last_problems == ["say fell silent during 'Hi'"]


def test_a_server_that_never_tells_of_its_progress_is_not_silent(stage: Stage) -> None:
    stage.arbiter.start(response())
    for action in (MOTION, SPEECH):
        stage.accept(action)
    stage.actions[SPEECH].progressed(7)  # of a goal that was given up
    stage.update(3 * SILENCE_S)
    assert not stage.arbiter.problems


def test_success_that_crosses_the_cancel_counts(stage: Stage) -> None:
    stage.arbiter.start(response())
    for action in (MOTION, SPEECH):
        stage.accept(action)
    stage.arbiter.start(rest(STOPPED, "rest"))
    for action in (MOTION, SPEECH):
        stage.end(action, success=True)
    stage.update()
    assert stage.last == Finished(response(), True, (), said="Hi", moved=True)

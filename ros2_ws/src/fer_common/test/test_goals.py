"""One goal at a time: no cancellation is lost, and no server is waited for forever."""

from __future__ import annotations

import pytest

from fer_common.goals import (
    CANCELLED_BY_OTHERS,
    DISAPPEARED,
    FAILED,
    REJECTED,
    SILENT,
    UNANSWERED,
    UNSTOPPABLE,
    GoalEnd,
    GoalSlot,
    Patience,
)
from fer_common.reason import Reason


class Errands(GoalSlot[str]):
    """A slot with a clock to turn and a record of what it asks for."""

    available = True

    def __init__(self, patience: Patience | None = None) -> None:
        super().__init__("wash", lambda: self.now, self.note_end, patience)
        self.now = 0.0
        self.asked: list[tuple[str, int]] = []
        self.told: list[GoalEnd | None] = []

    def send_goal(self, number: int, goal: str) -> None:
        self.asked.append((goal, number))

    def cancel_goal(self, number: int) -> None:
        self.asked.append(("cancel", number))

    def note_end(self) -> None:
        self.told.append(self.end)

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.update()


@pytest.fixture
def slot() -> Errands:
    return Errands()


def ended(slot: Errands, code: str, sentence: str, message: str | None = None) -> bool:
    return slot.end == GoalEnd(False, Reason(code, sentence), message) and not slot.busy


def test_a_goal_that_is_completed(slot: Errands) -> None:
    slot.start("dishes", "the dishes")
    assert slot.busy and slot.end is None
    slot.accepted(1)
    slot.concluded(1, True, "shiny")
    assert not slot.busy
    assert slot.told == [GoalEnd(True, None, "shiny")]


def test_one_goal_at_a_time(slot: Errands) -> None:
    slot.start("dishes", "the dishes")
    with pytest.raises(RuntimeError, match="wash still has goal 'the dishes'"):
        slot.start("pots", "the pots")


def test_a_rejected_goal_never_began(slot: Errands) -> None:
    slot.start("dishes", "the dishes")
    slot.rejected(1)
    assert ended(slot, REJECTED, "wash rejected 'the dishes'") and len(slot.told) == 1


@pytest.mark.parametrize(
    ("message", "by_others", "code", "sentence"),
    [
        ("no water", False, FAILED, "wash did not complete 'the dishes': no water"),
        (None, False, FAILED, "wash did not complete 'the dishes'"),
        (None, True, CANCELLED_BY_OTHERS, "wash did not complete 'the dishes'"),
    ],
)
def test_a_goal_that_fails_tells_why(
    slot: Errands, message: str | None, by_others: bool, code: str, sentence: str
) -> None:
    slot.start("dishes", "the dishes")
    slot.accepted(1)
    slot.concluded(1, False, message, by_others)
    assert ended(slot, code, sentence, message)


def test_a_goal_that_we_cancelled_is_no_problem(slot: Errands) -> None:
    slot.start("dishes", "the dishes")
    slot.accepted(1)
    slot.cancel()
    slot.cancel()
    assert slot.asked == [("dishes", 1), ("cancel", 1)]
    slot.concluded(1, False, "cancelled", by_others=True)
    assert slot.end == GoalEnd(False, None, "cancelled")


def test_a_cancellation_before_the_acceptance_is_remembered(slot: Errands) -> None:
    slot.start("dishes", "the dishes")
    slot.cancel()
    assert slot.asked == [("dishes", 1)]
    slot.accepted(1)
    assert slot.asked[1:] == [("cancel", 1)]


def test_nothing_to_cancel_is_harmless(slot: Errands) -> None:
    slot.cancel()
    assert not slot.update()
    assert slot.asked == []


def test_a_goal_that_is_replaced_is_forgotten(slot: Errands) -> None:
    slot.start("dishes", "the dishes")
    slot.accepted(1)
    slot.replace("pots", "the pots")
    slot.concluded(1, False, "replaced")
    assert slot.busy and slot.told == []
    slot.accepted(2)
    slot.concluded(2, True)
    assert slot.asked == [("dishes", 1), ("pots", 2)]  # the server has seen to it
    assert slot.told == [GoalEnd(True)]


def test_a_goal_that_is_replaced_before_it_is_accepted_is_cancelled_then(slot: Errands) -> None:
    slot.start("dishes", "the dishes")
    slot.replace("pots", "the pots")
    slot.accepted(1)
    slot.accepted(2)
    assert slot.asked == [("dishes", 1), ("pots", 2), ("cancel", 1)]


def test_a_server_that_disappears_is_given_up(slot: Errands) -> None:
    slot.start("dishes", "the dishes")
    slot.accepted(1)
    slot.available = False
    assert slot.update()
    assert ended(slot, DISAPPEARED, "wash disappeared during 'the dishes'")
    assert slot.told == []  # whoever called `update` knows


def test_a_server_that_does_not_answer_is_given_up_and_cancelled_later(slot: Errands) -> None:
    slot.start("dishes", "the dishes")
    assert not slot.wait(1.9)
    assert slot.wait(0.2)
    assert ended(slot, UNANSWERED, "wash did not answer within 2 s")
    slot.start("pots", "the pots")
    slot.accepted(1)
    assert slot.asked[-1] == ("cancel", 1) and slot.busy


def test_a_server_that_does_not_stop_is_given_up() -> None:
    slot = Errands(Patience(stop_s=5.0))
    slot.start("dishes", "the dishes")
    slot.accepted(1)
    assert not slot.wait(60.0)
    slot.cancel()
    assert not slot.wait(4.9)
    assert slot.wait(0.2)
    assert ended(slot, UNSTOPPABLE, "wash did not stop 'the dishes' within 5 s")


def test_a_server_that_tells_of_its_progress_and_falls_silent_is_given_up(slot: Errands) -> None:
    slot.start("dishes", "the dishes")
    slot.accepted(1)
    slot.progressed(7)  # of a goal that was given up
    assert not slot.wait(60.0)
    slot.progressed(1)
    assert not slot.wait(1.9)
    assert slot.wait(0.2)
    assert ended(slot, SILENT, "wash fell silent during 'the dishes'")
    assert slot.asked[-1] == ("cancel", 1)


def test_a_result_without_an_acceptance_counts(slot: Errands) -> None:
    slot.start("dishes", "the dishes")
    slot.concluded(1, True)
    slot.accepted(1)
    assert slot.end == GoalEnd(True) and slot.asked == [("dishes", 1)]

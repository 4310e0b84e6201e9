"""One goal at a time: no goal is ever forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_common.actions import PrioritySlot


def test_equal_or_higher_preempts_and_lower_waits() -> None:
    slot: PrioritySlot[str] = PrioritySlot()
    assert slot.take("first", 128) is None
    assert not slot.admits(127)
    with pytest.raises(ValueError, match="127 is lower than 128"):
        slot.take("lower", 127)
    assert slot.take("equal", 128) == "first"
    assert slot.take("higher", 255) == "equal"
    assert not slot.release("equal") and slot.goal == "higher"
    assert slot.release("higher") and slot.admits(0)


@given(
    st.lists(st.one_of(st.integers(0, 255), st.tuples(st.just("release"), st.integers(0, 30)))),
)
def test_every_goal_ends_exactly_once(events: list) -> None:
    slot: PrioritySlot[list] = PrioritySlot()
    goals: list[list] = []  # lists are equal but not the same: identity must count
    ended: list[int] = []
    for event in events:
        if isinstance(event, int):
            if slot.admits(event):
                goals.append([])
                preempted = slot.take(goals[-1], event)
                if preempted is not None:
                    ended.append(id(preempted))
                assert slot.priority == event
        elif event[1] < len(goals) and slot.release(goals[event[1]]):
            ended.append(id(goals[event[1]]))
    if slot.goal is not None:
        ended.append(id(slot.goal))
    assert sorted(ended) == sorted(map(id, goals))

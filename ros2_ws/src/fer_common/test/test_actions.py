"""One goal at a time: no goal is ever forgotten."""

from __future__ import annotations

import pytest
from fer_interfaces.action import Say
from hypothesis import given
from hypothesis import strategies as st
from rclpy.action import ActionClient
from rclpy.node import Node

from fer_common.actions import ExclusiveAction, PrioritySlot
from fer_common.qos import REQUESTS
from fer_common.testing import spin_until, spinning


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


class Server(Node):
    """Takes a goal, and the next one instead."""

    def __init__(self) -> None:
        super().__init__("server")
        self.action = ExclusiveAction(
            self, Say, "say", lambda goal: None, lambda goal: None, lambda: None
        )

    def destroy_node(self) -> None:
        self.action.destroy()
        super().destroy_node()


def test_each_goal_of_a_flood_is_answered() -> None:
    with spinning(Server, lambda: Node("stranger")) as (executor, (server, stranger)):
        client = ActionClient(
            stranger,
            Say,
            "say",
            goal_service_qos_profile=REQUESTS,
            result_service_qos_profile=REQUESTS,
        )
        try:
            assert spin_until(executor, client.server_is_ready)
            # Nobody takes them in meanwhile.
            sent = [client.send_goal_async(Say.Goal(text=str(number))) for number in range(60)]
            assert spin_until(executor, lambda: all(future.done() for future in sent))
            handles = [future.result() for future in sent]
            assert all(handle.accepted for handle in handles)
            ended = [handle.get_result_async() for handle in handles[:-1]]
            assert spin_until(executor, lambda: all(future.done() for future in ended))
            messages = {future.result().result.message for future in ended}
            assert messages == {"preempted by a goal of priority 128"}
            last = handles[-1].get_result_async()
            server.action.finish(True)
            assert spin_until(executor, last.done) and last.result().result.success
        finally:
            client.destroy()

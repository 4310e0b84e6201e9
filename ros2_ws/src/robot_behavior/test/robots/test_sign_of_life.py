"""Whether something is still heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from fer_common.testing import spin_until, spinning
from robot_behavior.nodes.motion_player import MotionPlayer
from robot_behavior.nodes.sim_robot import SimRobot
from robot_behavior.robots.sign_of_life import SignOfLife

LOOKS = st.lists(st.booleans(), max_size=60)
"""What happens: it is heard (true), or somebody looks."""


def test_who_was_never_heard_has_not_ended() -> None:
    sign = SignOfLife(patience=3)
    assert not any(sign.has_ended() for _ in range(10))


def test_the_end_is_told_once_and_again_after_a_new_life() -> None:
    sign = SignOfLife(patience=3)
    for _ in range(2):
        sign.heard()
        assert [sign.has_ended() for _ in range(5)] == [False, False, True, False, False]


@given(LOOKS, st.integers(1, 5))
def test_it_ends_after_so_many_looks_in_a_row_that_heard_nothing(
    events: list[bool], patience: int
) -> None:
    sign = SignOfLife(patience)
    silent, alive = 0, False
    for heard in events:
        if heard:
            sign.heard()
            silent, alive = 0, True
            continue
        silent += 1
        assert sign.has_ended() == (alive and silent == patience)
        alive &= silent < patience


@pytest.mark.parametrize(
    ("kind", "service", "name", "request_"),
    [
        (MotionPlayer, Trigger, "motion_player/stop", Trigger.Request()),
        (SimRobot, Trigger, "sim_robot/stop", Trigger.Request()),
        (SimRobot, SetBool, "hold", SetBool.Request(data=True)),
    ],
)
def test_a_stop_is_answered_although_its_node_is_busy(kind, service, name, request_) -> None:
    with spinning(kind) as (_, _):  # nobody spins this executor
        person, own = Node("person"), SingleThreadedExecutor()
        own.add_node(person)
        client = person.create_client(service, name)
        try:
            assert spin_until(own, client.service_is_ready)
            answer = client.call_async(request_)
            assert spin_until(own, answer.done)
            assert answer.result().success
        finally:
            own.shutdown(timeout_sec=1.0)
            person.destroy_node()

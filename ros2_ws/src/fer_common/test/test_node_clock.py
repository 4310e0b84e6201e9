from __future__ import annotations

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time

from fer_common.node_clock import LEAP_S, STILL_S, NodeClock
from fer_common.testing import FakeClock, spinning

SIMULATED = Parameter("use_sim_time", value=True)


@pytest.fixture
def lived():
    """A node, its time, and that of the machine."""
    wall = FakeClock()
    with spinning(lambda: Node("subject")) as (_, (node,)):
        yield node, NodeClock(node, wall), wall


def tell(node, seconds):
    """What a message on /clock does."""
    override = Time(nanoseconds=round(seconds * 1e9), clock_type=node.get_clock().clock_type)
    node.get_clock().set_ros_time_override(override)


def test_without_simulated_time_it_is_that_of_the_machine(lived):
    _, now, wall = lived
    before = now()
    assert before == wall()
    wall.now += 1000.0
    assert now() - before == pytest.approx(1000.0)
    assert now.finding is None


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_simulated_time_passes_as_fast_as_it_does(lived, speed):
    node, now, wall = lived
    node.set_parameters([SIMULATED])
    tell(node, 100.0)
    begin = now()
    for step in range(1, 11):
        wall.now += 1.0
        tell(node, 100.0 + step * speed)
        now()
    assert now() - begin == pytest.approx(10 * speed)
    assert now.finding is None


def test_a_jump_is_no_time_that_passes(lived):
    node, now, wall = lived
    before = now()
    node.set_parameters([SIMULATED])
    assert now() == pytest.approx(before)
    tell(node, 1.7e9)  # the first message
    assert now() == pytest.approx(before)
    tell(node, 1.7e9 + 1.0)
    assert now() == pytest.approx(before + 1.0)
    tell(node, 5.0)  # the simulation begins again
    assert now() == pytest.approx(before + 1.0)
    tell(node, 5.0 + LEAP_S + 1.0)
    assert now() == pytest.approx(before + 1.0)
    tell(node, 5.0 + LEAP_S + 3.0)
    assert now() == pytest.approx(before + 3.0)
    node.set_parameters([Parameter("use_sim_time", value=False)])
    assert now() == pytest.approx(before + 3.0)
    wall.now += 1.0
    assert now() == pytest.approx(before + 4.0)


def test_that_it_stands_still_is_told_and_is_over_when_it_goes_on(lived):
    node, now, wall = lived
    node.set_parameters([SIMULATED])
    tell(node, 7.0)
    begin = now()
    wall.now += STILL_S + 2.0
    assert now() == begin
    assert now.finding.text.startswith("simulated time stands still for 5 s")
    tell(node, 7.1)
    assert now.finding is None

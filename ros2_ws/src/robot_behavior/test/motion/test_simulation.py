"""The simulated robot obeys its limits, whatever it is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.simulation import HOME_S, Simulation, TrajectoryError
from robot_behavior.motion.trajectory import Spline

LIMITS = {"neck": JointLimits(-1.0, 1.0, 2.0), "arm": JointLimits(0.2, 2.0, 3.0)}
numbers = st.floats(-20, 20)
commands = st.lists(
    st.tuples(
        st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=0, max_size=4),
        st.booleans(),
        st.lists(st.floats(0.001, 0.1), min_size=1, max_size=20),
    ),
    max_size=5,
)


def run(simulation: Simulation, seconds: float) -> None:
    for _ in range(round(seconds / 0.02)):
        simulation.step(0.02)


def test_it_starts_at_home_within_its_limits() -> None:
    simulation = Simulation(LIMITS)
    np.testing.assert_allclose(simulation.positions, [0.0, 0.2])
    assert simulation.is_home and simulation.is_still


def test_it_follows_points_and_ends_at_the_last() -> None:
    simulation = Simulation(LIMITS)
    simulation.follow(("arm",), np.array([0.5, 1.0]), np.array([[0.8], [1.2]]))
    run(simulation, 0.5)
    assert simulation.positions[1] == pytest.approx(0.8, abs=0.02)
    assert not simulation.is_still
    run(simulation, 0.6)
    np.testing.assert_allclose(simulation.positions, [0.0, 1.2], atol=1e-6)
    assert simulation.is_still and not simulation.is_home


@given(commands)
def test_limits_hold_whatever_is_asked(commands: list) -> None:
    simulation = Simulation(LIMITS)
    for points, with_velocities, steps in commands:
        values = np.array(points).reshape(-1, 4)
        velocities = values[:, 2:] if with_velocities else None
        simulation.follow(
            ("neck", "arm"), np.arange(1, len(points) + 1) / 5, values[:, :2], velocities
        )
        for seconds in steps:
            before = simulation.positions
            simulation.step(seconds)
            moved = np.abs(simulation.positions - before)
            assert (moved <= np.array([2.0, 3.0]) * seconds + 1e-9).all()
            assert (simulation.positions >= [-1.0, 0.2]).all()
            assert (simulation.positions <= [1.0, 2.0]).all()


def test_a_newer_trajectory_takes_over_without_a_jump() -> None:
    simulation = Simulation(LIMITS)
    simulation.follow(("neck",), np.array([1.0]), np.array([[0.9]]), np.zeros((1, 1)))
    run(simulation, 0.5)
    position, speed = simulation.positions[0], simulation.velocities[0]
    simulation.follow(("neck",), np.array([1.0]), np.array([[0.0]]), np.zeros((1, 1)))
    simulation.step(0.02)
    assert simulation.positions[0] == pytest.approx(position + speed * 0.02, abs=0.01)
    assert simulation.velocities[0] == pytest.approx(speed, abs=0.3)
    run(simulation, 1.1)
    assert simulation.positions[0] == pytest.approx(0.0, abs=1e-6)


def test_a_course_that_is_told_anew_at_any_moment_stays_the_same_course() -> None:
    told, again = Simulation(LIMITS), Simulation(LIMITS)
    path = Spline(np.array([0.0, 1.0]), np.zeros((2, 1)), np.zeros((2, 1)))
    path.positions[1] = 0.8
    for simulation in (told, again):
        simulation.follow(("neck",), np.array([1.0]), path.positions[1:], np.zeros((1, 1)))
    for step in range(1, 100):
        told.step(0.01)
        again.step(0.01)
        left = np.arange(0.01 * step + 0.013, 1.06, 0.05)
        positions, velocities = path.at(left)
        again.follow(("neck",), left - 0.01 * step, positions, velocities)
        assert again.positions[0] == pytest.approx(told.positions[0], abs=1e-6)
        assert again.velocities[0] == pytest.approx(told.velocities[0], abs=1e-4)


def test_an_empty_trajectory_stops_it() -> None:
    simulation = Simulation(LIMITS)
    simulation.follow(("neck",), np.array([1.0]), np.array([[0.9]]))
    run(simulation, 0.5)
    simulation.follow((), np.zeros(0), np.zeros((0, 0)))
    here = simulation.positions[0]
    run(simulation, 0.5)
    assert simulation.positions[0] == here and simulation.is_still


def test_unknown_joints_are_told_and_the_others_move() -> None:
    simulation = Simulation(LIMITS)
    unknown = simulation.follow(("tail", "neck"), np.array([0.5]), np.array([[9.0, 0.5]]))
    run(simulation, 0.6)
    assert unknown == ["tail"]
    assert simulation.positions[0] == pytest.approx(0.5, abs=1e-6)
    assert simulation.follow(("tail",), np.array([0.5]), np.array([[9.0]])) == ["tail"]
    simulation.step(0.02)


@pytest.mark.parametrize(
    ("joints", "times", "positions", "velocities", "complaint"),
    [
        (("neck",), [1.0], [[np.nan]], None, "not finite"),
        (("neck",), [1.0], [[0.1]], [[np.inf]], "not finite"),
        (("neck",), [np.nan], [[0.1]], None, "not finite"),
        (("neck",), [1.0, 1.0], [[0.1], [0.2]], None, "do not increase"),
        (("neck",), [-1.0], [[0.1]], None, "do not increase"),
        (("neck",), [1.0], [[0.1, 0.2]], None, "shape"),
        (("neck",), [1.0], [[0.1]], [[0.1, 0.2]], "shape"),
        (("neck", "neck"), [1.0], [[0.1, 0.2]], None, "twice"),
    ],
)
def test_nonsense_is_refused_and_the_robot_goes_on(
    joints: tuple[str, ...], times: list, positions: list, velocities: list | None, complaint: str
) -> None:
    simulation = Simulation(LIMITS)
    simulation.follow(("neck",), np.array([0.5]), np.array([[0.4]]))
    with pytest.raises(TrajectoryError, match=complaint):
        simulation.follow(
            joints,
            np.array(times),
            np.array(positions),
            None if velocities is None else np.array(velocities),
        )
    run(simulation, 0.6)
    assert simulation.positions[0] == pytest.approx(0.4, abs=1e-6)


def test_it_goes_home_from_anywhere_in_time() -> None:
    simulation = Simulation(LIMITS)
    simulation.follow(("neck", "arm"), np.array([0.1]), np.array([[-1.0, 2.0]]))
    run(simulation, 2.0)
    assert not simulation.is_home
    simulation.go_home()
    run(simulation, HOME_S + 0.1)
    assert simulation.is_home


ARMED = {
    "neck": JointLimits(-1.0, 1.0, 2.0, acceleration=10.0),
    "arm": JointLimits(-2.0, 2.0, 4.0, acceleration=30.0),
}


@given(st.floats(-0.9, 0.9), st.floats(-1.9, 1.9), st.floats(-2.0, 2.0), st.floats(-4.0, 4.0))
def test_the_way_home_begins_as_it_moves_and_keeps_the_limits(
    neck: float, arm: float, turning: float, swinging: float
) -> None:
    simulation = Simulation(ARMED)
    simulation.positions = np.array([neck, arm])
    # No faster than what can be stopped before the joint's end.
    room = np.where([turning > 0, swinging > 0], [1 - neck, 2 - arm], [1 + neck, 2 + arm])
    fastest = np.sqrt(np.array([10.0, 30.0]) * room)
    simulation.velocities = np.clip([turning, swinging], -fastest, fastest)
    simulation.go_home()
    velocities = [simulation.velocities]
    for _ in range(900):
        simulation.step(0.005)
        velocities.append(simulation.velocities)
        if simulation.is_home:
            break
    assert simulation.is_home
    bends = np.abs(np.diff(velocities, axis=0)) / 0.005
    assert (bends.max(axis=0) <= np.array([10.0, 30.0]) * 1.15).all()


def test_the_way_home_of_a_robot_without_accelerations() -> None:
    simulation = Simulation(LIMITS)
    simulation.positions, simulation.velocities = np.array([1.0, 0.2]), np.array([2.0, -3.0])
    simulation.go_home()
    run(simulation, HOME_S + 0.1)
    assert simulation.is_home

"""Trajectories become positions, and nothing moves that nobody can see."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from fer_common.reason import Reason
from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.simulation import TrajectoryError
from robot_behavior.robots.backend import JointDriver, JointReport, JointStream, LinkHealth

MODEL = {
    "neck": JointLimits(-1.0, 1.0, 2.0),
    "arm": JointLimits(0.0, 2.0, 3.0),
    "tail": JointLimits(-1.0, 1.0, 1.0),
}


class Robot(JointDriver):
    """A robot without a tail that does at once what it is told, and can be lost."""

    limits: ClassVar = {"neck": JointLimits(-1.0, 1.0, 1.0), "arm": JointLimits(0.0, 1.5, 3.0)}

    def __init__(self) -> None:
        self.trouble: Reason | None = None
        self.lost = self.interrupted = False
        self.positions = {"neck": 0.3, "arm": 0.5}
        self.moves: list[dict[str, float]] = []

    @property
    def problem(self) -> Reason | None:
        return self.trouble

    @property
    def health(self) -> LinkHealth:
        return LinkHealth("nothing")

    def update(self) -> JointReport | None:
        report = None if self.lost else JointReport(dict(self.positions), self.interrupted)
        self.interrupted = False
        return report

    def move(self, positions: Mapping[str, float]) -> None:
        self.moves.append(dict(positions))
        self.positions = dict(positions)

    def stop(self) -> None:
        self.trouble = Reason("stopped", "stopped")

    def release(self) -> None:
        self.trouble = None

    def close(self) -> None:
        self.trouble = Reason("closed", "closed")


def to(
    goal: float, seconds: float = 1.0, joints: tuple[str, ...] = tuple(MODEL)
) -> JointTrajectory:
    message = JointTrajectory(joint_names=list(joints))
    point = JointTrajectoryPoint(positions=[goal] * len(joints))
    point.time_from_start.sec = int(seconds)
    point.time_from_start.nanosec = round(seconds % 1.0 * 1e9)
    message.points.append(point)
    return message


def run(stream: JointStream, seconds: float) -> None:
    for _ in range(round(seconds / 0.02)):
        stream.step(0.02)


def test_it_waits_for_the_robot_and_for_a_trajectory() -> None:
    robot = Robot()
    stream = JointStream(MODEL, robot)
    with pytest.raises(TrajectoryError, match="has not told yet"):
        stream.follow(to(0.5))
    assert "has not told yet" in str(stream.problem)
    run(stream, 1.0)
    assert robot.moves == [] and stream.problem is None
    assert stream.simulated == ("tail",)


def test_it_starts_where_the_robot_is_and_ends_where_it_is_told() -> None:
    robot = Robot()
    stream = JointStream(MODEL, robot)
    states = stream.step(0.02)
    assert states is not None and states.positions == {"neck": 0.3, "arm": 0.5, "tail": 0.0}
    assert stream.follow(to(0.8, joints=("neck", "wing"))) == ["wing"]
    run(stream, 0.1)
    assert robot.moves[0]["neck"] == pytest.approx(0.3, abs=0.02)
    assert {move["arm"] for move in robot.moves} == {0.5}
    run(stream, 1.0)
    assert robot.positions["neck"] == pytest.approx(0.8, abs=0.001)


def test_what_the_robot_cannot_reach_is_simulated() -> None:
    robot = Robot()
    stream = JointStream(MODEL, robot)
    stream.step(0.02)
    stream.follow(to(1.8, joints=("arm",)))
    run(stream, 1.2)
    states = stream.step(0.02)
    assert robot.positions["arm"] == 1.5
    assert states is not None and states.positions["arm"] == pytest.approx(1.8, abs=0.001)


@pytest.mark.parametrize("event", ["lost", "interrupted", "stop"])
def test_a_robot_that_left_its_course_waits_for_a_new_one(event: str) -> None:
    robot = Robot()
    stream = JointStream(MODEL, robot)
    stream.step(0.02)
    stream.follow(to(0.9, seconds=2.0))
    run(stream, 0.4)
    if event == "stop":
        stream.stop()
        with pytest.raises(TrajectoryError, match="stopped"):
            stream.follow(to(0.9))
    else:
        setattr(robot, event, True)
    assert (stream.step(0.02) is None) == (event == "lost")
    robot.lost = False
    stream.release()
    robot.positions["neck"] = -0.4  # somebody moved it meanwhile
    moves = len(robot.moves)
    run(stream, 3.0)
    assert len(robot.moves) == moves
    stream.follow(to(0.0))
    stream.step(0.02)
    assert robot.moves[-1]["neck"] == pytest.approx(-0.4, abs=0.03)


def braking(robot: Robot) -> JointStream:
    """In the middle of a movement, told to stop softly."""
    stream = JointStream(MODEL, robot)
    stream.step(0.02)
    stream.follow(to(1.4, joints=("arm",)))
    run(stream, 0.3)
    stream.hold()
    return stream


def test_a_soft_stop_brakes_and_stops_then() -> None:
    robot = Robot()
    stream = braking(robot)
    moved = len(robot.moves)
    assert stream.problem is not None and stream.problem.code == "stopped" and stream.held
    assert robot.trouble is None, "it takes the positions that brake it"
    with pytest.raises(TrajectoryError, match="brakes"):
        stream.follow(to(0.0))
    stream.begin_rest()
    assert not stream.calm_down()
    run(stream, 2.0)
    assert robot.trouble == Reason("stopped", "stopped")
    arm = [move["arm"] for move in robot.moves[moved - 2 :]]
    ways = [after - before for before, after in pairwise(arm)]
    assert len(ways) > 1 and all(0.0 < after < before for before, after in pairwise(ways))
    assert arm[-1] < 1.4
    stream.release()
    run(stream, 1.0)
    assert robot.positions["arm"] == arm[-1], "it stays, until it is told something"
    stream.follow(to(0.0))
    run(stream, 2.0)
    assert robot.positions["arm"] == pytest.approx(0.0, abs=0.001)


def test_a_robot_that_is_released_while_it_brakes_obeys_again() -> None:
    robot = Robot()
    stream = braking(robot)
    stream.release()
    stream.follow(to(0.7))
    run(stream, 2.0)
    assert robot.trouble is None
    assert robot.positions == pytest.approx({"neck": 0.7, "arm": 0.7}, abs=0.001)


@pytest.mark.parametrize("event", ["lost", "interrupted", "never moved"])
def test_a_robot_that_cannot_brake_is_stopped_at_once(event: str) -> None:
    robot = Robot()
    if event == "never moved":
        stream = JointStream(MODEL, robot)
        stream.step(0.02)
        stream.hold()
    else:
        stream = braking(robot)
        setattr(robot, event, True)
        stream.step(0.02)
    assert robot.trouble is not None and robot.trouble.code == "stopped"


def test_a_point_has_a_velocity_for_each_joint_or_none() -> None:
    stream = JointStream(MODEL, Robot())
    stream.step(0.02)
    message = to(0.5)
    message.points[0].velocities = [0.0, 0.0]
    with pytest.raises(TrajectoryError, match="point 0 has 2 velocities, expected 3"):
        stream.follow(message)


def test_left_alone_it_goes_home_from_a_movement_but_not_from_a_halt() -> None:
    robot = Robot()
    stream = JointStream(MODEL, robot)
    stream.step(0.02)
    stream.calm_down()
    run(stream, 1.0)
    assert robot.moves == []
    stream.follow(to(0.9, seconds=2.0))
    run(stream, 2.5)
    stream.calm_down()
    run(stream, 1.0)
    assert robot.positions == pytest.approx({"neck": 0.9, "arm": 0.9}, abs=1e-3)
    stream.follow(to(0.5, seconds=2.0))
    run(stream, 1.0)
    stream.calm_down()
    run(stream, 3.5)
    assert robot.positions == pytest.approx({"neck": 0.0, "arm": 0.0}, abs=1e-3)
    steps = [abs(b["neck"] - a["neck"]) for a, b in zip(robot.moves, robot.moves[1:], strict=False)]
    assert max(steps) <= 1.0 * 0.02 + 1e-9


def test_it_rests_before_it_ends() -> None:
    robot = Robot()
    stream = JointStream(MODEL, robot)
    stream.step(0.02)
    stream.begin_rest()
    assert stream.is_at_rest() and robot.moves == []  # never moved, never will be
    stream.follow(to(0.9))
    run(stream, 0.5)
    stream.begin_rest()
    assert not stream.is_at_rest()
    run(stream, 3.2)
    assert stream.is_at_rest()
    assert robot.positions == pytest.approx({"neck": 0.0, "arm": 0.0}, abs=0.001)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["follow", "lose", "find", "interrupt", "hold", "stop", "release", "step"]
            ),
            st.floats(-3.0, 3.0),
        ),
        max_size=25,
    )
)
def test_whatever_happens_the_robot_never_jumps(events: list[tuple[str, float]]) -> None:
    robot = Robot()
    stream = JointStream(MODEL, robot)
    for event, value in events:
        if event == "follow":
            with suppress(TrajectoryError):
                stream.follow(to(value, 0.2))
        elif event in ("lose", "find"):
            robot.lost = event == "lose"
        elif event == "interrupt":
            robot.interrupted = True
        elif event != "step":
            getattr(stream, event)()
        for _ in range(3):
            before = dict(robot.positions)
            stream.step(0.02)
            for joint, limit in Robot.limits.items():
                assert limit.lower <= robot.positions[joint] <= limit.upper
                assert abs(robot.positions[joint] - before[joint]) <= limit.velocity * 0.02 + 1e-9

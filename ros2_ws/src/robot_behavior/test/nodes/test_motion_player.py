"""play_motion from end to end: client, player and simulated robot over DDS."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from fer_interfaces.action import PlayMotion
from rclpy.action import ActionClient
from rclpy.clock import Clock, ClockType
from rclpy.executors import Executor
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from visualization_msgs.msg import MarkerArray

from fer_common.qos import EVENTS
from fer_common.runner import StartError
from fer_common.testing import Bystander, spin_until, spinning
from robot_behavior.body import urdf
from robot_behavior.nodes.motion_player import MotionPlayer
from robot_behavior.nodes.sim_robot import SimRobot

SOURCE = Path(__file__).parents[3]
URDF = SOURCE / "fer_bringup" / "urdf" / "humanoid.urdf"
LIMITS = urdf.load(URDF).limits
SUCCEEDED, CANCELED, ABORTED = 4, 5, 6
ARM = "left_shoulder_pitch_joint"
MOTIONS = f"""
/motion_player:
  ros__parameters:
    motions:
      rest: {{joints: [{ARM}, head_yaw_joint], positions: [0.0, 0.0], times_from_start: [0.3]}}
      raise: {{joints: [{ARM}], positions: [0.1, 0.8], times_from_start: [0.3, 0.9]}}
      turn: {{joints: [head_yaw_joint], positions: [0.3], times_from_start: [0.4]}}
      reach: {{joints: [{ARM}], positions: [9.0], times_from_start: [0.4]}}
"""


class Person(Bystander):
    """Asks for motions and watches the robot.

    It owns the time, too, which goes on with the executor: a busy machine makes nothing late.
    """

    STEP_MS = 20

    def __init__(self) -> None:
        super().__init__("person")
        self._ms = 1_000_000
        self._time = self.create_publisher(ClockMessage, "/clock", 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1e-3 * self.STEP_MS, self._go_on, clock=steady)
        self.states: list[JointState] = []
        self.markers: list[MarkerArray] = []
        self.client = ActionClient(self, PlayMotion, "play_motion")
        self.trajectory = self.create_publisher(JointTrajectory, "joint_trajectory", EVENTS)
        self.create_subscription(JointState, "joint_states", self.states.append, 10)
        self.create_subscription(MarkerArray, "/sim_robot/markers", self.markers.append, 10)

    def _go_on(self) -> None:
        self._ms += self.STEP_MS
        message = ClockMessage()
        message.clock.sec, rest_ms = divmod(self._ms, 1000)
        message.clock.nanosec = rest_ms * 1_000_000
        self._time.publish(message)

    def position(self, joint: str) -> float:
        if not self.states:
            return math.nan
        return self.states[-1].position[self.states[-1].name.index(joint)]


class World:
    def __init__(self, executor: Executor, nodes: list[Any], send: Callable) -> None:
        self.executor, self._send = executor, send
        self.person, self.player = nodes[0], nodes[1]
        self.sim = nodes[2] if len(nodes) > 2 else None

    def play(self, motion: str, priority: int = 128) -> Any:
        return self._send(self.person.client, PlayMotion.Goal(motion=motion, priority=priority))

    def wait(self, condition: Callable[[], object]) -> None:
        assert spin_until(self.executor, condition)

    def ready(self) -> None:
        self.wait(self.person.client.server_is_ready)
        self.wait(lambda: self.person.states and self.player.problem is None)
        self.wait(lambda: self.person.trajectory.get_subscription_count())


def player(**parameters: Any) -> MotionPlayer:
    parameters = {"use_sim_time": True, **parameters}
    overrides = [Parameter(name, value=value) for name, value in parameters.items()]
    return MotionPlayer(parameter_overrides=overrides)


@pytest.fixture
def world(tmp_path: Path, send_goal: Callable) -> Iterator[World]:
    file = tmp_path / "motions.yaml"
    file.write_text(MOTIONS)
    robot = [Parameter("urdf", value=str(URDF)), Parameter("use_sim_time", value=True)]
    with spinning(
        Person,
        lambda: player(urdf=str(URDF), motions_file=str(file)),
        lambda: SimRobot(parameter_overrides=robot),
    ) as (executor, nodes):
        built = World(executor, nodes, send_goal)
        built.ready()
        yield built


def assert_limits_held(states: list[JointState]) -> None:
    for before, after in pairwise(states):
        seconds = (after.header.stamp.sec - before.header.stamp.sec) + 1e-9 * (
            after.header.stamp.nanosec - before.header.stamp.nanosec
        )
        moved = np.abs(np.array(after.position) - np.array(before.position))
        fastest = np.array([LIMITS[name].velocity for name in after.name])
        assert (moved <= fastest * (seconds + 0.002)).all()
        for name, position in zip(after.name, after.position, strict=True):
            assert LIMITS[name].lower <= position <= LIMITS[name].upper


def test_a_motion_reaches_its_pose_within_the_limits_and_the_robot_rests(world: World) -> None:
    person = world.person
    goal = world.play("raise")
    world.wait(lambda: goal.over)
    assert goal.status == SUCCEEDED and goal.result.success and goal.result.message == ""
    assert max(state.position[state.name.index(ARM)] for state in person.states) == (
        pytest.approx(0.8, abs=0.05)
    )
    assert len(goal.progress) > 5
    assert goal.progress == sorted(goal.progress) and 0.9 < goal.progress[-1] <= 1.0
    world.wait(lambda: abs(person.position(ARM)) < 0.01 and world.player.is_stopped())
    assert_limits_held(person.states)


def test_equal_priority_preempts_and_the_reason_is_told(world: World) -> None:
    first = world.play("raise")
    world.wait(lambda: world.person.position(ARM) > 0.2)
    second = world.play("turn")
    world.wait(lambda: first.over and second.over)
    assert first.status == ABORTED
    assert first.result.message == "preempted by a goal of priority 128"
    assert second.status == SUCCEEDED
    assert world.person.position(ARM) < 0.1  # does not stay where the first motion was cut off
    assert_limits_held(world.person.states)


def test_motions_are_read_again_while_it_runs_and_the_old_ones_stay_when_they_are_bad(
    world: World, tmp_path: Path
) -> None:
    file, player = tmp_path / "motions.yaml", world.player

    def read_again(text: str) -> str:
        file.write_text(text)
        return player.set_parameters_atomically([Parameter("motions_file", value=str(file))]).reason

    assert "positions[0] (left_shoulder_pitch_joint) is 9.0" in read_again(MOTIONS)
    good = MOTIONS.replace("9.0", "0.5").replace("reach:", "stretch:")
    assert read_again(good) == ""
    goal = world.play("stretch")
    world.wait(lambda: goal.over)
    assert goal.status == SUCCEEDED
    assert (
        "speed_scale"
        in player.set_parameters_atomically([Parameter("speed_scale", value=9.0)]).reason
    )


def test_lower_priority_is_rejected_and_changes_nothing(world: World) -> None:
    first = world.play("raise", 200)
    world.wait(lambda: first.accepted)
    second = world.play("turn", 199)
    world.wait(lambda: first.over and second.over)
    assert not second.accepted
    assert first.status == SUCCEEDED


def test_cancelled_motion_ends_at_once_and_the_robot_rests(world: World) -> None:
    goal = world.play("raise")
    world.wait(lambda: world.person.position(ARM) > 0.3)
    goal.handle.cancel_goal_async()
    world.wait(lambda: goal.over)
    assert goal.status == CANCELED and goal.result.message == "cancelled"
    assert world.person.position(ARM) > 0.05  # it answers before it has come to rest
    world.wait(lambda: abs(world.person.position(ARM)) < 0.01)
    assert_limits_held(world.person.states)
    again = world.play("turn")
    world.wait(lambda: again.over)
    assert again.status == SUCCEEDED


@pytest.mark.parametrize(
    ("motion", "complaint"),
    [
        ("rase", "no motion 'rase', expected one such as raise"),
        ("", "no motion '', expected one such as raise, rest, turn"),
        ("reach", "cannot play 'reach': .*positions.* is 9.0, expected -0.8..2.9 rad"),
    ],
)
def test_a_motion_that_cannot_be_played_says_why_and_disturbs_nobody(
    world: World, motion: str, complaint: str
) -> None:
    playing = world.play("raise", 50)
    world.wait(lambda: playing.accepted)
    goal = world.play(motion, 200)
    world.wait(lambda: goal.over and playing.over)
    assert goal.status == ABORTED and not goal.result.success
    assert re.search(complaint, goal.result.message)
    assert playing.status == SUCCEEDED


def test_every_goal_of_a_burst_gets_its_result(world: World) -> None:
    goals = [world.play(m, p) for p in (10, 200, 30, 200, 255) for m in ("raise", "turn")]
    world.wait(lambda: all(goal.over for goal in goals))
    assert goals[-1].status == SUCCEEDED
    assert all(goal.status in (ABORTED, SUCCEEDED) for goal in goals if goal.accepted)
    world.wait(world.player.is_stopped)


def test_a_stop_takes_the_robot_to_rest(world: World) -> None:
    goal = world.play("raise")
    world.wait(lambda: world.person.position(ARM) > 0.4)
    world.player.begin_stop()
    world.wait(world.player.is_stopped)
    world.wait(lambda: goal.over and abs(world.person.position(ARM)) < 0.05)
    assert goal.status == ABORTED and goal.result.message == "the motion player stops"
    late = world.play("turn")
    world.wait(lambda: late.over)
    assert late.status == ABORTED


def test_a_robot_that_vanishes_ends_the_goal(world: World) -> None:
    goal = world.play("raise")
    world.wait(lambda: world.person.position(ARM) > 0.2)
    world.executor.remove_node(world.sim)
    world.wait(lambda: goal.over)
    assert goal.status == ABORTED and "no joint states for 1." in goal.result.message
    world.wait(world.player.is_stopped)


def test_a_robot_that_does_not_obey_ends_the_goal(world: World) -> None:
    goal = world.play("raise")
    world.wait(lambda: world.person.position(ARM) > 0.2)
    world.person.trajectory.publish(JointTrajectory())  # somebody else stops the robot
    world.wait(lambda: goal.over)
    assert goal.status == ABORTED
    assert f"{ARM} is at " in goal.result.message and "expected 0.80" in goal.result.message
    world.wait(lambda: abs(world.person.position(ARM)) < 0.01)


def test_without_joint_states_nothing_moves(send_goal: Callable) -> None:
    with spinning(Person, lambda: player(urdf=str(URDF))) as (executor, nodes):
        world = World(executor, nodes, send_goal)
        world.wait(world.person.client.server_is_ready)
        goal = world.play("nod")
        world.wait(lambda: goal.over)
        assert goal.status == ABORTED
        assert "no joint state yet of ankle_pitch_joint" in goal.result.message
        world.player.begin_stop()
        world.wait(world.player.is_stopped)


def test_the_shipped_motions_are_listed(world: World) -> None:
    client = world.person.create_client(Trigger, "/motion_player/list_motions")
    world.wait(client.service_is_ready)
    future = client.call_async(Trigger.Request())
    world.wait(future.done)
    assert future.result().message == "rest, raise, turn"


def test_the_simulated_robot_is_seen_and_refuses_nonsense(world: World) -> None:
    world.wait(lambda: world.person.markers)
    array = world.person.markers[-1]
    assert len(array.markers) > 40
    assert len({(marker.ns, marker.id) for marker in array.markers}) == len(array.markers)
    for marker in array.markers:
        assert marker.header.frame_id == "base_link" and marker.scale.x > 0
        q = marker.pose.orientation
        assert q.x**2 + q.y**2 + q.z**2 + q.w**2 == pytest.approx(1.0)
    for positions in ([math.nan], [0.5, 0.5], []):
        point = JointTrajectoryPoint(positions=positions)
        point.time_from_start.sec = 1
        world.person.trajectory.publish(JointTrajectory(joint_names=[ARM], points=[point]))
    seen = len(world.person.states)
    world.wait(lambda: len(world.person.states) > seen + 20)
    assert world.person.position(ARM) == 0.0


def test_the_simulated_robot_goes_home_when_everything_is_stopped(world: World) -> None:
    goal = world.play("raise")
    world.wait(lambda: world.person.position(ARM) > 0.4)
    world.player.begin_stop()
    world.sim.begin_stop()
    world.wait(lambda: world.player.is_stopped() and world.sim.is_stopped())
    world.wait(lambda: goal.over and abs(world.person.position(ARM)) < 0.01)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"urdf": "/nowhere.urdf"}, "/nowhere.urdf: cannot be read"),
        ({"urdf": str(URDF), "motions_file": "/nowhere.yaml"}, "/nowhere.yaml: cannot be read"),
        ({"urdf": str(URDF), "speed_scale": 2.0}, "'speed_scale' is 2.0, expected 0.1..1"),
    ],
)
def test_bad_parameters_are_named(parameters: dict[str, Any], complaint: str) -> None:
    with (
        pytest.raises((StartError, ValueError), match=complaint),
        spinning(lambda: player(**parameters)),
    ):
        pass

"""Reachy Mini's own daemon with its MuJoCo simulation; where it is not installed, nothing is run.

The environment is that of ``scripts/reachy_mini.sh``, or of the variable ``REACHY_MINI_VENV``.
"""

from __future__ import annotations

import math
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fer_interfaces.msg import Emotion, EmotionArray
from rclpy.node import Node
from rclpy.parameter import Parameter
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from ec_rfernet.errors import InputError
from fer_common.qos import EVENTS
from fer_common.testing import spin_until, spinning, until
from robot_behavior.body import urdf
from robot_behavior.dialogue.behaviors import NEAREST, Repertoire
from robot_behavior.motion.library import load_motions, read_gestures
from robot_behavior.motion.trajectory import JointStates, plan
from robot_behavior.nodes.motion_player import MotionPlayer, to_message
from robot_behavior.nodes.robot_bridge import RobotBridge
from robot_behavior.robots.backend import JointStream
from robot_behavior.robots.reachy_mini import ROBOT, ReachyMiniSettings
from robot_behavior.robots.reachy_mini.driver import ReachyMiniDriver
from robot_behavior.robots.reachy_mini.simulator import SimulatedDaemon, environment

try:
    environment()
except InputError as missing:
    pytest.skip(f"the maker's daemon is not installed: {missing}", allow_module_level=True)

assert ROBOT.urdf is not None and ROBOT.motions is not None
MODEL = urdf.load(ROBOT.urdf)
LIBRARY = load_motions(ROBOT.motions, MODEL.limits)
NEUTRAL = LIBRARY.rest.end
RAD, METRE = 0.02, 0.003
PERIOD_S = 0.02
POSES = [
    {},
    {"head_pitch_joint": 0.2, "head_yaw_joint": 0.3, "head_z_joint": 0.01},
    {"head_pitch_joint": -0.3, "head_roll_joint": 0.2, "head_x_joint": 0.015},
    {"head_pitch_joint": 0.4, "head_z_joint": -0.015},
    {"head_roll_joint": -0.35, "head_yaw_joint": -0.4, "head_y_joint": -0.01},
    {"head_yaw_joint": 0.9, "body_yaw_joint": 0.5},
    {"head_yaw_joint": -0.9, "body_yaw_joint": -1.2},
    {"head_z_joint": -0.025, "head_x_joint": -0.015, "left_antenna_joint": 1.8},
    {"left_antenna_joint": -0.2, "right_antenna_joint": 1.2},
    {"left_antenna_joint": 2.5, "right_antenna_joint": 2.5},
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    return tmp_path_factory.mktemp("reachy_mini") / "daemon.log", free_port()


@pytest.fixture(scope="module")
def daemon(place: tuple[Path, int]) -> Iterator[SimulatedDaemon]:
    log, port = place
    with SimulatedDaemon(log, port) as running:
        yield running


@contextmanager
def connected(port: int) -> Iterator[tuple[ReachyMiniDriver, JointStream]]:
    made = ROBOT.make_driver(None, MODEL, ReachyMiniSettings(daemon_port=port))  # type: ignore[arg-type]
    assert isinstance(made, ReachyMiniDriver)
    stream = JointStream(MODEL.limits, made)
    try:
        assert play(stream, lambda: stream.problem is None), stream.problem
        yield made, stream
    finally:
        made.close()


def play(stream: JointStream, condition: Callable[[], object], timeout_s: float = 60.0) -> bool:
    """Lets real time pass: the simulator's clock is the wall's."""
    rest, last = threading.Event(), time.monotonic()

    def step() -> None:
        nonlocal last
        now = time.monotonic()
        stream.step(min(now - last, 0.1))
        last = now
        rest.wait(PERIOD_S)

    return until(condition, timeout_s, step)


def go(stream: JointStream, goal: dict[str, float], seconds: float = 1.0) -> None:
    message = JointTrajectory(joint_names=list(goal))
    message.points = [JointTrajectoryPoint(positions=list(goal.values()))]
    message.points[0].time_from_start.sec = int(seconds)
    message.points[0].time_from_start.nanosec = int(1e9 * (seconds % 1.0))
    stream.follow(message)


def at(made: ReachyMiniDriver) -> dict[str, float]:
    assert until(lambda: made.update() is not None), made.problem
    report = made.update()
    return dict(report.positions) if report is not None else at(made)


def arrive(made: ReachyMiniDriver, stream: JointStream, goal: dict[str, float]) -> bool:
    """Waits until the robot has been at a goal for half a second."""
    since = math.inf

    def there() -> bool:
        nonlocal since
        near = max(errors(made, goal).values()) < 1.0
        since = min(since, time.monotonic()) if near else math.inf
        return time.monotonic() - since > 0.5

    return play(stream, there)


def errors(made: ReachyMiniDriver, goal: dict[str, float]) -> dict[str, float]:
    """How far each joint is from a goal, as a share of what is allowed."""
    found = at(made)
    allowed = {joint: METRE if joint[-7] in "xyz" and "head" in joint else RAD for joint in goal}
    return {joint: abs(found.get(joint, 9.0) - goal[joint]) / allowed[joint] for joint in goal}


def test_poses_are_reached(place: tuple[Path, int], daemon: SimulatedDaemon) -> None:
    with connected(place[1]) as (made, stream):
        for pose in POSES:
            goal = {**NEUTRAL, **pose}
            go(stream, goal)
            arrived = arrive(made, stream, goal)
            found, worst = at(made), max(errors(made, goal).values())
            named = ", ".join(f"{j[:-6]} {goal[j]:.3f} → {found[j]:.4f}" for j in pose or goal)
            print(f"{named}; worst of all joints: {100 * worst:.0f} % of what is allowed")
            assert arrived, errors(made, goal)
        go(stream, dict(NEUTRAL))
        assert play(stream, stream.is_at_rest)


@pytest.mark.parametrize("expression", NEAREST)
def test_gestures_of_every_expression_are_played(
    place: tuple[Path, int], daemon: SimulatedDaemon, expression: str
) -> None:
    names, instead = Repertoire(read_gestures(ROBOT.motions)).motions(expression)
    assert instead is None
    motion = LIBRARY.motions[names[0]]
    trajectory = plan(motion, LIBRARY.rest, MODEL.limits, JointStates(NEUTRAL, {}))
    reach = {joint: motion.positions[:, i] for i, joint in enumerate(motion.joints)}
    seen: dict[str, list[float]] = {joint: [] for joint in motion.joints}
    with connected(place[1]) as (made, stream):
        go(stream, dict(NEUTRAL))
        assert play(stream, stream.is_at_rest)
        stream.follow(to_message(trajectory))

        def over() -> bool:
            for joint, value in at(made).items():
                seen.get(joint, []).append(value)
            return stream.is_at_rest()

        assert play(stream, over) and made.health.damaged == 0
    for joint, values in seen.items():
        # The motors of the model round the sharpest corners of a gesture.
        span = max(reach[joint]) - min(reach[joint])
        assert max(values) - min(values) > 0.5 * span, joint
    assert "IK error" not in place[0].read_text(errors="replace")


def test_a_stop_ends_the_movement_within_a_tenth_of_a_second(
    place: tuple[Path, int], daemon: SimulatedDaemon
) -> None:
    with connected(place[1]) as (made, stream):
        go(stream, {**NEUTRAL, "head_yaw_joint": -0.8})
        assert play(stream, stream.is_at_rest)
        go(stream, {**NEUTRAL, "head_yaw_joint": 0.8}, 1.5)
        assert play(stream, lambda: at(made)["head_yaw_joint"] > -0.2)
        states = stream.step(0.0)
        assert states is not None
        speed, before = states.velocities["head_yaw_joint"], at(made)["head_yaw_joint"]
        stream.stop()
        heard, track = made.health.received, [before]
        assert until(lambda: track.append(at(made)["head_yaw_joint"]) or (
            made.health.received > heard + 50))  # fmt: skip
        way = max(abs(yaw - before) for yaw in track)
        print(f"goes {way:.3f} rad on at {speed:.2f} rad/s: {1000 * way / speed:.0f} ms")
        # A busy machine slows the simulation down: its time is told by the way it has gone.
        assert way < 0.1 * speed
        stream.release()
        assert play(stream, lambda: made.problem is None)


def test_a_second_client_is_waited_for_and_leaves_no_jump(
    place: tuple[Path, int], daemon: SimulatedDaemon
) -> None:
    with connected(place[1]) as (made, stream):
        go(stream, {**NEUTRAL, "head_yaw_joint": 0.6}, 3.0)
        assert play(stream, lambda: at(made)["head_yaw_joint"] > 0.1)
        daemon.ask("POST", "move/goto", {"head_pose": {"yaw": -0.4}, "duration": 2.0})
        assert play(stream, lambda: made.problem is not None and made.problem.code == "busy")
        assert play(stream, lambda: stream.problem is None)
        assert play(stream, lambda: abs(at(made)["head_yaw_joint"] + 0.4) < 0.05)
        track = [at(made)["head_yaw_joint"]]
        go(stream, dict(NEUTRAL), 1.5)
        assert play(stream, lambda: track.append(at(made)["head_yaw_joint"]) or stream.is_at_rest())
        assert max(abs(b - a) for a, b in pairwise(track)) < 0.1


def test_no_usage_data_leaves_the_machine(place: tuple[Path, int], daemon: SimulatedDaemon) -> None:
    assert daemon.ask("GET", "telemetry")["disabled_by_env"] is True
    with connected(place[1]) as (made, _):
        assert made.health.details["telemetry of its maker"] == "off"
    lines = Path(f"/proc/{daemon.process.pid}/net/tcp").read_text().splitlines()[1:]
    mine = {
        link.readlink().name.strip("socket:[]")
        for link in Path(f"/proc/{daemon.process.pid}/fd").iterdir()
        if "socket:" in str(link.readlink())
    }
    # Address 0100007F is 127.0.0.1, 00000000 is nobody: a socket that listens.
    peers = {line.split()[2].split(":")[0] for line in lines if line.split()[9] in mine}
    assert peers <= {"0100007F", "00000000"}


class Face(Node):
    """A face that is attended to, at the left edge of the picture."""

    def __init__(self) -> None:
        super().__init__("face")
        self._faces = self.create_publisher(EmotionArray, "emotions", EVENTS)
        self.create_timer(0.1, self._show)

    def _show(self) -> None:
        face = Emotion(face_id="me", label="neutral", confidence=0.9)
        face.roi.x_offset, face.roi.y_offset, face.roi.width, face.roi.height = 20, 180, 100, 120
        faces = EmotionArray(emotions=[face], attended="me", image_width=640, image_height=480)
        faces.header.stamp = self.get_clock().now().to_msg()
        self._faces.publish(faces)


def test_the_head_follows_the_attended_face(
    place: tuple[Path, int], daemon: SimulatedDaemon
) -> None:
    def parameters(**values: Any) -> list[Parameter]:
        return [Parameter(name, value=value) for name, value in values.items()]

    def yaw() -> float:
        return float(daemon.ask("GET", "state/full")["head_pose"]["yaw"])

    with spinning(
        lambda: RobotBridge(
            parameter_overrides=parameters(robot="reachy_mini", daemon_port=place[1])
        ),
        lambda: MotionPlayer(parameter_overrides=parameters(robot="reachy_mini")),
        Face,
    ) as (executor, _):
        track: list[float] = []
        assert spin_until(executor, lambda: track.append(yaw()) or track[-1] > 0.3)
        steps = [b - a for a, b in pairwise(track)]
        assert max(map(abs, steps)) < 0.3  # smoothly, as often as it was asked


def test_a_daemon_that_is_killed_in_mid_gesture_comes_back_without_a_jump(
    tmp_path: Path,
) -> None:
    port = free_port()
    with SimulatedDaemon(tmp_path / "first.log", port) as first, connected(port) as (made, stream):
        go(stream, {**NEUTRAL, "head_yaw_joint": 0.8, "head_pitch_joint": 0.3}, 2.0)
        assert play(stream, lambda: at(made)["head_yaw_joint"] > 0.3)
        first.process.send_signal(signal.SIGKILL)
        assert play(stream, lambda: made.problem is not None)
        assert made.update() is None
        with SimulatedDaemon(tmp_path / "second.log", port):
            assert play(stream, lambda: stream.problem is None)
            begin = at(made)
            assert math.dist([begin["head_yaw_joint"]], [0.0]) < RAD  # nobody told it to go on
            track = [begin["head_yaw_joint"]]
            go(stream, {**NEUTRAL, "head_yaw_joint": 0.5})
            assert play(
                stream,
                lambda: track.append(at(made)["head_yaw_joint"])
                or max(errors(made, {**NEUTRAL, "head_yaw_joint": 0.5}).values()) < 1.0,
            )
            assert max(abs(b - a) for a, b in pairwise(track)) < 0.15


def test_a_robot_that_sleeps_is_woken(tmp_path: Path) -> None:
    port = free_port()
    log = tmp_path / "asleep.log"
    with SimulatedDaemon(log, port, ["--no-wake-up-on-start"]) as daemon:
        assert daemon.ask("GET", "state/full")["head_pose"]["z"] < -0.035
        with connected(port) as (made, stream):
            assert play(stream, lambda: abs(at(made)["head_z_joint"]) < METRE)
            assert play(stream, lambda: made.problem is None)
        assert until(lambda: daemon.ask("GET", "state/full")["head_pose"]["z"] < -0.035)

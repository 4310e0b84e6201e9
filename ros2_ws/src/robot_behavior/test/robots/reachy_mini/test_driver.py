"""The driver of Reachy Mini, with a stand-in of its daemon on the other end of real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from typing import Any

import pytest
from fer_interfaces.action import PlayMotion
from rclpy.action import ActionClient
from rclpy.parameter import Parameter
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from fer_common.testing import Bystander, spin_until, spinning, until
from robot_behavior.body import urdf
from robot_behavior.dialogue.behaviors import NEAREST, Repertoire
from robot_behavior.motion.check import Checker
from robot_behavior.motion.library import REST, load_motions, read_gestures
from robot_behavior.nodes.motion_player import MotionPlayer
from robot_behavior.nodes.robot_bridge import RobotBridge
from robot_behavior.robots.backend import JointStream
from robot_behavior.robots.reachy_mini import ROBOT, ReachyMiniSettings
from robot_behavior.robots.reachy_mini.driver import ReachyMiniDriver, from_state
from ros2_ws.src.robot_behavior.test.robots.reachy_mini.fake_daemon import SLEEP, FakeReachyMini

assert ROBOT.urdf is not None and ROBOT.motions is not None
MODEL = urdf.load(ROBOT.urdf)
REST_POSE = dict.fromkeys(MODEL.limits, 0.0)
PERIOD_S = 0.02
FASTEST = 8.0 * 0.1  # rad from one target to the next: the fastest joint, in five periods


@contextmanager
def driver(daemon: FakeReachyMini | int, **settings: Any) -> Iterator[ReachyMiniDriver]:
    port = daemon if isinstance(daemon, int) else daemon.port
    made = ROBOT.make_driver(
        None,  # type: ignore[arg-type]
        MODEL,
        ReachyMiniSettings(**{"daemon_port": port, **settings}),
    )
    assert isinstance(made, ReachyMiniDriver)
    try:
        yield made
    finally:
        made.close()


def code(made: ReachyMiniDriver) -> str | None:
    return None if made.problem is None else made.problem.code


def follow(made: ReachyMiniDriver, goal: dict[str, float], seconds: int = 1) -> JointStream:
    """Has a stream play a way to a goal; `play` lets time pass."""
    stream = JointStream(MODEL.limits, made)
    assert until(lambda: stream.step(PERIOD_S) is not None and made.problem is None)
    message = JointTrajectory(joint_names=list(goal))
    message.points = [JointTrajectoryPoint(positions=list(goal.values()))]
    message.points[0].time_from_start.sec = seconds
    stream.follow(message)
    return stream


def play(stream: JointStream, condition: Callable[[], object]) -> bool:
    rest = threading.Event()
    return until(condition, step=lambda: (stream.step(PERIOD_S), rest.wait(PERIOD_S)))


def test_a_pose_is_reached_joint_by_joint() -> None:
    goal = REST_POSE | {
        "head_x_joint": 0.01, "head_y_joint": -0.008, "head_z_joint": 0.005,
        "head_roll_joint": 0.2, "head_pitch_joint": -0.1, "head_yaw_joint": 0.3,
        "body_yaw_joint": -0.4, "left_antenna_joint": 0.5, "right_antenna_joint": 0.7,
    }  # fmt: skip
    with FakeReachyMini() as daemon, driver(daemon) as made:
        stream = follow(made, goal)
        wanted = [0.01, -0.008, 0.005, 0.2, -0.1, 0.3, -0.4, -0.7, 0.5]
        assert play(stream, lambda: daemon.pose == pytest.approx(wanted, abs=1e-6))
        assert play(stream, lambda: made.update().positions == pytest.approx(goal, abs=1e-6))
        first = daemon.targets[0][1]
        assert first == pytest.approx([0.0] * 7 + [-0.1745, 0.1745], abs=0.05)
        assert made.health.details["telemetry of its maker"] == "off"


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ('{"type": "daemon_status", "state": "running", "version": "2.0.1"}', "of version 2.0.1"),
        ('{"type": "daemon_status", "state": "error", "version": "1.13.0", "error": "no motors"}',
         "does not move its robot: no motors"),
        ('["a printer"]', "is no daemon of Reachy Mini"),
        ("<html>", "nobody answers"),
        (None, "is no daemon of Reachy Mini"),
    ],
)  # fmt: skip
def test_what_answers_is_not_the_daemon_that_we_know(answer: str | None, complaint: str) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if answer is not None else 404)
            self.end_headers()
            self.wfile.write((answer or "").encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with driver(server.server_port) as made:
            assert until(lambda: complaint in str(made.problem)), made.problem
            assert made.update() is None
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_host_that_nobody_knows_or_where_nobody_answers_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with driver(port) as made:
        assert until(lambda: code(made) == "unreachable")
        assert f"nobody answers at 127.0.0.1:{port}" in str(made.problem)
    with driver(port, host="no such robot") as made:
        assert until(lambda: code(made) == "unreachable")
        assert "no such robot" in str(made.problem)


def test_a_robot_that_sleeps_is_not_moved_where_it_shall_not_be_woken() -> None:
    with FakeReachyMini(asleep=True) as daemon, driver(daemon, wake=False) as made:
        assert until(lambda: code(made) == "asleep")
        made.move(REST_POSE)
        assert "its motors are 'disabled'" in str(made.problem)
        assert daemon.pose == list(SLEEP) and not daemon.targets


def test_a_robot_that_sleeps_is_woken_and_put_to_sleep_again() -> None:
    with FakeReachyMini(asleep=True) as daemon:
        with driver(daemon) as made:
            assert until(lambda: code(made) is None)
            assert daemon.mode == "enabled" and daemon.pose[2] == 0.0
        assert until(lambda: daemon.mode == "disabled")
        assert daemon.pose == pytest.approx(SLEEP)


def test_a_robot_that_was_awake_is_left_as_it_is() -> None:
    with FakeReachyMini() as daemon, driver(daemon) as made:
        assert until(lambda: code(made) is None)
        made.close()
        assert not any("play" in request for request in daemon.requests)


def test_a_robot_that_another_program_moves_is_waited_for() -> None:
    with FakeReachyMini() as daemon, driver(daemon) as made:
        stream = follow(made, {"head_yaw_joint": 0.8}, seconds=3)
        assert play(stream, lambda: daemon.pose[5] > 0.1)
        daemon.move_by_another({"yaw": -0.4}, 1.5)
        assert play(stream, lambda: code(made) == "busy")
        obeyed = len(daemon.targets)
        assert play(stream, lambda: code(made) is None)
        # What is left of the old way is dropped: the robot stays where the other has brought it.
        assert daemon.pose[5] == pytest.approx(-0.4)
        assert len(daemon.targets) == obeyed
        assert play(stream, lambda: stream.is_at_rest())
        assert daemon.pose[5] == pytest.approx(-0.4)


def test_a_daemon_that_dies_in_mid_gesture_and_comes_back_sees_no_jump() -> None:
    with FakeReachyMini() as daemon:
        port = daemon.port
        with driver(daemon) as made:
            stream = follow(made, {"head_yaw_joint": 1.0}, seconds=3)
            assert play(stream, lambda: daemon.pose[5] > 0.3)
            daemon.__exit__()
            assert play(stream, lambda: code(made) in ("unreachable", "gone"))
            assert made.update() is None
            with FakeReachyMini(port) as again:
                assert play(stream, lambda: code(made) is None)
                assert again.pose[5] == 0.0 and not again.targets
                stream = follow(made, {"head_yaw_joint": 0.5})
                assert play(stream, lambda: again.pose[5] == pytest.approx(0.5))
                yaws = [0.0, *(pose[5] for _, pose in again.targets)]
                assert max(abs(b - a) for a, b in pairwise(yaws)) < 0.15


def test_a_slow_network_delays_but_does_not_pile_up() -> None:
    with FakeReachyMini(delay_s=0.15) as daemon, driver(daemon) as made:
        stream = follow(made, {"head_yaw_joint": 0.6})
        assert play(stream, lambda: daemon.pose[5] == pytest.approx(0.6))
        assert made.health.damaged == 0
        yaws = [pose[5] for _, pose in daemon.targets]
        assert yaws == sorted(yaws)


@pytest.mark.parametrize("also_moved_by_another", [False, True])
def test_a_stop_holds_the_robot_where_it_is(also_moved_by_another: bool) -> None:
    with FakeReachyMini() as daemon, driver(daemon) as made:
        stream = follow(made, {"head_yaw_joint": 1.0}, seconds=2)
        assert play(stream, lambda: daemon.pose[5] > 0.2)
        if also_moved_by_another:
            daemon.move_by_another({"yaw": -1.0}, 3.0)
            assert play(stream, lambda: code(made) == "busy")
        at = daemon.pose[5]
        stream.stop()
        asked = [request for request in daemon.requests if request.startswith("GET move/running")]
        assert play(stream, lambda: "GET move/running" in daemon.requests[len(asked) :])
        assert play(stream, lambda: made.problem is not None and daemon.requests)
        made.move(REST_POSE)  # is not obeyed before the release
        held = daemon.pose[5]
        before = len(daemon.targets)
        assert play(stream, lambda: made.health.received > 100)
        assert daemon.pose[5] == pytest.approx(held, abs=0.1) == pytest.approx(at, abs=0.3)
        assert len(daemon.targets) <= before + 2
        stream.release()
        assert until(lambda: code(made) is None)


def test_states_that_make_no_sense_are_counted_and_change_nothing() -> None:
    for text in ({}, {"head_pose": 3}, {"antennas_position": [0.1]}, []):
        with pytest.raises(ValueError):
            from_state(text)  # type: ignore[arg-type]
    nan = {"head_pose": dict.fromkeys(("x", "y", "z", "roll", "pitch", "yaw"), float("nan"))}
    with pytest.raises(ValueError, match="not finite"):
        from_state(nan | {"antennas_position": [0, 0], "body_yaw": 0})


def test_its_gestures_pass_every_check_of_its_own_model_and_express_everything() -> None:
    library = load_motions(ROBOT.motions, MODEL.limits, Checker(MODEL))
    assert library.refused == {} and len(library.motions) >= 17
    assert library.idle.blink and library.idle.breath
    known = Repertoire(read_gestures(ROBOT.motions))
    for expression in NEAREST:
        assert known.motions(expression)[1] is None, expression
    for answer in ("greet", "bid_farewell", "rejoice", "comfort", "calm", "reassure",
                   "be_surprised", "inquire", "listen", "think"):  # fmt: skip
        assert len(known.motions(answer)[0]) >= 2, answer


def test_a_gesture_of_the_humanoid_that_it_lacks_is_shown_in_its_own_way() -> None:
    humanoid = {"happy_arms_up": ("rejoice",)}
    found = Repertoire(read_gestures(ROBOT.motions), humanoid).motion("happy_arms_up")
    assert found is not None and "rejoice_bounce" in found[0]
    assert str(found[1]) == "the robot has no motion 'happy_arms_up': it shows 'rejoice'"


class Asker(Bystander):
    def __init__(self) -> None:
        super().__init__("asker")
        self.client = ActionClient(self, PlayMotion, "play_motion")


def test_the_motion_player_plays_its_gestures_through_the_bridge() -> None:
    with FakeReachyMini() as daemon:
        bridge = {"robot": "reachy_mini", "daemon_port": daemon.port}
        with spinning(
            lambda: RobotBridge(parameter_overrides=_parameters(bridge)),
            lambda: MotionPlayer(parameter_overrides=_parameters({"robot": "reachy_mini"})),
            Asker,
        ) as (executor, (_, player, asker)):
            assert spin_until(executor, lambda: player.problem is None)
            assert spin_until(executor, asker.client.server_is_ready)
            sent = asker.client.send_goal_async(PlayMotion.Goal(motion="rejoice_bounce"))
            assert spin_until(executor, sent.done) and sent.result().accepted
            done = sent.result().get_result_async()
            assert spin_until(executor, done.done)
            assert done.result().result.success, done.result().result.error
            asker.client.destroy()
        poses = [pose for _, pose in daemon.targets]
        heights, antennas = [pose[2] for pose in poses], [pose[8] for pose in poses]
        assert min(heights) < -0.01 and max(heights) > 0.005 and max(antennas) > 0.7
        assert max(abs(b - a) for a, b in pairwise(antennas)) < FASTEST


def _parameters(values: dict[str, Any]) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]


def test_the_rest_pose_names_every_joint() -> None:
    library = load_motions(ROBOT.motions, MODEL.limits)
    assert set(library.motions[REST].joints) == set(MODEL.limits)

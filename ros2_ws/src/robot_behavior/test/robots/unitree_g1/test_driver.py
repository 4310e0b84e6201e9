"""The driver of Unitree G1, with its maker's SDK as the robot, over real DDS on the loopback."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from fer_interfaces.action import PlayMotion
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.parameter import Parameter
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from ec_rfernet.errors import InputError
from fer_common.runner import StartError
from fer_common.testing import spin_until, spinning, until
from robot_behavior.body import urdf
from robot_behavior.dialogue.behaviors import NEAREST, Repertoire
from robot_behavior.motion.library import load_motions, read_gestures
from robot_behavior.motion.trajectory import JointStates, plan
from robot_behavior.nodes.motion_player import MotionPlayer, to_message
from robot_behavior.nodes.robot_bridge import RobotBridge
from robot_behavior.robots.backend import JointStream
from robot_behavior.robots.unitree_g1 import ROBOT, G1Settings
from robot_behavior.robots.unitree_g1.link import JOINTS, G1Link, sdk
from robot_behavior.speech.speaker import Speaker, Utterance
from robot_behavior.speech.voice import SpeechError, VoiceSettings
from ros2_ws.src.robot_behavior.test.robots.unitree_g1.fake_g1 import OWN_POSE, FakeG1

try:
    sdk()
except InputError as missing:
    pytest.skip(f"Unitree's SDK is not installed: {missing}", allow_module_level=True)

from robot_behavior.robots.unitree_g1.driver import RAMP_S, G1Driver, G1Voice

assert ROBOT.urdf is not None and ROBOT.motions is not None
MODEL = urdf.load(ROBOT.urdf)
LIBRARY = load_motions(ROBOT.motions, MODEL.limits)
REST_POSE = LIBRARY.rest.end
OWN = dict(zip(JOINTS, OWN_POSE, strict=True))
PERIOD_S = 0.02
LEFT, RIGHT, ELBOW = "left_shoulder_pitch_joint", "right_shoulder_pitch_joint", "left_elbow_joint"
NEAR = 0.02  # rad
UPRIGHT = [1.0, 0.0, 0.0, 0.0]
PACE = 4.0
"""Time passes so many times as fast for the driver, where a test does not measure it."""

FASTEST = 4.5 * 1.3 * 0.1  # rad from one command to the next, after the longest pause that counts


def domain() -> int:
    """Of DDS: nobody else on this machine has it."""
    return int(os.environ["ROS_DOMAIN_ID"])


@pytest.fixture(scope="module")
def shared() -> Iterator[FakeG1]:
    with FakeG1(domain()) as robot:
        yield robot
        assert robot.report()["faults"] == []


@pytest.fixture
def robot(shared: FakeG1) -> Iterator[FakeG1]:
    """A robot that was switched on just now; it never was told anything that it must not be."""
    fresh: dict[str, Any] = {
        "quaternion": UPRIGHT,
        "casing": 40,
        "winding": 45,
        "battery": 80,
        "silent": False,
        "refuses": 0,
        "rival": 0,
    }
    shared.tell(**fresh, reboot=OWN_POSE)
    shared.report()
    yield shared
    assert shared.report()["faults"] == []


@contextmanager
def driver(pace: float = PACE, **settings: Any) -> Iterator[G1Driver]:
    chosen = G1Settings(**{"interface": "lo", "g1_domain": domain(), **settings})
    made = ROBOT.make_driver(None, MODEL, chosen)  # type: ignore[arg-type]
    assert isinstance(made, G1Driver)
    if pace != 1.0:
        link = G1Link(chosen.interface, chosen.g1_domain)
        fast = lambda: pace * time.monotonic()  # noqa: E731
        made = G1Driver(link, made.limits, made.home, chosen, fast)
    try:
        yield made
    finally:
        made.close()


def code(made: G1Driver) -> str | None:
    return None if made.problem is None else made.problem.code


def play(stream: JointStream, condition: Callable[[], object], pace: float = PACE) -> bool:
    """Lets time pass, ``pace`` times as fast as it does."""
    pause = threading.Event()
    return until(condition, step=lambda: (stream.step(pace * PERIOD_S), pause.wait(PERIOD_S)))


def ready(made: G1Driver, pace: float = PACE) -> JointStream:
    stream = JointStream(MODEL.limits, made)
    assert play(stream, lambda: stream.problem is None, pace), stream.problem
    return stream


def go(stream: JointStream, goal: dict[str, float], seconds: int = 1) -> None:
    message = JointTrajectory(joint_names=list(goal))
    message.points = [JointTrajectoryPoint(positions=list(goal.values()))]
    message.points[0].time_from_start.sec = seconds
    stream.follow(message)


def arms(report: dict[str, Any]) -> dict[str, float]:
    return dict(zip(JOINTS, report["arms"], strict=True))


def farthest(one: dict[str, float], other: dict[str, float]) -> float:
    return max(abs(one[name] - other[name]) for name in other)


def jumps(report: dict[str, Any]) -> float:
    """The longest way of a joint from one command to the next."""
    poses = [positions for _, _, positions in report["commands"]]
    return max(
        (max(abs(a - b) for a, b in zip(x, y, strict=True)) for x, y in pairwise(poses)),
        default=0.0,
    )


POSES: list[dict[str, float]] = [
    {},
    {LEFT: -1.2},
    {LEFT: -0.5, RIGHT: -0.5, ELBOW: 0.2},
    {"left_shoulder_roll_joint": 0.9, "right_shoulder_roll_joint": -0.9},
    {"left_shoulder_yaw_joint": 0.6, "right_shoulder_yaw_joint": -0.6, ELBOW: 0.0},
    {"left_wrist_roll_joint": -1.2, "right_wrist_roll_joint": 1.2},
    {"left_wrist_pitch_joint": 0.5, "right_wrist_pitch_joint": -0.5},
    {"left_wrist_yaw_joint": 0.6, "right_wrist_yaw_joint": 0.4},
]


def test_the_arms_are_taken_over_where_they_are_and_reach_poses(robot: FakeG1) -> None:
    with driver(pace=1.0) as made:
        stream = ready(made, pace=1.0)
        taken = robot.report()
        weights = [weight for _, weight, _ in taken["commands"]]
        assert weights == sorted(weights) and weights[0] < 0.1 and weights[-1] == 1.0
        begin, end = (taken["commands"][index][0] for index in (0, -1))
        assert end - begin > 0.95 * RAMP_S * (1.0 - weights[0]) > 1.0
        for _, _, positions in taken["commands"]:
            told = dict(zip(JOINTS, positions, strict=True))
            assert farthest(told, OWN) < 1e-4  # held where they were
        print("\npose  farthest joint from what was commanded, rad")
        for number, pose in enumerate(POSES):
            goal = REST_POSE | pose
            go(stream, goal)
            assert play(stream, lambda goal=goal: farthest(arms(robot.report()), goal) < NEAR, 1.0)
            print(f"{number:4}  {farthest(arms(robot.report()), goal):.4f}")
        robot.report()
    given = robot.report()
    weights = [weight for _, weight, _ in given["commands"]]
    assert weights == sorted(weights, reverse=True) and weights[-1] == 0.0
    assert given["commands"][-1][0] - given["commands"][0][0] > 0.9 * RAMP_S
    assert jumps(given) == 0.0


def test_a_gesture_of_everything_that_can_be_expressed(robot: FakeG1) -> None:
    known = Repertoire(read_gestures(ROBOT.motions))
    names = dict.fromkeys(known.motions(expression)[0][0] for expression in NEAREST)
    with driver() as made:
        stream = ready(made)
        for name in names:
            assert any(played(stream, robot, name) for _ in range(3)), name


def played(stream: JointStream, robot: FakeG1, name: str) -> bool:
    """Whether a gesture was played to its end: a busy machine may be silent for too long."""
    motion = LIBRARY.motions[name]
    assert play(stream, lambda: stream.problem is None)
    states = stream.step(0.0)
    assert states is not None
    begin = JointStates(states.positions, {})
    stream.follow(to_message(plan(motion, LIBRARY.rest, MODEL.limits, begin)))
    robot.report()
    assert play(stream, stream.is_at_rest)
    way = [dict(zip(JOINTS, told, strict=True)) for _, _, told in robot.report()["commands"]]
    if not way or farthest(way[-1], motion.end) > 1e-3:
        return False
    assert max(farthest(pose, motion.end) for pose in way) > 0.25  # it was more than a rest
    return play(stream, lambda: farthest(arms(robot.report()), motion.end) < NEAR)


def test_every_row_of_a_gesture_is_commanded_and_nothing_jumps(robot: FakeG1) -> None:
    motion = LIBRARY.motions["greet"]
    with driver(pace=1.0) as made:
        stream = ready(made, pace=1.0)
        robot.report()
        now = stream.step(0.0)
        assert now is not None
        way = plan(motion, LIBRARY.rest, MODEL.limits, JointStates(now.positions, {}))
        stream.follow(to_message(way))
        assert play(stream, stream.is_at_rest, 1.0)
        told = robot.report()
        for row in motion.positions:
            wanted = dict(zip(motion.joints, row.tolist(), strict=True))
            poses = (dict(zip(JOINTS, p, strict=True)) for _, _, p in told["commands"])
            assert min(farthest(pose, wanted) for pose in poses) < 0.12
        assert jumps(told) < FASTEST


def test_a_stop_is_in_the_next_command_and_keeps_the_weight(robot: FakeG1) -> None:
    with driver() as made:
        stream = ready(made)
        go(stream, {LEFT: -1.5}, seconds=2)
        assert play(stream, lambda: arms(robot.report())[LEFT] < -0.3)
        stream.stop()
        at = time.monotonic()
        assert play(stream, lambda: time.monotonic() > at + 0.5)
        after = [entry for entry in robot.report()["commands"] if entry[0] > at]
        assert len(after) > 10
        assert {weight for _, weight, _ in after} == {1.0}
        assert len({tuple(positions) for _, _, positions in after}) == 1  # from the first one on
        assert code(made) == "stopped" and made.update() is not None
        made.move(REST_POSE)
        assert len({tuple(p) for _, _, p in robot.report()["commands"]}) <= 1
        stream.release()
        assert play(stream, lambda: stream.problem is None)
        go(stream, {LEFT: 0.2})
        assert play(stream, lambda: abs(arms(robot.report())[LEFT] - 0.2) < NEAR)


def test_it_goes_to_its_own_rest_pose_where_nobody_commands_it_any_more(robot: FakeG1) -> None:
    with driver() as made:
        stream = ready(made)
        go(stream, {LEFT: -1.2, ELBOW: 0.0})
        assert play(stream, lambda: arms(robot.report())[LEFT] < -1.1)
        stream.begin_rest()
        assert play(stream, stream.is_at_rest)
        assert play(stream, lambda: farthest(arms(robot.report()), REST_POSE) < NEAR)


def test_the_arms_of_a_robot_that_is_stopped_in_the_end_stay(robot: FakeG1) -> None:
    with driver() as made:
        stream = ready(made)
        go(stream, {LEFT: -0.8})
        assert play(stream, lambda: arms(robot.report())[LEFT] < -0.75)
        stream.stop()
        assert play(stream, lambda: len(robot.report()["commands"]) >= 1)
    told = robot.report()
    assert all(weight == 1.0 for _, weight, _ in told["commands"])
    assert arms(told)[LEFT] < -0.7


def test_a_network_that_is_lost_for_five_seconds_brings_no_jump(robot: FakeG1) -> None:
    with driver() as made:
        stream = ready(made)
        go(stream, {LEFT: -1.5}, seconds=3)
        assert play(stream, lambda: arms(robot.report())[LEFT] < -0.4)
        robot.tell(silent=True)
        gone = time.monotonic()
        assert play(stream, lambda: code(made) == "silent")
        assert made.update() is None and "has been silent for" in str(made.problem)
        robot.report()
        assert play(stream, lambda: time.monotonic() > gone + 5.0)
        assert robot.report()["commands"] == []  # nothing is commanded blindly
        before = arms(robot.tell(silent=False))
        assert play(stream, lambda: stream.problem is None)
        assert play(stream, lambda: len(robot.tell()["commands"]) >= 1)
        assert farthest(arms(robot.report()), before) < NEAR  # the rest of the way is dropped
        go(stream, {LEFT: 0.0})
        assert play(stream, lambda: abs(arms(robot.tell())[LEFT]) < NEAR)


def test_a_robot_that_was_switched_off_and_on_is_taken_over_anew(robot: FakeG1) -> None:
    with driver() as made:
        stream = ready(made)
        go(stream, {LEFT: -0.9})
        assert play(stream, lambda: arms(robot.report())[LEFT] < -0.85)
        elsewhere = list(OWN_POSE)
        elsewhere[0] = 0.0
        robot.tell(reboot=elsewhere)
        assert play(stream, lambda: code(made) == "taking")
        robot.report()
        assert play(stream, lambda: stream.problem is None)
        told = robot.report()
        weights = [weight for _, weight, _ in told["commands"]]
        assert weights == sorted(weights) and weights[0] < 0.3 and weights[-1] == 1.0
        assert all(positions[0] > -0.6 for _, _, positions in told["commands"])  # where it is now
        assert jumps(told) == 0.0


def test_another_program_that_moves_the_arms_is_waited_for(robot: FakeG1) -> None:
    with driver() as made:
        stream = ready(made)
        robot.tell(rival=1.0)
        assert play(stream, lambda: code(made) == "busy")
        assert "another program moves" in str(made.problem)
        robot.report()
        at = time.monotonic()
        assert play(stream, lambda: time.monotonic() > at + 0.5)
        assert robot.report()["commands"] == []
        robot.tell(rival=0.0)
        assert play(stream, lambda: code(made) == "taking")
        assert play(stream, lambda: stream.problem is None)
        assert robot.report()["commands"][0][1] < 0.1


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ({"casing": 90}, {"casing": 60}, "motor 18 of Unitree G1 has 90 degrees C"),
        ({"winding": 125}, {"winding": 100}, "a winding 125"),
        ({"battery": 12}, {"battery": 50}, "the battery of Unitree G1 is at 12 %"),
        ({"quaternion": [0.7, 0.0, 0.7, 0.0]}, {"quaternion": UPRIGHT}, "has fallen, or lies"),
    ],
)
def test_hot_motors_a_low_battery_and_a_fall_let_the_arms_rest(
    robot: FakeG1, wrong: dict[str, Any], right: dict[str, Any], told: str
) -> None:
    with driver() as made:
        stream = ready(made)
        go(stream, {LEFT: -0.9})
        assert play(stream, lambda: arms(robot.report())[LEFT] < -0.85)
        robot.tell(**wrong)
        assert play(stream, lambda: told in str(made.problem)), made.problem
        assert made.update() is None
        assert play(stream, lambda: farthest(arms(robot.tell()), OWN) < NEAR)
        assert play(stream, lambda: robot.report()["commands"] == [])  # they were handed back
        robot.tell(**right)
        assert play(stream, lambda: stream.problem is None)
        assert float(made.health.details["share of the arms that is ours"]) == 1.0


def test_a_robot_that_is_off_is_waited_for() -> None:
    with driver() as made:
        assert made.update() is None
        assert until(lambda: (made.update(), code(made))[1] == "silent")
        assert "no Unitree G1 is heard on interface lo" in str(made.problem)
        made.move(REST_POSE)
        assert made.health.sent == 0


@pytest.mark.parametrize(
    ("interface", "complaint"),
    [("", "interface:=NAME, and is spoken to on no other; this computer has"),
     ("eth999", "interface 'eth999' does not exist, expected one of")],
)  # fmt: skip
def test_no_interface_or_a_wrong_one_is_refused_in_a_sentence(
    interface: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint), driver(interface=interface):
        pass
    values = _parameters(robot="unitree_g1", interface=interface)
    bridge = lambda: RobotBridge(parameter_overrides=values)  # noqa: E731
    with pytest.raises(StartError, match=complaint), spinning(bridge):
        pass
    with pytest.raises(SpeechError, match=complaint):
        G1Voice(VoiceSettings(interface=interface))


def test_arms_of_five_joints_are_moved_without_their_wrists(robot: FakeG1) -> None:
    with driver(wrists=False) as made:
        assert len(made.limits) == 10
        stream = ready(made)
        assert "left_wrist_pitch_joint" in stream.simulated
        go(stream, {LEFT: -0.5, "left_wrist_pitch_joint": 0.6})
        assert play(stream, lambda: abs(arms(robot.tell())[LEFT] + 0.5) < NEAR)
        assert play(stream, stream.is_at_rest)
        told, states = robot.tell(), stream.step(0.0)
        assert states is not None and states.positions["left_wrist_pitch_joint"] == pytest.approx(
            0.6
        )
        wrist = list(JOINTS).index("left_wrist_pitch_joint")
        assert all(positions[wrist] == 0.0 for _, _, positions in told["commands"])


def test_its_own_action_is_played_with_the_arms_handed_back(robot: FakeG1) -> None:
    with driver() as made:
        stream = ready(made)
        assert "expected one of" in str(made.refusal("somersault"))
        assert made.refusal("heart") is None
        made.play("heart")
        assert play(stream, lambda: not made.playing)
        assert made.failure is None
        asked = [call for call in robot.report()["calls"] if call[0] == "arm"]
        assert [(call[1], call[2]["data"], call[2]["action_id"]) for call in asked] == [
            (7106, 20, 20),
            (7106, 99, 99),  # it ends in a pose, which is let go of
        ]
        assert all(weight == 0.0 for *_, weight in asked)
        assert play(stream, lambda: stream.problem is None)  # and taken over again


def test_an_action_that_the_robot_refuses_is_told_in_words(robot: FakeG1) -> None:
    with driver() as made:
        stream = ready(made)
        robot.tell(refuses=7404)
        made.play("high_wave")
        assert play(stream, lambda: not made.playing)
        assert "'high_wave' was refused: its mode does not allow it" in str(made.failure)
        stream.stop()
        assert code(made) == "stopped" == made.refusal("clap").code  # type: ignore[union-attr]


def test_the_lights_show_what_the_eyes_of_others_would(robot: FakeG1) -> None:
    with driver() as made:
        stream = ready(made)

        def shown() -> list[dict[str, int]]:
            lights.extend(c[2] for c in robot.report()["calls"] if c[1] == 1010)
            return lights

        lights: list[dict[str, int]] = []
        made.shine(1.0, 0.68, 0.1, 1.0)
        assert play(stream, lambda: {"R": 255, "G": 173, "B": 26} in shown())
        made.shine(1.0, 0.68, 0.1, 0.0)
        made.shine(0.0, 0.0, 1.0, 0.0)
        assert play(stream, lambda: {"R": 0, "G": 0, "B": 0} in shown())
    with driver(lights=False) as made:
        stream = ready(made)
        robot.report()
        made.shine(1.0, 1.0, 1.0, 1.0)
        assert play(stream, lambda: made.health.received > 50)
        assert robot.report()["calls"] == []


@contextmanager
def voice() -> Iterator[tuple[G1Voice, Speaker]]:
    made = G1Voice(VoiceSettings(interface="lo", g1_voice_domain=domain(), rate_wpm=450))
    speaker = Speaker(made, None, None, lambda _text: None)
    try:
        yield made, speaker
    finally:
        speaker.close()


def over(utterance: Utterance) -> bool:
    return until(lambda: utterance.is_over)


def test_its_own_voice_says_sentences_one_after_the_other(robot: FakeG1) -> None:
    with voice() as (made, speaker):
        for text, locale in (("Hello there.", "en-GB"), ("你好。", "zh")):
            said = speaker.say(text, made.language(locale))
            opened: list[float] = []

            def listen(said: Utterance = said, opened: list[float] = opened) -> bool:
                opened.append(said.mouth(time.monotonic()))
                return said.is_over

            assert until(listen)
            assert said.error is None and said.started is not None and max(opened) > 0.1
        with pytest.raises(SpeechError, match="no voice speaks 'fr', expected one of en, zh"):
            made.language("fr")
    spoken = [call[2] for call in robot.report()["calls"] if call[1] == 1001]
    assert spoken == [
        {"index": 1, "text": "Hello there.", "speaker_id": 1},
        {"index": 2, "text": "你好。", "speaker_id": 0},
    ]


def test_a_voice_that_refuses_or_is_not_there_is_told_in_words(robot: FakeG1) -> None:
    with voice() as (_, speaker):
        robot.tell(refuses=100)
        said = speaker.say("Hello.", "en")
        assert over(said)
        assert "has refused a sentence: the parameter is invalid" in str(said.error)
    elsewhere = G1Voice(VoiceSettings(interface="lo", g1_voice_domain=domain() + 110))
    speaker = Speaker(elsewhere, None, None, lambda _text: None)
    said = speaker.say("Hello.", "en")
    assert over(said)
    assert "is not found: is the robot on?" in str(said.error)
    speaker.close()


def test_a_sentence_that_is_stopped_is_over_at_once(robot: FakeG1) -> None:
    with voice() as (_, speaker):
        said = speaker.say("word " * 200, "en")
        assert until(lambda: said.started is not None)
        speaker.stop()
        assert over(said) and said.error is None


class Asker(Node):
    def __init__(self) -> None:
        super().__init__("asker")
        self.client = ActionClient(self, PlayMotion, "play_motion")
        self.own = ActionClient(self, PlayMotion, "robot_bridge/play_action")


def test_the_nodes_play_its_gestures_and_its_own_actions(robot: FakeG1) -> None:
    bridge = _parameters(robot="unitree_g1", interface="lo", g1_domain=domain())
    with spinning(
        lambda: RobotBridge(parameter_overrides=bridge),
        lambda: MotionPlayer(parameter_overrides=_parameters(robot="unitree_g1")),
        Asker,
    ) as (executor, (_, player, asker)):

        def ask(client: ActionClient, motion: str) -> PlayMotion.Result:
            sent = client.send_goal_async(PlayMotion.Goal(motion=motion))
            assert spin_until(executor, sent.done) and sent.result().accepted
            done = sent.result().get_result_async()
            assert spin_until(executor, done.done)
            return done.result().result

        assert spin_until(executor, lambda: player.problem is None), player.problem
        assert spin_until(executor, asker.client.server_is_ready)
        assert spin_until(executor, asker.own.server_is_ready)
        robot.report()
        # A busy machine may be too late for the player.
        assert any(ask(asker.client, "greet").success for _ in range(3))
        told = robot.report()
        elbows = [p[list(JOINTS).index("right_elbow_joint")] for _, _, p in told["commands"]]
        assert min(elbows) < -0.5 and jumps(told) < FASTEST
        assert any(call[1] == 1010 for call in told["calls"])  # the lights shine
        assert spin_until(executor, lambda: player.problem is None), player.problem
        result = ask(asker.own, "clap")
        assert result.success, result.message
        assert [c[2]["data"] for c in robot.report()["calls"] if c[0] == "arm"] == [17]
        result = ask(asker.own, "somersault")
        assert not result.success and "no action 'somersault'" in result.message
        asker.client.destroy()
        asker.own.destroy()


def _parameters(**values: Any) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]

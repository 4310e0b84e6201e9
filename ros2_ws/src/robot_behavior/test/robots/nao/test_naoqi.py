"""The driver and the voice of NAO and Pepper, with libqi on both ends of a real connection."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fer_interfaces.action import PlayMotion
from rclpy.action import ActionClient
from rclpy.parameter import Parameter
from rclpy.task import Future
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

pytest.importorskip("qi", reason="the package qi is not installed (Python 3.10 to 3.12)")

from fer_common.qos import STREAM
from fer_common.testing import Bystander, DiagnosticsListener, spin_until, spinning, until
from robot_behavior.body import urdf
from robot_behavior.dialogue.behaviors import Repertoire
from robot_behavior.motion.check import Checker
from robot_behavior.motion.library import load_motions, read_gestures
from robot_behavior.nodes.motion_player import MotionPlayer
from robot_behavior.nodes.robot_bridge import RobotBridge
from robot_behavior.robots import find_robot
from robot_behavior.robots.backend import JointStream
from robot_behavior.robots.nao import Naoqi, NaoqiSettings, animations, fake_naoqi, library
from robot_behavior.robots.nao.driver import NaoqiDriver
from robot_behavior.robots.nao.fake_naoqi import EYES, HEY, ALAutonomousLife, FakeNaoqi
from robot_behavior.robots.nao.voice import NaoqiVoice
from robot_behavior.speech.speaker import Speaker
from robot_behavior.speech.voice import SpeechError, VoiceSettings

PERIOD_S = 0.02
NO_JUMP = 0.35
"""From one target to the next, rad: what the fastest joint of a gesture may do in five periods."""


def model_of(robot: str) -> Any:
    file = find_robot(robot).urdf
    assert file is not None
    return urdf.load(file)


@contextmanager
def driver(naoqi: FakeNaoqi | int, robot: str = "nao", **settings: Any) -> Iterator[NaoqiDriver]:
    port = naoqi if isinstance(naoqi, int) else naoqi.port
    values = NaoqiSettings(**{"naoqi_port": port, **settings})
    made = find_robot(robot).make_driver(None, model_of(robot), values)  # type: ignore[arg-type]
    assert isinstance(made, NaoqiDriver)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def elsewhere(robot: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A stand-in in a process of its own: its port, and the process."""
    command = [sys.executable, "-m", "robot_behavior.robots.nao.fake_naoqi", robot, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            yield int(other.stdout.readline().rpartition(":")[2]), other
        finally:
            os.kill(other.pid, signal.SIGCONT)
            other.kill()


def code(made: NaoqiDriver) -> str | None:
    return None if made.problem is None else made.problem.code


def follow(
    made: NaoqiDriver, goal: dict[str, float], seconds: int = 1, robot: str = "nao"
) -> JointStream:
    """Has a stream play a way to a goal; `play` lets time pass."""
    stream = JointStream(model_of(robot).limits, made)
    assert until(lambda: stream.step(PERIOD_S) is not None and made.problem is None), made.problem
    message = JointTrajectory(joint_names=list(goal))
    message.points = [JointTrajectoryPoint(positions=list(goal.values()))]
    message.points[0].time_from_start.sec = seconds
    stream.follow(message)
    return stream


def play(stream: JointStream, condition: Callable[[], object]) -> bool:
    rest = threading.Event()
    return until(condition, step=lambda: (stream.step(PERIOD_S), rest.wait(PERIOD_S)))


def largest_step(targets: list[tuple[float, dict[str, float]]], start: dict[str, float]) -> float:
    """Of one joint, rad; a longer time since the last target, up to 0.3 s, excuses more."""
    moments = [targets[0][0], *(moment for moment, _ in targets)]
    poses = [start, *(pose for _, pose in targets)]
    periods = (max(1.0, min((two - one) / (5 * PERIOD_S), 3.0)) for one, two in pairwise(moments))
    return max(
        abs(two.get(name, one[name]) - one[name]) / longer
        for longer, (one, two) in zip(periods, pairwise(poses), strict=True) for name in one
        if name in two
    )  # fmt: skip


@pytest.mark.parametrize("robot", ["nao", "pepper"])
def test_a_robot_is_woken_moved_joint_by_joint_and_goes_to_rest_again(robot: str) -> None:
    with FakeNaoqi(robot, life="disabled") as naoqi:
        with driver(naoqi, robot) as made:
            start = naoqi.where()
            goal = {"head_yaw_joint": 0.4, "right_shoulder_pitch_joint": 0.2,
                    "left_elbow_roll_joint": -1.0, "right_hand_joint": 0.9}  # fmt: skip
            stream = follow(made, goal, robot=robot)
            wanted = {"HeadYaw": 0.4, "RShoulderPitch": 0.2, "LElbowRoll": -1.0, "RHand": 0.9}

            def is_there() -> bool:
                at = naoqi.where()
                return all(abs(at[name] - angle) < 0.02 for name, angle in wanted.items())

            assert play(stream, is_there)
            assert play(
                stream,
                lambda: abs(made.update().positions["head_yaw_joint"] - 0.4) < 0.02,
            )
            assert largest_step(naoqi.targets, start) < NO_JUMP
            assert not {"LKneePitch", "LHipYawPitch"} & set(naoqi.targets[-1][1])
            assert made.health.details["battery [%]"] == "80"
            assert made.health.details["hottest joint"].endswith("38 °C")
        asked = [words for words in naoqi.log if not words.startswith("ALLeds")]
        assert asked[:2] == ["ALMotion.wakeUp", "ALRobotPosture.goToPosture StandInit"]
        assert naoqi.posture == "Crouching"
        assert asked[-1] == "ALMotion.rest" and not naoqi.awake


def test_autonomous_life_is_off_while_we_command_and_as_it_was_afterwards() -> None:
    with FakeNaoqi(awake=True, life="interactive") as naoqi:
        with driver(naoqi) as made:
            assert until(lambda: code(made) is None)
            assert naoqi.life == "disabled"
            assert made.health.details["autonomous life"] == "disabled"
        assert naoqi.life == "solitary" and naoqi.awake, "from which it gets interactive by itself"
        assert not any("wakeUp" in words or "goToPosture" in words for words in naoqi.log)


def test_a_robot_that_rests_is_not_woken_where_it_shall_not_be() -> None:
    with FakeNaoqi(life="disabled") as naoqi, driver(naoqi, naoqi_wake=False) as made:
        assert until(lambda: code(made) == "asleep")
        made.move(dict.fromkeys(made.limits, 0.0))
        assert not naoqi.targets and "chest button" in str(made.problem)


def test_a_life_that_cannot_be_switched_off_is_told() -> None:
    with FakeNaoqi(awake=True) as naoqi:
        naoqi.refuses["ALAutonomousLife.setState"] = "did you finish the wizard?"
        with driver(naoqi) as made:
            assert until(lambda: "did you finish the wizard?" in str(made.problem))
            assert code(made) == "life" and not naoqi.targets


def test_a_robot_that_sits_stands_up_and_sits_down_again() -> None:
    with FakeNaoqi(awake=True, life="disabled") as naoqi:
        naoqi.posture = "Sitting"
        with driver(naoqi) as made:
            assert until(lambda: code(made) is None) and naoqi.posture == "Standing"
        assert naoqi.posture == "Sitting" and naoqi.awake


def test_a_robot_that_lies_is_left_alone_until_somebody_helps_it_up() -> None:
    with FakeNaoqi(life="disabled") as naoqi:
        naoqi.posture, naoqi.awake = "LyingBelly", True
        with driver(naoqi) as made:
            assert until(lambda: code(made) == "lies")
        assert not any("goToPosture" in words or "wakeUp" in words for words in naoqi.log)


def test_who_takes_over_meanwhile_is_respected() -> None:
    with FakeNaoqi(awake=True) as naoqi, driver(naoqi) as made:
        assert until(lambda: code(made) is None)
        naoqi.life = "solitary"
        assert until(lambda: code(made) == "life")
        naoqi.life, naoqi.posture = "disabled", "LyingBelly"
        assert until(lambda: code(made) == "lies")
        naoqi.posture = "Standing"
        assert until(lambda: code(made) is None)


@pytest.mark.parametrize("cause", ["hot", "battery"])
def test_a_hot_joint_or_a_flat_battery_brings_the_arms_down_slowly(cause: str) -> None:
    with FakeNaoqi(awake=True) as naoqi, driver(naoqi) as made:
        stream = follow(made, {"left_shoulder_pitch_joint": -0.6})
        assert play(stream, lambda: naoqi.where()["LShoulderPitch"] < -0.5)
        if cause == "hot":
            naoqi.temperatures["LShoulderPitch"] = 84.0
        else:
            naoqi.battery = 5
        assert play(stream, lambda: code(made) == cause)
        assert play(stream, lambda: naoqi.where()["LShoulderPitch"] == pytest.approx(1.45))
        assert made.health.warnings
        naoqi.temperatures["LShoulderPitch"], naoqi.battery = 60.0, 40
        assert play(stream, lambda: code(made) is None)
        assert play(stream, lambda: not made.health.warnings)
        assert naoqi.where()["LShoulderPitch"] == pytest.approx(1.45), "stays where it was found"


def test_a_robot_that_refuses_is_heard() -> None:
    with FakeNaoqi(awake=True) as naoqi, driver(naoqi) as made:
        stream = follow(made, {"head_yaw_joint": 0.8}, seconds=3)
        assert play(stream, lambda: naoqi.where()["HeadYaw"] > 0.2)
        naoqi.refuses["ALMotion.setAngles"] = "the arms are held by somebody"
        assert play(stream, lambda: code(made) == "refused")
        assert str(made.problem).endswith(
            "it refuses to move: ALMotion::setAngles: the arms are held by somebody"
        )
        assert made.health.damaged >= 1
        naoqi.refuses.clear()
        before = len(naoqi.targets)
        assert play(stream, lambda: code(made) is None)
        found = naoqi.where()
        stream = follow(made, {"head_yaw_joint": 0.0})
        assert play(stream, lambda: abs(naoqi.where()["HeadYaw"]) < 0.02)
        assert largest_step(naoqi.targets[before:], found) < NO_JUMP


def test_another_program_that_moves_the_robot_is_waited_for() -> None:
    with FakeNaoqi(awake=True) as naoqi, driver(naoqi) as made:
        stream = follow(made, {"head_yaw_joint": 0.8})
        assert play(stream, lambda: naoqi.where()["HeadYaw"] > 0.2)
        naoqi.seized["HeadYaw"] = -1.2
        assert play(stream, lambda: code(made) == "busy")
        assert "another program moves the robot" in str(made.problem)
        told, meanwhile = len(naoqi.targets), set[int]()

        def goes_on() -> bool:
            count = len(naoqi.targets)  # first: it may go on at any moment
            if is_busy := code(made) == "busy":
                meanwhile.add(count)
            return not is_busy

        assert play(stream, goes_on)
        assert meanwhile <= {told}, "nothing is told meanwhile"
        found = naoqi.where()  # before it goes on to what it was told last
        naoqi.seized.clear()
        stream = follow(made, {"head_yaw_joint": -0.8})
        assert play(stream, lambda: abs(naoqi.where()["HeadYaw"] + 0.8) < 0.02)
        assert largest_step(naoqi.targets[told:], found) < NO_JUMP


@pytest.mark.parametrize("delay_s", [0.0, 0.3])
def test_a_stop_holds_the_robot_where_it_is(delay_s: float) -> None:
    with FakeNaoqi(awake=True) as naoqi, driver(naoqi) as made:
        stream = follow(made, {"head_yaw_joint": 1.0}, seconds=2)
        assert play(stream, lambda: naoqi.where()["HeadYaw"] > 0.2)
        naoqi.delay_s = delay_s
        moment, at, told = time.monotonic(), naoqi.where()["HeadYaw"], len(naoqi.targets)
        stream.stop()
        made.move(dict.fromkeys(made.limits, 0.0))  # is not obeyed before the release
        heard = made.health.received
        assert play(stream, lambda: made.health.received > heard + (4 if delay_s else 50))
        later = naoqi.targets[told:]
        assert later[-1][1]["HeadYaw"] == pytest.approx(naoqi.where()["HeadYaw"], abs=0.02)
        took = f"{1000 * (later[-1][0] - moment):.0f} ms after it was asked for"
        on = naoqi.where()["HeadYaw"] - at
        print(f"the stop arrives {took}, the head goes on by {on:.3f} rad")
        assert abs(on) < 0.1
        assert len(later) <= 3
        stream.release()
        assert until(lambda: code(made) is None)


def test_a_robot_that_is_stopped_lowers_no_arms_and_is_left_as_it_is() -> None:
    with FakeNaoqi() as naoqi:
        with driver(naoqi) as made:
            stream = follow(made, {"left_shoulder_pitch_joint": -0.6})
            assert play(stream, lambda: naoqi.where()["LShoulderPitch"] < -0.5)
            stream.stop()
            naoqi.temperatures["LShoulderPitch"] = 84.0
            assert play(stream, lambda: "84 °C" in made.health.details["hottest joint"])
            heard = made.health.received
            assert play(stream, lambda: made.health.received > heard + 20)
        assert naoqi.targets[-1][1]["LShoulderPitch"] < -0.4, "the arms are not told to go down"
        assert naoqi.where()["LShoulderPitch"] < -0.4
        assert naoqi.awake and naoqi.life == "disabled", "neither rests nor lives"


def test_a_robot_that_dies_in_mid_gesture_and_comes_back_sees_no_jump() -> None:
    with FakeNaoqi(awake=True) as naoqi:
        port = naoqi.port
        with driver(naoqi) as made:
            stream = follow(made, {"head_yaw_joint": 1.0}, seconds=3)
            assert play(stream, lambda: naoqi.where()["HeadYaw"] > 0.4)
            naoqi.__exit__()
            assert play(stream, lambda: code(made) == "unreachable"), "the old one still answers"
            assert play(stream, lambda: made.update() is None)
            with FakeNaoqi(port=port, awake=True) as again:
                start = again.where()
                assert play(stream, lambda: code(made) is None), made.problem
                assert again.life == "disabled" and not again.targets
                stream = follow(made, {"head_yaw_joint": 0.5})
                assert play(stream, lambda: abs(again.where()["HeadYaw"] - 0.5) < 0.02)
                assert largest_step(again.targets, start) < NO_JUMP


def test_who_comes_back_can_be_moved_only_when_its_own_life_is_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slowly(life: ALAutonomousLife) -> str:
        threading.Event().wait(0.3)
        return told(life)

    told = ALAutonomousLife.getState
    monkeypatch.setattr("robot_behavior.robots.nao.driver.RETRY_S", 0.1)  # it is not silent yet
    with FakeNaoqi(awake=True) as naoqi, driver(naoqi) as made:
        assert until(lambda: code(made) is None), made.problem
        naoqi.__exit__()
        assert until(lambda: code(made) == "unreachable"), "the old one still answers"
        monkeypatch.setattr(ALAutonomousLife, "getState", slowly)
        with FakeNaoqi(port=naoqi.port, awake=True) as again:
            assert until(lambda: code(made) is None), made.problem
            assert again.life == "disabled"


def test_a_slow_network_delays_but_does_not_pile_up() -> None:
    with FakeNaoqi(awake=True) as naoqi, driver(naoqi) as made:
        naoqi.delay_s = 0.1
        stream = follow(made, {"head_yaw_joint": 0.6})
        assert play(stream, lambda: abs(naoqi.where()["HeadYaw"] - 0.6) < 0.02)
        yaws = [pose["HeadYaw"] for _, pose in naoqi.targets]
        assert yaws == sorted(yaws)
        moments = [moment for moment, _ in naoqi.targets]
        assert min(two - one for one, two in pairwise(moments)) > 0.09, "one call at a time"


@pytest.mark.parametrize("long", [False, True])
def test_a_network_that_is_gone_for_two_seconds_or_for_five(long: bool) -> None:
    """The other end is stopped by the operating system: nothing is refused, nothing answered."""
    with elsewhere("nao") as (port, other), driver(port) as made:
        stream = follow(made, {"head_yaw_joint": 1.0}, seconds=4)
        heard = lambda: made.update().positions["head_yaw_joint"]  # noqa: E731
        assert play(stream, lambda: heard() > 0.3)
        other.send_signal(signal.SIGSTOP)
        assert play(stream, lambda: code(made) == "silent")
        assert "silent for" in str(made.problem) and made.update() is None
        if long:  # the connection is given up, and made anew
            assert play(stream, lambda: code(made) in ("lost", "unreachable"))
        other.send_signal(signal.SIGCONT)
        assert play(stream, lambda: code(made) is None), made.problem
        found = heard()
        assert 0.25 < found < 0.75, "what was left of the way is dropped"
        stream = follow(made, {"head_yaw_joint": found - 0.2})
        assert play(stream, lambda: abs(heard() - found + 0.2) < 0.02)


def test_a_robot_of_another_name_or_none_is_told() -> None:
    with FakeNaoqi("nao") as naoqi, driver(naoqi, "pepper") as made:
        assert until(lambda: code(made) == "other_robot")
        assert "has no HipPitch, HipRoll" in str(made.problem) and naoqi.life == "solitary"
    with FakeNaoqi("pepper") as naoqi, driver(naoqi, "nao") as made:
        assert until(lambda: "is a Pepper: take robot:=pepper" in str(made.problem))
        assert not naoqi.log
    with FakeNaoqi("nao", lacks=("ALMotion",)) as naoqi, driver(naoqi) as made:
        assert until(lambda: code(made) == "no_robot")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with driver(port) as made:
        assert until(lambda: code(made) == "unreachable")
        assert f"nobody answers at 127.0.0.1:{port}" in str(made.problem)
    with driver(port, host="no-such-robot.invalid") as made:
        assert until(lambda: code(made) == "unreachable")


def test_a_robot_that_lacks_services_is_moved_all_the_same() -> None:
    lacks = ("ALAutonomousLife", "ALBattery", "ALMemory", "ALRobotPosture", "ALLeds")
    with FakeNaoqi(lacks=lacks) as naoqi, driver(naoqi) as made:
        stream = follow(made, {"head_yaw_joint": 0.3})
        assert play(stream, lambda: abs(naoqi.where()["HeadYaw"] - 0.3) < 0.02)
        assert made.health.details["battery [%]"] == "unknown"


def test_a_robot_that_is_still_starting_is_taken_when_it_begins_to_live() -> None:
    with FakeNaoqi(lacks=("ALAutonomousLife",), awake=True) as naoqi, driver(naoqi) as made:
        assert until(lambda: code(made) is None)
        naoqi.serve("ALAutonomousLife")
        assert until(lambda: naoqi.life == "disabled")
        assert until(lambda: code(made) is None)


def test_an_animation_of_the_robot_becomes_a_gesture_that_can_be_played(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with FakeNaoqi(awake=True) as naoqi:
        where = ["--port", str(naoqi.port), "--usage", "bid_farewell"]
        assert animations.main([*where, HEY]) == 0
        text = capsys.readouterr().out
        assert animations.main([*where, "animations/Stand/Nothing"]) == 2
        assert "no animation animations/Stand/Nothing" in capsys.readouterr().err
        assert naoqi.life == "solitary", "as it was"
    robot = find_robot("nao")
    assert robot.motions is not None
    file = tmp_path / "motions.yaml"
    file.write_text(robot.motions.read_text(encoding="utf-8") + text)
    model = model_of("nao")
    motions = load_motions(file, model.limits, Checker(model))
    assert motions.refused == {}
    learnt = motions.motions["hey_1"]
    assert set(learnt.joints) == {
        "right_shoulder_pitch_joint", "right_elbow_roll_joint", "head_yaw_joint",
    }  # fmt: skip
    pitch = learnt.positions[:, learnt.joints.index("right_shoulder_pitch_joint")]
    assert pitch.min() == pytest.approx(-0.4, abs=0.1) and pitch[-1] == pytest.approx(1.45)
    assert "hey_1" in Repertoire(read_gestures(file)).motions("bid_farewell")[0]
    assert len(learnt.times) < 15


# ----------------------------------------------------------------------
# The voice.


def voice(naoqi: FakeNaoqi, **settings: Any) -> NaoqiVoice:
    return NaoqiVoice(VoiceSettings(naoqi_voice_port=naoqi.port, **settings))


def test_the_robot_speaks_with_its_own_voice_and_its_mouth_moves_with_it() -> None:
    with FakeNaoqi() as naoqi:
        own = voice(naoqi)
        speaker = Speaker(own, None, None, print)
        said = speaker.say("Good morning to you.", own.language("fr-CA"))
        assert until(lambda: said.started is not None)
        assert until(lambda: said.mouth(said.started + 0.3) > 0.0 or said.is_over)
        assert until(lambda: said.is_over) and said.error is None
        ((text, language),) = naoqi.said
        assert text.endswith("\\Good morning to you.") and language == "French"
        with pytest.raises(SpeechError, match="no voice speaks 'tr', expected one of en, fr"):
            own.language("tr")
        speaker.close()


def test_a_sentence_that_nobody_wants_any_more_is_ended_on_the_robot() -> None:
    with FakeNaoqi() as naoqi:
        own = voice(naoqi)
        speaker = Speaker(own, None, None, print)
        said = speaker.say("A very long sentence. " * 20, "en")
        assert until(lambda: naoqi.said)
        said.stop()
        assert until(lambda: said.is_over and "ALTextToSpeech.stopAll" in naoqi.log)
        speaker.close()


def test_a_robot_that_may_gesture_as_it_speaks_does_so() -> None:
    with FakeNaoqi() as naoqi:
        speaker = Speaker(voice(naoqi, naoqi_gestures=True), None, None, print)
        said = speaker.say("Hello", "en")
        assert until(lambda: said.is_over) and said.error is None
        assert any("ALAnimatedSpeech.say" in words and "contextual" in words for words in naoqi.log)
        speaker.close()


def test_a_voice_that_is_away_says_so_and_speaks_when_it_is_back() -> None:
    with FakeNaoqi() as naoqi:
        port = naoqi.port
        own = voice(naoqi)
        speaker = Speaker(own, None, None, print)
        first = speaker.say("A long sentence, in the middle of which the robot dies. " * 5, "en")
        assert until(lambda: naoqi.said)
        naoqi.__exit__()
        assert until(lambda: first.is_over)
        second = speaker.say("Is anybody there?", "en")
        assert until(lambda: second.is_over)
        assert "the voice of the robot at 127.0.0.1 fails" in str(second.error)
        with FakeNaoqi(port=port) as again:
            third = speaker.say("Here again.", "en")
            assert until(lambda: third.is_over) and third.error is None and again.said
        speaker.close()


# ----------------------------------------------------------------------
# With the nodes.


class Asker(Bystander):
    def __init__(self) -> None:
        super().__init__("asker")
        self.client = ActionClient(self, PlayMotion, "play_motion")
        self.poses: list[tuple[float, dict[str, float]]] = []
        self.create_subscription(JointState, "joint_states", self._on_states, STREAM)

    def _on_states(self, message: JointState) -> None:
        pose = dict(zip(message.name, message.position, strict=True))
        stamp = message.header.stamp
        self.poses.append((stamp.sec + 1e-9 * stamp.nanosec, pose))


LIGHTS = [f"Device/SubDeviceList/Face/Led/{c}/Left/0Deg/Actuator/Value" for c in EYES]


@pytest.mark.parametrize("robot", ["nao", "pepper"])
def test_the_motion_player_plays_its_gestures_through_the_bridge(robot: str) -> None:
    with elsewhere(robot) as (port, _):
        outside = Naoqi(library(), "127.0.0.1", port)
        bridge = parameters({"robot": robot, "naoqi_port": port})
        with spinning(
            lambda: RobotBridge(parameter_overrides=bridge),
            lambda: MotionPlayer(parameter_overrides=parameters({"robot": robot})),
            Asker,
        ) as (executor, (_, player, asker)):
            assert spin_until(executor, lambda: player.problem is None)
            assert spin_until(executor, asker.client.server_is_ready)
            results: list[Future] = []

            def is_played() -> bool:
                """Asks again where a busy machine has made the robot late, which is an error."""
                if results and results[-1].done() and results[-1].result().result.success:
                    return True
                if not results or results[-1].done():
                    sent = asker.client.send_goal_async(PlayMotion.Goal(motion="nod"))
                    assert spin_until(executor, sent.done) and sent.result().accepted
                    results.append(sent.result().get_result_async())
                return False

            assert spin_until(executor, is_played)
            # Its eyes shine; at one moment they may be shut, because it blinks.
            shine = lambda: any(outside.ask("ALMemory", "getListData", LIGHTS))  # noqa: E731
            assert spin_until(executor, shine)
            assert outside.ask("ALAutonomousLife", "getState") == "disabled"
            asker.client.destroy()
        pitches = [pose["head_pitch_joint"] for _, pose in asker.poses]
        assert max(pitches) > 0.2 and min(pitches) < -0.05
        assert largest_step(asker.poses[1:], asker.poses[0][1]) < NO_JUMP
        assert until(lambda: outside.ask("ALAutonomousLife", "getState") == "solitary")
        outside.close()


def test_battery_and_temperatures_are_on_diagnostics_with_a_warning() -> None:
    with FakeNaoqi(awake=True) as naoqi:
        naoqi.battery, naoqi.temperatures["RElbowYaw"] = 15, 72.0
        bridge = parameters({"robot": "nao", "naoqi_port": naoqi.port})
        with spinning(lambda: RobotBridge(parameter_overrides=bridge), DiagnosticsListener) as (
            executor,
            (_, ear),
        ):
            assert spin_until(executor, lambda: "charge it" in ear.message("/robot_bridge"))
            assert "RElbowYaw is 72 °C hot" in ear.message("/robot_bridge")
            values = ear.values("/robot_bridge")
            assert (values["battery [%]"], values["hottest joint"]) == ("15", "RElbowYaw 72 °C")


def parameters(values: dict[str, Any]) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]


def test_a_port_that_is_taken_is_told_in_one_line(capsys: pytest.CaptureFixture) -> None:
    with FakeNaoqi() as naoqi:
        assert fake_naoqi.main(["nao", str(naoqi.port)]) == 2
        told = capsys.readouterr().err
        assert f"fake_naoqi: port {naoqi.port}: " in told and told.count("\n") == 1


def test_a_session_answers_and_refuses_in_one_line() -> None:
    with FakeNaoqi() as naoqi:
        robot = Naoqi(library(), "127.0.0.1", naoqi.port)
        assert robot.is_connected and robot.has("ALMotion") and not robot.has("ALDance")
        assert robot.ask("ALMotion", "robotIsWakeUp") is False
        for question in (("ALMotion", "dance"), ("ALDance", "begin")):
            with pytest.raises(RuntimeError) as raised:
                robot.ask(*question)
            assert "\n" not in str(raised.value)
        robot.close()
        assert not robot.is_connected

"""What the driver of NAO and Pepper knows without libqi: names, limits, lights, conditions."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from rclpy.parameter import Parameter

from ec_rfernet.errors import InputError
from fer_common.runner import StartError
from fer_common.testing import spinning
from robot_behavior.body import urdf
from robot_behavior.dialogue.behaviors import NEAREST, Repertoire
from robot_behavior.motion.check import Checker
from robot_behavior.motion.library import REST, load_motions, read_gestures
from robot_behavior.nodes.robot_bridge import RobotBridge
from robot_behavior.prosody import PLAIN, Prosody
from robot_behavior.robots import Robot, find_robot
from robot_behavior.robots.nao import library, told
from robot_behavior.robots.nao.driver import (
    COOL_C,
    HOT_C,
    Condition,
    CourseWatch,
    Fitness,
    arms_down,
    naoqi_name,
    narrowed,
    rgb,
)
from robot_behavior.robots.nao.voice import NaoqiVoice, marked
from robot_behavior.speech.voice import SpeechError, VoiceSettings

PUBLISHED = {
    "nao": {
        "HeadYaw": (-2.0857, 2.0857), "HeadPitch": (-0.6720, 0.5149),
        "LShoulderPitch": (-2.0857, 2.0857), "LShoulderRoll": (-0.3142, 1.3265),
        "LElbowYaw": (-2.0857, 2.0857), "LElbowRoll": (-1.5446, -0.0349),
        "LWristYaw": (-1.8238, 1.8238), "LHand": (0.0, 1.0),
        "RShoulderPitch": (-2.0857, 2.0857), "RShoulderRoll": (-1.3265, 0.3142),
        "RElbowYaw": (-2.0857, 2.0857), "RElbowRoll": (0.0349, 1.5446),
        "RWristYaw": (-1.8238, 1.8238), "RHand": (0.0, 1.0),
    },
    "pepper": {
        "HipPitch": (-1.0385, 1.0385), "HipRoll": (-0.5149, 0.5149),
        "HeadYaw": (-2.0857, 2.0857), "HeadPitch": (-0.7068, 0.4451),
        "LShoulderPitch": (-2.0857, 2.0857), "LShoulderRoll": (0.0087, 1.5620),
        "LElbowYaw": (-2.0857, 2.0857), "LElbowRoll": (-1.5620, -0.0087),
        "LWristYaw": (-1.8238, 1.8238), "LHand": (0.0, 1.0),
        "RShoulderPitch": (-2.0857, 2.0857), "RShoulderRoll": (-1.5620, -0.0087),
        "RElbowYaw": (-2.0857, 2.0857), "RElbowRoll": (0.0087, 1.5620),
        "RWristYaw": (-1.8238, 1.8238), "RHand": (0.0, 1.0),
    },
}  # fmt: skip
"""Ranges of the maker's documentation, rad."""

both = pytest.mark.parametrize("name", PUBLISHED)


def described(name: str) -> Robot:
    robot = find_robot(name)
    assert robot.urdf is not None and robot.motions is not None
    return robot


@both
def test_joints_are_called_and_limited_as_their_maker_says(name: str) -> None:
    limits = urdf.load(described(name).urdf).limits
    found = {naoqi_name(joint): (each.lower, each.upper) for joint, each in limits.items()}
    assert found == PUBLISHED[name]


@both
def test_arms_are_mirrored(name: str) -> None:
    model = urdf.load(described(name).urdf)
    bent = {"shoulder_pitch": 0.4, "shoulder_roll": 0.3, "elbow_yaw": -1.2, "elbow_roll": -1.0}
    pose = {f"left_{joint}_joint": angle for joint, angle in bent.items()}
    pose |= {
        f"right_{joint}_joint": angle if joint == "shoulder_pitch" else -angle
        for joint, angle in bent.items()
    }
    poses = model.poses(pose)
    left, right = poses["left_hand"][:3, 3], poses["right_hand"][:3, 3]
    assert left * [1, -1, 1] == pytest.approx(right, abs=1e-9)
    assert left[0] > 0.1 and left[2] > poses["left_elbow"][2, 3], "forward, the forearm upwards"


def test_pepper_bows_with_a_negative_hip_pitch() -> None:
    model = urdf.load(described("pepper").urdf)
    upright, bowed = model.poses({}), model.poses({"hip_pitch_joint": -0.3})
    assert bowed["head_link"][0, 3] > upright["head_link"][0, 3] + 0.1


@both
def test_every_gesture_passes_every_check_and_something_expresses_everything(name: str) -> None:
    robot = described(name)
    model = urdf.load(robot.urdf)
    library = load_motions(robot.motions, model.limits, Checker(model))
    assert library.refused == {} and len(library.motions) >= 28
    assert set(library.motions[REST].joints) == set(model.limits)
    known = Repertoire(read_gestures(robot.motions))
    for expression in NEAREST:
        assert known.motions(expression)[1] is None, expression


@both
def test_no_two_gestures_are_the_same(name: str) -> None:
    robot = described(name)
    motions = load_motions(robot.motions, urdf.load(robot.urdf).limits).motions.values()
    shapes = sorted(tuple(map(tuple, motion.positions.round(1).tolist())) for motion in motions)
    assert all(one != other for one, other in pairwise(shapes))


@both
def test_arms_that_hang_are_within_all_limits(name: str) -> None:
    limits = urdf.load(described(name).urdf).limits
    pose = arms_down(list(limits))
    assert {naoqi_name(joint) for joint in pose} >= {
        "LShoulderPitch",
        "RShoulderPitch",
        "HeadPitch",
    }
    assert all(limits[joint].lower <= angle <= limits[joint].upper for joint, angle in pose.items())


@both
def test_its_model_is_its_own(name: str) -> None:
    tree = ET.parse(described(name).urdf)
    assert not tree.findall(".//mesh")


def test_a_robot_whose_joints_can_do_less_gets_less() -> None:
    told = {"head_yaw_joint": 2.0, "left_hand_joint": 0.5}
    inside = narrowed(told, {"head_yaw_joint": (-1.0, 1.0), "right_hand_joint": (0.0, 1.0)})
    assert inside == {"head_yaw_joint": 1.0, "left_hand_joint": 0.5}


def test_eyes_that_close_get_dark() -> None:
    assert rgb(1.0, 0.5, 0.0, 1.0) == 0xFF8000
    assert rgb(1.0, 0.5, 0.0, 0.0) == 0
    assert rgb(2.0, -1.0, 0.0, 1.0) == 0xFF0000


@pytest.mark.parametrize(
    ("condition", "code", "words"),
    [
        (Condition(), None, ""),
        (Condition(80.0, {"HeadYaw": 40.0}, True, "Standing", "disabled"), None, ""),
        (Condition(awake=False), "asleep", "chest button"),
        (Condition(life="solitary"), "life", "'solitary'"),
        (Condition(posture="LyingBack"), "lies", "help it up"),
        (Condition(posture="Left"), "lies", "has fallen (Left)"),
        (Condition(temperatures={"HeadYaw": 40.0, "RElbowYaw": 83.0}), "hot", "RElbowYaw is 83 °C"),
        (Condition(battery=5.0), "battery", "5 %"),
    ],
)
def test_what_keeps_a_robot_from_being_moved(
    condition: Condition, code: str | None, words: str
) -> None:
    problem = Fitness().judge(condition)
    assert (problem and problem.code) == code and words in str(problem or "")


def test_a_hot_joint_has_to_cool_down_and_a_flat_battery_to_be_charged() -> None:
    fitness = Fitness()

    def code(degrees: float, percent: float = 50.0) -> str | None:
        problem = fitness.judge(Condition(percent, {"HeadYaw": degrees}))
        return problem and problem.code

    assert code(HOT_C - 1) is None and code(HOT_C) == "hot"
    assert code(COOL_C + 1) == "hot" and code(COOL_C) is None
    assert code(40, 7) == "battery" and code(40, 11) == "battery" and code(40, 12) is None


def test_people_are_warned_before() -> None:
    assert Fitness().warnings(Condition(50.0, {"HeadYaw": 50.0})) == ()
    hot, low = Fitness().warnings(Condition(15.0, {"HeadYaw": 72.0}))
    assert "HeadYaw is 72 °C" in hot and "15 %" in low


def test_a_sentence_is_marked_for_how_it_sounds_and_brings_no_marks_of_its_own() -> None:
    assert marked("Hello", PLAIN) == "\\rspd=100\\\\vct=100\\\\vol=80\\Hello"
    assert marked("x", Prosody(rate=0.5, pitch_st=12.0)).startswith("\\rspd=50\\\\vct=200\\")
    text = marked("a \\pau=9000\\ ^start(animations/Stand/Gestures/Hey_1)", PLAIN)
    assert "\\pau" not in text and "^" not in text


def test_what_naoqi_says_is_told_in_one_line() -> None:
    words = "\tAutonomousLife::setState\n\t\tnot allowed: did you finish the wizard?\n"
    assert (
        told(RuntimeError(words))
        == "AutonomousLife::setState: not allowed: did you finish the wizard?"
    )
    assert told(RuntimeError("RuntimeError: no\n\nAt:\n  life.py(3): setState\n")) == "no"
    assert told(RuntimeError("")) == "RuntimeError"


def test_who_lacks_the_package_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qi", None)
    why = r"pip install qi==.* \(for Python 3.10 to 3.12 .*\), or use robot:=naoqi_driver"
    with pytest.raises(InputError, match=why):
        library()
    with pytest.raises(SpeechError, match=why):
        NaoqiVoice(VoiceSettings())
    nao = [Parameter("robot", value="nao")]
    with (
        pytest.raises(StartError, match=why),
        spinning(lambda: RobotBridge(parameter_overrides=nao)),
    ):
        pass


MOVED = {"head_yaw_joint": 0.0, "left_hand_joint": 0.0}


def test_a_robot_that_goes_elsewhere_is_waited_for() -> None:
    course = CourseWatch()
    assert course.judge({}, MOVED, 0.0) is None
    told_to = {"head_yaw_joint": 0.4, "left_hand_joint": 1.0}  # the hand holds something
    assert all(course.judge(told_to, MOVED, time / 10) is None for time in range(100))
    told_to["head_yaw_joint"] = 0.9
    assert course.judge(told_to, MOVED, 10.5) is None
    problem = course.judge(told_to, MOVED, 11.0)
    assert problem is not None and "HeadYaw is 0.9 rad from where it was told" in str(problem)
    assert course.judge({}, {**MOVED, "head_yaw_joint": 0.5}, 11.5) is not None, "it still moves"
    assert course.judge({}, {**MOVED, "head_yaw_joint": 0.5}, 12.0) is not None
    assert course.judge({}, {**MOVED, "head_yaw_joint": 0.5}, 12.6) is None

"""Whoever owns the joints, and however it changes: the robot moves smoothly, or not at all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.library import IdleMoves
from robot_behavior.motion.mover import Direction, Idle, Mover, MoverSettings
from robot_behavior.motion.trajectory import Trajectory
from ros2_ws.src.robot_behavior.test.motion.moving_robot import (
    ARM,
    JOINTS,
    MOTIONS,
    NOD,
    PITCH,
    REST,
    ROLL,
    STEP_S,
    TURN,
    WAVE,
    YAW,
    MovingRobot,
    motion,
)

STILL = MoverSettings(idle=0.0, gaze=False)
angles = st.floats(-0.7, 0.7)
moments = st.tuples(
    st.sampled_from(["play", "play", "stop", "rest", "idle", "speed", "gaze", "quiet", "wait"]),
    st.integers(0, 3),
    st.floats(0.05, 1.5),
    st.none() | st.tuples(angles, angles),
)


def begin(trajectory: Trajectory, joint: int) -> float:
    """Where a joint is when it begins, rad."""
    return float(trajectory.positions[0][trajectory.joints.index(JOINTS[joint])])


def apply(robot: MovingRobot, action: str, number: int) -> None:
    if action == "play":
        robot.mover.release()
        robot.play(MOTIONS[number])
    elif action == "stop":
        robot.tell(robot.mover.stop(robot.now))
    elif action == "rest":
        robot.tell(robot.mover.rest(robot.now))
    elif action == "idle":
        robot.tune(idle=number / 3)
    elif action == "speed":
        robot.tune(speed_scale=(0.3, 0.5, 0.8, 1.0)[number])
    elif action == "gaze":
        robot.tune(gaze=number > 0)
    elif action == "quiet":
        robot.mover.quiet = number > 1


@settings(max_examples=15, deadline=None)
@given(st.lists(moments, max_size=8), st.integers(0, 3), st.booleans())
def test_no_hand_over_makes_a_jump(story: list, latency: int, on_head: bool) -> None:
    robot = MovingRobot(MoverSettings(camera_on_head=on_head), latency)
    robot.go_on(0.5)
    for action, number, seconds, face in story:
        apply(robot, action, number)
        robot.go_on(seconds, face)
    robot.assert_smooth()
    assert robot.failures == []
    robot.tune(idle=0.0)
    robot.play(REST)
    robot.go_on(9.0)
    np.testing.assert_allclose(robot.poses[-1], 0.0, atol=2e-3)
    assert not robot.speeds[-1].any()
    assert not robot.mover.playing


def test_an_idle_robot_breathes_and_glances_without_end() -> None:
    robot = MovingRobot()
    robot.go_on(20.0)
    poses = np.array(robot.poses)
    span = poses.max(axis=0) - poses.min(axis=0)
    assert span[ARM] > 0.03 and span[YAW] > 0.05 and span[0] > 0.015
    assert np.abs(poses).max() < 0.16
    robot.assert_smooth()


def test_it_moves_as_its_idle_moves_say() -> None:
    moves = IdleMoves({JOINTS[0]: 0.03}, {}, {JOINTS[ARM]: 0.3}, {})
    idle = Idle(JOINTS, JOINTS[YAW], JOINTS[PITCH], 0, moves)
    robot = MovingRobot()
    robot.mover.adopt(REST, moves)
    robot.go_on(12.0)
    wanted = np.array(
        [
            idle.breath(now).positions + idle.blink(now).positions + idle.glance(now).positions
            for now in 100.0 + STEP_S * np.arange(1, len(robot.poses) + 1)
        ]
    )
    poses = np.array(robot.poses)
    for joint, least in ((0, 0.95), (ARM, 0.7), (YAW, 0.7), (PITCH, 0.7)):
        assert np.corrcoef(poses[200:, joint], wanted[200:, joint])[0, 1] > least, JOINTS[joint]
    assert poses[:, ARM].min() > -0.02 and poses[:, ARM].max() > 0.25  # a blink is to one side


def test_idling_can_be_scaled_and_switched_off() -> None:
    whole, half = MovingRobot(), MovingRobot(MoverSettings(idle=0.5))
    whole.go_on(20.0)
    half.go_on(20.0)
    ratio = np.ptp(np.array(half.poses)[:, ARM]) / np.ptp(np.array(whole.poses)[:, ARM])
    assert ratio == pytest.approx(0.5, abs=0.05)
    whole.tune(idle=0.0)
    whole.go_on(3.0)
    said = len(whole.told)
    whole.go_on(3.0)
    assert len(whole.told) == said  # it goes back to rest and then falls silent
    assert np.abs(whole.poses[-1]).max() < 2e-3


@pytest.mark.parametrize("how", ["quiet", "held"])
def test_a_robot_that_is_switched_off_or_stopped_is_silent(how: str) -> None:
    robot = MovingRobot()
    robot.go_on(3.0)
    if how == "quiet":
        robot.mover.quiet = True
    else:
        robot.tell(robot.mover.stop(robot.now))
    robot.go_on(3.0, (0.5, 0.1))
    said, pose = len(robot.told), robot.poses[-1]
    robot.go_on(3.0, (0.5, 0.1))
    assert len(robot.told) == said
    np.testing.assert_array_equal(robot.poses[-1], pose)


def test_a_motion_is_not_disturbed_by_idling() -> None:
    lively, still = MovingRobot(), MovingRobot(STILL)
    for robot in (lively, still):
        robot.go_on(2.0)
        robot.play(WAVE)
        said = len(robot.told)
        robot.go_on(2.0)
        assert len(robot.told) == said
    np.testing.assert_allclose(
        np.array(lively.poses)[-150:, ARM], np.array(still.poses)[-150:, ARM], atol=0.02
    )


def test_nothing_is_commanded_before_the_first_complete_joint_state() -> None:
    robot = MovingRobot()
    robot.mute = True
    robot.go_on(1.0, (0.5, 0.0))
    robot.mover.monitor.update(JOINTS[:-1], [0.0] * 4, [], robot.now)
    robot.go_on(1.0, (0.5, 0.0))
    assert robot.told == [] and robot.failures == []
    assert str(robot.mover.refusal(robot.now)).startswith(f"no joint state yet of {JOINTS[-1]}")
    robot.mute = False
    robot.go_on(1.0)
    assert robot.told


def test_a_robot_found_elsewhere_goes_to_rest_before_it_idles() -> None:
    robot = MovingRobot()
    robot.sim.positions[ARM] = 1.2
    robot.go_on(4.0)
    robot.assert_smooth()
    assert abs(robot.poses[-1][ARM]) < 0.05


def test_the_head_follows_a_face_and_returns_when_it_is_gone() -> None:
    robot = MovingRobot(MoverSettings(idle=0.0))
    robot.go_on(4.0, (0.5, 0.15))
    assert robot.poses[-1][YAW] == pytest.approx(0.5, abs=0.01)
    assert robot.poses[-1][PITCH] == pytest.approx(0.15, abs=0.01)
    said = len(robot.told)
    robot.go_on(2.0, (0.51, 0.14))
    assert len(robot.told) == said  # that much is jitter
    robot.go_on(4.0)
    assert np.abs(robot.poses[-1]).max() < 2e-3
    robot.assert_smooth()


def test_a_face_beyond_the_limits_is_followed_up_to_the_limits() -> None:
    robot = MovingRobot()
    robot.go_on(4.0, (2.5, -1.5))
    assert robot.poses[-1][YAW] == pytest.approx(1.2, abs=1e-3)
    assert robot.poses[-1][PITCH] == pytest.approx(-0.5, abs=0.02)
    robot.assert_smooth()


def test_the_gaze_keeps_what_a_motion_does_not_need() -> None:
    robot = MovingRobot(MoverSettings(idle=0.0))
    robot.go_on(2.0, (0.4, 0.2))
    robot.play(NOD)
    robot.go_on(1.0, (-0.4, 0.2))
    assert robot.mover.playing
    assert robot.poses[-1][YAW] < 0.0  # turns to the face that moves, while it nods
    assert max(pose[PITCH] for pose in robot.poses[-60:]) == pytest.approx(0.25, abs=0.02)
    robot.go_on(2.0, (-0.4, 0.2))
    assert robot.poses[-1][YAW] == pytest.approx(-0.4, abs=0.05)
    robot.assert_smooth()


def test_a_head_that_looks_at_the_face_already_needs_no_word_in_a_gesture() -> None:
    robot = MovingRobot(MoverSettings(idle=0.0))
    robot.go_on(2.0, (0.4, 0.0))
    robot.play(WAVE)
    robot.go_on(0.5, (0.4, 0.0))
    said = len(robot.told)
    robot.go_on(1.0, (0.4, 0.0))
    assert robot.mover.playing and len(robot.told) == said


def test_a_motion_that_turns_the_head_owns_it() -> None:
    robot = MovingRobot()
    robot.go_on(2.0, (0.6, 0.0))
    robot.play(TURN)
    robot.go_on(1.25, (0.6, 0.0))
    assert min(pose[YAW] for pose in robot.poses[-10:]) == pytest.approx(-0.6, abs=0.02)


@pytest.mark.parametrize("moment", [0.1, 0.35, 0.6, 1.0, 1.4])
def test_a_stop_brakes_at_once_and_as_hard_as_the_limits_allow(moment: float) -> None:
    robot = MovingRobot()
    robot.go_on(2.0, (0.5, 0.0))
    robot.play(WAVE)
    robot.go_on(moment, (-0.5, 0.0))
    before = np.abs(robot.speeds[-1])
    robot.tell(robot.mover.stop(robot.now))
    hardest = np.array([limit.acceleration for limit in robot.mover.limits.values()])
    longest = max((before / hardest).max(), 0.02) + 2 * STEP_S
    robot.go_on(longest)
    assert not robot.speeds[-1].any()
    held = robot.poses[-1]
    robot.go_on(2.0, (-0.5, 0.0))
    np.testing.assert_array_equal(robot.poses[-1], held)
    assert "robot release" in str(robot.mover.refusal(robot.now))
    robot.mover.release()
    assert not robot.mover.refusal(robot.now)
    robot.go_on(4.0, (0.5, 0.0))
    assert abs(robot.poses[-1][ARM]) < 0.05  # it lives again
    assert robot.poses[-1][YAW] == pytest.approx(0.5, abs=0.05)
    robot.assert_smooth()
    robot.play(REST)
    robot.go_on(3.0)
    assert abs(robot.poses[-1][ARM]) < 0.05


def test_a_robot_that_falls_silent_is_braked_and_found_again() -> None:
    robot = MovingRobot()
    robot.go_on(1.0)
    robot.play(TURN)
    robot.go_on(0.2)
    robot.mute = True
    robot.go_on(2.0)
    assert ["no joint states for 1.0 s" in text for text in robot.failures] == [True]
    said = len(robot.told)
    robot.go_on(3.0, (0.5, 0.0))
    assert len(robot.told) == said and not robot.speeds[-1].any()
    assert "no joint states for 5." in str(robot.mover.refusal(robot.now))
    robot.mute = False
    robot.go_on(0.5)
    assert len(robot.told) == said
    assert str(robot.mover.refusal(robot.now)).startswith("waits after a fault: no joint states")
    robot.go_on(4.0)
    assert [turn.recovered for turn in robot.turns].count(True) == 1
    assert abs(robot.poses[-1][YAW]) < 0.15  # back at rest, and alive
    robot.assert_smooth()


@pytest.mark.parametrize("after", range(10, 26, 2))
def test_a_silent_robot_is_never_said_to_disobey(after: int) -> None:
    robot = MovingRobot(latency=40)
    robot.go_on(1.0)
    robot.play(motion("fling", (JOINTS[ARM],), [0.5], [[1.5]]))
    robot.go_on(0.05 * after)
    robot.mute = True
    robot.go_on(2.0)
    assert ["no joint states for 1.0 s" in text for text in robot.failures] == [True]


def test_a_robot_that_does_not_obey_is_given_up() -> None:
    robot = MovingRobot()
    robot.go_on(1.0)
    robot.deaf = True
    robot.play(TURN)
    robot.go_on(2.5)
    assert len(robot.failures) == 1 and not robot.mover.playing
    assert f"{JOINTS[YAW]} is at" in robot.failures[0] and "expected -0.6" in robot.failures[0]


def test_a_joint_that_is_held_lets_the_robot_give_in() -> None:
    robot = MovingRobot()
    robot.go_on(1.0)
    robot.offset[ARM] = 0.5
    robot.go_on(1.0)
    assert f"{JOINTS[ARM]} is at 0." in robot.failures[0]
    assert abs(robot.told[-1][1].end[JOINTS[ARM]] - 0.5) < 0.05  # holds it where it was found
    while not robot.turns[-1].recovered:
        there = robot.sim.positions[ARM] + 0.5
        robot.go_on(0.05)
    assert begin(robot.told[-1][1], ARM) == pytest.approx(there, abs=0.02)  # where it was found


def test_a_joint_outside_its_limits_stops_everything_until_it_is_back() -> None:
    robot = MovingRobot()
    robot.go_on(1.0)
    robot.offset[YAW] = 1.5
    robot.go_on(1.0)
    assert robot.failures == [str(robot.mover.fault)]
    assert f"{JOINTS[YAW]} is at 1." in str(robot.mover.fault) and "-1.2..1.2" in str(
        robot.mover.fault
    )
    said = len(robot.told)
    robot.go_on(3.0)
    assert len(robot.told) == said and len(robot.failures) == 1
    assert not any(turn.recovered for turn in robot.turns)
    robot.offset[YAW] = 0.0
    robot.go_on(3.0)
    assert robot.mover.refusal(robot.now) is None and len(robot.told) > said


def test_who_moves_a_resting_robot_by_hand_does_no_wrong() -> None:
    robot = MovingRobot(STILL)
    robot.play(NOD)
    robot.go_on(5.0)
    robot.sim.positions[ARM] = 1.0
    robot.sim.follow((), np.zeros(0), np.zeros((0, 0)))
    robot.go_on(3.0)
    assert robot.failures == [] and robot.poses[-1][ARM] == 1.0
    robot.play(NOD)
    assert begin(robot.told[-1][1], ARM) == pytest.approx(1.0, abs=0.02)  # where the robot is now
    robot.go_on(4.0)
    assert abs(robot.poses[-1][ARM]) < 0.05 and robot.failures == []


def test_a_slow_robot_is_not_taken_for_a_broken_one() -> None:
    robot = MovingRobot(latency=20)
    robot.go_on(2.0)
    robot.play(WAVE)
    robot.go_on(4.0)
    assert robot.failures == []


def test_a_busy_computer_is_not_taken_for_a_silent_robot() -> None:
    robot = MovingRobot()
    robot.go_on(1.0)
    robot.asleep = True
    robot.go_on(2.5)
    assert not robot.speeds[-1].any()  # what it was told last ended in a stop
    robot.asleep = False
    robot.go_on(2.0)
    assert robot.failures == []
    robot.assert_smooth()


def test_the_speed_counts_from_the_next_motion_on() -> None:
    robot = MovingRobot(STILL)
    robot.go_on(0.2)
    robot.play(WAVE)
    robot.tune(speed_scale=0.5)
    whole = robot.told[-1][1].duration
    robot.go_on(3.0)
    robot.play(WAVE)
    assert robot.told[-1][1].duration == pytest.approx(2.0 * whole, rel=0.05)


def test_no_number_is_ever_made_of_nothing() -> None:
    robot = MovingRobot()
    robot.go_on(1.0)
    bad = [math.nan, math.inf, -math.inf, 1e308, 0.0]
    robot.mover.monitor.update(JOINTS, bad, [math.nan] * 5, robot.now)
    robot.go_on(2.0)
    for _, told in robot.told:
        assert np.isfinite(told.positions).all() and np.isfinite(told.velocities).all()


@pytest.mark.parametrize("seconds", [1.2, 3.0])
def test_who_has_slept_does_not_call_the_robot_silent(seconds: float) -> None:
    """A laptop that was closed: its first tick may come before the first joint states."""
    robot = MovingRobot()
    robot.go_on(1.0)
    robot.asleep = True
    robot.go_on(seconds)
    assert not robot.mover.tick(robot.now).failure
    robot.asleep = False
    robot.go_on(2.0)
    assert robot.failures == []


def test_a_robot_that_is_held_and_fails_stays_where_it_is_found() -> None:
    robot = MovingRobot()
    robot.play(WAVE)
    robot.go_on(0.9)
    robot.tell(robot.mover.stop(robot.now))
    robot.go_on(1.0)
    held = robot.poses[-1]
    robot.mute = True
    robot.go_on(2.0)
    robot.mute = False
    robot.go_on(3.0)
    assert any(turn.recovered for turn in robot.turns)
    np.testing.assert_array_equal(robot.poses[-1], held)


def test_who_decides_seldom_still_finds_a_silent_robot() -> None:
    robot = MovingRobot()
    robot.go_on(1.0)
    turns = [robot.mover.tick(robot.now + 0.45 * number) for number in (1, 2, 3)]
    assert "no joint states for 1." in str(turns[-1].failure)


def test_it_tells_what_it_is_at() -> None:
    robot = MovingRobot(STILL)
    robot.go_on(0.5, (0.2, 0.0))
    mover = robot.mover
    assert mover.mood(robot.now) == "idle" and mover.progress(robot.now) == 0.0
    assert mover.has_head and not mover.is_lively
    robot.tune(gaze=True, idle=0.5)
    robot.see(0.2)
    assert mover.mood(robot.now) == "attending" and mover.is_lively
    mover.quiet = True
    assert mover.mood(robot.now) == "idle" and not mover.is_lively
    mover.quiet = False
    robot.play(WAVE)
    shares = []
    for _ in range(20):
        shares.append(mover.progress(robot.now))
        robot.go_on(0.1)
    assert shares == sorted(shares) and shares[0] < 0.05 and 0.8 < shares[-1] <= 1.0
    robot.go_on(2.0)
    assert not mover.playing and mover.progress(robot.now) == 0.0
    robot.tell(mover.stop(robot.now))
    assert mover.mood(robot.now) == "held"
    robot.mute = True
    robot.go_on(1.5)
    assert mover.mood(robot.now) == "fault"


def test_eyes_look_where_the_head_does_not_yet() -> None:
    robot = MovingRobot(MoverSettings(idle=0.0))
    robot.go_on(0.1)
    assert robot.mover.eyes(robot.now) == Direction(0.0, 0.0)  # nobody is there
    robot = MovingRobot(MoverSettings(idle=0.0))
    robot.see(0.4, 0.15)
    assert robot.mover.eyes(robot.now) == Direction(0.0, 0.0)  # nobody knows where the head is
    robot.go_on(0.02)
    eyes = robot.mover.eyes(robot.now)
    assert (eyes.yaw, eyes.pitch) == pytest.approx((0.4, 0.15))
    robot.go_on(2.0, (0.4, 0.15))
    eyes = robot.mover.eyes(robot.now)
    assert (eyes.yaw, eyes.pitch) == pytest.approx((0.0, 0.0), abs=1e-3)


def test_another_rest_pose_is_taken_softly() -> None:
    robot = MovingRobot()
    robot.go_on(1.0)
    row = [0.1, 0.0, 0.0, 0.0, 0.3]
    robot.mover.adopt(motion("rest", JOINTS, [0.8], [row]), IdleMoves({JOINTS[ARM]: 0.02}, {}, {}))
    robot.go_on(3.0)
    before = len(robot.poses)
    robot.go_on(5.0)
    poses = np.array(robot.poses[before:])
    assert np.ptp(poses[:, ARM]) > 0.03 and np.ptp(poses[:, 0]) < 1e-3  # breathes as it is told
    np.testing.assert_allclose(poses.mean(axis=0)[[0, ARM]], [0.1, 0.3], atol=0.01)
    robot.assert_smooth()
    assert robot.failures == []
    with pytest.raises(ValueError, match="moves head_yaw_joint, not torso_pitch_joint, head_yaw"):
        robot.mover.adopt(TURN, IdleMoves())


def test_a_robot_that_somebody_else_has_stopped_is_left_alone() -> None:
    robot = MovingRobot()
    robot.go_on(0.5)
    robot.play(WAVE)
    robot.go_on(0.9)
    robot.mover.hold()
    assert robot.mover.held and not robot.mover.playing
    robot.sim.follow((), np.zeros(0), np.zeros((0, 0)))  # it brakes by itself
    robot.sim.velocities[:] = 0.0
    there, said = robot.sim.positions.copy(), len(robot.told)
    assert there[ARM] > 0.3
    robot.go_on(2.0)
    np.testing.assert_array_equal(robot.sim.positions, there)
    assert len(robot.told) == said and robot.failures == []
    robot.mover.release()
    robot.go_on(0.1)
    assert begin(robot.told[said][1], ARM) == pytest.approx(there[ARM], abs=0.02)
    robot.go_on(3.0)
    assert abs(robot.poses[-1][ARM]) < 0.05 and robot.failures == []


def test_the_way_to_rest_owns_the_head_unless_it_may_gaze() -> None:
    for options, yaw in (({}, 0.0), ({"gazing": True}, 0.5)):
        robot = MovingRobot(MoverSettings(idle=0.0))
        robot.go_on(2.0, (0.5, 0.0))
        robot.play(WAVE)
        robot.go_on(0.5, (0.5, 0.0))
        robot.tell(robot.mover.rest(robot.now, **options))
        robot.go_on(0.8, (0.5, 0.0))
        assert robot.poses[-1][YAW] == pytest.approx(yaw, abs=0.1)


def test_after_a_motion_it_goes_to_rest_and_the_head_stays_with_the_face() -> None:
    robot = MovingRobot(MoverSettings(idle=0.0))
    robot.go_on(2.0, (0.5, 0.0))
    robot.play(motion("fling", (JOINTS[ARM],), [0.5], [[1.0]]))
    while not robot.turns[-1].arrived:
        robot.go_on(0.05, (0.5, 0.0))
    assert robot.mover.playing
    robot.go_on(1.5, (0.5, 0.0))
    assert not robot.mover.playing and abs(robot.poses[-1][ARM]) < 0.01
    assert np.array(robot.poses)[200:, YAW].min() > 0.4


def test_after_a_fault_the_head_stays_with_the_face() -> None:
    robot = MovingRobot(MoverSettings(idle=0.0))
    robot.go_on(2.0, (0.5, 0.0))
    robot.mute = True
    robot.go_on(1.5, (0.5, 0.0))
    robot.mute, since = False, len(robot.poses)
    robot.go_on(3.0, (0.5, 0.0))
    assert len(robot.failures) == 1 and any(turn.recovered for turn in robot.turns)
    assert np.array(robot.poses)[since:, YAW].min() > 0.4


def test_a_robot_that_stops_short_has_failed() -> None:
    robot = MovingRobot(STILL)
    robot.go_on(0.5)
    robot.offset[ARM] = 0.2
    robot.play(WAVE)
    robot.go_on(2.9)
    assert robot.failures == []
    robot.go_on(1.0)
    assert "is at 0.20 rad after 3." in robot.failures[0]


def test_a_joint_that_no_motion_names_and_no_face_needs_is_still_in_a_gesture() -> None:
    robot = MovingRobot()
    robot.go_on(4.0, (0.3, 0.0))
    robot.play(WAVE)
    robot.go_on(1.9, (0.3, 0.0))
    assert robot.mover.playing
    np.testing.assert_allclose(np.array(robot.poses)[-50:, ROLL], 0.0, atol=1e-3)


def test_a_robot_may_have_no_head_that_turns() -> None:
    joints = ("arm_joint", "head_roll_joint")
    limits = dict.fromkeys(joints, JointLimits(-1.5, 1.5, 3.0, acceleration=20.0))
    assert not Mover(motion("rest", joints, [0.8], [[0.0, 0.0]]), limits, STILL).has_head


@pytest.mark.parametrize("place", [0, 1])
def test_a_head_may_have_one_joint_only_at_any_place(place: int) -> None:
    joints = ["arm_joint"]
    joints.insert(place, JOINTS[YAW])
    limits = {joint: JointLimits(-1.5, 1.5, 3.0, acceleration=20.0) for joint in joints}
    rest = motion("rest", tuple(joints), [0.8], [[0.0, 0.0]])
    mover = Mover(rest, limits, MoverSettings(idle=0.0, camera_on_head=True))
    assert mover.has_head
    row = [0.0, 0.0]
    row[place] = 0.3
    mover.monitor.update(joints, row, [0.0, 0.0], 1.0)
    mover.see(Direction(0.1, 0.05), 1.0, 1.0)
    eyes = mover.eyes(1.0)
    assert (eyes.yaw, eyes.pitch) == pytest.approx((0.1, 0.05), abs=1e-3)
    told = mover.play(motion("wave", ("arm_joint",), [0.5], [[0.5]]), 1.0)
    assert told.end[JOINTS[YAW]] > 0.31  # it begins to turn

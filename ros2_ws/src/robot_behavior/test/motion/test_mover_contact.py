"""The first sign to somebody who is noticed: when it is due, and what it moves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec_rfernet.labels import LABELS, UNKNOWN
from robot_behavior.motion.mover import (
    AGAIN_S,
    APART_S,
    SIGN_S,
    FirstContact,
    MoverSettings,
)
from ros2_ws.src.robot_behavior.test.motion.moving_robot import (
    ARM,
    NOD,
    PITCH,
    STEP_S,
    WAVE,
    YAW,
    MovingRobot,
)

SMOOTHING_S, FRAME_S = 0.4, 1.0 / 30.0


class Person:
    """A face as perception tells it: smoothed probabilities, and a label that is held steady."""

    def __init__(self, who: str = "anna", label: str = "neutral") -> None:
        self.who, self.label = who, label
        self.mean = self._raw(label)

    @staticmethod
    def _raw(label: str, share: float = 0.9) -> dict[str, float]:
        rest = (1.0 - share) / (len(LABELS) - 1)
        return {name: share if name == label else rest for name in LABELS}

    def show(self, raw: str) -> None:
        """One image in which the network sees an expression; `UNKNOWN`: nothing at all."""
        seen = dict.fromkeys(LABELS, 1 / len(LABELS)) if raw == UNKNOWN else self._raw(raw)
        weight = -math.expm1(-FRAME_S / SMOOTHING_S)
        self.mean = {name: (1 - weight) * self.mean[name] + weight * seen[name] for name in LABELS}
        best = max(self.mean, key=self.mean.__getitem__)
        if self.mean[best] < 0.35:
            self.label = UNKNOWN
        elif self.label == UNKNOWN or self.mean[best] > self.mean[self.label] + 0.2:
            self.label = best


class Room:
    """Tells `FirstContact` what a camera sees, 30 times a second."""

    def __init__(self) -> None:
        self.contact, self.now, self.signs = FirstContact(), 100.0, list[float]()

    def look(self, person: Person | None, seconds: float, raw: str = "neutral") -> float | None:
        """How long after the first of these images the first sign was due; None if none was."""
        first, began = None, self.now + FRAME_S
        for _ in range(round(seconds / FRAME_S)):
            self.now += FRAME_S
            if person is None:
                due = self.contact.see("", UNKNOWN, {}, self.now)
            else:
                person.show(raw)
                due = self.contact.see(person.who, person.label, person.mean, self.now)
            if due:
                self.signs.append(self.now)
                first = self.now - began if first is None else first
        return first


def test_whoever_begins_to_be_attended_to_gets_a_sign_at_once_and_only_one() -> None:
    room, anna = Room(), Person()
    assert room.look(None, 3.0) is None
    assert room.look(anna, 20.0) == 0.0
    assert len(room.signs) == 1


@pytest.mark.parametrize("label", [name for name in LABELS if name != "neutral"])
def test_a_clear_change_gets_a_sign_long_before_the_label_has_changed(label: str) -> None:
    room, anna = Room(), Person()
    room.look(anna, 6.0)
    after = room.look(anna, 1.0, label)
    assert after is not None and 0.05 < after < 0.15
    assert anna.label == label
    assert room.look(anna, 20.0, label) is None  # never twice for the same change


def test_a_change_that_creeps_gets_a_sign_when_the_label_changes() -> None:
    contact = FirstContact()
    contact.see("anna", "neutral", {"neutral": 0.8, "happy": 0.2}, 0.0)
    due = [
        (0.2 + 0.03 * second, second)
        for second in range(1, 21)
        if contact.see(
            "anna",
            "happy" if 0.2 + 0.03 * second > 0.5 else "neutral",
            {"neutral": 0.8 - 0.03 * second, "happy": 0.2 + 0.03 * second},
            10.0 + second,
        )
    ]
    assert len(due) == 1 and due[0][0] == pytest.approx(0.53)


@pytest.mark.parametrize("images", [1, 2])
def test_images_that_are_misjudged_get_no_sign(images: int) -> None:
    room, anna = Room(), Person()
    room.look(anna, 6.0)
    for _ in range(20):
        assert room.look(anna, images * FRAME_S, "surprised") is None
        assert room.look(anna, 1.0) is None


@pytest.mark.parametrize("period_s", [2 * FRAME_S, 0.2, 0.4])
def test_a_label_that_flickers_does_not_make_the_robot_twitch(period_s: float) -> None:
    room, anna = Room(), Person()
    room.look(anna, 6.0)
    for _ in range(round(20.0 / period_s)):
        room.look(anna, period_s / 2, "happy")
        room.look(anna, period_s / 2, "neutral")
    assert len(room.signs) <= 2  # the first contact, and perhaps that it has become lively


def test_a_face_that_turns_away_and_back_with_the_same_expression_has_not_changed() -> None:
    room, anna = Room(), Person(label="happy")
    room.look(anna, 6.0, "happy")
    assert room.look(anna, 3.0, UNKNOWN) is None and anna.label == UNKNOWN
    assert room.look(anna, 3.0, "happy") is None and anna.label == "happy"
    room.look(anna, 3.0, UNKNOWN)
    assert room.look(anna, 3.0, "sad") is not None


def test_changes_within_some_seconds_get_one_sign_for_each_person() -> None:
    room, anna = Room(), Person()
    room.look(anna, 6.0)
    for label in ("happy", "sad") * 10:
        room.look(anna, 1.2, label)
    assert (np.diff(room.signs) >= AGAIN_S - 1e-6).all() and 5 <= len(room.signs) <= 8


def test_another_person_gets_one_sooner_but_not_at_once() -> None:
    room, anna, ben = Room(), Person(), Person("ben")
    room.look(anna, 1.0)
    assert room.look(ben, 1.0) is None  # too soon, and not later either
    assert room.look(anna, 1.0) is None
    assert room.look(ben, 0.5) == 0.0
    assert room.look(Person("cleo"), 1.0) is None  # too soon after ben's
    assert APART_S < AGAIN_S


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "anna", "ben", "cleo"]),
            st.sampled_from(["happy", "sad", UNKNOWN, "neutral"]),
            st.dictionaries(st.sampled_from(LABELS), st.floats(0.0, 1.0), max_size=8),
            st.floats(0.0, 2.0),
        ),
        max_size=60,
    )
)
def test_whatever_is_seen_signs_are_rare_and_for_somebody(images: list) -> None:
    contact, now, given_to = FirstContact(), 0.0, list[tuple[float, str]]()
    for who, label, likely, later in images:
        now += later
        if contact.see(who, label, likely, now):
            assert who
            assert all(now - at >= APART_S for at, _ in given_to)
            assert all(now - at >= AGAIN_S for at, other in given_to if other == who)
            given_to.append((now, who))


# What moves.


def notice(robot: MovingRobot, who: str = "anna", label: str = "neutral") -> bool:
    """Whether the face was answered with a command at once."""
    told = robot.mover.notice(who, label, {}, robot.now)
    robot.tell(told)
    return told is not None


def still_robot(**changes: object) -> MovingRobot:
    robot = MovingRobot(MoverSettings(idle=0.0, **changes))  # type: ignore[arg-type]
    robot.go_on(0.3)
    return robot


def test_the_sign_is_small_goes_there_and_back_and_does_not_jump() -> None:
    robot = still_robot()
    assert notice(robot)
    robot.go_on(SIGN_S + 0.5)
    way = np.abs(np.array(robot.poses))
    assert 0.06 < way[:, PITCH].max() < 0.12  # seen, and small
    assert way[:, [YAW, ARM]].max() < 0.01
    assert way[-1].max() < 0.005
    moving = np.flatnonzero(way[:, PITCH] > 0.01)
    assert STEP_S * (moving[-1] - moving[0]) < 1.0
    robot.assert_smooth()
    assert robot.failures == []


def test_it_is_added_to_breathing_and_to_the_gaze() -> None:
    robot = MovingRobot()
    robot.go_on(3.0, face=(0.4, 0.1))
    before = robot.sim.positions.copy()
    assert notice(robot)
    robot.go_on(SIGN_S / 2, face=(0.4, 0.1))
    assert robot.sim.positions[PITCH] < before[PITCH] - 0.05
    assert robot.sim.positions[YAW] == pytest.approx(before[YAW], abs=0.03)
    robot.go_on(1.0, face=(0.4, 0.1))
    assert robot.sim.positions[PITCH] == pytest.approx(before[PITCH], abs=0.03)
    robot.assert_smooth()


def test_it_can_be_switched_off() -> None:
    robot = still_robot(first_contact=False)
    assert not notice(robot)
    robot.go_on(1.0)
    assert np.abs(robot.poses).max() == 0.0 and robot.told == []


@pytest.mark.parametrize("why", ["held", "quiet", "ending", "fault", "silent"])
def test_a_robot_that_must_not_move_gives_none_also_not_later(why: str) -> None:
    robot = still_robot()
    if why == "held":
        robot.tell(robot.mover.stop(robot.now))
        robot.go_on(0.2)
    elif why == "quiet":
        robot.mover.quiet = True
    elif why == "ending":
        robot.mover.ending = True
    elif why == "fault":
        robot.offset[ARM] = 1.0
        robot.play(WAVE)
        robot.go_on(1.5)
        assert robot.mover.fault
    else:
        robot.mute = True
        robot.go_on(2.0)
    told = len(robot.told)
    assert not notice(robot)
    assert robot.mover.since_sign(robot.now) == math.inf
    assert len(robot.told) == told


def test_after_a_release_the_sign_that_was_missed_is_not_given() -> None:
    robot = still_robot()
    robot.tell(robot.mover.stop(robot.now))
    assert not notice(robot)
    robot.mover.release()
    told = len(robot.told)
    robot.go_on(3.0)
    assert len(robot.told) == told and not notice(robot)


def test_a_stop_ends_it_at_once() -> None:
    robot = still_robot()
    notice(robot)
    robot.go_on(0.15)
    robot.tell(robot.mover.stop(robot.now))
    robot.go_on(0.1)
    there = robot.sim.positions.copy()
    robot.go_on(1.0)
    np.testing.assert_allclose(robot.sim.positions, there, atol=1e-6)
    robot.assert_smooth()


def test_joints_of_a_gesture_are_left_to_it() -> None:
    alone, disturbed = still_robot(), still_robot()
    for robot in (alone, disturbed):
        robot.see(0.3)
        robot.play(NOD)
    disturbed.go_on(0.3)
    assert not notice(disturbed) or disturbed.told
    disturbed.go_on(1.2)
    alone.go_on(1.5)
    np.testing.assert_allclose(
        np.array(alone.poses)[:, PITCH], np.array(disturbed.poses)[:, PITCH], atol=1e-6
    )


def test_a_head_that_a_gesture_does_not_need_gives_it() -> None:
    robot = still_robot()
    robot.see(0.0)
    robot.play(WAVE)
    robot.go_on(0.4, face=(0.0, 0.0))
    assert notice(robot)
    robot.go_on(SIGN_S / 2, face=(0.0, 0.0))
    assert robot.sim.positions[PITCH] < -0.05
    robot.go_on(2.0, face=(0.0, 0.0))
    assert robot.failures == [] and any(turn.arrived for turn in robot.turns)
    robot.assert_smooth()

"""The gaze finds a face and stays on it, however late and however rarely it is seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_common.camera import focal_px
from robot_behavior.body.robot_model import rotation
from robot_behavior.motion.mover import DEAD_ZONE, HOLD_S, Direction, Gaze, MoverSettings, bearing
from ros2_ws.src.robot_behavior.test.motion.moving_robot import PITCH, STEP_S, YAW, MovingRobot

angles = st.floats(-0.9, 0.9)
pitches = st.floats(-0.4, 0.5)
latencies = st.floats(0.0, 0.3)
rates = st.floats(5.0, 60.0)


def in_camera(face: Direction, head: np.ndarray) -> Direction:
    """Bearing of a face in a camera that the head carries; the inverse of what is tested."""
    cosine = math.cos(face.pitch)
    ray = [cosine * math.cos(face.yaw), cosine * math.sin(face.yaw), -math.sin(face.pitch)]
    turn = rotation(np.array([0.0, 0.0, 1.0]), head[YAW])
    turn = turn @ rotation(np.array([0.0, 1.0, 0.0]), head[PITCH])
    x, y, z = turn.T @ np.array(ray)
    return Direction(math.atan2(y, x), -math.atan2(z, math.hypot(x, y)))


class World:
    """A camera on the head that sees a face late, at a rate, with noise and a wrong clock."""

    def __init__(self, latency: float, rate: float, noise: float = 0.0, clock: float = 0.0) -> None:
        self.robot = MovingRobot(MoverSettings(idle=0.0, camera_on_head=True))
        self.latency, self.period, self.noise, self.clock = latency, 1.0 / rate, noise, clock
        self._random, self._next = np.random.default_rng(1), 0.0
        self._images: list[tuple[float, Direction]] = []
        self.robot.go_on(0.2)

    def go_on(self, seconds: float, face: Direction) -> None:
        robot = self.robot
        for _ in range(round(seconds / STEP_S)):
            if robot.now >= self._next:
                self._next = robot.now + self.period
                yaw, pitch = self._random.uniform(-self.noise, self.noise, 2)
                seen = in_camera(face, robot.sim.positions)
                self._images.append((robot.now, Direction(seen.yaw + yaw, seen.pitch + pitch)))
            while self._images and self._images[0][0] + self.latency <= robot.now:
                taken, face_seen = self._images.pop(0)
                robot.mover.see(face_seen, taken + self.clock, robot.now)
            robot.go_on(STEP_S)


@settings(max_examples=12, deadline=None)
@given(angles, pitches, latencies, rates)
def test_it_converges_without_overshoot_or_oscillation(
    yaw: float, pitch: float, latency: float, rate: float
) -> None:
    world = World(latency, rate)
    world.go_on(3.5, Direction(yaw, pitch))
    poses = np.array(world.robot.poses)[:, [YAW, PITCH]]
    np.testing.assert_allclose(poses[-1], [yaw, pitch], atol=DEAD_ZONE + 0.01)
    beyond = (poses - [yaw, pitch]) * np.sign([yaw, pitch])
    assert beyond.max() < DEAD_ZONE + 0.015
    quiet = poses[-100:]
    assert np.ptp(quiet, axis=0).max() < 0.004
    world.robot.assert_smooth()


@settings(max_examples=5, deadline=None)
@given(angles, st.floats(-0.15, 0.15), rates)
def test_a_wrong_clock_does_not_make_it_oscillate(yaw: float, clock: float, rate: float) -> None:
    world = World(0.15, rate, clock=clock)
    world.go_on(4.0, Direction(yaw, 0.0))
    assert np.ptp(np.array(world.robot.poses)[-100:, YAW]) < 0.004
    assert world.robot.poses[-1][YAW] == pytest.approx(yaw, abs=DEAD_ZONE + 0.01)


@settings(max_examples=5, deadline=None)
@given(angles, latencies, rates)
def test_jitter_of_the_detector_does_not_move_the_head(
    yaw: float, latency: float, rate: float
) -> None:
    world = World(latency, rate, noise=0.8 * DEAD_ZONE)
    world.go_on(6.0, Direction(yaw, 0.0))
    assert np.ptp(np.array(world.robot.poses)[-200:, YAW]) < 0.006


def test_a_walking_person_is_followed_closely() -> None:
    world = World(0.15, 15.0)
    world.go_on(2.0, Direction(-0.5, 0.0))
    for step in range(60):
        world.go_on(0.05, Direction(-0.5 + 0.3 * 0.05 * step, 0.0))
    assert abs(world.robot.poses[-1][YAW] - 0.385) < 0.2  # 0.3 rad/s: a person at 2 m, walking
    world.robot.assert_smooth()


@given(angles, pitches, angles, pitches, st.floats(-0.4, 0.4))
def test_a_direction_seen_from_a_turned_head_is_the_same_direction(
    yaw: float, pitch: float, head_yaw: float, head_pitch: float, roll: float
) -> None:
    head = np.zeros(5)
    head[[YAW, PITCH]] = head_yaw, head_pitch
    seen = in_camera(Direction(yaw, pitch), head).seen_from(Direction(head_yaw, head_pitch))
    assert (seen.yaw, seen.pitch) == pytest.approx((yaw, pitch), abs=1e-6)
    ahead = Direction(0.0, 0.0).seen_from(Direction(head_yaw, head_pitch, roll))
    assert (ahead.yaw, ahead.pitch) == pytest.approx((head_yaw, head_pitch), abs=1e-6)


def test_the_bearing_of_a_pixel() -> None:
    focal = focal_px(640)
    assert bearing(0.0, 0.0, focal) == Direction(0.0, 0.0)
    assert bearing(320, 0, focal).yaw == pytest.approx(math.radians(30))
    assert bearing(-320, 0, focal).yaw == pytest.approx(-math.radians(30))
    assert bearing(0, 240, focal).pitch > 0  # the lower edge: look down
    assert bearing(320, 240, focal).pitch < bearing(0, 240, focal).pitch


@given(st.lists(st.tuples(angles, pitches), min_size=1))
def test_the_goal_is_never_farther_from_the_face_than_the_dead_zone(faces: list) -> None:
    gaze = Gaze()
    for yaw, pitch in faces:
        gaze.see(Direction(yaw, pitch), None, 1.0)
        goal = gaze.goal(1.0)
        assert goal is not None
        assert abs(goal.yaw - yaw) <= DEAD_ZONE + 1e-9
        assert abs(goal.pitch - pitch) <= DEAD_ZONE + 1e-9


def test_a_face_is_remembered_for_a_while() -> None:
    gaze = Gaze()
    assert gaze.goal(0.0) is None
    gaze.see(Direction(0.3, 0.0), None, 5.0)
    assert gaze.goal(5.0 + HOLD_S) == Direction(0.3, 0.0)
    assert gaze.goal(5.1 + HOLD_S) is None
    gaze.see(Direction(0.31, 0.0), None, 60.0)
    assert gaze.goal(60.0) == Direction(0.31, 0.0)  # not dragged from where it was long ago

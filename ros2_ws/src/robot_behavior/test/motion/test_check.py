"""Motions that would hurt the robot are found out, and the shipped ones are not among them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.body import urdf
from robot_behavior.body.robot_model import Shape
from robot_behavior.motion import check
from robot_behavior.motion.check import (
    CLEARANCE_M,
    Balance,
    Checker,
    Clearance,
    Findings,
    Nearest,
    apart,
    link_poses,
    support,
)
from robot_behavior.motion.library import MotionLibrary, load_motions

SOURCE = Path(__file__).parents[3]
MODEL = urdf.load(SOURCE / "fer_bringup" / "urdf" / "humanoid.urdf")
SHIPPED = SOURCE / "robot_behavior" / "config" / "motions.yaml"
CHECKER = Checker(MODEL)
HEAD = "/motion_player:\n  ros__parameters:\n    motions:\n"
REST = (
    f"      rest: {{joints: [{', '.join(MODEL.limits)}], "
    f"positions: {[0.0] * len(MODEL.limits)}, times_from_start: [1.0]}}\n"
)
GOOD = "      good: {joints: [head_yaw_joint], positions: [0.1, 0.0], times_from_start: [1, 2]}\n"
shapes = st.one_of(
    st.tuples(st.just("sphere"), st.tuples(st.floats(0.02, 0.3))),
    st.tuples(st.just("cylinder"), st.tuples(st.floats(0.02, 0.2), st.floats(0.01, 0.4))),
    st.tuples(st.just("box"), st.tuples(*[st.floats(0.02, 0.3)] * 3)),
)
shares = st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=3)


@cache
def library() -> MotionLibrary:
    """The shipped motions."""
    return load_motions(SHIPPED, MODEL.limits, CHECKER)


def shape(kind: str, size: tuple[float, ...]) -> Shape:
    return Shape(kind, size, np.eye(4), (1.0, 1.0, 1.0, 1.0))


def test_the_shipped_motions_pass() -> None:
    assert library().refused == {}
    for motion in library().motions.values():
        findings = CHECKER.examine(motion, library().rest)
        assert findings.nearest.metres > CLEARANCE_M
        assert findings.mass_margin is not None and findings.mass_margin > 0.04, motion.name
        assert findings.moment_margin is not None and findings.moment_margin > 0.03, motion.name


def test_a_motion_that_is_cut_short_finds_a_free_way_to_rest() -> None:
    """From every keyframe, straight to the rest pose."""
    clearance = Clearance(MODEL)
    for motion in library().motions.values():
        goal = np.array([library().rest.end[joint] for joint in motion.joints])
        ways = np.linspace(0.0, 1.0, 12)[:, None, None] * (motion.positions - goal) + goal
        poses = link_poses(MODEL, motion.joints, ways.reshape(-1, len(goal)))
        assert clearance.nearest(poses).metres > CLEARANCE_M, motion.name


@pytest.mark.parametrize(
    ("joints", "positions", "complaint"),
    [
        (  # the right arm goes through the chest
            "right_shoulder_pitch_joint, right_shoulder_yaw_joint, right_elbow_joint",
            "[0, 0, 0, 0.5, 1.3, 1.7, 0, 0, 0]",
            r"bad brings right_\w+_link within -\d+ mm of torso_link at \d\.\d\d s, expected at le",
        ),
        (  # the hand goes through the head
            "right_shoulder_pitch_joint, right_shoulder_yaw_joint, right_elbow_joint",
            "[0, 0, 0, 2.0, 0.9, 1.9, 0, 0, 0]",
            r"bad brings right_\w+_link within -?\d+ mm of head_link",
        ),
        (  # the whole robot leans forward from the ankles
            "ankle_pitch_joint, hip_pitch_joint",
            "[0, 0, 0.4, 0.5, 0, 0]",
            r"bad takes the centre of mass to -\d+ mm inside of the feet's outline at \d",
        ),
        (  # backwards it has less room
            "ankle_pitch_joint, hip_pitch_joint",
            "[0, 0, -0.15, -0.2, 0, 0]",
            r"takes the centre of mass to -?\d+ mm",
        ),
    ],
)
def test_a_dangerous_motion_is_refused_and_the_others_stay(
    tmp_path: Path, joints: str, positions: str, complaint: str
) -> None:
    file = tmp_path / "motions.yaml"
    text = f"{{joints: [{joints}], positions: {positions}, times_from_start: [1, 2.5, 4]}}"
    file.write_text(HEAD + REST + f"      bad: {text}\n" + GOOD)
    library = load_motions(file, MODEL.limits, CHECKER)
    assert set(library.motions) == {"rest", "good"}
    line = library.refused["bad"]
    assert line.startswith(str(file)) and "\n" not in line
    assert re.search(complaint, line), line


def test_a_jolt_that_would_tip_the_robot_is_refused(tmp_path: Path) -> None:
    """Its centre of mass stays over the feet all the time."""
    file = tmp_path / "motions.yaml"
    rows = [0.0, 0.0, 0.09, 0.09, -0.06, -0.06, 0.09, 0.09, 0.0, 0.0]
    text = (
        f"{{joints: [ankle_pitch_joint, hip_pitch_joint], positions: {rows}, "
        "times_from_start: [0.5, 0.83, 1.16, 1.49, 2.5]}"
    )
    file.write_text(HEAD + REST + f"      bad: {text}\n")
    line = load_motions(file, MODEL.limits, CHECKER).refused["bad"]
    assert "bad takes the zero moment point to " in line


def test_parts_that_nearly_touch_are_too_near() -> None:
    trajectory = CHECKER.examine(library().rest, library().rest).trajectory
    near = Findings(trajectory, Nearest(0.9 * CLEARANCE_M, ("hand", "torso")), 1.5)
    assert (
        str(near.complaint) == "brings hand within 9 mm of torso at 1.50 s, expected at least 10 mm"
    )
    assert not Findings(trajectory, Nearest(1.1 * CLEARANCE_M, ("hand", "torso")), 1.5).complaint


def test_joined_parts_may_touch_and_others_may_not() -> None:
    pairs = {frozenset(pair) for pair in apart(MODEL)}
    assert frozenset({"torso_link", "right_hand_link"}) in pairs
    assert frozenset({"left_forearm_link", "right_forearm_link"}) in pairs
    assert frozenset({"torso_link", "head_link"}) not in pairs  # the neck is between them
    assert frozenset({"base_link", "left_foot_link"}) not in pairs  # one piece


def test_the_robot_stands_on_both_soles() -> None:
    floor = support(MODEL)
    assert floor is not None and set(floor.links) == {"left_foot_link", "right_foot_link"}
    assert floor.height == pytest.approx(0.02)
    inside = floor.margins(np.array([[0.03, 0.0], [0.125, 0.0], [0.2, 0.0]]))
    np.testing.assert_allclose(inside, [0.095, 0.0, -0.075], atol=1e-6)


def test_a_robot_at_rest_has_its_zero_moment_point_below_its_centre_of_mass() -> None:
    floor = support(MODEL)
    assert floor is not None
    balance = Balance(MODEL, floor)
    poses = link_poses(MODEL, ["torso_pitch_joint"], np.full((5, 1), 0.3))
    still = balance.zero_moment(poses, 0.02)
    np.testing.assert_allclose(still, balance.centre_of_mass(poses), atol=1e-9)


def test_kinematics_of_many_poses_agree_with_those_of_one() -> None:
    rng = np.random.default_rng(3)
    rows = rng.uniform(-0.4, 0.4, (4, len(MODEL.limits)))
    many = link_poses(MODEL, list(MODEL.limits), rows)
    for number, row in enumerate(rows):
        for link, pose in MODEL.poses(dict(zip(MODEL.limits, row, strict=True))).items():
            np.testing.assert_allclose(many[link][number], pose, atol=1e-12)


@given(kind_and_size=shapes, at=shares)
def test_the_covering_spheres_hold_the_whole_shape(
    kind_and_size: tuple[str, tuple[float, ...]], at: list[float]
) -> None:
    body = shape(*kind_and_size)
    point = np.array(at) * body.radius
    if check.distances(body, point) > 0.0:
        return
    centres, radius = check.cover(body)
    assert np.linalg.norm(centres - point, axis=1).min() <= radius + 1e-9


@given(kind_and_size=shapes, at=shares, step=shares)
def test_a_distance_is_a_distance(
    kind_and_size: tuple[str, tuple[float, ...]], at: list[float], step: list[float]
) -> None:
    """It changes by no more than the way between two points, and corners lie on the surface."""
    body = shape(*kind_and_size)
    here, there = np.array(at), np.array(at) + 0.1 * np.array(step)
    change = abs(float(check.distances(body, here)) - float(check.distances(body, there)))
    assert change <= np.linalg.norm(here - there) + 1e-9
    np.testing.assert_allclose(check.distances(body, check.corners(body)), 0.0, atol=1e-9)

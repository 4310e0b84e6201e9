from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.faces.face import KEYPOINTS, Box, Face, Similarity
from ec_rfernet.faces.head_pose import HeadAngles, head_pose

# A head of another person: where the key points are, in distances of the eyes.
HEAD = {
    "right_eye": (-0.5, -0.3, 0.0),
    "left_eye": (0.5, -0.3, 0.0),
    "nose": (0.0, 0.2, -0.5),
    "mouth": (0.0, 0.65, -0.3),
    "right_ear": (-1.1, -0.1, 0.6),
    "left_ear": (1.1, -0.1, 0.6),
}


def seen(yaw=0.0, pitch=0.0, roll=0.0, size=60.0, middle=(320.0, 240.0)) -> Face:
    """What a camera far away sees of that head; angles in degrees."""
    angles = (yaw, pitch, roll)
    (sy, sp, sr), (cy, cp, cr) = np.sin(np.radians(angles)), np.cos(np.radians(angles))
    x, y, z = np.array([HEAD[name] for name in KEYPOINTS]).T
    x, y = x * cr + y * sr, y * cr - x * sr
    y, z = y * cp - z * sp, y * sp + z * cp
    points = np.stack([x * cy - z * sy, y], axis=-1) * size + middle
    return Face(Box(0, 0, 10, 10), 1.0, points.astype(np.float32))


def degrees(face: Face) -> list[float]:
    angles = head_pose(face)
    assert angles is not None
    return [math.degrees(angle) for angle in angles]


@given(st.floats(-45, 45), st.floats(-25, 25), st.floats(-40, 40))
def test_the_angles_of_another_head_are_found(yaw, pitch, roll):
    found, straight = degrees(seen(yaw, pitch, roll)), degrees(seen())
    assert found[0] == pytest.approx(yaw, abs=8)
    assert found[1] - straight[1] == pytest.approx(pitch, abs=8)  # each head has its own zero
    assert found[2] == pytest.approx(roll, abs=8)


@pytest.mark.parametrize(("angle", "index"), [("yaw", 0), ("pitch", 1), ("roll", 2)])
def test_signs_are_those_of_rep_103(angle, index):
    assert degrees(seen(**{angle: 20}))[index] > 12
    assert degrees(seen(**{angle: -20}))[index] < -12
    # The nose goes to the person's left, right in the picture, or down; the left eye goes up.
    moved = seen(**{angle: 20}).keypoints - seen().keypoints
    eye, nose = moved[KEYPOINTS.index("left_eye")], moved[KEYPOINTS.index("nose")]
    assert {"yaw": nose[0], "pitch": nose[1], "roll": -eye[1]}[angle] > 5


def test_where_and_how_large_a_face_is_changes_nothing_and_its_turn_in_the_picture_is_its_roll():
    expected = degrees(seen(20, -10, 5))
    moved = seen(20, -10, 5, size=9.0, middle=(3000.0, -50.0))
    assert degrees(moved) == pytest.approx(expected, abs=0.1)
    turned = seen(roll=5).moved(Similarity(complex(0, 1) * 2.0, 40 + 3j))  # clockwise
    assert degrees(turned)[2] == pytest.approx(degrees(seen(roll=5))[2] - 90, abs=0.1)


FLAT = np.outer(np.arange(6), (1, 2))


@pytest.mark.parametrize("points", [np.zeros((6, 2)), FLAT, np.full((6, 2), np.nan)])
def test_points_that_show_no_head_have_no_pose(points):
    assert head_pose(Face(Box(0, 0, 10, 10), 1.0, points.astype(np.float32))) is None


def test_how_far_a_face_points_away_from_the_camera():
    assert HeadAngles(0, 0, 1).away == pytest.approx(0)
    assert HeadAngles(-0.3, 0, 0).away == pytest.approx(0.3)
    assert HeadAngles(0.3, 0.4, 0).away == pytest.approx(math.acos(math.cos(0.3) * math.cos(0.4)))

"""Following faces in moving pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec_rfernet.faces.face import Box, Face
from ec_rfernet.faces.similarity import Similarity
from fer_node.perception.finder import TextureFollower
from fer_node.perception.frame import RawFrame
from fer_node.testing.fakes import frontal_face

FACE = Face(Box(180, 73, 90, 90), 0.9, frontal_face(225, 118, 90).keypoints)
"""About where Eileen Collins's face is."""


def moved(picture: np.ndarray, motion: Similarity) -> np.ndarray:
    """The picture after a motion of points that are counted from its corner."""
    half = 0.5 + 0.5j
    matrix = Similarity(motion.factor, motion.shift - half + motion.factor * half).matrix
    return cv2.warpAffine(picture, matrix, picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


def about(face: Face, scale: float, angle: float, dx: float, dy: float) -> Similarity:
    """Turns and scales around the middle of a face, and shifts."""
    factor = scale * complex(np.cos(angle), np.sin(angle))
    middle = complex(*face.box.center)
    return Similarity(factor, middle - factor * middle + complex(dx, dy))


def follower(picture: np.ndarray, *faces: Face) -> TextureFollower:
    follower = TextureFollower()
    follower.learn(RawFrame(picture), faces or (FACE,))
    return follower


def motions(scale: float, angle: float, shift: float) -> st.SearchStrategy[Similarity]:
    """Motions of the face up to these limits."""
    return st.builds(
        lambda *how: about(FACE, *how),
        st.floats(1 - scale, 1 + scale),
        st.floats(-angle, angle),
        st.floats(-shift, shift),
        st.floats(-shift, shift),
    )


def is_there(face: Face, motion: Similarity, overlap: float = 0.95, away: float = 1.5) -> bool:
    expected = FACE.moved(motion)
    farthest = np.abs(face.keypoints - expected.keypoints).max()
    return face.box.overlap(expected.box) > overlap and bool(farthest < away)


@settings(max_examples=40, deadline=None)
@given(motion=motions(0.05, 0.1, 9))
def test_any_small_motion_is_found(collins, motion):
    """A face 90 pixels wide may move by its width in a third of a second at 30 images/s."""
    found = follower(collins).follow(RawFrame(moved(collins, motion)))
    assert found is not None
    assert is_there(found[0], motion)


@settings(max_examples=40, deadline=None)
@given(motion=motions(0.3, 0.6, 60))
def test_a_large_motion_is_found_or_given_up_but_never_mistaken(collins, motion):
    found = follower(collins).follow(RawFrame(moved(collins, motion)))
    assert found is None or is_there(found[0], motion, overlap=0.85, away=5)


def test_a_long_way_in_small_steps_adds_up_no_error(collins):
    following = follower(collins)
    for step in range(1, 25):
        motion = about(FACE, 1 + 0.012 * step, 0.01 * step, 5 * step, 2 * step)
        found = following.follow(RawFrame(moved(collins, motion)))
        assert found is not None
    assert np.abs(found[0].keypoints - FACE.moved(motion).keypoints).max() < 1.5


def test_light_that_changes_slowly_is_no_matter(collins):
    following = follower(collins)
    for level in np.linspace(1.0, 0.5, 10):
        assert following.follow(RawFrame((collins * level).astype(np.uint8))) is not None


@pytest.mark.parametrize("what", ["cut", "dark", "noise", "hidden", "blurred away"])
def test_what_is_no_longer_the_face_is_not_followed(collins, hopper, what):
    following = follower(collins)
    assert following.follow(RawFrame(collins)) is not None
    image = collins.copy()
    if what == "cut":
        image = cv2.resize(hopper, (512, 480))
    elif what == "dark":
        image[:] = 0
    elif what == "noise":
        image = np.random.default_rng(0).integers(0, 255, collins.shape, dtype=np.uint8)
    elif what == "hidden":
        image[60:180, 170:225] = (60, 90, 120)
    else:
        image = cv2.GaussianBlur(image, (0, 0), 30)
    assert following.follow(RawFrame(image)) is None


@pytest.mark.parametrize("speed", [12, 40])
def test_someone_who_walks_through_takes_nobody_along(collins, speed):
    """A wall of another texture passes before the face: from then on it is not followed."""
    wall = np.random.default_rng(1).integers(0, 255, (12, 4, 3), dtype=np.uint8)
    wall = cv2.resize(wall, (160, 480), interpolation=cv2.INTER_CUBIC)
    following = follower(collins)
    for left in range(0, 300, speed):
        image = collins.copy()
        image[:, left : left + 160] = wall[:, : collins.shape[1] - left]
        found = following.follow(RawFrame(image))
        if found is None:
            break
        assert found[0].box.center == pytest.approx(FACE.box.center, abs=8)
    assert left + 160 > 180 - 160 and left < 270, "given up while the face was covered"
    assert found is None


def test_a_face_that_leaves_the_picture_is_given_up(collins):
    following, found, step = follower(collins), [], 0
    while found is not None:
        step += 1
        assert step < 60, "followed to where nothing is"
        image = np.zeros_like(collins)
        image[:, : -8 * step] = collins[:, 8 * step :]
        found = following.follow(RawFrame(image))
    assert 8 * step < 225 + 45


def test_two_that_end_up_in_one_place_are_given_up(collins):
    """Only one of them can still be there."""
    other = Face(Box(186, 75, 90, 90), 0.9, FACE.keypoints + 6)
    assert follower(collins, FACE, other).follow(RawFrame(collins)) is None


def test_a_patch_without_contrast_is_never_followed():
    grey = np.full((480, 640, 3), 128, np.uint8)
    assert follower(grey).follow(RawFrame(grey)) is None


def test_nobody_is_followed_to_nobody(collins):
    assert TextureFollower().follow(RawFrame(collins)) == []


@pytest.mark.parametrize("place", [(-500, 90), (2000, 2000), (0, 0)])
def test_faces_beyond_the_border_are_no_error(collins, place):
    face = frontal_face(*place, 80)
    follower(collins, face).follow(RawFrame(collins))

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec_rfernet.faces.face import Box, Face, Similarity
from ec_rfernet.faces.framing import FER2013, align


def face_at(points):
    """A face with given right eye, left eye and mouth."""
    right, left, mouth = points
    keypoints = np.array([right, left, mouth, mouth, right, left], np.float32)
    return Face(Box(0, 0, 1, 1), 1.0, keypoints)


def spots(image):
    """Centres of the three bright spots of an image, from left to right, then the mouth."""
    _, _, stats, centers = cv2.connectedComponentsWithStats((image > 90).astype(np.uint8))
    chosen = centers[1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:3]] + 0.5
    mouth = int(chosen[:, 1].argmax())
    eyes = sorted(np.delete(chosen, mouth, axis=0).tolist())
    return np.array([*eyes, chosen[mouth]])


@settings(deadline=None)  # the first call of OpenCV may be slow
@given(
    angle=st.floats(-0.7, 0.7),
    scale=st.floats(1.5, 9),
    x=st.floats(150, 350),
    y=st.floats(150, 350),
)
def test_eyes_and_mouth_land_where_the_network_expects_them(angle, scale, x, y):
    anchors = np.array(FER2013.anchors)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (anchors - anchors.mean(axis=0)) * scale @ turn.T + (x, y)
    image = np.zeros((500, 500, 3), np.uint8)
    for point in points:
        place = tuple(int(v) for v in np.round((point - 0.5) * 16))
        cv2.circle(image, place, int(2.2 * scale * 16), (255, 255, 255), -1, cv2.LINE_AA, 4)
    crop = align(image, face_at(points), FER2013, 44)
    assert crop.shape == (44, 44)
    assert crop.dtype == np.uint8
    np.testing.assert_allclose(spots(crop), anchors - 2, atol=0.6)


def test_reduction_does_not_alias():
    """A fine checkerboard shrinks to grey, not to a moire pattern."""
    board = (np.indices((480, 640)).sum(axis=0) % 2 * 255).astype(np.uint8)
    points = (np.array(FER2013.anchors) - 24) * 8 + (320, 240)
    crop = align(board, face_at(points), FER2013, 44)
    assert crop.std() < 3


@pytest.mark.parametrize("point", [(-400, -300), (2000, 50), (0, 0), (639, 479)])
def test_a_face_beyond_the_border_is_no_error(point):
    image = np.full((480, 640, 3), 80, np.uint8)
    points = np.array(FER2013.anchors) * 3 + point
    assert (align(image, face_at(points), FER2013, 44) == 80).all()


def test_coinciding_points_are_no_error():
    image = np.full((48, 64, 3), 80, np.uint8)
    assert align(image, face_at([(5, 5)] * 3), FER2013, 44).shape == (44, 44)


@given(st.integers(0, 1000))
def test_similarity_recovers_the_transform(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=2)
    true = np.array([[a, -b, 3.0], [b, a, -2.0]])
    source = rng.normal(size=(4, 2))
    target = source @ true[:, :2].T + true[:, 2]
    np.testing.assert_allclose(Similarity.fit(source, target).matrix, true, atol=1e-6)

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.faces.face import Box, Face, Similarity

parts = st.floats(-5, 5).filter(lambda value: abs(value) > 0.1)
similarities = st.builds(
    lambda a, b, c, d: Similarity(complex(a, b), complex(c, d)), parts, parts, parts, parts
)
POINTS = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, -2.0]])


@given(similarities)
def test_the_way_back_leads_back(there):
    np.testing.assert_allclose(there.inverse().apply(there.apply(POINTS)), POINTS, atol=1e-9)


@given(similarities, similarities)
def test_one_after_the_other(first, second):
    both = second.after(first)
    np.testing.assert_allclose(both.apply(POINTS), second.apply(first.apply(POINTS)), atol=1e-9)
    assert both.scale == pytest.approx(first.scale * second.scale)


@given(similarities)
def test_the_matrix_does_the_same(there):
    matrix = there.matrix
    np.testing.assert_allclose(POINTS @ matrix[:, :2].T + matrix[:, 2], there.apply(POINTS))


@given(similarities)
def test_it_is_recovered_from_points(there):
    found = Similarity.fit(POINTS, there.apply(POINTS))
    assert found.factor == pytest.approx(there.factor)
    assert found.shift == pytest.approx(there.shift)


def test_a_face_moves_with_its_picture():
    face = Face(Box(10, 20, 40, 60), 0.9, np.array([[30, 50], [10, 20]], np.float32))
    quarter = Similarity(2 * complex(math.cos(math.pi / 2), math.sin(math.pi / 2)), 200 + 0j)
    moved = face.moved(quarter)
    assert moved.box.center == pytest.approx((100, 60))
    assert (moved.box.width, moved.box.height) == pytest.approx((80, 120))
    np.testing.assert_allclose(moved.keypoints, [[100, 60], [160, 20]], atol=1e-4)
    assert moved.score == 0.9

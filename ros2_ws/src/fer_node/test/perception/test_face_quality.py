from __future__ import annotations

import numpy as np
import pytest

from ec_rfernet.faces.face import Face
from fer_node.perception.pipeline import crop_flaw, turn, view_flaw
from fer_node.testing.fakes import frontal_face


@pytest.mark.parametrize(
    ("size", "turned", "flaw"),
    [
        (39, 0.0, "too small"),
        (41, 0.0, ""),
        (100, 0.4, ""),
        (100, 0.6, "turned away"),
        (100, -0.6, "turned away"),
    ],
)
def test_views(size, turned, flaw):
    assert view_flaw(frontal_face(50, 50, size, turned), 40) == flaw


def test_a_tilted_head_is_not_turned():
    upright = frontal_face(50, 50, 100, 0.2)
    angle = np.radians(40)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tilted = Face(upright.box, 0.9, (upright.keypoints @ matrix.T).astype(np.float32))
    assert turn(tilted) == pytest.approx(turn(upright), abs=1e-5) == pytest.approx(0.2, abs=1e-5)


def test_a_profile_with_both_eyes_in_one_place_is_turned_away():
    face = Face(frontal_face(50, 50, 100).box, 0.9, np.ones((6, 2), np.float32))
    assert view_flaw(face, 40) == "turned away"


def test_black_and_blank_crops_show_nothing():
    assert crop_flaw(np.zeros((44, 44), np.uint8)) == "too dark"
    assert crop_flaw(np.full((44, 44), 200, np.uint8)) == "too dark"
    noise = np.random.default_rng(0).normal(120, 50, (44, 44)).clip(0, 255).astype(np.uint8)
    assert crop_flaw(noise) == ""

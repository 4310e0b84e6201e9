"""The face: its expressions differ, change softly, and can be drawn."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_behavior.body import urdf
from robot_behavior.body.eyes import light
from robot_behavior.body.face import (
    ASLEEP,
    CALM,
    COVERED,
    EXPRESSIONS,
    FAULT,
    HAPPY,
    HELD,
    HIGH,
    LISTENING,
    NEUTRAL,
    SAD,
    SOFT_S,
    SPEAKING,
    SURPRISED,
    THINKING,
    LivingFace,
    Look,
    expression,
    face_sphere,
    mesh,
    still,
)
from robot_behavior.body.figure import face_picture

HUMANOID = Path(__file__).parents[3] / "fer_bringup" / "urdf" / "humanoid.urdf"
LIGHT = light(0.0, "attending", blinks=False)
SIZE = (200, 172)


def differs(one: Look, other: Look) -> float:
    """Share of the pixels that are drawn in only one of the two."""
    lit = [face_picture(look, SIZE).max(axis=2) > 90 for look in (one, other)]
    return float((lit[0] ^ lit[1]).sum() / (lit[0] | lit[1]).sum())


def test_every_two_expressions_differ_in_shape() -> None:
    faces = {name: Look(shape, LIGHT) for name, shape in EXPRESSIONS.items()}
    close = {pair: differs(*(faces[name] for name in pair)) for pair in combinations(faces, 2)}
    assert min(close.values()) > 0.15, min(close, key=lambda pair: close[pair])


def test_the_voice_moves_the_mouth_and_nothing_else() -> None:
    shut, opened = (face_picture(Look(EXPRESSIONS[NEUTRAL], LIGHT, m), SIZE) for m in (0.0, 1.0))
    rows = np.nonzero((shut != opened).any(axis=2))[0]
    assert len(rows) > 100 and rows.min() > SIZE[1] * 0.6


def test_a_blink_closes_both_eyes() -> None:
    open_, shut = (face_picture(Look(EXPRESSIONS[NEUTRAL], (*LIGHT[:3], a)), SIZE) for a in (1, 0))
    lit = [(picture.max(axis=2) > 90)[30:100] for picture in (open_, shut)]
    for half in (slice(0, SIZE[0] // 2), slice(SIZE[0] // 2, None)):
        assert lit[1][:, half].sum() < 0.5 * lit[0][:, half].sum()


def test_the_eyes_look_where_they_are_told_to() -> None:
    def pupils(gaze: tuple[float, float]) -> np.ndarray:
        bands = Look(EXPRESSIONS[NEUTRAL], LIGHT, gaze=gaze).bands
        return np.mean([band.outline.mean(axis=0) for band in bands if max(band.colour) < 0.2], 0)

    middle, left, up = pupils((0.0, 0.0)), pupils((0.4, 0.0)), pupils((0.0, 0.4))
    assert left[0] > middle[0] + 0.02 and abs(left[1] - middle[1]) < 0.01
    assert up[1] > middle[1] + 0.02 and abs(up[0] - middle[0]) < 0.01


shares = st.floats(0.0, 1.0)


@settings(max_examples=40)
@given(
    st.sampled_from([*EXPRESSIONS]), st.sampled_from([*EXPRESSIONS]), shares, shares, shares,
    st.tuples(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0)),
)  # fmt: skip
def test_every_face_stays_within_its_bounds_and_has_as_many_points(
    one: str, other: str, way: float, blink: float, mouth: float, gaze: tuple[float, float]
) -> None:
    shape = EXPRESSIONS[one].towards(EXPRESSIONS[other], way)
    bands = Look(shape, (*LIGHT[:3], blink), mouth, gaze).bands
    points = np.concatenate([band.outline for band in bands])
    assert len(points) == len(np.concatenate([band.outline for band in still(NEUTRAL).bands]))
    assert np.isfinite(points).all()
    assert np.abs(points[:, 0]).max() <= 1.0 and np.abs(points[:, 1]).max() <= HIGH
    assert COVERED * np.linalg.norm(points, axis=1).max() < 1.0  # it is on the sphere
    assert all(
        (band.upper[:, 1] >= band.lower[:, 1] - 1e-9).all() for band in bands if shape.roll == 0
    )


def test_it_changes_softly_also_when_it_changes_its_mind() -> None:
    face, lids = LivingFace(), []
    for moment in np.arange(0.0, 2.0, 0.02):
        face.show(SURPRISED if moment < 0.2 else HAPPY, float(moment))
        lids.append(face.shape(float(moment)).openness)
    assert np.abs(np.diff(lids)).max() < 4.0 * 0.02 / SOFT_S
    assert lids[0] == EXPRESSIONS[ASLEEP].openness
    assert face.shape(5.0) == EXPRESSIONS[HAPPY] and face.expression == HAPPY
    face.show("no such expression", 9.0)
    assert face.shape(9.0 + SOFT_S) == EXPRESSIONS[NEUTRAL]


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"mood": "idle"}, NEUTRAL),
        ({"mood": "attending"}, LISTENING),
        ({"mood": "attending", "speaks": True}, SPEAKING),
        ({"mood": "attending", "usage": "rejoice", "speaks": True}, HAPPY),
        ({"mood": "attending", "answers": "sad"}, SAD),
        ({"mood": "attending", "answers": "angry"}, CALM),
        ({"mood": "attending", "answers": "angry", "usage": "think"}, THINKING),
        ({"mood": "idle", "usage": "unheard of, be_surprised"}, SURPRISED),
        ({"mood": "idle", "is_awake": False, "speaks": True}, ASLEEP),
        ({"mood": "held", "usage": "rejoice", "is_awake": False}, HELD),
        ({"mood": "fault", "answers": "happy"}, FAULT),
    ],
)
def test_what_it_shows_when(told: dict, shown: str) -> None:
    assert expression(**told) == shown


def test_on_the_robot_it_is_in_front_of_its_sphere_and_each_layer_in_front_of_the_last() -> None:
    sphere = face_sphere(urdf.load(HUMANOID))
    assert sphere is not None
    drawn = mesh(still(HAPPY).bands, sphere)
    away = np.linalg.norm(drawn.points - sphere.origin[:3, 3], axis=1)
    assert away.min() > sphere.size[0] and away.max() < 1.02 * sphere.size[0]
    assert (np.diff(away) > -1e-9).all() and drawn.points[:, 0].min() > 0.0
    assert drawn.triangles.min() == 0 and drawn.triangles.max() == len(drawn.points) - 1
    assert drawn.colours.shape == drawn.points.shape

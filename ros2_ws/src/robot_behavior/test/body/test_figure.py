"""The drawn robot shows its pose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_behavior.body import urdf
from robot_behavior.body.face import EXPRESSIONS, FACE_LINK, FAULT, NEUTRAL, Look, still
from robot_behavior.body.figure import face_picture, render
from robot_behavior.body.robot_model import RobotModel, Shape

HUMANOID = Path(__file__).parents[3] / "fer_bringup" / "urdf" / "humanoid.urdf"


@pytest.fixture(scope="module")
def model() -> RobotModel:
    return urdf.load(HUMANOID)


def changed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(a.astype(int) - b.astype(int)).max(axis=2) > 20


def test_it_fills_the_picture_without_leaving_it(model: RobotModel) -> None:
    picture = render(model, {})
    assert picture.shape == (480, 480, 3) and picture.dtype == np.uint8
    background = render(RobotModel("empty", "base", (), {}), {})
    rows, columns = np.nonzero(changed(picture, background))
    assert rows.max() - rows.min() > 300
    assert rows.min() > 10 and rows.max() < 470 and columns.min() > 50 and columns.max() < 430


def test_the_face_shines_blinks_and_is_on_the_head(model: RobotModel) -> None:
    red, blue, shut = (
        render(model, {}, face=Look(EXPRESSIONS[NEUTRAL], light))
        for light in ((1.0, 0.1, 0.1, 1.0), (0.3, 0.6, 0.9, 1.0), (1.0, 0.1, 0.1, 0.0))
    )
    lit = changed(red, blue)
    assert 100 < lit.sum() < 2000
    assert np.nonzero(lit)[0].max() < 200  # of the head, and nothing else
    assert red[lit].mean(axis=0).argmax() == 2 and blue[lit].mean(axis=0).argmax() == 0
    assert changed(red, shut)[lit].mean() > 0.4


def test_what_is_in_front_of_the_face_hides_it(model: RobotModel) -> None:
    away = {"head_yaw_joint": -1.2}
    one, other = (render(model, away, face=still(name)) for name in (FAULT, NEUTRAL))
    ahead = {"head_yaw_joint": 0.49}
    seen, unseen = (render(model, ahead, face=still(name)) for name in (FAULT, NEUTRAL))
    assert changed(one, other).sum() < 0.35 * changed(seen, unseen).sum()
    pose = np.eye(4)
    pose[0, 3] = 0.2
    wall = Shape("box", (0.01, 0.4, 0.4), pose, (1.0, 1.0, 1.0, 1.0))
    shapes = {**model.shapes, FACE_LINK: (*model.shapes[FACE_LINK], wall)}
    hidden, also = (
        render(replace(model, shapes=shapes), ahead, face=still(name)) for name in (FAULT, NEUTRAL)
    )
    assert not changed(hidden, also).any()


def test_a_face_alone_fills_a_picture_of_any_size() -> None:
    for size in ((140, 112), (1280, 720), (390, 844), (1, 1)):
        assert face_picture(still(NEUTRAL), size).shape == (size[1], size[0], 3)
    lit = np.nonzero(face_picture(still(NEUTRAL), (390, 844)).max(axis=2) > 60)
    assert lit[1].max() - lit[1].min() > 0.55 * 390


def test_raised_arms_are_seen_above_and_within_the_picture(model: RobotModel) -> None:
    arms = {f"{s}_shoulder_pitch_joint": 2.5 for s in ("left", "right")}
    difference = changed(render(model, {}), render(model, arms))
    rows = np.nonzero(difference)[0]
    assert difference.sum() > 2000
    assert 2 < rows.min() < 100


def test_the_robots_left_is_at_the_viewers_right(model: RobotModel) -> None:
    lifted = changed(render(model, {}), render(model, {"left_shoulder_roll_joint": 1.2}))
    assert np.nonzero(lifted)[1].mean() > 240


def test_the_face_is_dark_and_has_two_eyes(model: RobotModel) -> None:
    picture = render(model, {"head_yaw_joint": -0.49}, (480, 480))
    head = picture[40:150, 180:300].astype(int)
    dark = (head.max(axis=2) < 60).sum()
    eyes = (head[..., 0] - head[..., 2] > 60) & (head[..., 0] > 150)
    assert dark > 800 and eyes.sum() > 60


@pytest.mark.parametrize("size", [(64, 64), (200, 480), (481, 317), (1, 1)])
def test_any_size_serves(model: RobotModel, size: tuple[int, int]) -> None:
    assert render(model, {}, size).shape == (size[1], size[0], 3)

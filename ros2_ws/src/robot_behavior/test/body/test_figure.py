"""The drawn robot shows its pose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot_behavior.body import urdf
from robot_behavior.body.figure import render
from robot_behavior.body.robot_model import RobotModel

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


def test_the_eyes_shine_and_blink(model: RobotModel) -> None:
    red, blue, shut = (
        render(model, {}, eyes=light)
        for light in ((1.0, 0.1, 0.1, 1.0), (0.3, 0.6, 0.9, 1.0), (1.0, 0.1, 0.1, 0.0))
    )
    eyes = changed(red, blue)
    assert 20 < eyes.sum() < 2000
    assert np.nonzero(eyes)[0].max() < 200  # of the head, and nothing else
    assert red[eyes].mean(axis=0).argmax() == 2 and blue[eyes].mean(axis=0).argmax() == 0
    assert changed(red, shut)[eyes].mean() > 0.5


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

"""The focal length: from camera_info where it has one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from fer_common.camera import FOV_DEG, focal_px


@dataclass(frozen=True)
class Info:
    """As ``sensor_msgs/CameraInfo`` has it."""

    width: int = 640
    k: list[float] = field(default_factory=lambda: [500.0, 0.0, 320.0, 0.0, 500.0, 240.0, 0, 0, 1])


def test_an_unknown_camera_sees_as_wide_as_a_usual_webcam() -> None:
    angle = 2 * math.degrees(math.atan2(320, focal_px(640)))

    assert angle == pytest.approx(FOV_DEG)


def test_a_field_of_view_that_is_known_counts() -> None:
    assert focal_px(640, fov_deg=90.0) == pytest.approx(320.0)


def test_camera_info_counts_more_than_the_default() -> None:
    assert focal_px(640, Info(), fov_deg=90.0) == 500.0


def test_camera_info_of_another_size_is_scaled() -> None:
    assert focal_px(1280, Info()) == 1000.0


def test_camera_info_without_a_size_is_taken_as_it_is() -> None:
    assert focal_px(1280, Info(width=0)) == 500.0


@pytest.mark.parametrize("focal", [0.0, -1.0, math.nan, math.inf])
def test_a_camera_that_was_not_calibrated_is_unknown(focal: float) -> None:
    assert focal_px(640, Info(k=[focal, *[0.0] * 8])) == focal_px(640)

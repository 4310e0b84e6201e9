"""Pictures and videos for the tests of perception."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

PEOPLE = Path(__file__).parents[2] / "fer_bringup/fer_bringup/clip/people"


@pytest.fixture(scope="session")
def collins() -> np.ndarray:
    """Eileen Collins, smiling (NASA, public domain), BGR uint8 [480, 640, 3]."""
    picture = cv2.imread(str(PEOPLE / "collins.png"))
    return picture[:480, :512].copy() if picture.shape[1] < 640 else picture[:480, :640]


@pytest.fixture(scope="session")
def hopper() -> np.ndarray:
    """Grace Hopper (US Navy, public domain), BGR uint8 [H, W, 3]."""
    return cv2.imread(str(PEOPLE / "hopper.jpg"))


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Writes a video whose frames grow brighter: frame i has the grey level 8 i."""

    def make(frames: int, fps: float = 25, name: str = "video.mp4") -> Path:
        path = tmp_path / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, (64, 48))
        for index in range(frames):
            writer.write(np.full((48, 64, 3), 8 * index, np.uint8))
        writer.release()
        return path

    return make

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def fer2013(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small FER2013 whose classes can be told apart: a bright bar at a place of its own."""
    rng = np.random.default_rng(0)
    labels = np.arange(7 * 21) % 7
    images = rng.integers(0, 60, (len(labels), 48, 48)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[6 + 5 * label : 11 + 5 * label, 12:36] = 230
    usage = np.where(np.arange(len(labels)) < 7 * 18, 0, 1)
    path = tmp_path_factory.mktemp("data") / "fer2013.npz"
    np.savez(path, images=images, labels=labels.astype(np.uint8), usage=usage.astype(np.uint8))
    return path


def _write_picture(path: Path, level: int = 100, size: tuple[int, int] = (60, 60)) -> Path:
    """A grey picture of (width, height) ``size``; its level tells it apart from others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full(size[::-1], level, np.uint8))
    return path


@pytest.fixture(scope="session")
def write_picture() -> Callable[..., Path]:
    """Writes a picture file: (path, grey level, (width, height))."""
    return _write_picture

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest


def _bars(path: Path, each: int) -> Path:
    """A FER2013 whose classes can be told apart: a bright bar at a place of its own.

    There are ``each`` training images of a class, and three to validate.
    """
    rng = np.random.default_rng(0)
    labels = np.arange(7 * (each + 3)) % 7
    images = rng.integers(0, 60, (len(labels), 48, 48)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[6 + 5 * label : 11 + 5 * label, 12:36] = 230
    usage = np.where(np.arange(len(labels)) < 7 * each, 0, 1)
    np.savez(path, images=images, labels=labels.astype(np.uint8), usage=usage.astype(np.uint8))
    return path


@pytest.fixture(scope="session")
def fer2013(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small FER2013, of which something can be learned."""
    return _bars(tmp_path_factory.mktemp("data") / "fer2013.npz", 18)


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny FER2013, for what is not about how well something is learned."""
    return _bars(tmp_path_factory.mktemp("data") / "few.npz", 6)


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for bundles that count as shipped with the robot.

    Others are tried in a process of its own before they are opened, see `test_bundle.py`.
    """
    place = tmp_path_factory.mktemp("prefix")
    folder = place / "share" / "fer_models"
    folder.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AMENT_PREFIX_PATH", str(place), prepend=os.pathsep)
        yield folder


def _write_picture(path: Path, level: int = 100, size: tuple[int, int] = (60, 60)) -> Path:
    """A grey picture of (width, height) ``size``; its level tells it apart from others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full(size[::-1], level, np.uint8))
    return path


@pytest.fixture(scope="session")
def write_picture() -> Callable[..., Path]:
    """Writes a picture file: (path, grey level, (width, height))."""
    return _write_picture

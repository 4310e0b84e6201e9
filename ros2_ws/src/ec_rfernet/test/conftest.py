from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def fer2013(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small FER2013 whose classes can be told apart: a bright bar at a place of its own."""
    rng = np.random.default_rng(0)
    labels = np.arange(7 * 24) % 7
    images = rng.integers(0, 60, (len(labels), 48, 48)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[6 + 5 * label : 11 + 5 * label, 12:36] = 230
    usage = np.where(np.arange(len(labels)) < 7 * 18, 0, 1)
    path = tmp_path_factory.mktemp("data") / "fer2013.npz"
    np.savez(path, images=images, labels=labels.astype(np.uint8), usage=usage.astype(np.uint8))
    return path

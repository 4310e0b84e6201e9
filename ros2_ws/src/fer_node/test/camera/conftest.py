"""Where the sources of frames live in tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_node.camera.source import Source
from fer_node.testing.fakes import SimulatedTime


@pytest.fixture
def time() -> SimulatedTime:
    return SimulatedTime()


@pytest.fixture
def levels():
    """Tells which frame of `make_video` each frame of a source is."""

    def found(source: Source, number: int = 10**6) -> list[int]:
        frames: list[int] = []
        while len(frames) < number and (frame := source.read()) is not None:
            frames.append(round(frame.mean() / 8))
        return frames

    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, one broken picture and a text."""
    for index, name in enumerate(("b.PNG", "a.png", "d.jpg")):
        path = tmp_path / name
        cv2.imwrite(str(path), np.full((20 + index, 30, 3), (8, 0, 24)[index], np.uint8))
    (tmp_path / "c.png").write_bytes(b"rubbish")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path

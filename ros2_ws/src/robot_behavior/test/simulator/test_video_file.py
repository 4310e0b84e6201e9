"""Videos that appear when they are complete."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import cv2
import numpy as np
import pytest

from ec_rfernet.errors import InputError
from robot_behavior.simulator.film import VideoFile

FRAME = np.full((48, 64, 3), 99, np.uint8)


def test_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "demo.mp4"
    video = VideoFile(path, 20, (64, 48))
    for _ in range(5):
        video.write(FRAME)
    assert not path.exists()
    video.complete()
    assert list(path.parent.iterdir()) == [path]
    reader = cv2.VideoCapture(str(path))
    assert [reader.read()[0] for _ in range(6)] == [True] * 5 + [False]


def test_leaves_nothing_when_discarded(tmp_path: Path) -> None:
    video = VideoFile(tmp_path / "demo.mp4", 20, (64, 48))
    video.write(FRAME)
    video.discard()
    assert list(tmp_path.iterdir()) == []


def test_keeps_a_complete_file_when_discarded_late(tmp_path: Path) -> None:
    video = VideoFile(tmp_path / "demo.mp4", 20, (64, 48))
    video.write(FRAME)
    video.complete()
    video.discard()
    assert (tmp_path / "demo.mp4").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/demo\.mp4: cannot be written"):
        VideoFile(tmp_path / "file" / "demo.mp4", 20, (64, 48))


@pytest.fixture(params=["no name", "a draft folder"])
def filesystem(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With files without a name, and one that knows none."""
    original = os.open

    def without(path: str, flags: int, *mode: int, **options: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported", str(path))
        return original(path, flags, *mode, **options)

    if request.param != "no name":
        monkeypatch.setattr(os, "open", without)
    return str(request.param)


@pytest.mark.parametrize("private", [False, True])
def test_on_every_file_system(tmp_path: Path, filesystem: str, private: bool) -> None:
    path = tmp_path / "demo.mp4"
    path.write_text("an old one")
    video = VideoFile(path, 20, (64, 48), private)
    video.write(FRAME)
    assert path.read_text() == "an old one"
    assert len(list(tmp_path.iterdir())) == 1 + (filesystem != "no name")
    video.complete()
    assert list(tmp_path.iterdir()) == [path]
    assert cv2.VideoCapture(str(path)).read()[0]
    assert path.stat().st_mode & 0o077 == 0 or not private


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path, filesystem: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    video = VideoFile(tmp_path / "demo.mp4", 20, (64, 48))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    try:
        for _ in range(60):
            video.write(noise)
        with pytest.raises(InputError, match=r"demo\.mp4: cannot be written \(the disk is full"):
            video.complete()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_video_without_frames_leaves_nothing(tmp_path: Path) -> None:
    VideoFile(tmp_path / "demo.mp4", 20, (64, 48)).complete()
    assert list(tmp_path.iterdir()) == []

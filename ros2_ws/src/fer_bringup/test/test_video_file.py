from pathlib import Path

import cv2
import numpy as np
import pytest

from ec_rfernet.errors import InputError
from fer_bringup.film import VideoFile

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

"""Videos that appear when they are complete."""

from __future__ import annotations

import errno
import os
import resource
import struct
import sys
import wave
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from ec_rfernet.errors import InputError
from ec_rfernet.video_file import VideoFile

FRAME = np.full((48, 64, 3), 99, np.uint8)


def frames(path: Path) -> list[np.ndarray]:
    reader, found = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), []
    while (read := reader.read())[0]:
        found.append(read[1])
    return found


def boxes(data: bytes) -> list[bytes]:
    """Names of the boxes of an MP4, in their order."""
    found, at = [], 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        found.append(name)
        at += size
    return found


def test_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "demo.mp4"
    video = VideoFile(path, 20, (64, 48))
    for _ in range(5):
        video.write(FRAME)
    assert not path.exists()
    video.complete()
    assert list(path.parent.iterdir()) == [path]
    assert len(frames(path)) == 5
    assert abs(frames(path)[2].astype(int) - 99).max() < 4


def test_it_begins_to_play_before_all_of_it_is_there(tmp_path: Path) -> None:
    video = VideoFile(tmp_path / "demo.mp4", 20, (64, 48))
    for _ in range(50):
        video.write(FRAME)
    video.complete()
    data = (tmp_path / "demo.mp4").read_bytes()
    assert boxes(data).index(b"moov") < boxes(data).index(b"mdat")
    assert b"avc1" in data and b"mp4v" not in data and b"moof" not in data


def test_until_it_is_complete_its_fragments_play(tmp_path: Path) -> None:
    video = VideoFile(tmp_path / "demo.mp4", 10, (64, 48), private=True)
    for number in range(100):  # ten seconds
        video.write(np.full((48, 64, 3), 2 * number, np.uint8))
    assert video.partial == tmp_path / "demo.partial.mp4"
    left = tmp_path / "left.mp4"  # as who is killed now leaves it
    left.write_bytes(video.partial.read_bytes())
    assert len(frames(left)) > 40
    assert video.partial.stat().st_mode & 0o077 == 0
    video.discard()
    assert list(tmp_path.iterdir()) == [left]


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (63, 47)])
def test_an_odd_size_has_one_more_line(tmp_path: Path, size: tuple[int, int]) -> None:
    video = VideoFile(tmp_path / "demo.mp4", 20, size)
    video.write(np.full((size[1], size[0], 3), 99, np.uint8))
    video.complete()
    (frame,) = frames(tmp_path / "demo.mp4")
    assert frame.shape == (48, 64, 3)
    assert abs(frame.astype(int) - 99).max() < 4


def test_a_wav_file_is_heard(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 22050, 0, "NONE", ""))
        sound.writeframes((10000 * np.sin(np.arange(22050) / 8)).astype("<i2").tobytes())
    video = VideoFile(tmp_path / "demo.mp4", 20, (64, 48))
    for _ in range(40):
        video.write(FRAME)
    video.complete(tmp_path / "a.wav")
    with av.open(str(tmp_path / "demo.mp4")) as made:
        (track,) = made.streams.audio
        assert track.codec_context.name == "aac"
        heard = np.concatenate([f.to_ndarray().ravel() for f in made.decode(track)])
    assert len(heard) == pytest.approx(22050, abs=2048)
    assert np.abs(heard).max() == pytest.approx(10000 / 32768, rel=0.2)


def test_a_wav_file_without_sound_makes_no_track(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 22050, 0, "NONE", ""))
    video = VideoFile(tmp_path / "demo.mp4", 20, (64, 48))
    video.write(FRAME)
    video.complete(tmp_path / "a.wav")
    assert b"mp4a" not in (tmp_path / "demo.mp4").read_bytes()


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


def test_without_pyav_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"PyAV, which is not installed; VIDEO=1 scripts/setup"):
        VideoFile(tmp_path / "demo.mp4", 20, (64, 48))
    assert list(tmp_path.iterdir()) == []


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
    assert set(tmp_path.iterdir()) == {path, video.partial}
    video.complete()
    assert list(tmp_path.iterdir()) == [path]
    assert len(frames(path)) == 1
    assert path.stat().st_mode & 0o077 == 0 or not private


def test_of_a_full_disk_the_beginning_is_left(tmp_path: Path, filesystem: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    video = VideoFile(tmp_path / "demo.mp4", 20, (64, 48))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
    try:
        for number in range(400):
            video.write(np.roll(noise, 7 * number, 1))
        with pytest.raises(InputError, match=r"demo\.mp4: cannot be written \(File too large"):
            video.complete()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == [video.partial]
    assert len(frames(video.partial)) > 10
    video.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_video_without_frames_leaves_nothing(tmp_path: Path) -> None:
    VideoFile(tmp_path / "demo.mp4", 20, (64, 48)).complete()
    assert list(tmp_path.iterdir()) == []

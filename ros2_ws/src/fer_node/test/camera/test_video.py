from __future__ import annotations

import os
import struct
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from ec_rfernet.errors import InputError
from fer_node.camera.source import FrameSettings
from fer_node.camera.video import Video
from fer_node.testing.fakes import SimulatedTime


def test_a_video_plays_at_its_own_rate_and_ends(make_video, time, levels):
    video = Video(make_video(20, fps=10), FrameSettings(loop=False), time.tools())
    assert video.rate == 10
    assert levels(video) == list(range(20))
    assert time.now - 1000 == pytest.approx(2.0), "20 frames at 10 frames per second"


def test_a_slow_machine_leaves_frames_out_instead_of_falling_behind(make_video, time, levels):
    video = Video(make_video(20, fps=10), FrameSettings(loop=False), time.tools())
    shown = levels(video, 3)
    time.now += 0.73
    shown += levels(video)
    assert shown[:3] == [0, 1, 2]
    assert shown[-1] == 19 and len(shown) < 16
    assert time.now - 1000 == pytest.approx(2.0), "no drift"


def test_a_looping_video_begins_again(make_video, time, levels):
    video = Video(make_video(3), FrameSettings(loop=True), time.tools())
    assert levels(video, 8) == [0, 1, 2, 0, 1, 2, 0, 1]
    video.close()


def test_a_video_stops_when_asked(make_video, levels):
    time = SimulatedTime(stop_after=0.5)
    video = Video(make_video(25, fps=10), FrameSettings(loop=True), time.tools())
    assert len(levels(video)) == 5


@pytest.mark.parametrize("content", [b"", b"rubbish" * 1000], ids=["empty", "rubbish"])
def test_a_file_that_is_no_video(tmp_path, time, content):
    path = tmp_path / "movie.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"movie\.mp4' is not a readable video"):
        Video(path, FrameSettings(), time.tools())


# What phones and browsers record: MP4 files, changed as they would have written them.


def box(data: bytes, *names: bytes) -> tuple[int, int]:
    """Where the content of a box begins and ends."""
    start, end = 0, len(data)
    for name in names:
        while data[start + 4 : start + 8] != name:
            start += struct.unpack(">I", data[start : start + 4])[0]
        end = start + struct.unpack(">I", data[start : start + 4])[0]
        start += 8
    return start, end


TRACK = (b"moov", b"trak")
TIMES = (*TRACK, b"mdia", b"minf", b"stbl", b"stts")


def with_matrix(path: Path, *matrix: int) -> Path:
    """The video with the two columns of rotation that a phone writes."""
    data = bytearray(path.read_bytes())
    start, _ = box(data, *TRACK, b"tkhd")
    for row, pair in enumerate((matrix[:2], matrix[2:])):
        struct.pack_into(">ii", data, start + 40 + 12 * row, *(65536 * each for each in pair))
    path.write_bytes(data)
    return path


def with_durations(path: Path, seconds: list[float]) -> Path:
    """The video with a duration of its own for every frame."""
    data = bytearray(path.read_bytes().replace(b"edts", b"free"))  # it has the length of before
    scale_at, _ = box(data, *TRACK, b"mdia", b"mdhd")
    (scale,) = struct.unpack_from(">I", data, scale_at + 12)
    start, end = box(data, *TIMES)
    rows = b"".join(struct.pack(">II", 1, round(each * scale)) for each in seconds)
    content = bytes(4) + struct.pack(">I", len(seconds)) + rows
    for depth in range(1, len(TIMES) + 1):
        at = box(data, *TIMES[:depth])[0] - 8
        (size,) = struct.unpack_from(">I", data, at)
        struct.pack_into(">I", data, at, size + len(content) - (end - start))
    path.write_bytes(data[:start] + content + data[end:])
    return path


@pytest.fixture
def corner(tmp_path):
    """A video of 64x48 whose upper left corner is white."""
    path = tmp_path / "corner.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:16, :16] = 255
    for _ in range(4):
        writer.write(frame)
    writer.release()
    return path


@pytest.mark.parametrize(
    ("matrix", "size", "where"),
    [
        ((1, 0, 0, 1), (48, 64), (0, 0)),
        ((0, 1, -1, 0), (64, 48), (0, -1)),
        ((-1, 0, 0, -1), (48, 64), (-1, -1)),
        ((0, -1, 1, 0), (64, 48), (-1, 0)),
    ],
    ids=["upright", "a quarter", "half", "three quarters"],
)
@pytest.mark.parametrize("looped", [False, True])
def test_a_video_of_a_phone_is_upright(corner, time, matrix, size, where, looped):
    video = Video(with_matrix(corner, *matrix), FrameSettings(loop=True), time.tools())
    frames = [video.read() for _ in range(6 if looped else 1)]
    assert frames[-1].shape[:2] == size
    assert frames[-1][where].min() > 128
    assert frames[-1][-1 - where[0], -1 - where[1]].max() < 128


@pytest.mark.parametrize(
    ("matrix", "size", "where"),
    [
        ((-1, 0, 0, 1), (48, 64), (0, -1)),
        ((1, 0, 0, -1), (48, 64), (-1, 0)),
        ((0, 1, 1, 0), (64, 48), (0, 0)),
        ((0, -1, -1, 0), (64, 48), (-1, -1)),
    ],
    ids=["left and right", "top and bottom", "a quarter", "three quarters"],
)
@pytest.mark.parametrize("looped", [False, True])
def test_a_mirrored_video_of_a_phone_is_as_its_file_says(corner, time, matrix, size, where, looped):
    test_a_video_of_a_phone_is_upright(corner, time, matrix, size, where, looped)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_head_of_a_mirrored_video_is_one_sentence(make_mirrored, data):
    broken = bytearray(make_mirrored.read_bytes())
    start, end = box(broken, b"moov")
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(start - 8, end - 1))] = data.draw(st.integers(0, 255))
    path = make_mirrored.with_name("broken.mp4")
    path.write_bytes(broken[: data.draw(st.integers(8, len(broken)))])
    with suppress(InputError):
        Video(path, FrameSettings(), SimulatedTime().tools()).close()


@pytest.fixture(scope="module")
def make_mirrored(tmp_path_factory):
    path = tmp_path_factory.mktemp("mirrored") / "movie.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    return with_matrix(path, -1, 0, 0, 1)


def test_a_large_video_is_shown_as_large_as_the_robot_needs(tmp_path, time):
    path = tmp_path / "large.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (3840, 2160))
    for _ in range(2):
        writer.write(np.full((2160, 3840, 3), 80, np.uint8))
    writer.release()
    told: list[str] = []
    video = Video(path, FrameSettings(), replace(time.tools(), tell=told.append))
    assert video.read().shape == video.read().shape == (1086, 1932, 3)
    assert len(told) == 1 and "3840x2160 pixels are shown as 1932x1086" in told[0]


def test_frames_are_shown_at_their_own_times(make_video, time, levels):
    durations = [0.1] * 5 + [1.0] * 3 + [0.05] * 4
    video = Video(with_durations(make_video(12, fps=10), durations), FrameSettings(), time.tools())
    shown = []
    while (frame := video.read()) is not None:
        shown.append((round(frame.mean() / 8), time.now - 1000))
    assert [level for level, _ in shown] == list(range(12))
    times = [sum(durations[:number]) for number in range(12)]
    assert [when for _, when in shown] == pytest.approx(times, abs=0.002)


def test_late_frames_of_an_uneven_video_are_left_out(make_video, time, levels):
    durations = [0.1] * 6 + [2.0] + [0.1] * 5
    video = Video(with_durations(make_video(12, fps=10), durations), FrameSettings(), time.tools())
    assert levels(video, 1) == [0]
    time.now += 1.5  # the long one has been due for a while, and still is
    assert levels(video) == [6, 7, 8, 9, 10, 11]


def test_an_uneven_video_loops_without_a_gap(make_video, time, levels):
    path = with_durations(make_video(3, fps=10), [0.1, 1.0, 0.1])
    video = Video(path, FrameSettings(loop=True), time.tools())
    assert levels(video, 6) == [0, 1, 2, 0, 1, 2]
    assert 2.2 < time.now - 1000 < 2.8


def test_a_name_that_is_no_text_is_played(make_video, tmp_path, time, levels):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    make_video(5, fps=10).rename(path)
    video = Video(path, FrameSettings(loop=True), time.tools())
    assert levels(video, 8) == [0, 1, 2, 3, 4, 0, 1, 2]


def test_the_message_says_what_a_file_is(tmp_path, time):
    path = tmp_path / "movie.mp4"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500))
    with pytest.raises(InputError, match=r"movie\.mp4' is not a readable video but HEIC"):
        Video(path, FrameSettings(), time.tools())


def test_a_codec_that_is_not_known_is_named(tmp_path, time):
    path = tmp_path / "movie.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    path.write_bytes(path.read_bytes().replace(b"MJPG", b"zzzz"))
    with pytest.raises(InputError, match=r"is a damaged AVI video, or OpenCV .* its codec"):
        Video(path, FrameSettings(), time.tools())


def test_what_is_no_file_is_not_waited_for(tmp_path, time):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InputError, match="is not a file but a device or a pipe"):
        Video(tmp_path / "pipe.mp4", FrameSettings(), time.tools())


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AV1")
def test_a_video_of_a_phones_codec_av1_is_played_or_named(tmp_path, time, levels):
    path = tmp_path / "movie.mp4"
    grey = [Image.fromarray(np.full((48, 64, 3), 8 * i, np.uint8)) for i in range(5)]
    grey[0].save(path, "AVIF", save_all=True, append_images=grey[1:], duration=100)
    try:
        assert levels(Video(path, FrameSettings(), time.tools()), 1) == [0]
    except InputError as error:
        assert "cannot decode its codec" in str(error)

from __future__ import annotations

import pytest

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

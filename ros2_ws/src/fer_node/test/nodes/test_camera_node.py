from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from itertools import pairwise

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image

from fer_common.qos import NEWEST, STREAM
from fer_common.reason import Level
from fer_common.runner import StartError
from fer_common.testing import DiagnosticsListener, FakeClock, spin_until, spinning
from fer_node.camera.source import FrameSettings
from fer_node.nodes.camera_node import CameraHealth, CameraLimits, CameraNode
from fer_node.nodes.messages import to_bgr


def camera(**values):
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return lambda: CameraNode(parameter_overrides=overrides)


def viewer():
    return Node("viewer")


def test_frames_and_camera_info_come_in_the_order_of_the_video(make_video):
    """At which rate is told by the tests of `Video`, whose clock is theirs."""
    path = make_video(30, fps=20)
    with spinning(viewer, camera(camera=str(path), loop=True)) as (executor, (node, _)):
        images, infos = [], []
        node.create_subscription(Image, "image_raw", images.append, STREAM)
        node.create_subscription(CameraInfo, "camera_info", infos.append, STREAM)
        assert spin_until(executor, lambda: len(images) >= 25 and len(infos) >= 5)
    stamps = [(m.header.stamp.sec, m.header.stamp.nanosec) for m in images]
    assert stamps == sorted(set(stamps))
    levels = [round(to_bgr(message).mean() / 8) for message in images]
    back = [after for before, after in pairwise(levels) if after <= before]
    assert len(back) < len(levels) / 2  # it begins again only where it has ended
    message = images[-1]
    assert message.header.frame_id == infos[-1].header.frame_id == "camera_optical_frame"
    assert to_bgr(message).shape == (48, 64, 3)
    assert (infos[-1].width, infos[-1].height) == (64, 48)


def test_a_best_effort_subscriber_is_served_too(make_video):
    path = make_video(5)
    with spinning(viewer, camera(camera=str(path), loop=True)) as (executor, (node, _)):
        images: list[Image] = []
        node.create_subscription(Image, "image_raw", images.append, NEWEST)
        assert spin_until(executor, lambda: images)


def test_a_video_that_does_not_loop_ends(make_video):
    path = make_video(3)
    with spinning(camera(camera=str(path))) as (executor, (node,)):
        assert spin_until(executor, node.has_ended)
    with spinning(viewer, camera(camera=str(path), loop=True)) as (executor, (person, node)):
        images: list[Image] = []
        person.create_subscription(Image, "image_raw", images.append, STREAM)
        assert spin_until(executor, lambda: len(images) > 9)  # three times what it has
        assert not node.has_ended()


def test_a_missing_file_is_a_start_error():
    with (
        pytest.raises(StartError, match="'/no/such.mp4' does not exist"),
        spinning(camera(camera="/no/such.mp4")),
    ):
        pass


def test_a_truncated_video_is_named(make_video, tmp_path):
    half = tmp_path / "half.mp4"
    content = make_video(30).read_bytes()
    half.write_bytes(content[: len(content) // 2])
    with (
        pytest.raises(StartError, match=f"'{half}' is a damaged MP4 or QuickTime video"),
        spinning(camera(camera=str(half))),
    ):
        pass


def process(*parameters: str) -> subprocess.Popen[str]:
    arguments = [part for parameter in parameters for part in ("-p", parameter)]
    program = (
        "import sys; from fer_node.nodes.executables import camera_node; sys.exit(camera_node())"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, "--ros-args", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


@pytest.mark.parametrize(
    ("camera", "complaint"),
    [
        ("97", "camera /dev/video97 does not answer: is it plugged in, and used by nobody else?"),
        ("RUBBISH", "' is not a readable video"),
    ],
)
def test_the_user_gets_one_line_and_exit_code_2(tmp_path, camera, complaint):
    rubbish = tmp_path / "rubbish.mp4"
    rubbish.write_bytes(b"rubbish" * 1000)
    child = process(f"camera:={str(rubbish) if camera == 'RUBBISH' else camera}")
    _, errors = child.communicate(timeout=120)
    assert child.returncode == 2
    assert errors.rstrip().endswith(complaint) and errors.count("\n") == 1


def test_ctrl_c_ends_it_cleanly(make_video):
    child = process(f"camera:={make_video(5)}", "loop:=true")
    assert child.stderr is not None
    assert "showing video" in child.stderr.readline()
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=120)
    assert (child.returncode, errors) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_it_is_not_taken_for_the_end_of_the_video(make_video, number):
    child = process(f"camera:={make_video(5)}", "loop:=true")
    assert child.stderr is not None
    assert "showing video" in child.stderr.readline()
    child.send_signal(number)
    _, errors = child.communicate(timeout=120)
    assert (child.returncode, errors) == (128 + number, "")


def test_a_misspelt_parameter_is_told_with_the_nearest(make_video):
    child = process(f"camera:={make_video(5)}", "lopo:=true")
    _, errors = child.communicate(timeout=120)
    assert child.returncode == 2
    assert errors.rstrip().endswith("camera_node has no parameter 'lopo'; did you mean 'loop'?")


# What the camera says of itself.

CAMERA = "/camera_node"


def watched(clock: FakeClock) -> CameraHealth:
    health = CameraHealth(FrameSettings(), CameraLimits(), clock)
    health.device = "webcam /dev/video0"
    return health


def test_a_camera_that_is_unplugged_and_comes_back() -> None:
    clock = FakeClock()
    health = watched(clock)
    for _ in range(120):
        clock.now += 1 / 30
        assert health.read(320, 240, 0.002) < 0.1
    told = health.report(ended=False)
    assert (told.level, told.hardware) == (Level.OK, "webcam /dev/video0")
    assert told.values["size, got"] == "320x240"
    assert told.values["frames read"] == 120
    health.failed("camera /dev/video0 is gone, waiting for it to come back")
    clock.now += 2
    told = health.report(ended=False)
    assert told.level == Level.WARN
    clock.now += 2
    told = health.report(ended=False)
    assert told.level == Level.ERROR
    assert told.message == (
        "no frame for 4 s: camera /dev/video0 is gone, waiting for it to come back"
    )
    clock.now += 60
    assert health.read(320, 240, 0.002) == pytest.approx(64)
    assert "no frame" not in health.report(ended=False).message


def test_a_dark_camera_and_a_silent_one() -> None:
    clock = FakeClock()
    health = watched(clock)
    clock.now += 5
    text = "no frame for 5 s: webcam /dev/video0 does not answer"
    assert health.report(ended=False).message == text
    for _ in range(100):
        clock.now += 0.2
        health.read(640, 480, 0.002)
    told = health.report(ended=False)
    assert told.level == Level.WARN
    assert told.message == "only 5.0 frames/s, expected at least 10: is it dark?"
    assert health.report(ended=True).message == "no more frames come"


def test_a_slow_camera_is_a_warning(make_video) -> None:
    with spinning(DiagnosticsListener, camera(camera=str(make_video(20, fps=4)), loop=True)) as (
        executor,
        (physician, _),
    ):
        text = "frames/s, expected at least 10: is it dark?"
        assert spin_until(executor, lambda: physician.message(CAMERA).endswith(text))
        values = physician.values(CAMERA)
        assert values["size, got"] == "64x48"
        assert 0 < float(values["rate [1/s]"]) < 5.5
        assert physician.statuses[CAMERA].hardware_id == values["camera"]


def test_the_end_of_a_video_is_a_warning(make_video) -> None:
    with spinning(DiagnosticsListener, camera(camera=str(make_video(3)))) as (
        executor,
        nodes,
    ):
        physician, _ = nodes
        assert spin_until(executor, lambda: physician.message(CAMERA) == "no more frames come")
        values = physician.values(CAMERA)
        assert values["state"] == "ended"
        assert 1 <= int(values["frames read"]) <= 3  # a busy machine leaves frames out
        assert math.isfinite(float(values["age of the newest frame [s]"]))

"""What the camera and the perception say of themselves."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from fer_interfaces.msg import EmotionArray
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image

from fer_common.diagnostics import Level, Limits, Summary, warn
from fer_common.qos import EVENTS, LATCHED, STREAM
from fer_common.runner import start
from fer_common.testing import Physician, spin_until, spinning
from fer_node.nodes.camera_node import CameraHealth, CameraNode, Wish
from fer_node.nodes.fer_node import FerNode
from fer_node.nodes.health import COMPRESSED, RAW, Health, remedies, report
from fer_node.testing.fakes import FAKE_BUNDLE, FakeClassifier, FakeDetector, surely
from fer_node.testing.mock_person import PicturedPerson

NODE, CAMERA = "/fer_node", "/camera_node"
GOOD = Summary(count=300, rate=30.0, median_s=0.02, p99_s=0.05, age_s=0.01, span_s=10.0)
WELL = Health(
    state="active",
    enabled=True,
    model="fake",
    model_hash="0123456789ab",
    runtime="fake fp32",
    topic="/image",
    size="640x480",
    arrivals=GOOD,
    summary=GOOD,
    stages=[],
    dropped_busy=1,
    dropped_old=2,
    undecodable=3,
    faces=4,
    complaint="",
    wiring=[],
    readers=[],
    error="",
    mishaps={"errors": 0, "last error": "none"},
)


@pytest.mark.parametrize(
    ("changes", "level", "message"),
    [
        ({}, Level.OK, "30.0 images/s, 4 faces"),
        ({"enabled": False}, Level.OK, "disabled: not looking"),
        ({"state": "inactive", "wiring": [warn("x")]}, Level.WARN, "inactive"),
        ({"error": "broken"}, Level.ERROR, "broken"),
        ({"error": "no model", "state": "unconfigured"}, Level.ERROR, "no model; unconfigured"),
        ({"complaint": "images have no stamp"}, Level.WARN, "images have no stamp"),
        (
            {"arrivals": replace(GOOD, rate=4.0), "summary": replace(GOOD, rate=4.0)},
            Level.WARN,
            "only 4.0 images/s, expected at least 10: is the camera slow, or in the dark?",
        ),
        (
            {"summary": replace(GOOD, rate=4.0)},
            Level.WARN,
            "only 4.0 processed images/s, expected at least 10: "
            "30.0 images/s come, is the machine busy?",
        ),
        (
            {"summary": replace(GOOD, median_s=0.4)},
            Level.WARN,
            "expressions are known 400 ms after the image, expected at most 250",
        ),
        (
            {"wiring": [warn("no images")], "arrivals": replace(GOOD, rate=0.0)},
            Level.WARN,
            "no images",
        ),
        ({"arrivals": replace(GOOD, rate=1.0, span_s=0.5)}, Level.OK, "30.0 images/s, 4 faces"),
    ],
)
def test_the_verdict_on_the_perception(changes: dict, level: Level, message: str) -> None:
    told = report(replace(WELL, **changes), Limits(10.0), Limits(0.25))
    assert (told.level, told.message) == (level, message)


@pytest.mark.parametrize(
    ("transport", "kind", "topic", "remedy"),
    [
        ("raw", RAW, "/other", "remap with image_topic:=/other"),
        ("raw", COMPRESSED, "/image/compressed", "set image_transport to compressed"),
        (
            "raw",
            COMPRESSED,
            "/other/compressed",
            "set image_transport to compressed and remap with image_topic:=/other",
        ),
        (
            "raw",
            COMPRESSED,
            "/image",
            "set image_transport to compressed and remap /image/compressed:=/image",
        ),
        ("compressed", RAW, "/image", "set image_transport to raw"),
        ("compressed", COMPRESSED, "/other/compressed", "remap with image_topic:=/other"),
        ("compressed", COMPRESSED, "/video", "remap /image/compressed:=/video"),
    ],
)
def test_remedies_for_images_that_come_elsewhere(
    transport: str, kind: str, topic: str, remedy: str
) -> None:
    assert remedies("/image", transport)[kind](topic) == remedy


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def watched(clock: Clock) -> CameraHealth:
    health = CameraHealth(Wish("640x480", 30.0), Limits(10.0), Limits(1.0, 3.0), clock)
    health.device = "webcam /dev/video0"
    return health


def test_a_camera_that_is_unplugged_and_comes_back() -> None:
    clock = Clock()
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
    clock = Clock()
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


# Over DDS


def fer(**values):
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return lambda: FerNode(
        bundle=lambda model: FAKE_BUNDLE,
        detector=lambda score: FakeDetector(lambda image: []),
        classifier=lambda *choice: FakeClassifier(surely("happy")),
        parameter_overrides=overrides,
    )


def driver():
    return Node("driver")


def test_images_on_another_topic_are_found() -> None:
    with spinning(Physician, driver, fer(warn_silence_s=0.5)) as (executor, (person, other, node)):
        other.create_publisher(Image, "camera/color/image_raw", STREAM)
        start(node)
        text = (
            "images come on /camera/color/image_raw: "
            "remap with image_topic:=/camera/color/image_raw"
        )
        assert spin_until(executor, lambda: person.message(NODE).endswith(text))


def test_compressed_images_are_found() -> None:
    with spinning(Physician, driver, fer(warn_silence_s=0.5)) as (executor, (person, other, node)):
        other.create_publisher(CompressedImage, "image/compressed", STREAM)
        start(node)
        assert spin_until(
            executor, lambda: person.message(NODE).endswith("set image_transport to compressed")
        )


def test_silence_becomes_an_error_and_ends_with_the_next_image() -> None:
    limits = {"warn_silence_s": 0.5, "error_silence_s": 3.0}
    pixels = np.zeros((48, 64, 3), np.uint8)
    with spinning(Physician, lambda: PicturedPerson(pixels), fer(**limits)) as (executor, nodes):
        physician, person, node = nodes
        image, person.message = person.message, None
        start(node)
        text = "though /person publishes there: is the camera running?"
        assert spin_until(executor, lambda: physician.message(NODE).endswith(text))
        assert physician.level(NODE) == Level.WARN
        assert spin_until(executor, lambda: physician.level(NODE) == Level.ERROR)
        person.message = image
        assert spin_until(executor, lambda: "images/s, 0 faces" in physician.message(NODE))
        values = physician.values(NODE)
        assert values["image size"] == "64x48"
        assert float(values["age of the newest image [s]"]) < 5


def test_two_cameras_on_one_topic_are_named() -> None:
    with spinning(Physician, driver, lambda: Node("second"), fer()) as (executor, nodes):
        physician, *drivers, node = nodes
        for camera in drivers:
            camera.create_publisher(Image, "image", EVENTS)
        start(node)
        assert spin_until(executor, lambda: "two nodes publish /image" in physician.message(NODE))


def test_a_slow_camera_is_a_warning(make_video) -> None:
    overrides = [
        Parameter("camera", value=str(make_video(20, fps=4))),
        Parameter("loop", value=True),
    ]
    camera = lambda: CameraNode(parameter_overrides=overrides)  # noqa: E731
    with spinning(Physician, camera) as (executor, (physician, _)):
        text = "frames/s, expected at least 10: is it dark?"
        assert spin_until(executor, lambda: physician.message(CAMERA).endswith(text))
        values = physician.values(CAMERA)
        assert values["size, got"] == "64x48"
        assert float(values["rate [1/s]"]) == pytest.approx(4, abs=1.5)
        assert physician.statuses[CAMERA].hardware_id == values["camera"]


def test_the_end_of_a_video_is_a_warning(make_video) -> None:
    overrides = [Parameter("camera", value=str(make_video(3)))]
    with spinning(Physician, lambda: CameraNode(parameter_overrides=overrides)) as (
        executor,
        nodes,
    ):
        physician, _ = nodes
        assert spin_until(executor, lambda: physician.message(CAMERA) == "no more frames come")
        values = physician.values(CAMERA)
        assert values["state"] == "ended"
        assert 1 <= int(values["frames read"]) <= 3  # a busy machine leaves frames out
        assert math.isfinite(float(values["age of the newest frame [s]"]))


def test_who_cannot_hear_the_emotions_is_named() -> None:
    with spinning(Physician, driver, fer()) as (executor, (physician, tool, node)):
        start(node)
        tool.create_subscription(EmotionArray, "emotions", print, LATCHED)
        text = "/driver subscribes to /emotions and hears nothing; incompatible QoS"
        assert spin_until(executor, lambda: text in physician.message(NODE))

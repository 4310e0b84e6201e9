"""What the perception says of itself."""

from __future__ import annotations

import numpy as np
import pytest
from fer_interfaces.msg import EmotionArray
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image

from fer_common.diagnostics import Report, warn
from fer_common.qos import EVENTS, LATCHED, STREAM
from fer_common.reason import Level
from fer_common.runner import start
from fer_common.testing import DiagnosticsListener, FakeClock, spin_until, spinning
from fer_node.nodes.fer_node import (
    COMPRESSED,
    RAW,
    FerNode,
    PerceptionHealth,
    PerceptionLimits,
    remedies,
)
from fer_node.testing.fakes import FAKE_BUNDLE, FakeClassifier, FakeDetector, surely
from fer_node.testing.mock_person import PicturedPerson

NODE = "/fer_node"


def told(
    arrivals: float = 30.0,
    processed: float = 30.0,
    latency_s: float = 0.02,
    seconds: float = 20.0,
    mishap: str | None = None,
    wiring: tuple = (),
    **changes: object,
) -> Report:
    """The report after some seconds with so many images per second."""
    clock = FakeClock()
    health = PerceptionHealth(PerceptionLimits(), clock)
    health.state, health.topic, health.bundle = "active", "/image", FAKE_BUNDLE
    health.size, health.faces, health.runtime = (640, 480), 4, "fake fp32"
    health.dropped_busy, health.dropped_old, health.undecodable = 1, 2, 3
    began = clock.now
    for step in range(round(arrivals * seconds)):
        health.arrived(began + step / arrivals)
    for step in range(round(processed * seconds)):
        health.processed.add(latency_s, began + step / processed)
    clock.now = began + seconds - 0.001
    if mishap is not None:
        health.mishaps.note(mishap)
    for name, value in changes.items():
        setattr(health, name, value)
    return health.report(wiring, [])


@pytest.mark.parametrize(
    ("changes", "level", "message"),
    [
        ({}, Level.OK, "30.0 images/s, 4 faces"),
        ({"enabled": False}, Level.OK, "disabled: not looking"),
        ({"state": "inactive", "wiring": [warn("x")]}, Level.WARN, "inactive"),
        ({"mishap": "broken"}, Level.ERROR, "broken"),
        ({"mishap": "no model", "state": "unconfigured"}, Level.ERROR, "no model; unconfigured"),
        ({"complaint": "images have no stamp"}, Level.WARN, "images have no stamp"),
        (
            {"arrivals": 4.0, "processed": 4.0},
            Level.WARN,
            "only 4.0 images/s, expected at least 10: is the camera slow, or in the dark?",
        ),
        (
            {"processed": 4.0},
            Level.WARN,
            "only 4.0 processed images/s, expected at least 10: "
            "30.0 images/s come, is the machine busy?",
        ),
        (
            {"latency_s": 0.4},
            Level.WARN,
            "expressions are known 400 ms after the image, expected at most 250",
        ),
        (
            {"wiring": [warn("no images")], "arrivals": 1.0},
            Level.WARN,
            "no images",
        ),
        ({"arrivals": 1.0, "processed": 1.0, "seconds": 2.0}, Level.OK, "1.0 images/s, 4 faces"),
        ({"expected": False}, Level.OK, "30.0 images/s, 4 faces"),
        (
            {"expected": False, "arrivals": 0.0, "processed": 0.0},
            Level.OK,
            "no camera: nobody is looked for",
        ),
    ],
)
def test_the_verdict_on_the_perception(changes: dict, level: Level, message: str) -> None:
    report = told(**changes)
    assert (report.level, report.message) == (level, message)


def test_every_figure_of_the_perception_has_its_name() -> None:
    values = told().values
    assert values["model"] == "fake"
    assert (values["image topic"], values["image size"]) == ("/image", "640x480")
    assert (values["images received [1/s]"], values["rate [1/s]"]) == ("30.0", "30.0")
    dropped = values["dropped, busy"], values["dropped, too old"], values["not decodable"]
    assert dropped == (1, 2, 3)
    assert (values["errors"], values["last error"]) == (0, "none")


def test_before_there_is_anything_to_tell() -> None:
    report = PerceptionHealth(PerceptionLimits(), FakeClock()).report([], [])
    assert (report.level, report.message) == (Level.WARN, "unconfigured")
    names = ("model", "model hash", "runtime", "image size", "age of the newest image [s]")
    assert [report.values[name] for name in names] == ["none"] * 3 + ["unknown", "never"]


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
    with spinning(DiagnosticsListener, driver, fer(warn_silence_s=0.5)) as (
        executor,
        (person, other, node),
    ):
        other.create_publisher(Image, "camera/color/image_raw", STREAM)
        start(node)
        text = (
            "images come on /camera/color/image_raw: "
            "remap with image_topic:=/camera/color/image_raw"
        )
        assert spin_until(executor, lambda: person.message(NODE).endswith(text))


def test_compressed_images_are_found() -> None:
    with spinning(DiagnosticsListener, driver, fer(warn_silence_s=0.5)) as (
        executor,
        (person, other, node),
    ):
        other.create_publisher(CompressedImage, "image/compressed", STREAM)
        start(node)
        assert spin_until(
            executor, lambda: person.message(NODE).endswith("set image_transport to compressed")
        )


def test_silence_becomes_an_error_and_ends_with_the_next_image() -> None:
    limits = {"warn_silence_s": 0.5, "error_silence_s": 3.0}
    pixels = np.zeros((48, 64, 3), np.uint8)
    with spinning(DiagnosticsListener, lambda: PicturedPerson(pixels), fer(**limits)) as (
        executor,
        nodes,
    ):
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


def test_two_cameras_on_one_topic_are_named(monkeypatch) -> None:
    monkeypatch.setattr("fer_common.graph_watch.GHOST_S", 0.0)
    with spinning(DiagnosticsListener, driver, lambda: Node("second"), fer()) as (executor, nodes):
        physician, *drivers, node = nodes
        for camera in drivers:
            camera.create_publisher(Image, "image", EVENTS)
        start(node)
        assert spin_until(executor, lambda: "two nodes publish /image" in physician.message(NODE))


def test_who_cannot_hear_the_emotions_is_named() -> None:
    with spinning(DiagnosticsListener, driver, fer()) as (executor, (physician, tool, node)):
        start(node)
        tool.create_subscription(EmotionArray, "emotions", lambda message: None, LATCHED)
        text = "/driver subscribes to /emotions and hears nothing; incompatible QoS"
        assert spin_until(executor, lambda: text in physician.message(NODE))

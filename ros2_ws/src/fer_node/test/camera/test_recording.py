from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ec_rfernet.errors import InputError
from fer_node.camera import CameraSettings, open_source
from fer_node.camera.recording import BagImages
from fer_node.camera.source import FrameSettings, SourceTools
from fer_node.testing.fakes import SimulatedTime

pytest.importorskip("rosbags", reason="bags are read and written with rosbags")

from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
IMAGE, JPEG = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
STRING = "std_msgs/msg/String"


def raw(index: int, encoding: str = "bgr8") -> object:
    kinds = STORE.types
    stamp = kinds["builtin_interfaces/msg/Time"](0, 0)
    header = kinds["std_msgs/msg/Header"](stamp, "camera")
    pixels = np.full(48 * 64 * 3, 8 * index, np.uint8)
    return kinds[IMAGE](header, 48, 64, encoding, 0, 64 * 3, pixels)


def jpeg(index: int) -> object:
    header = raw(index).header
    _, data = cv2.imencode(".jpg", np.full((48, 64, 3), 8 * index, np.uint8))
    return STORE.types[JPEG](header, "jpeg", data.ravel())


def write(
    path: Path,
    topics: dict[str, list[tuple[float, object]]],
    storage: StoragePlugin = StoragePlugin.MCAP,
) -> Path:
    with Writer(path, version=9, storage_plugin=storage) as writer:
        for topic, messages in topics.items():
            kind = messages[0][1].__msgtype__
            connection = writer.add_connection(topic, kind, typestore=STORE)
            for at, message in messages:
                time = 10**18 + round(at * 1e9)
                writer.write(connection, time, STORE.serialize_cdr(message, kind))
    return path


def levels(source: BagImages, number: int = 10**6) -> list[int]:
    """Which image each frame is."""
    found = []
    while len(found) < number and (frame := source.read()) is not None:
        assert frame.shape == (48, 64, 3)
        found.append(round(frame.mean() / 8))
    return found


def images(path: Path, time: SimulatedTime, loop=False, topic=None, warn=print) -> BagImages:
    return BagImages(path, topic, FrameSettings(loop=loop), time.tools(warn))


@pytest.mark.parametrize("make", [raw, jpeg], ids=["raw", "jpeg"])
@pytest.mark.parametrize("storage", list(StoragePlugin), ids=lambda kind: kind.name)
def test_images_come_back_with_their_timing(tmp_path, time, make, storage):
    moments = [0.0, 0.1, 0.15, 0.4, 2.0]
    path = write(tmp_path / "bag", {"/c": [(t, make(i)) for i, t in enumerate(moments)]}, storage)
    source = images(path, time)
    shown = []
    while (frame := source.read()) is not None:
        shown.append((round(time.now - 1000, 3), round(frame.mean() / 8)))
    assert shown == [(0.0, 0), (0.1, 1), (0.15, 2), (0.4, 3), (2.0, 4)]


def test_a_recording_of_the_first_version_is_a_camera_too(tmp_path, time):
    """Its emotions had seven probabilities and no labels; they travel beside the images."""
    kind = "fer_interfaces/msg/Emotion"
    text = "std_msgs/Header header\nstring label\nfloat32[7] probabilities\n"
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg(text, kind))
    happy = store.types[kind](raw(0).header, "happy", np.zeros(7, np.float32))
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        emotions = writer.add_connection("/emotion", kind, typestore=store)
        camera = writer.add_connection("/image", IMAGE, typestore=store)
        for index in range(4):
            at = 10**18 + index * 10**8
            writer.write(emotions, at, store.serialize_cdr(happy, kind))
            writer.write(camera, at, store.serialize_cdr(raw(index), IMAGE))
    assert levels(images(tmp_path / "bag", time)) == [0, 1, 2, 3]


def test_a_slow_machine_leaves_images_out_instead_of_falling_behind(tmp_path, time):
    path = write(tmp_path / "bag", {"/c": [(i / 10, raw(i)) for i in range(20)]})
    source = images(path, time)
    shown = levels(source, 3)
    time.now += 0.73
    shown += levels(source)
    assert shown[:3] == [0, 1, 2]
    assert shown[-1] == 19 and len(shown) < 16
    assert time.now - 1000 == pytest.approx(1.9), "no drift"


def test_a_loop_keeps_the_beat(tmp_path, time):
    path = write(tmp_path / "bag", {"/c": [(i / 10, raw(i)) for i in range(4)]})
    assert levels(images(path, time, loop=True), 10) == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert time.now - 1000 == pytest.approx(0.9)


def test_a_single_image_in_a_loop_takes_time(tmp_path, time):
    path = write(tmp_path / "bag", {"/c": [(0, raw(3))]})
    assert levels(images(path, time, loop=True), 5) == [3] * 5
    assert time.now > 1000


def test_stopping_ends_the_wait(tmp_path, time):
    path = write(tmp_path / "bag", {"/c": [(0, raw(0)), (1e6, raw(1))]})
    tools = SourceTools(lambda seconds: seconds > 5, print, time.clock)
    source = BagImages(path, None, FrameSettings(), tools)
    assert source.read() is not None
    assert source.read() is None
    source.close()
    assert source.read() is None


def test_the_topic_of_a_camera_is_preferred(tmp_path, time):
    path = write(
        tmp_path / "bag",
        {
            "/fer_node/overlay": [(i, raw(9)) for i in range(5)],
            "/front/image_raw": [(i, raw(i)) for i in range(3)],
            "/words": [(0, STORE.types[STRING]("hi"))],
        },
    )
    assert levels(images(path, time)) == [0, 1, 2]
    assert levels(images(path, time, topic="/fer_node/overlay")) == [9] * 5


def test_damaged_images_are_left_out_and_told(tmp_path, time):
    warnings: list[str] = []
    messages = [(0, raw(0)), (1, raw(1, "rubbish")), (2, raw(2))]
    path = write(tmp_path / "bag", {"/c": messages})
    assert levels(images(path, time, warn=warnings.append)) == [0, 2]
    assert len(warnings) == 1 and "image encoding 'rubbish' is not known" in warnings[0]


def test_a_truncated_bag_is_shown_as_far_as_it_goes(tmp_path, time):
    path = write(tmp_path / "bag", {"/c": [(i / 10, raw(i)) for i in range(20)]})
    file = path / "bag.mcap"
    file.write_bytes(file.read_bytes()[: 11 * 48 * 64 * 3])
    warnings: list[str] = []
    assert levels(images(path, time, warn=warnings.append)) == list(range(10))
    assert len(warnings) == 1 and "bag.mcap is cut off" in warnings[0]


@pytest.mark.parametrize(
    ("topics", "wish", "complaint"),
    [
        (
            {"/words": [(0, STORE.types[STRING]("hi"))]},
            None,
            "has no images; its topics are /words",
        ),
        ({"/c": [(0, raw(0))]}, "/other", "no images on /other; it has /c"),
        ({"/c": [(0, raw(0, "32FC1"))]}, None, "no image on /c can be decoded"),
    ],
)
def test_a_bag_with_nothing_to_show(tmp_path, time, topics, wish, complaint):
    path = write(tmp_path / "bag", topics)
    with pytest.raises(InputError, match=complaint) as caught:
        images(path, time, topic=wish)
    assert "\n" not in str(caught.value)


# Several topics with images: which is the camera's.

RAMP = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)


def message(pixels: np.ndarray, encoding: str) -> object:
    height, width = pixels.shape[:2]
    step = pixels[0].nbytes
    header = raw(0).header
    data = np.ascontiguousarray(pixels).view(np.uint8).ravel()
    return STORE.types[IMAGE](header, height, width, encoding, 0, step, data)


def packed(pixels: np.ndarray, name: str, suffix: str = ".jpg", before: bytes = b"") -> object:
    _, data = cv2.imencode(suffix, pixels)
    whole = np.frombuffer(before + data.tobytes(), np.uint8)
    return STORE.types[JPEG](raw(0).header, name, whole)


COLOURS = np.dstack([RAMP, RAMP[::-1], 255 - 2 * RAMP])
GREYS = np.dstack([RAMP] * 3)
MOSAIC = RAMP.copy()
MOSAIC[::2, ::2] = 200
KINDS = {
    "colour": message(COLOURS, "rgb8"),
    "a mosaic": message(MOSAIC, "bayer_rggb8"),
    "colour, JPEG": packed(COLOURS, "bgr8; jpeg compressed bgr8"),
    "colour, JPEG of a webcam": packed(COLOURS, "jpeg"),
    "black": message(np.zeros((48, 64, 3), np.uint8), "bgr8"),
    "classes": message((COLOURS > 128).astype(np.uint8) * 255, "bgr8"),
    "grey": message(RAMP, "mono8"),
    "grey as colour": message(GREYS, "bgr8"),
    "grey, JPEG": packed(RAMP, "mono8; jpeg compressed "),
    "thermal": message(RAMP.astype(np.uint16) * 20, "mono16"),
    "depth": message(RAMP.astype(np.uint16) * 20, "16UC1"),
    "metres": message(RAMP.astype(np.float32) / 9, "32FC1"),
    "metres, some unknown": message(np.where(RAMP < 9, np.nan, RAMP).astype(np.float32), "32FC1"),
    "depth, PNG": packed(RAMP.astype(np.uint16) * 20, "16UC1; png compressed", ".png"),
    "compressedDepth": packed(
        RAMP.astype(np.uint16), "16UC1; compressedDepth png", ".png", bytes(12)
    ),
    "confidence": message(RAMP // 16, "8UC1"),
    "unknown": message(RAMP, "rubbish"),
}
"""Images as cameras of today publish them."""


def several(path: Path, time: SimulatedTime, **topics: str) -> tuple[str, list[str]]:
    """Which of some topics is shown, and what is told; the later ones have more images."""
    written = {
        name.replace("__", "/"): [(at / 10, KINDS[kind]) for at in range(4 + 3 * number)]
        for number, (name, kind) in enumerate(topics.items())
    }
    told: list[str] = []
    tools = SourceTools(time.wait, told.append, time.clock, told.append)
    bag = write(path, {f"/{name}": messages for name, messages in written.items()})
    source = BagImages(bag, None, FrameSettings(), tools)
    assert source.read() is not None
    return source.name.split()[0], told


@pytest.mark.parametrize("kind", ["colour", "a mosaic", "colour, JPEG", "colour, JPEG of a webcam"])
@pytest.mark.parametrize("other", [kind for kind in KINDS if "colour," not in kind])
def test_colour_is_shown_whatever_else_there_is(tmp_path, time, kind, other):
    shown, told = several(tmp_path / "bag", time, a=kind, b=other)
    as_good = other in ("colour", "a mosaic")
    assert shown == ("/b" if as_good else "/a"), "the one with more images of those as good"
    assert len(told) == 1 and f"{shown} (colour) is shown; it also has /" in told[0]
    assert f"bag:{tmp_path / 'bag'}@TOPIC shows another one" in told[0]


@pytest.mark.parametrize("kind", ["grey", "grey as colour", "grey, JPEG"])
@pytest.mark.parametrize(
    "other",
    ["depth", "metres", "depth, PNG", "compressedDepth", "confidence", "classes", "unknown"],
)
def test_grey_is_shown_before_maps(tmp_path, time, kind, other):
    assert several(tmp_path / "bag", time, a=kind, b=other)[0] == "/a"


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("camera__color__image_raw", "camera__infra1__image_rect_raw"),
        ("camera__left", "camera__infra2"),
        ("depth_camera__rgb__image_raw", "camera__thermal"),
        ("head__image", "fer_node__overlay"),
        ("head__image", "humans__faces__anna__cropped"),
        ("head__image", "flir__imageIR"),
        ("circuit__image", "head__ir"),
        ("head__infra", "head__depth__colorless_confidence"),
    ],
)
@pytest.mark.parametrize("kind", ["colour", "grey"])
def test_names_hint_where_images_look_alike(tmp_path, time, kind, better, worse):
    shown, told = several(tmp_path / "bag", time, **{better: kind, worse: kind})
    assert shown == "/" + better.replace("__", "/"), told


def test_a_depth_camera_of_today(tmp_path, time):
    shown, told = several(
        tmp_path / "bag",
        time,
        camera__color__image_raw="colour",
        camera__color__image_raw__compressed="colour, JPEG",
        camera__infra1__image_rect_raw="grey",
        camera__depth__image_rect_raw="depth",
        camera__aligned_depth_to_color__image_raw="depth",
        camera__confidence__image_rect_raw="confidence",
    )
    assert shown.startswith("/camera/color/image_raw")
    assert "/camera/infra1/image_rect_raw (infrared)" in told[0]
    assert "/camera/depth/image_rect_raw (depth or another map)" in told[0]


def test_a_topic_of_which_nothing_can_be_decoded_is_left_to_others(tmp_path, time):
    shown, told = several(tmp_path / "bag", time, a="metres", b="unknown", c="compressedDepth")
    assert shown == "/a"
    assert "/b (not readable)" in told[0] and "/c (not readable)" in told[0]


def test_first_images_that_are_black_do_not_count(tmp_path, time):
    dark = [(0, KINDS["black"]), (1, KINDS["colour"]), (2, KINDS["colour"])]
    path = write(tmp_path / "bag", {"/a": dark, "/b": [(i, KINDS["grey"]) for i in range(9)]})
    assert images(path, time).name.startswith("/a ")


def test_a_camera_that_begins_late_is_found(tmp_path, time):
    late = [(i, KINDS["colour"]) for i in range(90, 99)]
    path = write(tmp_path / "bag", {"/b": [(i, KINDS["grey"]) for i in range(99)], "/a": late})
    assert images(path, time).name.startswith("/a ")


def test_no_topic_can_be_decoded_and_each_is_told(tmp_path, time):
    with pytest.raises(InputError, match=r"no image on /b .*; no image on /a .*'rubbish'"):
        several(tmp_path / "bag", time, a="unknown", b="compressedDepth")


def test_topics_without_a_message_are_no_camera(tmp_path, time):
    kind = "sensor_msgs/msg/CameraInfo"
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        writer.add_connection("/a", IMAGE, typestore=STORE)
        writer.add_connection("/camera_info", kind, typestore=STORE)
    with pytest.raises(InputError, match=r"no images; its topics are /a \(empty\), /camera_info"):
        images(tmp_path / "bag", time)


@pytest.mark.parametrize("kind", ["raw", "jpeg"])
def test_large_images_are_shown_as_large_as_needed(tmp_path, time, kind):
    large = cv2.resize(COLOURS, (4000, 3000))
    one = message(large, "bgr8") if kind == "raw" else packed(large, "jpeg")
    told: list[str] = []
    tools = SourceTools(time.wait, print, time.clock, told.append)
    path = write(tmp_path / "bag", {"/c": [(0, one), (1, one)]})
    source = BagImages(path, None, FrameSettings(), tools)
    for _ in range(2):
        assert source.read().shape == (1254, 1673, 3)
    assert len(told) == 1 and "4000x3000 pixels are shown as 1673x1254" in told[0]


def choose(camera: str) -> str:
    return open_source(CameraSettings(camera), SimulatedTime().tools()).name


def test_a_bag_as_camera(tmp_path):
    path = write(tmp_path / "my bag", {"/c": [(0, raw(0))], "/d": [(0, raw(0)), (1, raw(1))]})
    assert choose(f"bag:{path}") == f"/d of the bag {path}"
    assert choose(f"bag:{path}@/c") == f"/c of the bag {path}"
    with pytest.raises(InputError, match=r"no/such: does not exist, expected a bag"):
        choose("bag:/no/such")

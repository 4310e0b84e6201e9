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


def choose(camera: str) -> str:
    return open_source(CameraSettings(camera), SimulatedTime().tools()).name


def test_a_bag_as_camera(tmp_path):
    path = write(tmp_path / "my bag", {"/c": [(0, raw(0))], "/d": [(0, raw(0)), (1, raw(1))]})
    assert choose(f"bag:{path}") == f"/d of the bag {path}"
    assert choose(f"bag:{path}@/c") == f"/c of the bag {path}"
    with pytest.raises(InputError, match=r"no/such: does not exist, expected a bag"):
        choose("bag:/no/such")

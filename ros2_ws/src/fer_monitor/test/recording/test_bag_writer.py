from __future__ import annotations

import resource
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from threading import Event

import pytest
from ament_index_python.packages import get_package_share_directory
from fer_interfaces.msg import EmotionArray
from hypothesis import given, settings
from hypothesis import strategies as st
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo
from trajectory_msgs.msg import JointTrajectory

from ec_rfernet.errors import InputError
from fer_common.bag import open_bag
from fer_common.testing import spin_until, spinning, until

pytest.importorskip("rosbags", reason="bags are written with rosbags")

from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from fer_monitor.recording.bag_writer import (
    BagFile,
    BagWriter,
    RecordingLimits,
    TopicToWrite,
    definition,
    new_bag,
)

STRING = "std_msgs/msg/String"
WORDS = TopicToWrite("/words", STRING, "string data\n")


def share(package: str) -> Path:
    return Path(get_package_share_directory(package))


def cdr(text: str) -> bytes:
    data = text.encode() + b"\0"
    return b"\0\1\0\0" + len(data).to_bytes(4, "little") + data


def texts(folder: Path) -> list[str]:
    return [entry.decode().data for entry in open_bag(folder).messages()]


# Definitions


@pytest.mark.parametrize("kind", [EmotionArray, CameraInfo, JointTrajectory])
def test_definitions_are_those_that_ros_has(kind, tmp_path):
    """The hash that ROS gives the type is that of what is written into the bag."""
    name = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
    store = get_typestore(Stores.EMPTY)
    store.register(get_types_from_msg(definition(name, share), name))
    with spinning(lambda: Node("typed")) as (executor, (node,)):
        node.create_publisher(kind, "typed", 1)
        infos = lambda: node.get_publishers_info_by_topic("typed")  # noqa: E731
        assert spin_until(executor, infos)
        assert str(infos()[0].topic_type_hash) == store.hash_rihs01(name)


def test_a_definition_keeps_its_comments_and_brings_its_parts():
    text = definition("fer_interfaces/msg/EmotionArray", share)
    assert text.startswith("# Every tracked face of one image.")
    parts = [line for line in text.splitlines() if line.startswith("MSG: ")]
    assert sorted(parts) == [
        "MSG: builtin_interfaces/Time",
        "MSG: fer_interfaces/Emotion",
        "MSG: sensor_msgs/RegionOfInterest",
        "MSG: std_msgs/Header",
    ]


def test_a_missing_definition_is_named(tmp_path):
    with pytest.raises(InputError, match="definition of std_msgs/msg/Nothing is not installed"):
        definition("std_msgs/msg/Nothing", share)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["int32 x", "string<=5[<=3] words", "Part[] p", "other_msgs/Thing t", "# Part[] p",
             "uint8 A=1", "string B='Part x'", "float64[36] c 1", "", "   ", "Part q  # why"]
        ),
        max_size=8,
    )
)  # fmt: skip
def test_the_parts_of_any_type_are_found(tmp_path_factory, lines):
    root = tmp_path_factory.mktemp("share")
    for package, name, text in (
        ("my_msgs", "Whole", "\n".join(lines)),
        ("my_msgs", "Part", "int8 a"),
        ("other_msgs", "Thing", "my_msgs/Part p"),
    ):
        (root / package / "msg").mkdir(parents=True, exist_ok=True)
        (root / package / "msg" / f"{name}.msg").write_text(text)
    text = definition("my_msgs/msg/Whole", lambda package: root / package)
    thing = "other_msgs/Thing t" in lines
    assert ("MSG: other_msgs/Thing" in text) == thing
    part = thing or any(line.startswith("Part") for line in lines)
    assert text.count("MSG: my_msgs/Part") == part


# The file


def test_folders_are_named_after_the_time_and_never_shared(tmp_path):
    now = datetime(2025, 3, 4, 15, 6, 7)
    bags = [new_bag(tmp_path / "made", now) for _ in range(3)]
    assert [bag.folder.name for bag in bags] == [
        "2025-03-04_15-06-07",
        "2025-03-04_15-06-07_2",
        "2025-03-04_15-06-07_3",
    ]
    for bag in bags:
        bag.close()
        assert bag.folder.stat().st_mode & 0o077 == 0, "only its owner may look"


def test_what_was_flushed_can_be_read_while_it_is_written(tmp_path):
    bag = BagFile(tmp_path / "bag")
    for index in range(5):
        bag.write(WORDS, 10**18 + index, cdr(f"{index}"))
    bag.flush()
    bag.write(WORDS, 10**18 + 9, cdr("not yet"))
    assert texts(tmp_path / "bag") == ["0", "1", "2", "3", "4"]
    bag.close()
    assert texts(tmp_path / "bag")[-1] == "not yet"


def test_a_bag_without_messages_is_one(tmp_path):
    BagFile(tmp_path / "bag").close()
    with AnyReader([tmp_path / "bag"]) as reader:
        assert reader.message_count == 0
    assert texts(tmp_path / "bag") == []


# The thread


def test_everything_arrives_in_order_and_rosbags_reads_it(tmp_path):
    writer = BagWriter(BagFile(tmp_path / "bag"), RecordingLimits(), time.monotonic)
    for index in range(500):
        writer.put(WORDS, 10**18 + index, cdr(f"{index}"))
    assert writer.close(10.0)
    assert (writer.written, writer.dropped, writer.error) == (500, 0, None)
    assert str(writer.complete) == "stopped"
    with AnyReader([tmp_path / "bag"]) as reader:
        read = [reader.deserialize(raw, c.msgtype).data for c, _, raw in reader.messages()]
    assert read == [f"{index}" for index in range(500)]


def test_a_slow_disk_drops_and_counts_and_never_stalls(tmp_path):
    working = Event()

    def slow(data: bytes) -> bytes:
        working.wait(300.0)
        return data

    channel = TopicToWrite("/words", STRING, "string data\n", convert=slow)
    writer = BagWriter(
        BagFile(tmp_path / "bag"), RecordingLimits(), time.monotonic, queue_bytes=1000
    )
    for index in range(100):
        writer.put(channel, 10**18 + index, cdr("x" * 91))  # 100 bytes
    assert writer.dropped == 90
    working.set()
    assert writer.close(10.0)
    assert writer.written == 10 == len(texts(tmp_path / "bag"))


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (RecordingLimits(duration_s=0.1), "its limit of 0.1 s is reached"),
        (RecordingLimits(size=10), "its limit of 1e-05 MB is reached"),
        (RecordingLimits(reserve=2**60), "the disk has less than 1.15292e+12 MB left"),
    ],
)
def test_a_recording_ends_at_its_limit(tmp_path, limits, reason):
    writer = BagWriter(BagFile(tmp_path / "bag"), limits, time.monotonic)
    writer.put(WORDS, 10**18, cdr("hello"))
    assert until(lambda: writer.complete)
    assert str(writer.complete) == reason and writer.ended
    writer.put(WORDS, 10**18, cdr("too late"))
    assert texts(tmp_path / "bag") == ["hello"]
    assert (tmp_path / "bag" / "metadata.yaml").is_file()


def test_a_full_disk_ends_the_recording_and_leaves_it_readable(tmp_path):
    """The system's limit for files stands in for a full disk: a write fails half-way."""
    program = (
        "import sys, time; from pathlib import Path; from threading import Event\n"
        "from fer_monitor.recording.bag_writer import BagFile, BagWriter, RecordingLimits\n"
        "from fer_monitor.recording.bag_writer import TopicToWrite\n"
        f"channel = TopicToWrite('/words', '{STRING}', 'string data\\n')\n"
        f"bag = BagFile(Path({str(tmp_path / 'bag')!r}))\n"
        "writer = BagWriter(bag, RecordingLimits(), time.monotonic)\n"
        "pause = Event()\n"
        "for i in range(2000):\n"
        "    text = b'%d ' % i + b'x' * 1000 + b'\\0'\n"
        "    data = b'\\0\\1\\0\\0' + len(text).to_bytes(4, 'little') + text\n"
        "    writer.put(channel, 10**18 + i, data)\n"
        "    pause.wait(0.002)\n"
        "    if writer.error: break\n"
        "writer.close(5.0)\n"
        "print(writer.error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000)),
    )
    assert done.stderr == ""
    assert f"{tmp_path / 'bag'} cannot be written: File too large" in done.stdout
    found = texts(tmp_path / "bag")
    assert len(found) > 100
    assert [int(text.split()[0]) for text in found] == list(range(len(found)))

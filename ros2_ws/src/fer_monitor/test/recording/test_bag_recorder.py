from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from ament_index_python.packages import get_package_share_directory
from fer_interfaces.msg import BehaviorState, EmotionArray
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Header, String

from fer_common.bag import open_bag
from fer_common.qos import EVENTS, LATCHED, STREAM
from fer_common.runner import StartError
from fer_common.testing import spin_until, spinning
from fer_node.nodes.messages import to_bgr, to_message

pytest.importorskip("rosbags", reason="bags are written with rosbags")

from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import Reader

from fer_monitor.recording.bag_recorder import BagRecorder
from fer_monitor.testing.sample_bag import emotion, header, image


def recorder(folder: Path, **values):
    values = {"folder": str(folder), "reserve_mb": 0.0, **values}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return lambda: BagRecorder(parameter_overrides=overrides)


def robot():
    return Node("robot")


def raw(folder: Path) -> dict[str, list[bytes]]:
    """The messages of a bag as rosbags reads them, by topic."""
    found: dict[str, list[bytes]] = {}
    with Reader(folder) as reader:
        for connection, _, data in reader.messages():
            found.setdefault(connection.topic, []).append(bytes(data))
    return found


def decoded(data: bytes) -> EmotionArray:
    return deserialize_message(data, EmotionArray)


def test_what_was_said_is_read_back(tmp_path):
    with spinning(robot, recorder(tmp_path)) as (executor, (node, bag)):
        latched = node.create_publisher(BehaviorState, "behavior_state", LATCHED)
        latched.publish(BehaviorState(header=header(1.0), state="idle", reason="nobody is there"))
        emotions = node.create_publisher(EmotionArray, "emotions", EVENTS)
        joints = node.create_publisher(JointState, "joint_states", STREAM)
        assert spin_until(executor, lambda: emotions.get_subscription_count())
        assert spin_until(executor, lambda: joints.get_subscription_count())
        faces = [image(i, [emotion(i, "anna", "happy", 0.9)], "anna") for i in range(20)]
        for index, message in enumerate(faces):
            emotions.publish(message)
            joints.publish(JointState(header=header(index), name=["neck"], position=[0.1 * index]))
            assert spin_until(executor, lambda n=index: bag.written > n)
        assert spin_until(executor, lambda: bag.written >= 41)
    found = raw(bag.folder)
    sent = [serialize_message(message) for message in faces]
    # Not byte by byte: what stands between two fields is anything.
    assert [decoded(data) for data in found["/emotions"]] == [decoded(data) for data in sent]
    assert len(found["/behavior_state"]) == 1, "said before the recorder had started"
    read = {entry.topic: entry.decode() for entry in open_bag(bag.folder).messages()}
    assert read["/joint_states"].position.tolist() == pytest.approx([1.9])
    assert read["/behavior_state"].reason == "nobody is there"


def test_publishers_that_offer_less_are_recorded_too(tmp_path):
    """Drivers publish joint_states as best effort, and ``ros2 topic pub`` keeps nothing."""
    poor = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    with spinning(robot, recorder(tmp_path)) as (executor, (node, bag)):
        joints = node.create_publisher(JointState, "joint_states", poor)
        state = node.create_publisher(BehaviorState, "behavior_state", 10)

        def arrived() -> bool:
            joints.publish(JointState(name=["neck"]))
            state.publish(BehaviorState(state="idle"))
            return {"/joint_states", "/behavior_state"} <= bag.topics

        assert spin_until(executor, arrived)
    assert {"/joint_states", "/behavior_state"} <= set(raw(bag.folder))


def test_ros2_bag_play_can_offer_what_was_offered(tmp_path):
    with spinning(robot, recorder(tmp_path)) as (executor, (node, bag)):
        publisher = node.create_publisher(BehaviorState, "behavior_state", LATCHED)
        publisher.publish(BehaviorState(state="idle"))
        assert spin_until(executor, lambda: "/behavior_state" in bag.topics)
    with Reader(bag.folder) as reader:
        (state,) = [c for c in reader.connections if c.topic == "/behavior_state"]
        assert state.ext.offered_qos_profiles[0].durability is QosDurability.TRANSIENT_LOCAL


def test_its_own_state_is_in_the_bag(tmp_path):
    with spinning(recorder(tmp_path)) as (executor, (bag,)):
        assert spin_until(executor, lambda: "/diagnostics" in bag.topics)
    states = [entry.decode() for entry in open_bag(bag.folder).messages(["/diagnostics"])]
    status = states[0].status[0]
    values = {pair.key: pair.value for pair in status.values}
    assert (status.name, status.message) == ("bag_recorder: recording", "recording")
    assert values["folder"] == str(bag.folder) and values["pictures"] == "no"
    manifest = Path(get_package_share_directory("fer_monitor"), "package.xml").read_text()
    assert f"<version>{values['recorder']}</version>" in manifest


# Pictures


def picture(level: int) -> Image:
    pixels = np.full((48, 64, 3), level, np.uint8)
    return to_message(pixels, Header(frame_id="camera"))


@pytest.mark.parametrize("images", [False, True])
def test_pictures_are_recorded_only_when_asked_for(tmp_path, images):
    made = recorder(tmp_path, images=images)
    with spinning(robot, made) as (executor, (node, bag)):
        camera = node.create_publisher(Image, "image", STREAM)
        words = node.create_publisher(String, "speech", EVENTS)
        said = 0

        def arrived() -> bool:
            nonlocal said
            camera.publish(picture(120))
            words.publish(String(data="hello"))
            said += 1
            wanted = {"/speech", "/image/compressed"} if images else {"/speech"}
            return said > 20 and wanted <= bag.topics

        assert spin_until(executor, arrived)
    topics = {topic.name: topic.type for topic in open_bag(bag.folder).topics()}
    assert not [name for name, kind in topics.items() if kind == "sensor_msgs/msg/Image"]
    assert ("/image/compressed" in topics) == images
    if images:
        entries = list(open_bag(bag.folder).messages(["/image/compressed"]))
        message = entries[0].decode()
        assert message.header.frame_id == "camera"
        shown = cv2.imdecode(message.data, cv2.IMREAD_COLOR)
        assert shown.shape == (48, 64, 3) and abs(int(shown.mean()) - 120) <= 2


def test_pictures_that_are_compressed_already_are_preferred(tmp_path):
    made = recorder(tmp_path, images=True)
    with spinning(robot, made) as (executor, (node, bag)):
        raw_camera = node.create_publisher(Image, "image", STREAM)
        assert spin_until(executor, raw_camera.get_subscription_count)
        camera = node.create_publisher(CompressedImage, "image/compressed", STREAM)
        data = cv2.imencode(".jpg", to_bgr(picture(50)))[1].tobytes()

        def arrived() -> bool:
            raw_camera.publish(picture(200))
            camera.publish(CompressedImage(format="jpeg", data=data))
            return camera.get_subscription_count() and not raw_camera.get_subscription_count()

        assert spin_until(executor, arrived), "not twice"
        assert spin_until(executor, lambda n=bag.written: arrived() and bag.written > n + 2)
    entries = open_bag(bag.folder).messages(["/image/compressed"])
    assert [e for e in entries if e.decode().data.tobytes() == data]


# The program


def process(folder: Path, *parameters: str) -> subprocess.Popen[str]:
    program = "import sys; from fer_monitor.executables import bag_recorder as run;"
    arguments = [f"folder:={folder}", "reserve_mb:=0.0", *parameters]
    return subprocess.Popen(
        [sys.executable, "-c", f"{program} sys.exit(run())", "--ros-args"]
        + [part for argument in arguments for part in ("-p", argument)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


def recorded(folder: Path) -> int:
    """Messages that can be read."""
    return sum(1 for _ in open_bag(folder).messages())


def talk_until(child: subprocess.Popen[str], enough) -> None:
    """Talks to a recorder until ``enough`` of its folder."""
    assert child.stderr is not None
    line = child.stderr.readline()
    folder = Path(line.split(" to ")[1].split(":")[0].split(",")[0])

    def said() -> bool:
        publisher.publish(String(data="hello"))
        return bool(enough(folder))

    with spinning(robot) as (executor, (node,)):
        publisher = node.create_publisher(String, "speech", EVENTS)
        assert spin_until(executor, said)


def test_ctrl_c_completes_the_bag(tmp_path):
    child = process(tmp_path)
    talk_until(child, lambda folder: recorded(folder) > 20)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=120)
    assert child.returncode == 0
    assert "the recording has ended, stopped:" in errors
    (folder,) = tmp_path.iterdir()
    assert raw(folder)["/speech"]


def test_kill_leaves_what_was_recorded(tmp_path):
    child = process(tmp_path)
    talk_until(child, lambda folder: recorded(folder) > 20)
    child.kill()
    child.communicate(timeout=120)
    (folder,) = tmp_path.iterdir()
    bag = open_bag(folder)
    words = [entry.decode().data for entry in bag.messages(["/speech"])]
    assert len(words) > 10 and set(words) == {"hello"}
    assert "is cut off" in bag.flaw


def test_a_recording_of_limited_length_ends_the_program(tmp_path):
    child = process(tmp_path, "max_duration_s:=0.5")
    _, errors = child.communicate(timeout=120)
    assert child.returncode == 0
    assert "the recording has ended, its limit of 0.5 s is reached" in errors


def test_pictures_are_announced(tmp_path):
    child = process(tmp_path, "images:=true", "max_duration_s:=0.1")
    _, errors = child.communicate(timeout=120)
    assert f"PICTURES OF PEOPLE are written to {tmp_path}" in errors


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    child = process(file / "folder")
    _, errors = child.communicate(timeout=120)
    assert child.returncode == 2
    assert errors.count("\n") == 1
    assert f"recordings cannot be kept in '{file}/folder' (Not a directory)" in errors


def test_a_folder_in_a_home_that_is_not_known_is_one_line():
    child = process("~no.such.user/recordings")
    _, errors = child.communicate(timeout=120)
    assert child.returncode == 2
    assert errors.count("\n") == 1
    assert "parameter 'folder': ~no.such.user/recordings: no such home is known" in errors


def test_two_recorders_have_two_folders(tmp_path):
    with spinning(recorder(tmp_path), recorder(tmp_path)) as (executor, (one, other)):
        assert one.folder != other.folder
        assert spin_until(executor, lambda: one.written and other.written)
    assert raw(one.folder) and raw(other.folder)


def test_a_full_disk_is_a_start_error_and_leaves_nothing(tmp_path):
    with (
        pytest.raises(StartError, match=r"the disk has \d+ MB left, expected more than 1000000"),
        spinning(recorder(tmp_path, reserve_mb=1e6)),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_has_ended_takes_nothing_in(tmp_path):
    with spinning(robot, recorder(tmp_path, max_duration_s=0.2)) as (executor, (node, bag)):
        words = node.create_publisher(String, "speech", EVENTS)
        assert spin_until(executor, lambda: words.get_subscription_count())
        assert spin_until(executor, bag.has_ended)
        words.publish(String(data="into the void"))
        assert spin_until(executor, lambda: "/speech" in bag.topics)
    assert "/speech" not in raw(bag.folder)


def test_a_start_without_a_place_is_a_start_error(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StartError, match="cannot be kept in"),
        spinning(recorder(tmp_path / "file")),
    ):
        pass

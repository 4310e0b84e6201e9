"""A recording becomes the images that `behavior-sim` plays, whichever version recorded it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ament_index_python.packages import get_package_share_directory

pytest.importorskip("rosbags", reason="bags are read and written with rosbags")

from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from ec_rfernet.labels import LABELS
from fer_common.testing import FIRST_VERSION
from robot_behavior.simulator.command import main
from robot_behavior.simulator.views import Sighting, read_bag
from robot_behavior.yaml_file import ConfigError

BEGAN = 1_700_000_000 * 10**9
EIGHT = (*LABELS, "contempt")
TYPES = {
    "/emotions": "fer_interfaces/msg/EmotionArray",
    "/emotion": "fer_interfaces/msg/Emotion",
    "/camera_info": "sensor_msgs/msg/CameraInfo",
    "/words": "std_msgs/msg/String",
}


class Messages:
    """Messages in the types of today, or in those of the first version."""

    def __init__(self, first_version: bool = False) -> None:
        self.first_version = first_version
        self.store = get_typestore(Stores.ROS2_JAZZY)
        share = Path(get_package_share_directory("fer_interfaces"), "msg")
        for name, old in FIRST_VERSION.items():
            text = old if first_version else (share / f"{name}.msg").read_text()
            self.store.register(get_types_from_msg(text, f"fer_interfaces/msg/{name}"))

    def make(self, kind: str, **fields: Any) -> Any:
        return self.store.types[kind](**fields)

    def header(self, time: float) -> Any:
        seconds, rest = divmod(BEGAN + round(time * 1e9), 10**9)
        stamp = self.make("builtin_interfaces/msg/Time", sec=seconds, nanosec=rest)
        return self.make("std_msgs/msg/Header", stamp=stamp, frame_id="camera")

    def face(self, time: float, face_id: str, label: str, width: int) -> Any:
        labels = LABELS if self.first_version else EIGHT
        named: dict[str, Any] = {}
        if not self.first_version:
            named = {"labels": list(labels), "yaw": 0.1, "pitch": 0.0, "roll": 0.0, "engagement": 3}
        box = {"x_offset": 1, "y_offset": 2, "height": 3, "width": width, "do_rectify": False}
        return self.make(
            TYPES["/emotion"],
            header=self.header(time),
            face_id=face_id,
            label=label,
            confidence=0.75,
            probabilities=np.full(len(labels), 1 / len(labels), np.float32),
            valence=0.0,
            arousal=0.0,
            roi=self.make("sensor_msgs/msg/RegionOfInterest", **box),
            **named,
        )

    def image(self, time: float, attended: str, *faces: Any) -> Any:
        told: dict[str, Any] = {}
        if not self.first_version:
            told = {"image_width": 640, "image_height": 480, "labels": list(EIGHT)}
            told["attended"] = attended
        kind = TYPES["/emotions"]
        return self.make(kind, header=self.header(time), emotions=list(faces), **told)

    def camera_info(self, time: float, width: int) -> Any:
        info = {name: np.zeros(number) for name, number in (("k", 9), ("r", 9), ("p", 12))}
        offsets = dict.fromkeys(("x_offset", "y_offset", "height", "width"), 0)
        roi = self.make("sensor_msgs/msg/RegionOfInterest", **offsets, do_rectify=False)
        return self.make(
            TYPES["/camera_info"],
            header=self.header(time),
            height=480,
            width=width,
            distortion_model="",
            d=np.zeros(0),
            binning_x=0,
            binning_y=0,
            roi=roi,
            **info,
        )


Happenings = Iterator[tuple[float, str, Any]]


def write(
    path: Path,
    messages: Messages,
    happenings: Happenings,
    storage: StoragePlugin = StoragePlugin.MCAP,
) -> Path:
    with Writer(path, version=9, storage_plugin=storage) as writer:
        connections: dict[str, Any] = {}
        for time, topic, message in happenings:
            kind = TYPES[topic]
            if topic not in connections:
                store = messages.store
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            data = messages.store.serialize_cdr(message, kind)
            writer.write(connections[topic], BEGAN + round(time * 1e9), data)
    return path


def visit(messages: Messages) -> Happenings:
    """Anna comes, Bert joins her, and both leave; the robot attends to Bert."""
    yield 0.0, "/camera_info", messages.camera_info(0.0, 640)
    yield 1.0, "/emotions", messages.image(1.0, "")
    anna = messages.face(1.5, "anna", "happy", 64)
    yield 1.5, "/emotions", messages.image(1.5, "", anna)
    bert = messages.face(2.0, "bert", "sad", 160)
    yield 2.0, "/emotions", messages.image(2.0, "bert", anna, bert)
    yield 2.0, "/emotion", bert
    yield 2.5, "/emotions", messages.image(2.5, "")


@pytest.mark.parametrize("first_version", [False, True])
@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_recording_tells_who_was_seen_and_attended_to(
    tmp_path: Path, first_version: bool, storage: StoragePlugin
) -> None:
    messages = Messages(first_version)
    views = read_bag(write(tmp_path / "bag", messages, visit(messages), storage), pytest.fail)
    anna, bert = Sighting("anna", "happy", 0.75, 0.1), Sighting("bert", "sad", 0.75, 0.25)
    assert [view.time for view in views] == pytest.approx([0.0, 0.5, 1.0, 1.5])
    assert [view.faces for view in views] == [(), (anna,), (anna, bert), ()]
    assert [view.attended for view in views] == [None, None, bert, None]


def test_a_label_of_another_model_is_kept(tmp_path: Path) -> None:
    messages = Messages()
    face = messages.face(0.0, "anna", "contempt", 64)
    happenings = iter([(0.0, "/emotions", messages.image(0.0, "anna", face))])
    (view,) = read_bag(write(tmp_path / "bag", messages, happenings), pytest.fail)
    assert view.attended is not None and view.attended.label == "contempt"


def test_the_robot_answers_what_was_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = Messages()

    def smile() -> Happenings:
        for index in range(60):
            time = index / 10
            face = messages.face(time, "anna", "happy", 160)
            yield time, "/emotions", messages.image(time, "anna" if index > 4 else "", face)

    path = write(tmp_path / "bag", messages, smile())
    config = Path(__file__).parents[2] / "config"
    urdf = Path(__file__).parents[3] / "fer_bringup" / "urdf" / "humanoid.urdf"
    options = {
        "--behaviors": config / "behaviors.yaml",
        "--motions": config / "motions.yaml",
        "--sentences": config / "sentences",
        "--urdf": urdf,
    }
    words = [str(word) for option in options.items() for word in option]
    assert main([str(path), "--no-notice", *words]) == 0
    told = capsys.readouterr().out
    assert "anna happy" in told and "responding" in told and 'says "' in told


def test_a_recording_that_was_cut_off_is_played_as_far_as_it_goes(tmp_path: Path) -> None:
    messages = Messages()
    file = write(tmp_path / "bag", messages, visit(messages)) / "bag.mcap"
    whole = file.read_bytes()
    file.write_bytes(whole[: whole.index(b"bert")])
    told: list[str] = []
    assert 1 <= len(read_bag(file, told.append)) <= 2
    assert len(told) == 1 and "bag.mcap: incomplete: bag.mcap is cut off after" in told[0]


def only(topic: str, message: Any) -> Happenings:
    yield 0.0, topic, message


def test_what_cannot_be_played_is_told_with_the_reason(tmp_path: Path) -> None:
    messages = Messages()
    words = messages.make("std_msgs/msg/String", data="hello")
    path = write(tmp_path / "words", messages, only("/words", words))
    with pytest.raises(ConfigError, match="has no topic emotions; its topics are /words"):
        read_bag(path, pytest.fail)

    def long_pause() -> Happenings:
        yield 0.0, "/emotions", messages.image(0.0, "")
        yield 4000.0, "/emotions", messages.image(4000.0, "")

    path = write(tmp_path / "pause", messages, long_pause())
    with pytest.raises(ConfigError, match="nothing for 4000 s after 0 s, expected at most 3600 s"):
        read_bag(path, pytest.fail)


def test_emotions_of_another_kind_are_refused_with_what_they_lack(tmp_path: Path) -> None:
    messages = Messages()
    other = get_types_from_msg("string hello\n", TYPES["/emotions"])
    messages.store = get_typestore(Stores.ROS2_JAZZY)
    messages.store.register(other)
    hello = messages.make(TYPES["/emotions"], hello="hello")
    path = write(tmp_path / "bag", messages, only("/emotions", hello))
    with pytest.raises(ConfigError, match="EmotionArray has no 'emotions', which every version"):
        read_bag(path, pytest.fail)

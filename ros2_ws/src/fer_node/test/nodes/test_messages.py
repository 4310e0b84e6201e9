from __future__ import annotations

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import assume, example, given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from ec_rfernet.faces.face import Box
from ec_rfernet.labels import LABELS
from ec_rfernet.perceived import EmotionEstimate, Perceived
from fer_node.nodes.messages import (
    camera_info,
    deserialise,
    emotions,
    to_bgr,
    to_message,
)
from fer_node.perception.frame import DecodeError, open_message
from fer_node.testing.fakes import surely


def message(encoding: str, pixels: np.ndarray, big: bool = False) -> Image:
    height, width = pixels.shape[:2]
    data = pixels.tobytes()
    return Image(
        height=height,
        width=width,
        encoding=encoding,
        step=len(data) // height,
        is_bigendian=big,
        data=data,
    )


def test_an_image_survives_the_journey():
    image = np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)
    sent = to_message(image, Header(frame_id="camera"))
    assert (sent.header.frame_id, sent.encoding, sent.step) == ("camera", "bgr8", 51)
    assert np.array_equal(to_bgr(sent), image)
    assert np.array_equal(to_bgr(to_message(image[:, 3:9], Header())), image[:, 3:9])


def test_an_encoding_that_is_not_known_is_told_with_those_that_are():
    with pytest.raises(DecodeError, match=r"'nv24' is not known; expected one of: bgr8, .*nv12"):
        to_bgr(message("nv24", np.zeros((4, 4), np.uint8)))


@pytest.mark.parametrize(
    ("encoding", "dtype", "channels"),
    [
        ("bgr8", np.uint8, 3),
        ("rgb8", np.uint8, 3),
        ("bgra8", np.uint8, 4),
        ("rgba8", np.uint8, 4),
        ("mono8", np.uint8, 1),
        ("mono16", np.uint16, 1),
        ("yuv422_yuy2", np.uint8, 2),
    ],
)
def test_we_decode_as_cv_bridge_does(encoding, dtype, channels):
    cv_bridge = pytest.importorskip("cv_bridge", reason="cv_bridge is not on PyPI")
    shape = (24, 32) if channels == 1 else (24, 32, channels)
    pixels = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    sent = message(encoding, pixels)
    theirs = cv_bridge.CvBridge().imgmsg_to_cv2(sent, desired_encoding="bgr8")
    assert np.abs(to_bgr(sent).astype(int) - theirs).max() <= 1


def test_the_camera_is_a_pinhole():
    info = camera_info(640, 480, 90.0, Header(frame_id="camera"))
    assert (info.width, info.height, info.header.frame_id) == (640, 480, "camera")
    assert info.k[0] == info.k[4] == info.p[0] == pytest.approx(320)
    assert (info.k[2], info.k[5]) == (320, 240)


def estimate(face_id: str, box: Box) -> EmotionEstimate:
    return EmotionEstimate(face_id, "happy", 0.94, surely("happy"), 0.5, 0.25, box)


def test_emotions_carry_labels_size_and_who_is_attended_to():
    people = (estimate("aaaaa", Box(10, 20, 30, 40)), estimate("bbbbb", Box(-5, 200, 50, 90)))
    header = Header(frame_id="camera")
    message = emotions(Perceived(people, "bbbbb"), header, 320, 240)
    assert (message.image_width, message.image_height) == (320, 240)
    assert message.labels == list(LABELS)
    assert message.attended == "bbbbb"
    first, second = message.emotions
    assert first.labels == list(LABELS)
    assert first.probabilities == pytest.approx(surely("happy"))
    assert (second.roi.x_offset, second.roi.width) == (0, 45)
    assert (second.roi.y_offset, second.roi.height) == (200, 40)


def test_of_nobody_the_labels_are_told_too():
    message = emotions(Perceived(labels=("calm", "contempt")), Header(), 320, 240)
    assert (message.labels, message.attended, message.emotions) == (["calm", "contempt"], "", [])


def sent_image(frame_id: str, encoding: str, data: bytes) -> Image:
    header = Header(stamp=Time(sec=7, nanosec=9), frame_id=frame_id)
    return Image(
        header=header, height=2, width=3, encoding=encoding, is_bigendian=1, step=9, data=data
    )


@given(st.text(max_size=9), st.text(max_size=9), st.binary(max_size=40))
def test_a_serialised_image_is_read_as_ros_reads_it(frame_id, text, data):
    assume("\0" not in frame_id + text)
    for sent in (
        sent_image(frame_id, text, data),
        CompressedImage(header=Header(frame_id=frame_id), format=text, data=data),
    ):
        message, found = deserialise(serialize_message(sent), type(sent))
        assert bytes(found) == data
        message.data = sent.data
        assert message == sent


def test_the_data_of_a_serialised_image_are_not_copied():
    serialised = serialize_message(sent_image("camera", "bgr8", bytes(18)))
    message, found = deserialise(serialised, Image)
    assert found.obj is serialised
    assert not message.data
    assert open_message(message, found).bgr().shape == (2, 3, 3)


@pytest.mark.parametrize("count", [15, 16, 17, 18])
def test_a_middleware_may_fill_up_to_a_word_and_tell_how_far(count):
    serialised = serialize_message(sent_image("camera", "mono8", bytes(range(count))))
    spare = -len(serialised) % 4
    filled = serialised[:2] + bytes([0, spare]) + serialised[4:] + bytes(spare)
    message, data = deserialise(filled, Image)
    assert bytes(data) == bytes(range(count))
    assert data.obj is filled and message.encoding == "mono8"


@given(st.integers(0, 90), st.binary(min_size=1, max_size=4))
@example(2, b"\x00\x01")
def test_a_damaged_image_is_read_as_ros_reads_it_or_refused(place, damage):
    """However the lengths in it lie, nothing is read that ROS would not read."""
    whole = serialize_message(sent_image("camera", "bgr8", bytes(18)))
    serialised = whole[:place] + damage + whole[place + len(damage) :]
    expected, found = read(deserialize_message, serialised), read(deserialise, serialised)
    if expected is None or found is None:
        assert found is expected
        return
    message, data = found
    assert bytes(data) == bytes(expected.data)
    message.data = expected.data
    assert message == expected


def read(reader, serialised: bytes):
    try:
        return reader(serialised, Image)
    except Exception:
        return None

"""Frames survive the line, and nothing else is ever taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.robots.servo_humanoid.fake_servo_board import FakeServoBoard
from robot_behavior.robots.servo_humanoid.protocol import (
    END,
    LARGEST_WORD,
    MOST_WORDS,
    BoardState,
    BoardStatus,
    FrameReader,
    SerialFrame,
    Type,
    crc16,
    encode,
)

words = st.integers(0, LARGEST_WORD)
frames = st.builds(
    SerialFrame,
    st.integers(0, 126),
    st.integers(0, 127),
    st.lists(words, max_size=MOST_WORDS).map(tuple),
)


def test_the_checksum_is_the_standard_one() -> None:
    assert crc16(b"123456789") == 0x29B1


@given(st.lists(frames, max_size=5), st.integers(1, 7))
def test_frames_arrive_however_the_line_cuts_them(sent: list[SerialFrame], size: int) -> None:
    data, reader = b"".join(map(encode, sent)), FrameReader()
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    assert [frame for piece in pieces for frame in reader.feed(piece)] == sent
    assert reader.bad == 0


@given(frames, st.data())
def test_a_flipped_bit_is_noticed_and_the_next_frame_arrives(
    frame: SerialFrame, data: st.DataObject
) -> None:
    encoded = bytearray(encode(frame))
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    reader, following = FrameReader(), SerialFrame(Type.REST, 5)
    assert list(reader.feed(bytes(encoded) + encode(following))) == [following]
    assert reader.bad > 0


@given(frames, st.binary(max_size=60), st.data())
def test_noise_and_torn_frames_cost_no_later_frame(
    frame: SerialFrame, noise: bytes, data: st.DataObject
) -> None:
    torn = encode(frame)[: data.draw(st.integers(0, len(encode(frame)) - 1))]
    reader = FrameReader()
    arrived = list(reader.feed(noise + torn + encode(frame)))
    assert arrived and arrived[-1] == frame


@given(st.lists(st.binary(max_size=80), max_size=10))
def test_no_noise_moves_a_board(pieces: list[bytes]) -> None:
    board = FakeServoBoard()
    for piece in pieces:
        board.feed(piece)
        board.step()
    assert not any(board.pulses_us)


@given(st.lists(st.tuples(st.sampled_from(list(Type)), st.lists(words, max_size=22)), max_size=30))
def test_no_sequence_of_frames_leaves_the_limits(commands: list) -> None:
    board = FakeServoBoard()
    for channel in range(18):
        board.feed(encode(SerialFrame(Type.LIMIT, 0, (channel, 2000, 4000, 3000, 50))))
    board.feed(encode(SerialFrame(Type.POSE, 0, (3000,) * 18)))
    before = [1500.0] * 18
    for kind, values in commands:
        board.feed(encode(SerialFrame(kind, 0, tuple(values))))
        board.step()
        widths = board.pulses_us
        assert all(1000.0 <= width <= 2000.0 for width in widths)
        assert all(abs(a - b) <= 25.0 for a, b in zip(widths, before, strict=True))
        before = widths


@pytest.mark.parametrize(
    "frame",
    [
        SerialFrame(127),
        SerialFrame(-1),
        SerialFrame(1, 128),
        SerialFrame(1, 0, (16384,)),
        SerialFrame(1, 0, (0,) * 23),
    ],
)
def test_a_frame_that_cannot_be_sent_is_refused(frame: SerialFrame) -> None:
    with pytest.raises(ValueError, match="expected"):
        encode(frame)


def test_a_status_arrives_as_it_was_sent() -> None:
    status = BoardStatus(BoardState.RESTING, 7, 8, 12, tuple(range(1000, 1018)))
    (frame,) = FrameReader().feed(encode(status.frame()))
    assert BoardStatus.read(frame) == status
    assert BoardStatus.read(SerialFrame(Type.STATUS, 0, (9, *frame.words[1:]))) is None
    assert BoardStatus.read(SerialFrame(Type.ANSWER, 0, (1, 2))) is None


def test_the_end_alone_is_noise() -> None:
    reader = FrameReader()
    assert list(reader.feed(bytes([END, END, 1, 2, 3]))) == []
    assert reader.bad == 3

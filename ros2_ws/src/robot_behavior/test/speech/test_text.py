"""What is spoken of a text, and in which pieces."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.speech.text import LONGEST, pause_after, pieces, speakable

WORDS = st.lists(st.sampled_from(["Hello!", "a" * 50, "you,", "is", "你好。", "Dr.", "ok?"])).map(
    " ".join
)


@given(st.one_of(st.text(max_size=600), WORDS))
def test_nothing_is_lost_and_no_piece_is_long(text: str) -> None:
    spoken = speakable(text)
    parts = list(pieces(spoken))
    assert "".join(parts).replace(" ", "") == spoken.replace(" ", "")
    assert all(0 < len(part) <= LONGEST and part == part.strip() for part in parts)


@given(st.text())
def test_what_is_spoken_has_something_to_say_and_no_control_characters(text: str) -> None:
    spoken = speakable(text)
    assert spoken == speakable(spoken) and spoken.isprintable()
    assert any(map(str.isalnum, spoken)) or spoken == ""


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("You look happy! \U0001f600", "You look happy!"),
        ("\U0001f469‍\U0001f680 ❤️ Hello\U0001f44b\U0001f3fd!", "Hello !"),
        ("one\x00two\x1b[31m\tthree\r\nfour", "one two [31m three four"),
        ("Scho\u0308n,\u200b 20 °C \udcff", "Schön, 20 °C"),
        ("...", ""),
        ("\U0001f600", ""),
        ("您好！", "您好！"),
    ],
)
def test_pictures_and_control_characters_are_left_out(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


def test_short_texts_stay_whole_and_long_ones_begin_with_a_sentence() -> None:
    short = "You look a bit sad. I'm here if you want to talk."
    assert list(pieces(short)) == [short]
    long = "Hello there! It is a long story, as you will see. " * 20
    assert next(pieces(long)) == "Hello there! It is a long story, as you will see."
    chinese = "您看起来有点难过。想聊聊的话，我在这里。" * 30
    assert max(map(len, pieces(chinese))) < 60
    assert next(pieces("no end " * 50)).endswith(" end")


def test_a_sentence_ends_with_a_pause() -> None:
    assert pause_after("It is good.") > pause_after("It is good,") > pause_after("It is good") == 0
    assert pause_after("很好。") == pause_after("Good!")


def test_any_length_is_split_in_no_time() -> None:
    began = time.thread_time()
    for text in ("a" * 100_000, ". " * 50_000, "a." * 50_000):
        for _ in pieces(text):
            pass
    assert time.thread_time() - began < 2.0

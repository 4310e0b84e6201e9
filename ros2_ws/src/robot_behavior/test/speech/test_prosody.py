"""The notation of prosody: what is written is read, and nothing is ever spoken as a tag."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.speech.text import PITCH_ST, PLAIN, RATE, VOLUME_DB, Prosody, parse

TEXTS = st.text().filter(lambda text: "prosody" not in text)
PROSODIES = st.builds(
    Prosody,
    st.integers(50, 200).map(lambda percent: percent / 100),
    st.integers(-24, 24).map(lambda half: half / 2),
    st.integers(-40, 12).map(lambda half: half / 2),
)


@given(TEXTS, PROSODIES)
def test_what_is_written_is_read(text: str, prosody: Prosody) -> None:
    marked = parse(prosody.wrap(text))
    assert marked.text == text.strip() and marked.problem == ""
    assert marked.prosody.rate == pytest.approx(prosody.rate)
    assert marked.prosody.pitch_st == prosody.pitch_st
    assert marked.prosody.volume_db == prosody.volume_db


@given(TEXTS)
def test_plain_text_passes_through(text: str) -> None:
    assert parse(text).text == text.strip() and parse(text).prosody == PLAIN
    assert PLAIN.wrap(text) == text


@given(
    st.lists(
        st.sampled_from(
            [
                "<prosody",
                "</prosody>",
                ' rate="',
                '85%"',
                ">",
                "<",
                "hello",
                " ",
                "pitch=",
                "\n",
                "/",
            ]
        )
    ).map("".join)
)
def test_no_tag_is_ever_spoken_and_nothing_fails(text: str) -> None:
    marked = parse(text)
    assert "<prosody" not in marked.text and "</prosody" not in marked.text
    for value, (low, high) in (
        (marked.prosody.rate, RATE),
        (marked.prosody.pitch_st, PITCH_ST),
        (marked.prosody.volume_db, VOLUME_DB),
    ):
        assert low <= value <= high


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('rate="85%"', Prosody(0.85)),
        ("rate='slow' volume='soft'", Prosody(0.75, 0.0, -6.0)),
        ('pitch="-2st" rate="1.2"', Prosody(1.2, -2.0)),
        ('pitch="+100%"', Prosody(1.0, 12.0)),
        ('volume="+3.5dB"', Prosody(1.0, 0.0, 3.5)),
        ('rate="900%" pitch="-90st" volume="-90dB"', Prosody(2.0, -12.0, -20.0)),
        ("", PLAIN),
    ],
)
def test_the_notations_of_ssml(attributes: str, expected: Prosody) -> None:
    marked = parse(f"  <prosody {attributes}> Hello! </prosody>\n")
    assert (marked.text, marked.prosody, marked.problem) == ("Hello!", expected, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<prosody rate='85%'>Hello!", "expected one <prosody ...>text</prosody>"),
        ("Hello!</prosody>", "expected one <prosody ...>text</prosody>"),
        ("<prosody><prosody>Hello!</prosody></prosody>", "around the whole text"),
        ("<prosody rate=85%>Hello!</prosody>", "' rate=85%' is no attribute"),
        ("<prosody rate='quick'>Hello!</prosody>", "rate is 'quick', expected a percentage such"),
        ("<prosody rate='0%'>Hello!</prosody>", "rate is '0%'"),
        ("<prosody pitch='-100%'>Hello!</prosody>", "pitch is '-100%', expected semitones"),
        ("<prosody volume='nan'>Hello!</prosody>", "volume is 'nan', expected decibels"),
        ("<prosody speed='2'>Hello!</prosody>", "'speed', expected one of rate, pitch, volume"),
    ],
)
def test_a_malformed_prosody_is_named_and_the_text_is_said_plainly(text: str, problem: str) -> None:
    marked = parse(text)
    assert (marked.text, marked.prosody) == ("Hello!", PLAIN)
    assert problem in marked.problem


def test_a_hostile_text_takes_no_time() -> None:
    began = time.monotonic()
    for part in ("<prosody", "<prosody ", "<prosody>", "</prosody", "<prosody a='", " "):
        parse(part * 10_000)
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize("values", [{"rate": 0.1}, {"pitch_st": 13.0}, {"volume_db": float("nan")}])
def test_values_beyond_their_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(values))} is "):
        Prosody(**values)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.nodes.markers import FOREIGN, plain, wrapped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You look happy!", "You look happy!"),
        ("Schön, dass du da bist – „hallo“ …", 'Schon, dass du da bist - "hallo" ...'),
        ("¿Qué tal, niño?", "Que tal, nino?"),
        ("Ça va ? Œuvre", "Ca va ? OEuvre"),
        ("a\tb\n c", "a b c"),
        ("good 👍 day", "good day"),
        ("你好，很高兴见到你。", FOREIGN),
        ("Привет!", FOREIGN),
        ("", ""),
        ("...", "..."),
    ],
)
def test_rviz_is_given_letters_that_it_can_draw(text, expected):
    assert plain(text) == expected


@given(st.text(max_size=200), st.integers(8, 60), st.integers(1, 5))
def test_any_text_fits(text, width, lines):
    shown = wrapped(text, width, lines)
    rows = shown.split("\n")
    assert len(rows) <= lines
    assert all(len(row) <= width for row in rows)
    assert all(" " <= char <= "~" for row in rows for char in row)


@given(st.text(st.sampled_from("ab cde"), max_size=80))
def test_nothing_is_lost_where_there_is_room(text):
    assert wrapped(text, 20, 100).split() == plain(text).split() or max(map(len, text.split())) > 20


def test_what_does_not_fit_ends_in_dots():
    text = "happy again, but answered 1.3 s ago: cool-down of 12 s"
    assert wrapped(text, 20, 2) == "happy again, but\nanswered 1.3 s ..."

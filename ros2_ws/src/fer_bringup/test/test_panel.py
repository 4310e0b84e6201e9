import re

from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.labels import LABELS
from fer_bringup import terminal
from fer_bringup.journal import JournalMoment

ESCAPE = re.compile(r"\x1b\[[\d;]*m")
texts = st.text(st.characters(exclude_categories=("C", "M", "Z")), max_size=200)
shares = st.floats(0, 1)
moments = st.builds(
    JournalMoment,
    faces=st.integers(-1, 20),
    label=st.sampled_from(("", *LABELS, "unknown")),
    confidence=shares,
    probabilities=st.one_of(st.just(()), st.tuples(*[shares] * 7)),
    state=st.sampled_from(("", "idle", "responding")),
    motion=texts,
    speech=texts,
    reason=texts,
    rate=st.floats(0, 1000),
    latency_s=st.floats(0, 100),
    health=texts,
)


@given(moments, st.floats(0, 1e6), st.integers(terminal.NARROWEST, 300), st.booleans())
def test_is_a_rectangle_whatever_happens(
    moment: JournalMoment, elapsed: float, width: int, colours: bool
) -> None:
    lines = terminal.draw(moment, elapsed, width, colours)
    assert len(lines) == terminal.HEIGHT
    assert {terminal.columns(ESCAPE.sub("", line)) for line in lines} == {width}


@given(moments)
def test_without_colours_there_are_no_escapes(moment: JournalMoment) -> None:
    assert "\x1b" not in "".join(terminal.draw(moment, 0.0, 80, colours=False))


@given(texts, st.integers(1, 60))
def test_fits_texts_exactly(text: str, width: int) -> None:
    assert terminal.columns(terminal.fit(text, width)) == width


def test_shows_who_what_and_why() -> None:
    moment = JournalMoment(
        faces=2,
        label="sad",
        confidence=0.67,
        probabilities=(0.04, 0.02, 0.1, 0.0, 0.67, 0.02, 0.15),
        state="responding",
        motion="comfort_lean",
        speech="Would you like some company?",
        reason="sad has lasted 1.5 s",
        rate=29.7,
        latency_s=0.021,
    )
    text = "\n".join(terminal.draw(moment, 75, 80, colours=False))
    for part in (
        "2 faces in view",
        "▸ sad       ██████████",
        "67%",
        "responding",
        "comfort_lean",
        "“Would you like some company?”",
        "sad has lasted 1.5 s",
        "1:15 · 30 images/s · 21 ms",
    ):
        assert part in text


def test_says_what_is_missing() -> None:
    assert "waiting for the camera" in terminal.draw(JournalMoment(), 0, 80)[0]
    assert "nobody in view" in terminal.draw(JournalMoment(faces=0), 0, 80)[0]
    assert (
        "no images on /image"
        in terminal.draw(JournalMoment(health="no images on /image"), 0, 80)[0]
    )

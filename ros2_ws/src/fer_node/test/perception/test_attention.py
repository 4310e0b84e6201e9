from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fer_node.perception.attention import Attention
from fer_node.perception.tracker import Track
from fer_node.testing.fakes import frontal_face


def track(name: str, size: float = 100, since: float = 0.0) -> Track:
    return Track(name, frontal_face(100, 100, size), since, since)


def test_the_largest_face_is_chosen_once_it_has_been_seen_for_a_while():
    attention = Attention(attend_after_s=0.5, forget_after_s=1.0)
    people = [track("small", 50), track("large", 90)]
    assert attention.update(people, 0.2) is None
    assert attention.update(people, 0.5) == "large"


def test_a_passer_by_does_not_take_the_attention_away():
    attention = Attention(0.5, 1.0)
    assert attention.update([track("first", 50)], 1.0) == "first"
    assert attention.update([track("first", 50), track("near", 300)], 2.0) == "first"


def test_attention_outlasts_a_short_loss_only():
    attention = Attention(0.5, 1.0)
    attention.update([track("a")], 1.0)
    assert attention.update([track("b")], 1.9) == "a"
    assert attention.update([track("a"), track("b")], 2.5) == "a"
    assert attention.update([track("b")], 3.5) == "a"
    assert attention.update([track("b")], 3.6) == "b"
    assert attention.update([], 4.7) is None


@given(
    st.lists(
        st.tuples(st.floats(0.001, 0.9), st.sets(st.sampled_from("abcdef"), max_size=6)),
        max_size=40,
    )
)
def test_the_chosen_face_never_changes_while_it_is_in_sight(images):
    attention, now, chosen = Attention(0.0, 1.0), 0.0, None
    for interval, names in images:
        now += interval
        before, chosen = chosen, attention.update([track(n) for n in sorted(names)], now)
        if before in names:
            assert chosen == before
        assert chosen is None or chosen in names or chosen == before

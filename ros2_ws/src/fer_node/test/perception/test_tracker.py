from __future__ import annotations

import random
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_node.perception.tracker import Attention, Track, Tracker
from fer_node.testing.fakes import frontal_face

PERIOD = 1 / 30
SIZE = 100.0


def tracker(forget_after_s: float = 1.0) -> Tracker:
    return Tracker(forget_after_s, random.Random(1))


def follow(steps) -> list[list[str]]:
    """The ids of the faces in each step."""
    found = tracker()
    return [[t.id for t in found.update(faces, i * PERIOD)] for i, faces in enumerate(steps)]


def test_no_face():
    found = tracker()
    assert found.update([], 0.0) == []
    assert found.ids == frozenset()


@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.floats(-8, 8), st.floats(-8, 8)), min_size=5, max_size=25),
    st.randoms(use_true_random=False),
)
def test_people_side_by_side_keep_their_ids_in_any_order(number, jumps, shuffle):
    found, seen = tracker(), []
    for step, (dx, dy) in enumerate(jumps):
        order = list(range(number))
        shuffle.shuffle(order)
        faces = [frontal_face(150 * i + dx, 200 + dy, SIZE) for i in order]
        tracks = found.update(faces, step * PERIOD)
        assert [t.face for t in tracks] == faces
        seen.append({i: t.id for i, t in zip(order, tracks, strict=True)})
    assert len(set(seen[0].values())) == number
    assert all(ids == seen[0] for ids in seen)


@pytest.mark.parametrize("speed", [60, 200, 500])
def test_two_people_crossing_keep_their_ids(speed):
    ids = []
    found = tracker()
    for step in count():
        way = speed * step * PERIOD
        if way > 500:
            break
        left, right = frontal_face(100 + way, 200, SIZE), frontal_face(600 - way, 210, SIZE)
        # The detector orders faces by its confidence, which varies.
        swap = step % 2
        tracks = found.update([right, left] if swap else [left, right], step * PERIOD)
        ids.append((tracks[swap].id, tracks[1 - swap].id))
    assert set(ids) == {ids[0]}
    assert ids[0][0] != ids[0][1]


def test_the_person_in_front_hides_the_other_while_crossing():
    found, front, back = tracker(), [], []
    for step in range(60):
        a, b = frontal_face(100 + 8 * step, 200, 120), frontal_face(580 - 8 * step, 200, 100)
        hidden = a.box.overlap(b.box) > 0.3
        tracks = found.update([a] if hidden else [a, b], step * PERIOD)
        front.append(tracks[0].id)
        if not hidden:
            back.append(tracks[1].id)
    assert len(set(front)) == 1
    assert len(set(back)) == 1


@pytest.mark.parametrize(("gap", "same"), [(0.9, True), (1.2, False)])
def test_a_lost_face_is_remembered_for_a_while(gap, same):
    found = tracker(forget_after_s=1.0)
    before = found.update([frontal_face(200, 200, SIZE)], 10.0)[0].id
    assert found.update([], 10.0 + gap / 2) == []
    assert found.ids == {before}
    after = found.update([frontal_face(230, 205, SIZE)], 10.0 + gap)[0].id
    assert (after == before) is same


def test_a_face_elsewhere_or_of_another_size_is_someone_else():
    ids = follow([[frontal_face(100, 100, SIZE)], [frontal_face(400, 100, SIZE)]])
    assert ids[0] != ids[1]
    ids = follow([[frontal_face(100, 100, 30)], [frontal_face(100, 100, 100)]])
    assert ids[0] != ids[1]


def test_ids_are_never_used_again():
    class Stubborn(random.Random):
        """Proposes each id three times."""

        def __init__(self) -> None:
            super().__init__(0)
            self.calls = 0

        def choices(self, population, *, k):  # type: ignore[override]
            self.calls += 1
            return [population[self.calls // 3]] * k

    found = Tracker(0.1, Stubborn())
    ids = [found.update([frontal_face(0, 0, SIZE)], float(step))[0].id for step in range(5)]
    assert len(set(ids)) == 5
    assert all(len(name) == 5 and name.isalpha() for name in ids)


@given(
    st.lists(
        st.lists(st.tuples(st.floats(0, 600), st.floats(0, 400), st.floats(5, 300)), max_size=20),
        max_size=12,
    )
)
def test_every_face_has_exactly_one_track_whatever_comes(images):
    found = tracker()
    for step, image in enumerate(images):
        faces = [frontal_face(*values) for values in image]
        tracks = found.update(faces, step * PERIOD)
        assert [t.face for t in tracks] == faces
        assert len({t.id for t in tracks}) == len(faces)
        assert {t.id for t in tracks} <= found.ids


def test_a_moving_face_is_expected_further_on():
    found = tracker()
    for step in range(10):
        track = found.update([frontal_face(100 + 10 * step, 100, SIZE)], step * 0.1)[0]
    assert track.velocity[0] == pytest.approx(100, rel=0.05)
    assert track.expected(1.0).center[0] == pytest.approx(200, abs=2)
    assert track.age(2.0) == 2.0


# Whom the robot attends to.


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

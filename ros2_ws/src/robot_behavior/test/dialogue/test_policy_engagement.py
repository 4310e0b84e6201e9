"""Who is greeted, who is told goodbye, and who is only passing by."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.dialogue.behaviors import EngagementRules
from robot_behavior.dialogue.policy import PATIENCE_S, Engagement, Occasion

RULES = EngagementRules(near=0.12, far=0.08, dwell_s=0.5, leave_s=2.0)
NEAR, BETWEEN, FAR = 0.2, 0.1, 0.05


class Doorway:
    """People in front of an engagement, at 8 images per second."""

    def __init__(self) -> None:
        self.now = 100.0
        self.engagement = Engagement(RULES, lambda: self.now)
        self.said: list[tuple[Occasion, str]] = []
        self.speaks = True

    def show(self, seconds: float, attended: str | None = None, **sizes: float) -> None:
        for _ in range(round(seconds * 8)):
            self.now += 0.125
            self.engagement.see(sizes)
            self.engagement.attend(attended or next(iter(sizes), None))
            self.engagement.update()
            pending = self.engagement.pending
            if pending is not None and self.speaks:
                self.said.append((pending.occasion, pending.face_id))
                self.engagement.used()


def test_who_comes_near_and_leaves_is_greeted_and_told_goodbye_once() -> None:
    door = Doorway()
    door.show(3.0, anna=FAR)
    assert door.said == []
    door.show(30.0, anna=NEAR)
    assert door.said == [(Occasion.GREETING, "anna")]
    door.show(1.9)
    assert len(door.said) == 1
    door.show(10.0)
    assert door.said[1:] == [(Occasion.FAREWELL, "anna")]


def test_going_away_is_leaving_even_in_view() -> None:
    door = Doorway()
    door.show(2.0, anna=NEAR)
    door.show(5.0, anna=FAR)
    assert [occasion for occasion, _ in door.said] == [Occasion.GREETING, Occasion.FAREWELL]


def test_a_passer_by_is_not_greeted() -> None:
    door = Doorway()
    door.show(0.5, anna=NEAR)
    door.show(10.0)
    assert door.said == []


def test_who_sways_at_the_border_is_greeted_once() -> None:
    door = Doorway()
    for _ in range(20):
        door.show(1.0, anna=NEAR)
        door.show(3.0, anna=BETWEEN)
    assert door.said == [(Occasion.GREETING, "anna")]


def test_a_short_loss_is_no_leaving() -> None:
    door = Doorway()
    for _ in range(5):
        door.show(2.0, anna=NEAR)
        door.show(1.5)
    assert len(door.said) == 1


def test_a_new_id_in_the_same_place_is_the_same_person() -> None:
    door = Doorway()
    door.show(2.0, anna=NEAR)
    door.show(1.0)
    door.show(5.0, f7=NEAR)
    door.show(5.0)
    assert door.said == [(Occasion.GREETING, "anna"), (Occasion.FAREWELL, "f7")]


def test_of_several_people_the_attended_one_is_greeted_for_all() -> None:
    door = Doorway()
    door.show(5.0, attended="bert", anna=NEAR, bert=NEAR)
    assert door.said == [(Occasion.GREETING, "bert")]
    door.show(5.0, attended="anna", anna=NEAR)  # bert has left: anna was greeted with him
    assert len(door.said) == 1


def test_a_group_that_leaves_gets_one_farewell() -> None:
    door = Doorway()
    door.show(3.0, attended="anna", anna=NEAR, bert=NEAR, cleo=NEAR)
    door.show(1.0, attended="bert", bert=NEAR, cleo=NEAR)
    door.show(1.0, attended="cleo", cleo=NEAR)
    door.show(10.0)
    assert [occasion for occasion, _ in door.said] == [Occasion.GREETING, Occasion.FAREWELL]


def test_who_joins_and_takes_over_is_greeted_too() -> None:
    door = Doorway()
    door.show(3.0, anna=NEAR)
    door.show(3.0, attended="anna", anna=NEAR, bert=NEAR)
    assert len(door.said) == 1
    door.show(3.0, attended="bert", bert=NEAR)
    assert door.said[1:] == [(Occasion.GREETING, "bert")]


def test_attention_that_wanders_greets_nobody_while_the_first_one_is_there() -> None:
    door = Doorway()
    door.show(2.0, anna=NEAR)
    door.show(4.0, attended="bert", anna=NEAR, bert=NEAR)
    assert door.said == [(Occasion.GREETING, "anna")]


def test_a_greeting_that_comes_too_late_is_dropped() -> None:
    door = Doorway()
    door.speaks = False
    door.show(1.0 + PATIENCE_S, anna=NEAR)
    assert door.engagement.pending is None
    assert str(door.engagement.dropped) == "greeting dropped: it could not be said within 5 s"


def test_who_leaves_before_the_greeting_gets_only_the_farewell() -> None:
    door = Doorway()
    door.speaks = False
    door.show(1.0, anna=NEAR)
    door.show(3.0)
    assert str(door.engagement.dropped) == "greeting dropped: they left before it could be said"
    assert door.engagement.pending is not None
    assert door.engagement.pending.occasion is Occasion.FAREWELL


def test_who_comes_back_before_the_farewell_is_greeted_instead() -> None:
    door = Doorway()
    door.show(1.0, anna=NEAR)
    door.speaks = False
    door.show(3.0)
    door.show(1.0, anna=NEAR)
    assert (
        str(door.engagement.dropped) == "farewell dropped: they came back before it could be said"
    )
    assert door.engagement.pending is not None
    assert door.engagement.pending.occasion is Occasion.GREETING


def test_an_unknown_size_is_far_away() -> None:
    door = Doorway()
    door.show(10.0, anna=0.0)
    assert door.said == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.125, 0.5, 1.0, 3.0]),
            st.dictionaries(
                st.sampled_from(["anna", "bert", "cleo"]),
                st.sampled_from([0.0, FAR, BETWEEN, NEAR]),
                max_size=3,
            ),
            st.randoms(use_true_random=False),
        ),
        max_size=40,
    )
)
def test_every_encounter_has_at_most_one_greeting_per_face_and_one_farewell(steps: list) -> None:
    door = Doorway()
    for seconds, sizes, rng in steps:
        attended = rng.choice(sorted(sizes)) if sizes else None
        door.show(seconds, attended=attended, **sizes)
    greeted: set[str] = set()
    for occasion, face in door.said:
        if occasion is Occasion.FAREWELL:
            greeted.clear()
        else:
            assert face not in greeted
            greeted.add(face)
    kinds = [occasion for occasion, _ in door.said]
    for one, other in pairwise(kinds):
        assert (one, other) != (Occasion.FAREWELL, Occasion.FAREWELL)

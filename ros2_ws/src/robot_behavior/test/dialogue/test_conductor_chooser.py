"""The robot does not repeat itself."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from robot_behavior.dialogue.behaviors import Behavior, Variant
from robot_behavior.dialogue.conductor import Chooser


def behavior(name: str, *variants: Variant) -> Behavior:
    return Behavior(name, 0.5, 8.0, 120, 0.0, variants)


_VARIANTS = st.builds(
    Variant,
    st.sampled_from(["nod", "bounce", "wave"]),
    st.lists(st.sampled_from("abcd"), max_size=3, unique=True).map(tuple),
)
_BEHAVIORS = st.lists(
    st.lists(_VARIANTS, min_size=1, max_size=4, unique=True), min_size=1, max_size=3
)


@given(_BEHAVIORS, st.lists(st.integers(0, 2), max_size=30), st.integers(0, 99))
def test_no_sentence_that_must_not_be_said(
    variants: list[list[Variant]], order: list[int], seed: int
) -> None:
    known = [behavior(str(i), *choice) for i, choice in enumerate(variants)]
    chooser = Chooser(random.Random(seed))
    last = ""
    for number in order:
        chosen = known[number % len(known)]
        variant, sentence = chooser.choose(chosen, [last])
        assert variant in chosen.variants
        assert sentence is None or sentence in variant.say
        if sentence is not None:
            assert sentence != last
            last = sentence


def test_no_variant_twice_in_a_row() -> None:
    happy = behavior("happy", *(Variant(name, ()) for name in ("a", "b", "c")))
    chooser = Chooser(random.Random(1))
    motions = [chooser.choose(happy)[0].motion for _ in range(200)]
    assert all(one != other for one, other in pairwise(motions))
    assert set(motions) == {"a", "b", "c"}


def test_a_single_variant_alternates_its_sentences() -> None:
    happy = behavior("happy", Variant("nod", ("one", "two")))
    chooser = Chooser(random.Random(1))
    assert chooser.choose(happy, ["one"])[1] == "two"
    assert chooser.choose(happy, ["two"])[1] == "one"


def test_the_only_sentence_is_left_out_when_it_must_not_be_said() -> None:
    happy = behavior("happy", Variant("nod", ("You look happy!",)))
    chooser = Chooser(random.Random(1))
    assert chooser.choose(happy)[1] == "You look happy!"
    assert chooser.choose(happy, ["You look happy!"]) == (happy.variants[0], None)


def test_a_variant_with_something_new_to_say_is_preferred() -> None:
    only = Variant("nod", ("same",))
    other = Variant("wave", ("same", "new"))
    chooser = Chooser(random.Random(3))
    for _ in range(10):
        assert chooser.choose(behavior("second", only, other), ["same"]) == (other, "new")


def test_a_seed_makes_it_repeatable() -> None:
    happy = behavior("happy", *(Variant(name, (name * 2, name * 3)) for name in "abc"))
    runs = []
    for _ in range(2):
        chooser = Chooser(random.Random(7))
        runs.append([chooser.choose(happy) for _ in range(10)])
    assert runs[0] == runs[1]

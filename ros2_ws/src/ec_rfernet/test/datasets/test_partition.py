import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.datasets.dataset import partition

PARTS = 10


@st.composite
def people(draw):
    """Pictures of ten or more people: (person of each, class of each)."""
    counts = draw(st.lists(st.integers(1, 8), min_size=PARTS, max_size=60))
    groups = [f"S{person:03d}" for person, count in enumerate(counts) for _ in range(count)]
    labels = draw(st.lists(st.integers(0, 6), min_size=len(groups), max_size=len(groups)))
    return groups, np.array(labels)


@given(people())
def test_nobody_is_in_two_parts_and_every_picture_is_in_one(pictures):
    groups, labels = pictures
    parts = partition(groups, labels, PARTS)
    assert parts.shape == labels.shape
    assert set(parts) <= set(range(PARTS))
    for person in set(groups):
        assert len(set(parts[np.array(groups) == person])) == 1


@given(people())
def test_no_part_is_empty(pictures):
    assert set(partition(*pictures, PARTS)) == set(range(PARTS))


@given(people(), st.randoms(use_true_random=False))
def test_the_order_of_the_pictures_does_not_matter(pictures, random):
    groups, labels = pictures
    before = dict(zip(groups, partition(groups, labels, PARTS), strict=True))
    order = list(range(len(groups)))
    random.shuffle(order)
    shuffled = [groups[index] for index in order]
    after = dict(zip(shuffled, partition(shuffled, labels[order], PARTS), strict=True))
    assert before == after


@given(st.lists(st.integers(0, 6), min_size=1, max_size=300))
def test_single_pictures_are_divided_evenly_in_every_class(labels):
    truth = np.array(labels)
    parts = partition([f"{index}.jpg" for index in range(len(truth))], truth, PARTS)
    for label in set(labels):
        sizes = np.bincount(parts[truth == label], minlength=PARTS)
        assert sizes.max() - sizes.min() <= 1


def test_folds_of_a_set_like_ckplus_are_balanced():
    """118 people with 327 sequences of three frames, classes as unequal as in CK+."""
    rng = np.random.default_rng(0)
    person = np.concatenate([np.arange(118), rng.integers(0, 118, 327 - 118)])
    label = rng.permutation(np.repeat(np.arange(7), (45, 59, 25, 69, 28, 83, 18)))
    groups = np.repeat([f"S{p:03d}" for p in person], 3).tolist()
    labels = np.repeat(label, 3)
    parts = partition(groups, labels, PARTS)
    sizes = np.bincount(parts)
    assert sizes.max() <= 1.2 * sizes.mean()
    assert sizes.min() >= 0.8 * sizes.mean()
    for label in range(7):
        counts = np.bincount(parts[labels == label], minlength=PARTS)
        assert counts.min() > 0
        assert counts.max() <= 2.1 * counts.mean()


def test_the_folds_never_change():
    """Results of different versions can be compared: the division is part of the protocol."""
    groups = [f"S{person:03d}" for person in range(12)]
    parts = partition(groups, np.arange(12) % 3, 4)
    assert parts.tolist() == [0, 2, 3, 3, 1, 0, 1, 3, 1, 2, 0, 2]

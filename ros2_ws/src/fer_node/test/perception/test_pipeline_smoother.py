from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.labels import LABELS, UNKNOWN
from fer_node.perception.pipeline import Smoother, Smoothing, least_probability, no_idea
from fer_node.testing.fakes import surely

PERIOD = 1 / 30


def smoother(threshold: float = 0.4, **settings) -> Smoother:
    return Smoother(Smoothing(**settings), threshold)


def feed(target: Smoother, row, seconds: float, start: float) -> list[str]:
    labels = []
    for step in range(round(seconds / PERIOD)):
        target.update(row, start + step * PERIOD)
        labels.append(target.label)
    return labels


rows = st.lists(st.floats(0, 1), min_size=7, max_size=7).map(
    lambda values: (np.array(values) + 1e-6) / (np.array(values) + 1e-6).sum()
)


@given(st.lists(st.tuples(rows, st.floats(0, 5)), min_size=1, max_size=40), st.floats(0, 1))
def test_probabilities_stay_probabilities_and_labels_are_earned(samples, threshold):
    target, now = smoother(threshold), 0.0
    for row, interval in samples:
        now += interval
        target.update(row, now)
        assert target.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert (target.probabilities >= 0).all() and (target.probabilities <= 1 + 1e-6).all()
        assert 0 <= target.confidence <= 1 + 1e-6
        if target.label == UNKNOWN:
            assert target.confidence == pytest.approx(target.probabilities.max())
        else:
            assert target.confidence >= max(threshold, 2 / 7) - 1e-6


def test_the_first_image_decides_at_once():
    target = smoother()
    assert target.label == UNKNOWN and np.allclose(target.probabilities, no_idea())
    target.update(surely("happy", 0.41), 100.0)
    assert target.label == "happy"
    assert target.confidence == pytest.approx(0.41)


@pytest.mark.parametrize("period", [1 / 60, 1 / 30, 1 / 7])
def test_smoothing_depends_on_time_not_on_the_frame_rate(period):
    target = smoother(smoothing_s=0.5)
    target.update(surely("sad"), 0.0)
    for step in range(1, round(1 / period) + 1):
        target.update(surely("happy"), step * period)
    happy = target.probabilities[LABELS.index("happy")]
    assert happy == pytest.approx(0.94 - (0.94 - 0.01) * np.exp(-2), abs=0.01)


def test_a_lasting_change_is_followed_soon():
    target = smoother()
    feed(target, surely("sad"), 2, 0.0)
    labels = feed(target, surely("happy"), 1, 2.0)
    assert labels[0] == "sad" and labels[-1] == "happy"
    assert labels.index("happy") * PERIOD < 0.7
    changes = [pair for pair in pairwise(labels) if pair[0] != pair[1]]
    assert len(changes) <= 2, "at most through unknown"


def test_one_odd_image_changes_nothing():
    target = smoother()
    feed(target, surely("neutral"), 1, 0.0)
    target.update(surely("angry", 0.99), 1.0)
    assert target.label == "neutral"


def test_a_rival_that_falls_back_begins_anew():
    target = smoother(threshold=0.3, smoothing_s=0.0, dwell_s=0.15)
    ahead, behind = np.full(7, 0.02), np.full(7, 0.02)
    both = [LABELS.index("happy"), LABELS.index("sad")]
    ahead[both], behind[both] = (0.38, 0.52), (0.44, 0.46)
    target.update(surely("happy"), 0.0)
    for start in (1.0, 1.2, 1.4):
        assert set(feed(target, ahead, 0.1, start)) == {"happy"}
        assert set(feed(target, behind, 0.1, start + 0.1)) == {"happy"}
    assert feed(target, ahead, 0.3, 2.0)[-1] == "sad"


@given(st.lists(st.booleans(), min_size=60, max_size=60))
def test_a_jittering_classifier_does_not_make_the_label_flicker(toss):
    """Two labels that take turns at random, near each other and near the threshold."""
    target, labels = smoother(), []
    feed(target, surely("happy", 0.47), 1, 0.0)
    for step, sad in enumerate(toss):
        row = surely("happy", 0.44)
        row[[LABELS.index("happy"), LABELS.index("sad")]] += (-0.02, 0.02) if sad else (0.02, -0.02)
        target.update(row / row.sum(), 1 + step * PERIOD)
        labels.append(target.label)
    assert set(labels) == {"happy"}


def test_unknown_does_not_flicker_around_the_threshold():
    target = smoother(smoothing_s=0.0)
    labels = []
    for step in range(100):
        target.update(surely("happy", 0.42 if step % 2 else 0.39), step * PERIOD)
        labels.append(target.label)
    assert set(labels) == {UNKNOWN}
    target.update(surely("happy", 0.5), 4.0)
    assert target.label == "happy"


def test_a_face_that_cannot_be_judged_fades_into_unknown_and_comes_back():
    target = smoother()
    feed(target, surely("happy"), 1, 0.0)
    assert feed(target, no_idea(), 0.1, 1.0)[-1] == "happy", "a short glance aside"
    assert feed(target, no_idea(), 2, 1.1)[-1] == UNKNOWN
    assert feed(target, surely("happy"), 1, 3.1)[-1] == "happy"


def test_knowing_nothing_is_unknown_whatever_threshold_the_model_has():
    target = smoother(threshold=0.0)
    target.update(no_idea(), 0.0)
    assert target.label == UNKNOWN


@pytest.mark.parametrize("number", [2, 3, 4, 7, 8, 26])
def test_a_model_of_any_number_of_labels(number):
    labels = tuple(f"label{index}" for index in range(number))
    target = Smoother(Smoothing(), 0.0, labels)
    feed(target, no_idea(labels), 1, 0.0)
    assert target.label == UNKNOWN
    feed(target, surely("label1", 0.95, labels), 2, 1.0)
    assert target.label == "label1"
    assert target.probabilities.shape == (number,)
    assert target.confidence == pytest.approx(0.95, abs=0.01)


def test_the_least_probability_lies_between_chance_and_certainty():
    assert least_probability(LABELS) == pytest.approx(2 / 7)
    for number in range(2, 50):
        labels = tuple(map(str, range(number)))
        assert 1.4 / number < least_probability(labels) < 0.8

"""Labels and their points on the circumplex."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.labels import CIRCUMPLEX, CONTEMPT, LABELS, valence_arousal


def test_each_of_the_seven_has_a_point_of_its_own() -> None:
    points = [valence_arousal(row) for row in np.eye(7)]
    assert len(set(points)) == 7
    assert points[LABELS.index("neutral")] == (0, 0)
    assert points[LABELS.index("happy")] == pytest.approx((0.81, 0.51))


def test_the_order_of_the_labels_is_the_models() -> None:
    labels = (CONTEMPT, *LABELS[::-1])
    shares = np.eye(8)[labels.index("sad")]
    assert valence_arousal(shares, labels) == pytest.approx(CIRCUMPLEX["sad"])
    assert valence_arousal(np.eye(8)[0], labels) == pytest.approx(CIRCUMPLEX[CONTEMPT])


def test_a_label_without_a_point_counts_as_the_origin() -> None:
    assert valence_arousal(np.array([0.5, 0.5]), ("happy", "amused")) == pytest.approx(
        (0.405, 0.255)
    )


def test_another_number_of_labels_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"probabilities are \(8,\), expected \(7,\)"):
        valence_arousal(np.ones(8) / 8)


@given(st.lists(st.floats(0.001, 1), min_size=8, max_size=8))
def test_valence_and_arousal_stay_in_range(weights: list[float]) -> None:
    shares = np.array(weights) / sum(weights)
    assert all(-1 <= value <= 1 for value in valence_arousal(shares, (*LABELS, CONTEMPT)))


def test_valence_of_joy_and_sadness() -> None:
    assert valence_arousal(np.eye(7)[LABELS.index("happy")])[0] > 0.5
    assert valence_arousal(np.eye(7)[LABELS.index("sad")])[0] < -0.5

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ec_rfernet.datasets import Split
from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS
from ec_rfernet.training.config import TrainConfig
from ec_rfernet.training.data import label_given, soft_targets

CONFIG = TrainConfig(root=Path("data"), out=Path("out"))


def split_of(labels):
    count = len(labels)
    return Split(np.zeros((count, 48, 48), np.uint8), np.array(labels), np.arange(count))


def test_without_votes_the_label_is_smoothed():
    config = dataclasses.replace(CONFIG, label_smoothing=0.07)
    target = soft_targets(split_of([2]), LABELS, config)
    np.testing.assert_allclose(target, [[0.01, 0.01, 0.94, 0.01, 0.01, 0.01, 0.01]], atol=1e-6)


def test_votes_are_translated_to_what_the_labels_would_be():
    """All taggers say neutral of faces whose label is sad half of the time."""
    votes = np.zeros((400, 10), np.float32)
    votes[:200, 0] = 1  # neutral
    votes[200:, 1] = 1  # happiness
    labels = np.array([4, 6] * 100 + [3] * 200)
    expected = label_given(votes, labels, 7)
    np.testing.assert_allclose(expected[0, [4, 6]], 0.5, atol=0.02)
    assert expected[300, 3] > 0.97
    np.testing.assert_allclose(
        expected.mean(axis=0), np.bincount(labels, minlength=7) / 400, atol=0.02
    )
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)


def test_the_target_is_a_blend_of_label_and_votes(tmp_path):
    votes = np.zeros((200, 10), np.uint8)
    votes[:, 1] = 10
    np.savez(tmp_path / "votes.npz", votes=votes)
    config = dataclasses.replace(CONFIG, soft_labels=tmp_path / "votes.npz", soft_weight=0.25)
    targets = soft_targets(split_of([3] * 199 + [0]), LABELS, config)
    assert targets[-1, 0] == pytest.approx(0.75, abs=0.02)
    assert targets[-1, 3] == pytest.approx(0.25, abs=0.02)


def test_votes_of_another_file_are_refused(tmp_path):
    np.savez(tmp_path / "votes.npz", votes=np.ones((2, 10), np.uint8))
    config = dataclasses.replace(CONFIG, soft_labels=tmp_path / "votes.npz")
    with pytest.raises(InputError, match="2 rows, but the data set has row 2"):
        soft_targets(split_of([0, 1, 2]), LABELS, config)


def test_votes_belong_to_fer2013():
    config = dataclasses.replace(CONFIG, dataset="rafdb", soft_labels=Path("votes.npz"))
    with pytest.raises(InputError, match="FER\\+ has votes for fer2013, not for rafdb"):
        soft_targets(split_of([0]), LABELS, config)

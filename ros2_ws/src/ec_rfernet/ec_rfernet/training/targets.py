"""What the network is asked to answer: a distribution over the classes for each image."""

from __future__ import annotations

import numpy as np
import torch

from ec_rfernet.datasets import Split
from ec_rfernet.datasets.ferplus import read_ferplus
from ec_rfernet.errors import InputError
from ec_rfernet.training.config import TrainConfig
from ec_rfernet.training.regression import logistic_regression

_RIDGE = 1e-4


def soft_targets(split: Split, classes: int, config: TrainConfig) -> np.ndarray:
    """Class distributions float32 [N, classes] of a split.

    The label, smoothed; blended with what the FER+ votes of the image say about its
    FER2013 label, where there are votes.

    Raises:
        InputError: the votes are unreadable or belong to another file.
    """
    hard = np.eye(classes, dtype=np.float32)[split.labels]
    target = hard * (1 - config.label_smoothing) + config.label_smoothing / classes
    if config.soft_labels is None:
        return target
    if config.dataset != "fer2013":
        raise InputError(f"soft_labels: FER+ has votes for fer2013, not for {config.dataset}")
    votes = read_ferplus(config.soft_labels)
    if split.rows.max() >= len(votes):
        raise InputError(
            f"{config.soft_labels}: {len(votes)} rows, but the data set has row {split.rows.max()}"
        )
    expected = label_given_votes(votes[split.rows], split.labels, classes)
    return (1 - config.soft_weight) * target + config.soft_weight * expected


def label_given_votes(votes: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """How probable each FER2013 label is for an image with these FER+ votes.

    The two sets of annotators differ: FER+ calls far more faces neutral. A multinomial
    logistic regression, fitted on the very images, translates between them, so that
    the mean of the targets stays that of the labels and no class is favoured.

    Args:
        votes: shares float [N, 10], columns of `ec_rfernet.datasets.ferplus.COLUMNS`.
        labels: int64 [N].
        classes: how many different labels there are.

    Returns:
        float32 [N, classes]; each row sums to 1.
    """
    inputs = torch.from_numpy(votes.astype(np.float64))
    start = torch.zeros(votes.shape[1] + 1, classes)
    weights = logistic_regression(inputs, torch.from_numpy(labels), start, _RIDGE)
    logits = inputs @ weights[:-1] + weights[-1]
    return logits.softmax(dim=1).numpy().astype(np.float32)

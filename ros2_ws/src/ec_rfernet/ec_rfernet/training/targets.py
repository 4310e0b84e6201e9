"""What the network is asked to answer: a distribution over the classes for each image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ec_rfernet.datasets import Split
from ec_rfernet.datasets.ferplus import read_ferplus
from ec_rfernet.errors import InputError
from ec_rfernet.training import held_out
from ec_rfernet.training.config import TrainConfig
from ec_rfernet.training.regression import logistic_regression

_RIDGE = 1e-4


def soft_targets(split: Split, labels: tuple[str, ...], config: TrainConfig) -> np.ndarray:
    """Class distributions float32 [N, len(labels)] of a split.

    The label, smoothed; blended with how probable each label is, given the FER+ votes of
    the image and what networks say of it that have not seen it, where there are such.

    Raises:
        InputError: the votes or the networks are unusable or belong to other images.
    """
    classes = len(labels)
    hard = np.eye(classes, dtype=np.float32)[split.labels]
    target = hard * (1 - config.label_smoothing) + config.label_smoothing / classes
    evidence = []
    if config.soft_labels is not None:
        evidence.append(_votes(split, config.soft_labels, config.dataset))
    if config.out_of_fold:
        evidence.append(held_out.answers(split, config.out_of_fold, labels, config.threads))
    if not evidence:
        return target
    expected = label_given(np.concatenate(evidence, axis=1), split.labels, classes)
    return (1 - config.soft_weight) * target + config.soft_weight * expected


def _votes(split: Split, path: Path, dataset: str) -> np.ndarray:
    if dataset != "fer2013":
        raise InputError(f"soft_labels: FER+ has votes for fer2013, not for {dataset}")
    votes = read_ferplus(path)
    if split.rows.max() >= len(votes):
        raise InputError(f"{path}: {len(votes)} rows, but the data set has row {split.rows.max()}")
    return votes[split.rows]


def label_given(evidence: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """How probable each label is for an image of which others say this.

    Annotators differ: FER+ calls far more faces neutral than FER2013. A multinomial
    logistic regression, fitted on the very images, translates, so that the mean of the
    targets stays that of the labels and no class is favoured.

    Args:
        evidence: float [N, D]: the shares of the votes for each of
            `ec_rfernet.datasets.ferplus.COLUMNS`, the log-probabilities of
            `ec_rfernet.training.held_out.answers`, or both.
        labels: int64 [N].
        classes: how many different labels there are.

    Returns:
        float32 [N, classes]; each row sums to 1.
    """
    inputs = torch.from_numpy(evidence.astype(np.float64))
    start = torch.zeros(evidence.shape[1] + 1, classes)
    weights = logistic_regression(inputs, torch.from_numpy(labels), start, _RIDGE)
    logits = inputs @ weights[:-1] + weights[-1]
    return logits.softmax(dim=1).numpy().astype(np.float32)

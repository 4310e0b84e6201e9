"""The training and validation images of a run, as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ec_rfernet import datasets
from ec_rfernet.datasets import Split
from ec_rfernet.datasets.ferplus import read_ferplus
from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS
from ec_rfernet.training.config import TrainConfig

BLANK_STD = 1.0  # grey levels; FER2013 holds a dozen images that are one colour


@dataclass(frozen=True)
class TrainingData:
    """What a run learns from and is measured on.

    Attributes:
        images: uint8 [N, 1, 48, 48].
        targets: float32 [N, 7], each row sums to 1.
        validation_images: uint8 [M, 1, 48, 48].
        validation_labels: int64 [M].
        mean, std: of the grey levels of ``images`` in 0..1.
    """

    images: Tensor
    targets: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    mean: float
    std: float


def without_blank(split: Split) -> Split:
    """Drops images that show nothing."""
    return split.take(split.images.reshape(len(split), -1).std(axis=1) > BLANK_STD)


def without_twins(split: Split, other: Split) -> Split:
    """Drops the images of ``split`` that are pixel-identical to one of ``other``."""
    seen = {image.tobytes() for image in other.images}
    return split.take(np.array([image.tobytes() not in seen for image in split.images]))


def soft_targets(split: Split, config: TrainConfig) -> np.ndarray:
    """Class distributions float32 [N, 7] of a split.

    The label, smoothed; blended with the FER+ votes where there are any. FER2013's
    label and the FER+ majority agree on only 62 % of the images, and a target that
    says so teaches a calibrated network.
    """
    classes = len(LABELS)
    hard = np.eye(classes, dtype=np.float32)[split.labels]
    target = hard * (1 - config.label_smoothing) + config.label_smoothing / classes
    if config.soft_labels is None:
        return target
    votes = read_ferplus(config.soft_labels)
    if split.rows.max() >= len(votes):
        raise InputError(
            f"{config.soft_labels}: {len(votes)} rows, but the data set has row {split.rows.max()}"
        )
    votes = votes[split.rows]
    share = config.soft_weight * votes.sum(axis=1, keepdims=True)
    return (1 - share) * target + config.soft_weight * votes


def load(config: TrainConfig) -> TrainingData:
    """Reads and cleans the images of a run.

    Raises:
        InputError: the data set or the votes are unusable.
    """
    validation = datasets.read(config.dataset, config.root, "public")
    train = datasets.read(config.dataset, config.root, "train")
    train = without_twins(without_blank(train), validation)
    images = torch.from_numpy(train.images).unsqueeze(1)
    return TrainingData(
        images=images,
        targets=torch.from_numpy(soft_targets(train, config)),
        validation_images=torch.from_numpy(validation.images).unsqueeze(1),
        validation_labels=torch.from_numpy(validation.labels),
        mean=float(train.images.mean() / 255),
        std=float(train.images.std() / 255),
    )


def normalise(images: Tensor, mean: float, std: float) -> Tensor:
    """Grey [N, 1, H, W] in 0..1 to network input [N, 3, H, W], channels last."""
    grey = (images - mean) / std
    return grey.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of logits [N, 7] against distributions [N, 7]."""
    return functional.cross_entropy(logits.float(), targets)

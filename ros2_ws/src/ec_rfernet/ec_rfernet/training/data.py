"""The training and validation images of a run, as tensors."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ec_rfernet import datasets
from ec_rfernet.datasets import Split
from ec_rfernet.datasets.framing_survey import framing_of
from ec_rfernet.errors import InputError
from ec_rfernet.faces.framing import Framing
from ec_rfernet.training import held_out
from ec_rfernet.training.config import TrainConfig
from ec_rfernet.training.targets import soft_targets

BLANK_STD = 1.0  # grey levels; FER2013 holds a dozen images that are one colour


@dataclass(frozen=True)
class TrainingData:
    """What a run learns from and is measured on.

    Attributes:
        images: uint8 [N, 1, 48, 48].
        labels: int64 [N].
        targets: float32 [N, 7], each row sums to 1.
        validation_images: uint8 [M, 1, 48, 48].
        validation_labels: int64 [M].
        mean, std: of the grey levels of ``images`` in 0..1.
        framing: of the training images, for the robot to frame faces alike.
    """

    images: Tensor
    labels: Tensor
    targets: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    mean: float
    std: float
    framing: Framing

    def to(self, device: torch.device) -> TrainingData:
        """The same, held by a device; FER2013 takes 75 MB there."""
        tensors = {
            name: value.to(device)
            for name, value in vars(self).items()
            if isinstance(value, Tensor)
        }
        return dataclasses.replace(self, **tensors)


def without_blank(split: Split) -> Split:
    """Drops images that show nothing."""
    parts = np.array_split(split.images, max(1, len(split) // 4096))  # floats of all: gigabytes
    return split.take(np.concatenate([part.std(axis=(1, 2)) for part in parts]) > BLANK_STD)


def statistics(images: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the grey levels of uint8 images, in 0..1."""
    counts = np.bincount(images.reshape(-1), minlength=256)
    levels = np.arange(256) / 255
    mean = float(np.average(levels, weights=counts))
    return mean, float(np.sqrt(np.average((levels - mean) ** 2, weights=counts)))


def without_twins(split: Split, other: Split) -> Split:
    """Drops the images of ``split`` that are pixel-identical to one of ``other``."""
    seen = {image.tobytes() for image in other.images}
    return split.take(np.array([image.tobytes() not in seen for image in split.images], bool))


def load(config: TrainConfig) -> TrainingData:
    """Reads and cleans the images of a run.

    Raises:
        InputError: the data set or the votes are unusable.
    """
    dataset = datasets.get(config.dataset)
    validation = dataset.read(config.root, dataset.validation, config.fold)
    train = dataset.read(config.root, "train", config.fold)
    train = without_twins(without_blank(train), validation)
    if len(train) == 0:
        raise InputError(f"{config.root}: every training image is blank or a validation image too")
    if config.hold_out is not None:
        train = train.take(held_out.parts(train) != config.hold_out)
    mean, std = statistics(train.images)
    return TrainingData(
        images=torch.from_numpy(train.images).unsqueeze(1),
        labels=torch.from_numpy(train.labels),
        targets=torch.from_numpy(soft_targets(train, dataset.labels, config)),
        validation_images=torch.from_numpy(validation.images).unsqueeze(1),
        validation_labels=torch.from_numpy(validation.labels),
        mean=mean,
        std=std,
        framing=framing_of(dataset.name, train.images),
    )


def normalise(images: Tensor, mean: float, std: float) -> Tensor:
    """Grey [N, 1, H, W] in 0..1 to network input [N, 3, H, W], channels last."""
    grey = (images - mean) / std
    return grey.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)

"""The training and validation images of a run, as tensors, and what is to be answered to them."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ec_rfernet import bundle, datasets
from ec_rfernet.bundle import Bundle
from ec_rfernet.datasets import Split
from ec_rfernet.datasets.dataset import partition
from ec_rfernet.datasets.fer2013 import read_ferplus
from ec_rfernet.datasets.framing_survey import framing_of
from ec_rfernet.errors import InputError
from ec_rfernet.evaluation import scores
from ec_rfernet.faces.framing import Framing
from ec_rfernet.runtimes import open_classifier
from ec_rfernet.runtimes.classifier import softmax
from ec_rfernet.training.config import PARTS, TrainConfig
from ec_rfernet.training.regression import logistic_regression


def parts(split: Split) -> np.ndarray:
    """The part of each image, int64 [N], 0..`PARTS` - 1: the same in every run.

    Each part has the same mix of classes; pixel-identical images are in the same one.
    """
    names = [hashlib.sha256(image.tobytes()).hexdigest() for image in split.images]
    return partition(names, split.labels, PARTS)


def answers(
    split: Split, folders: tuple[Path, ...], labels: tuple[str, ...], threads: int
) -> np.ndarray:
    """What networks say of the images that each has not learned from.

    A network knows the labels of the images that it has learned from, also the wrong ones. What
    it answers to other images says how probable each label is. So the training images are
    divided into `parts`, a network learns without one of them, and is asked about that one.

    Args:
        split: all training images.
        folders: a bundle for each part, trained with ``hold_out`` on the other ones.
        labels: that they are to know.
        threads: CPU threads, 0 = all.

    Returns:
        Log-probabilities float32 [N, len(labels)]; of the mean logits of an image and
        its mirror image.

    Raises:
        InputError: not one bundle for each part, or one that may know what it is asked.
    """
    part = parts(split)
    found = np.empty((len(split), len(labels)), np.float32)
    asked = set()
    for folder in folders:
        judge = bundle.load(folder)
        held_out = _held_out(judge, labels)
        asked.add(held_out)
        images = split.images[part == held_out]
        if judge.provenance.get("images") != len(split) - len(images):
            raise InputError(f"{folder}: has learned from other images than these")
        logits = scores.logits(open_classifier(judge, threads=threads), images, _mirrored)
        found[part == held_out] = np.log(softmax(logits))
    if len(folders) != PARTS or len(asked) != PARTS:
        raise InputError(
            f"out_of_fold: {len(folders)} bundles that know nothing of part "
            f"{', '.join(map(str, sorted(asked)))}; expected one for each of 0..{PARTS - 1}"
        )
    return found


def _held_out(judge: Bundle, labels: tuple[str, ...]) -> int:
    training: Mapping[str, Any] = judge.provenance.get("training", {})
    held_out = training.get("hold_out")
    if not isinstance(held_out, int) or held_out not in range(PARTS):
        raise InputError(f"{judge.folder}: was not trained with hold_out; it has seen every image")
    if training.get("init") or training.get("teachers"):
        raise InputError(f"{judge.folder}: has learned from networks that may have seen the images")
    if judge.labels != labels:
        raise InputError(
            f"{judge.folder}: answers {', '.join(judge.labels)}; expected {', '.join(labels)}"
        )
    return held_out


def _mirrored(images: np.ndarray, size: int) -> np.ndarray:
    centre = scores.single_crop(images, size)
    return np.concatenate([centre, centre[..., ::-1]], axis=1)


# What the network is asked to answer: a distribution over the classes for each image.

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
        evidence.append(votes(split, config.soft_labels, config.dataset))
    if config.out_of_fold:
        evidence.append(answers(split, config.out_of_fold, labels, config.threads))
    if not evidence:
        return target
    expected = label_given(np.concatenate(evidence, axis=1), split.labels, classes)
    return (1 - config.soft_weight) * target + config.soft_weight * expected


def votes(split: Split, path: Path, dataset: str) -> np.ndarray:
    """What FER+'s taggers say of images, see `read_ferplus`: float32 [N, 10].

    Raises:
        InputError: the file is unusable, or does not belong to these images.
    """
    if dataset != "fer2013":
        raise InputError(f"soft_labels: FER+ has votes for fer2013, not for {dataset}")
    if split.rows.min() < 0:
        raise InputError("soft_labels: pictures in folders do not tell their rows in fer2013.csv")
    found = read_ferplus(path)
    if split.rows.max() >= len(found):
        raise InputError(f"{path}: {len(found)} rows, but the data set has row {split.rows.max()}")
    return found[split.rows]


def label_given(evidence: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """How probable each label is for an image of which others say this.

    Annotators differ: FER+ calls far more faces neutral than FER2013. A multinomial
    logistic regression, fitted on the very images, translates, so that the mean of the
    targets stays that of the labels and no class is favoured.

    Args:
        evidence: float [N, D]: the shares of the votes for each of
            `ec_rfernet.datasets.fer2013.COLUMNS`, the log-probabilities of
            `ec_rfernet.training.data.answers`, or both.
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


BLANK_STD = 1.0  # grey levels; FER2013 holds a dozen images that are one colour


@dataclass(frozen=True)
class TrainingData:
    """What a run learns from and is measured on.

    Attributes:
        images: uint8 [N, 1, 48, 48].
        labels: int64 [N].
        targets: float32 [N, K], each row sums to 1; K classes.
        validation_images: uint8 [M, 1, 48, 48].
        validation_labels: int64 [M].
        mean, std: of the grey levels of ``images`` in 0..1; or what the network began with.
        framing: of the training images, for the robot to frame faces alike; or as above.
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
    for note in dict.fromkeys((*train.notes, *validation.notes)):
        print(f"ec-rfernet: {note}", file=sys.stderr)
    shown = without_blank(train)
    if blank := len(train) - len(shown):
        print(f"ec-rfernet: left out of the training: {blank} blank images", file=sys.stderr)
    train = without_twins(shown, validation)
    if twins := len(shown) - len(train):
        print(
            f"ec-rfernet: left out of the training: {twins} images that are validation images too",
            file=sys.stderr,
        )
    if len(train) == 0:
        raise InputError(f"{config.root}: every training image is blank or a validation image too")
    if config.hold_out is not None:
        train = train.take(parts(train) != config.hold_out)
    if config.keep_statistics:
        initial = bundle.load(bundle.find(str(config.init), bundle.places()))
        mean, std, framing = initial.mean, initial.std, initial.framing
    else:
        (mean, std), framing = statistics(train.images), framing_of(dataset.name, train.images)
    return TrainingData(
        images=torch.from_numpy(train.images).unsqueeze(1),
        labels=torch.from_numpy(train.labels),
        targets=torch.from_numpy(soft_targets(train, dataset.labels, config)),
        validation_images=torch.from_numpy(validation.images).unsqueeze(1),
        validation_labels=torch.from_numpy(validation.labels),
        mean=mean,
        std=std,
        framing=framing,
    )


def normalise(images: Tensor, mean: float, std: float) -> Tensor:
    """Grey [N, 1, H, W] in 0..1 to network input [N, 3, H, W], channels last."""
    grey = (images - mean) / std
    return grey.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)

"""What networks answer to training images that they have not seen.

A network knows the labels of the images that it has learned from, also the wrong ones. What it
answers to other images says how probable each label is. So the training images are divided
into parts, a network learns without one of them, and is asked about that one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ec_rfernet import bundle
from ec_rfernet.bundle import Bundle
from ec_rfernet.datasets import Split
from ec_rfernet.datasets.partition import partition
from ec_rfernet.errors import InputError
from ec_rfernet.evaluation import scores
from ec_rfernet.runtimes import open_classifier
from ec_rfernet.runtimes.classifier import softmax
from ec_rfernet.training.config import PARTS


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

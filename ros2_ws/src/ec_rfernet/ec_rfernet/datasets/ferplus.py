"""FER+ (Barsoum et al., ICMI 2016): ten taggers' votes for each FER2013 image."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ec_rfernet.errors import InputError

COLUMNS = (
    "neutral", "happiness", "surprise", "sadness", "anger",
    "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip
"""The taggers' choices, in the order of ``fer2013new.csv``; NF = not a face."""

_ORDER = [
    COLUMNS.index(n)
    for n in ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
]


def read_ferplus(path: Path) -> np.ndarray:
    """The votes of every row of FER2013.

    Args:
        path: ``fer2013new.csv``, or an ``.npz`` with the array ``votes``.

    Returns:
        float32 [rows, 7], the share of each expression of
        `ec_rfernet.labels.LABELS` among the votes for these seven; all zero where
        most taggers chose none of them (contempt, unknown, not a face).

    Raises:
        InputError: the file is missing or is not FER+.
    """
    votes = _read(Path(path))
    seven = votes[:, _ORDER].astype(np.float32)
    total = seven.sum(axis=1, keepdims=True)
    usable = total[:, 0] > 0.5 * votes.sum(axis=1)
    return np.where(usable[:, None], seven / np.maximum(total, 1), 0).astype(np.float32)


def _read(path: Path) -> np.ndarray:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                votes = archive["votes"]
        else:
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            votes = np.array([[int(row[name]) for name in COLUMNS] for row in rows])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a FER+ file ({error})") from error
    if votes.ndim != 2 or votes.shape[1] != len(COLUMNS):
        raise InputError(f"{path}: votes are {list(votes.shape)}, expected [rows, {len(COLUMNS)}]")
    return votes

"""FER+ (Barsoum et al., ICMI 2016): ten taggers' votes for each FER2013 image."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ec_rfernet.datasets.arrays import read_arrays
from ec_rfernet.errors import InputError

COLUMNS = (
    "neutral", "happiness", "surprise", "sadness", "anger",
    "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip
"""The taggers' choices, in the order of ``fer2013new.csv``; NF = not a face."""


def read_ferplus(path: Path) -> np.ndarray:
    """The votes of every row of FER2013.

    Args:
        path: ``fer2013new.csv``, or an ``.npz`` with the array ``votes``.

    Returns:
        float32 [rows, 10], the share of each of `COLUMNS` among the votes.

    Raises:
        InputError: the file is missing or is not FER+.
    """
    votes = _read(Path(path))
    if votes.ndim != 2 or votes.shape[1] != len(COLUMNS) or votes.dtype.kind not in "iuf":
        raise InputError(
            f"{path}: votes are {votes.dtype} {list(votes.shape)}, "
            f"expected numbers [rows, {len(COLUMNS)}]"
        )
    if not (votes >= 0).all():
        raise InputError(
            f"{path}: there are negative numbers of votes, or votes that are no number"
        )
    votes = votes.astype(np.float32)
    return votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)


def _read(path: Path) -> np.ndarray:
    if path.suffix == ".npz":
        return read_arrays(path, ["votes"])[0]
    rows = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: not a FER+ file, columns missing: {', '.join(missing)}")
            for row in reader:
                rows.append(
                    _row([row[name] for name in COLUMNS], f"{path}, line {reader.line_num}")
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a FER+ file ({error})") from error
    return np.array(rows)


def _row(texts: list[str | None], where: str) -> list[int]:
    try:
        return [int(text or "") for text in texts]
    except ValueError as error:
        raise InputError(f"{where}: votes are not whole numbers ({error})") from error

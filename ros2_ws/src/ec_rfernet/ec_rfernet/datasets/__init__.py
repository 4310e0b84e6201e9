"""Readers of expression data sets. All of them return a `Split`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ec_rfernet.datasets.fer2013 import read_fer2013
from ec_rfernet.datasets.split import Split
from ec_rfernet.errors import InputError

READERS: dict[str, Callable[[Path, str], Split]] = {"fer2013": read_fer2013}


def read(dataset: str, root: Path, split: str) -> Split:
    """Reads one split of a data set by name.

    Raises:
        InputError: unknown data set or split, or unusable files.
    """
    if dataset not in READERS:
        raise InputError(f"unknown data set '{dataset}'; expected one of: {', '.join(READERS)}")
    return READERS[dataset](root, split)


__all__ = ["READERS", "Split", "read"]

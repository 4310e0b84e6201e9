"""What is known of a data set before any of it is read, and one split of it in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.faces.framing import Framing


@dataclass(frozen=True)
class Split:
    """Images with their labels: one split of a data set, in memory.

    Attributes:
        images: uint8 [N, 48, 48], grey, 0..255.
        labels: int64 [N], indices into the labels of the `Dataset`.
        rows: int64 [N], row numbers in the file they came from, by which further
            annotations of the same file (FER+ votes) are found; in sets of single
            pictures, places in the sorted list of them.
    """

    images: np.ndarray
    labels: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, keep: np.ndarray) -> Split:
        """The images for which the boolean array ``keep`` [N] is true."""
        return Split(self.images[keep], self.labels[keep], self.rows[keep])


PARTS = ("train", "validation", "test")
"""The splits of a set that has no names of its own for them."""

Reader = Callable[[Path, str, "int | None"], Split]
"""Reads (root, split, fold); gets only splits and folds that the data set has."""


@dataclass(frozen=True)
class Dataset:
    """A data set of face pictures, each with one expression.

    Attributes:
        name: on the command line.
        labels: the classes, in the order of a network's outputs.
        splits: that can be read.
        validation: the split on which checkpoint, temperature and threshold are
            chosen; never the one that is reported as the test.
        provenance: source, citation and licence situation, one sentence.
        reader: of the official layouts, see ``docs/datasets.md``.
        folds: of the cross-validation, 0 where the set has a test part of its own.
        framing: of its pictures, where it was measured once for all; else a training surveys it.
    """

    name: str
    labels: tuple[str, ...]
    splits: tuple[str, ...]
    validation: str
    provenance: str
    reader: Reader
    folds: int = 0
    framing: Framing | None = None

    def read(self, root: Path, split: str, fold: int | None = None) -> Split:
        """Reads one split.

        Args:
            root: where the data set is.
            split: one of ``splits``.
            fold: 0..folds - 1 of a set with folds, none of another.

        Raises:
            InputError: no such split or fold, or unusable files.
        """
        if split not in self.splits:
            expected = ", ".join(self.splits)
            raise InputError(f"unknown split '{split}' of {self.name}; expected: {expected}")
        if not self.folds and fold is not None:
            raise InputError(f"{self.name} has no folds, but fold {fold} was asked for")
        if self.folds and fold is None:
            raise InputError(
                f"{self.name} is tested in {self.folds} folds; "
                f"say which one, 0..{self.folds - 1}, with --fold"
            )
        if self.folds and fold not in range(self.folds):
            raise InputError(f"fold of {self.name} is {fold}, expected 0..{self.folds - 1}")
        found = self.reader(Path(root), split, fold)
        if len(found) == 0:
            raise InputError(f"{root}: too few pictures, none of them falls to split '{split}'")
        return found

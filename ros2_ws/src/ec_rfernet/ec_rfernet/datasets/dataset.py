"""What is known of a data set before any of it is read, a split of it in memory, and its parts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
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
            pictures, places in the sorted list of them; -1 for pictures that were taken out of
            such a file.
        files: of the pictures, N paths, where each lies in a file of its own; else none.
        notes: what people should know of it, such as what was left out; whole sentences.
    """

    images: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, keep: np.ndarray) -> Split:
        """The images for which the boolean array ``keep`` [N] is true."""
        files = tuple(np.array(self.files, object)[keep]) if self.files else ()
        return Split(self.images[keep], self.labels[keep], self.rows[keep], self.notes, files)


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


# Parts that share no person and have the same mix of classes.


def partition(groups: Sequence[str], labels: np.ndarray, parts: int) -> np.ndarray:
    """Assigns every picture to a part; a group is never torn apart.

    The largest groups are placed first, each where the classes it brings are the
    rarest. The outcome depends on nothing but names and labels: not on the order of
    the pictures, and not on a random generator.

    Args:
        groups: [N], what must stay together: the person, the film; or the picture's
            own name, which makes it a class-stratified division of single pictures.
        labels: int [N], classes.
        parts: how many.

    Returns:
        int64 [N], 0..parts - 1.
    """
    names, members = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    content = np.zeros((len(names), int(labels.max(initial=0)) + 1))
    np.add.at(content, (members, labels), 1)
    # A class counts by share, so that the rare ones are spread as evenly as the frequent ones.
    shares = content / np.maximum(content.sum(axis=0), 1)
    filled, sizes = np.zeros((parts, content.shape[1])), np.zeros(parts)
    place = np.zeros(len(names), dtype=np.int64)
    for group in _largest_first(names, content.sum(axis=1)):
        # What the sum of the squared shares of all parts would grow by, the group's own aside.
        crowding = filled @ shares[group]
        part = np.lexsort((sizes, crowding.round(12)))[0]
        place[group] = part
        filled[part] += shares[group]
        sizes[part] += content[group].sum()
    return place[members]


FOLDS = 10
"""Of a set that is cross-validated."""


def rows_of(groups: Sequence[str], labels: np.ndarray, split: str, fold: int) -> np.ndarray:
    """Which pictures belong to a split of a fold; no group is in two splits of one.

    Args:
        groups: [N], see `partition`.
        labels: int [N], classes.
        split: ``test`` (one tenth), ``validation`` (the tenth that the next fold tests) or
            ``train``.
        fold: 0 to `FOLDS` - 1.

    Returns:
        int64, places in ``groups``.
    """
    parts = partition(groups, labels, FOLDS)
    test, validation = parts == fold, parts == (fold + 1) % FOLDS
    chosen = {"test": test, "validation": validation}.get(split, ~(test | validation))
    return np.flatnonzero(chosen)


def _largest_first(names: np.ndarray, sizes: np.ndarray) -> list[int]:
    """Indices by falling size; among equals in an order that no one chose."""
    digests = [hashlib.sha256(name.encode()).digest() for name in names]
    return sorted(range(len(names)), key=lambda index: (-sizes[index], digests[index]))

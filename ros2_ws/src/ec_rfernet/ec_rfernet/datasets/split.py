"""One split of a data set, in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """Images with their labels.

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

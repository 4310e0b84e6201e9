"""Dividing pictures into parts that share no person and have the same mix of classes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np


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


def _largest_first(names: np.ndarray, sizes: np.ndarray) -> list[int]:
    """Indices by falling size; among equals in an order that no one chose."""
    digests = [hashlib.sha256(name.encode()).digest() for name in names]
    return sorted(range(len(names)), key=lambda index: (-sizes[index], digests[index]))

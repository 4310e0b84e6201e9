"""Picture files as the 48x48 grey images that the networks learn from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from ec_rfernet.datasets.dataset import Split
from ec_rfernet.datasets.partition import partition
from ec_rfernet.errors import InputError
from ec_rfernet.picture_file import SUFFIXES, read_picture

SIDE = 48
HELD_OUT = 10
"""One in so many training pictures validates, where a set has no such split of its own."""

_CHUNK = 256

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class LabelledPicture:
    """One labelled picture of a data set.

    Attributes:
        path: of the file.
        label: class number.
        group: what must not be torn apart between training and validation.
        box: (x, y, width, height) of the face in pixels; none: the whole picture.
    """

    path: Path
    label: int
    group: str
    box: tuple[int, int, int, int] | None = None


def read_with_hold_out(official: Callable[[str], Sequence[LabelledPicture]], split: str) -> Split:
    """A split of a set that comes as a training and a test part only.

    Args:
        official: lists the part ``train`` or ``test``.
        split: ``test``, or ``train`` and ``validation``: nine tenths and one tenth of
            the official training part.

    Raises:
        InputError: files are missing or damaged.
    """
    pictures = official("test" if split == "test" else "train")
    require([picture.path for picture in pictures])
    rows = np.arange(len(pictures))
    if split != "test":
        parts = partition([p.group for p in pictures], classes(pictures), HELD_OUT)
        rows = np.flatnonzero((parts == 0) == (split == "validation"))
    chosen = [pictures[int(row)] for row in rows]
    return Split(load(chosen), classes(chosen), rows)


def classes(pictures: Sequence[LabelledPicture]) -> np.ndarray:
    """Class numbers int64 [N]."""
    return np.array([picture.label for picture in pictures], dtype=np.int64)


def load(pictures: Sequence[LabelledPicture]) -> np.ndarray:
    """Reads pictures, several at a time.

    Returns:
        uint8 [N, 48, 48], grey.

    Raises:
        InputError: a file is missing, damaged or no picture.
    """
    images = np.empty((len(pictures), SIDE, SIDE), np.uint8)

    def place(index: int) -> None:
        picture = pictures[index]
        images[index] = shrink(_face(read_picture(picture.path, cv2.IMREAD_GRAYSCALE), picture))

    in_parallel(place, range(len(pictures)))
    return images


def in_parallel(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The results of a function that waits for files, in order; stops at the first error."""
    pool = ThreadPoolExecutor(min(32, 2 * (os.cpu_count() or 1)))
    chunks = [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
    try:
        done = pool.map(lambda chunk: [function(item) for item in chunk], chunks)
        return [result for chunk in done for result in chunk]
    finally:
        pool.shutdown(cancel_futures=True)


def require(paths: Sequence[Path]) -> None:
    """Checks that files exist before the first is read.

    Raises:
        InputError: says how many do not, and which is the first.
    """
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(paths)} pictures missing, the first is {missing[0]}; "
            "is the download complete?"
        )


def shrink(image: np.ndarray) -> np.ndarray:
    """The middle square of a grey image [H, W], as uint8 [48, 48]. Nothing is distorted."""
    side = min(image.shape)
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = image[top : top + side, left : left + side]
    if side == SIDE:
        return square
    method = cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR
    return cv2.resize(square, (SIDE, SIDE), interpolation=method)


def in_class_folders(folder: Path, names: Mapping[str, str]) -> list[tuple[Path, str]]:
    """The pictures of a folder that has one folder for each class.

    Args:
        folder: with the class folders.
        names: label of each class folder.

    Returns:
        (path, label), in the order of the paths.

    Raises:
        InputError: a class folder is missing or empty.
    """
    found = []
    for name, label in names.items():
        if not (folder / name).is_dir():
            raise InputError(
                f"{folder}: no folder '{name}' here; expected the folders {', '.join(names)}"
            )
        paths = files(folder / name)
        if not paths:
            raise InputError(f"{folder / name}: no pictures here")
        found += [(path, label) for path in paths]
    return sorted(found)


def files(folder: Path) -> list[Path]:
    """The pictures in a folder, sorted; none where there is no folder."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:  # an order of magnitude faster than Path.iterdir
        names = [entry.name for entry in entries]
    return [
        folder / name
        for name in sorted(names)
        if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
    ]


def _face(image: np.ndarray, picture: LabelledPicture) -> np.ndarray:
    if picture.box is None:
        return image
    x, y, width, height = picture.box
    face = image[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    if face.size == 0:
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise InputError(f"{picture.path}: the face box {picture.box} is outside this {size} image")
    return face

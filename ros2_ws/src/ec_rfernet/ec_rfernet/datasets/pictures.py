"""Picture files as the 48x48 grey images that the networks learn from."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import cv2
import numpy as np

from ec_rfernet.datasets.dataset import FOLDS, Split, partition, rows_of
from ec_rfernet.errors import InputError
from ec_rfernet.labels import CONTEMPT
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


def rows_of_people(
    root: Path, pictures: Sequence[LabelledPicture], split: str, fold: int
) -> np.ndarray:
    """Which pictures belong to a split of a fold, where no person is in two splits; see `rows_of`.

    Raises:
        InputError: there are fewer people than folds.
    """
    people = [picture.group for picture in pictures]
    if len(set(people)) < FOLDS:
        raise InputError(
            f"{root}: pictures of {len(set(people))} people, expected at least {FOLDS} "
            f"for {FOLDS} folds"
        )
    return rows_of(people, classes(pictures), split, fold)


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


# Folders whose names tell what is in them, as people write them.

WORDS = {
    **dict.fromkeys(("angry", "anger", "mad"), "angry"),
    **dict.fromkeys(("disgusted", "disgust"), "disgusted"),
    **dict.fromkeys(("scared", "fear", "fearful", "afraid", "anxious"), "scared"),
    **dict.fromkeys(("happy", "happiness", "joy", "joyful"), "happy"),
    **dict.fromkeys(("sad", "sadness", "sorrow"), "sad"),
    **dict.fromkeys(("surprised", "surprise"), "surprised"),
    **dict.fromkeys(("neutral", "neutrality"), "neutral"),
    **dict.fromkeys(("contempt", "contemptuous"), CONTEMPT),
}
"""The label that an English word means."""

PART_WORDS = {
    **dict.fromkeys(("publictest", "public"), "public"),
    **dict.fromkeys(("privatetest", "private"), "private"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""The part of a set that a word means; of several words in a name that which stands first here."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_DEEP = 2  # folders that archives put around a set


def places(root: Path) -> Iterator[Path]:
    """A folder and those in it, for archives are unpacked into folders of their own."""
    level = [root]
    for _ in range(_DEEP + 1):
        yield from level
        level = [below for folder in level for below in folders(folder)]


def folders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted; none where there is no folder."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(
            folder / entry.name
            for entry in entries
            if entry.is_dir() and not entry.name.startswith((".", "__MACOSX"))
        )


def label_of(name: str, names: Mapping[str, str] = MappingProxyType({})) -> str | None:
    """The label that the name of a folder tells: ``Anger``, ``0_angry``; None where it does not.

    Args:
        name: of the folder.
        names: labels of the names that a set has of its own, such as its numbers.
    """
    if name in names:
        return names[name]
    words = [word.lower() for word in _WORD.findall(name)]
    meant = {WORDS[word] for word in words if word in WORDS}
    if not meant and len(words) == 1:
        meant = {names[word] for word in words if word in names}
    return meant.pop() if len(meant) == 1 else None


def class_folders(folder: Path, names: Mapping[str, str] = MappingProxyType({})) -> dict[Path, str]:
    """The folders in a folder of which the name tells a label, see `label_of`."""
    told = ((below, label_of(below.name, names)) for below in folders(folder))
    return {below: label for below, label in told if label is not None}


def is_sorted_by_class(folder: Path, names: Mapping[str, str] = MappingProxyType({})) -> bool:
    """Whether a folder has folders of at least two classes."""
    return len(set(class_folders(folder, names).values())) > 1


def part_folders(folder: Path) -> dict[str, Path]:
    """The folders in a folder that are parts of a set, by the names in `PART_WORDS`."""
    found: dict[str, Path] = {}
    for below in folders(folder):
        words = [*(word.lower() for word in _WORD.findall(below.name)), below.name.lower()]
        part = next((part for word, part in PART_WORDS.items() if word in words), None)
        if part is not None:
            found.setdefault(part, below)
    return found


def in_class_folders(
    folder: Path, names: Mapping[str, str], all_of_them: bool = True
) -> list[tuple[Path, str]]:
    """The pictures of a folder that has one folder for each class.

    Args:
        folder: with the class folders.
        names: label of each class folder; other names of the same label are known, too, see
            `label_of`.
        all_of_them: whether no class may be missing; else what is no regular file, such as a
            pipe, is left out, too, which `unused` tells.

    Returns:
        (path, label), in the order of the paths; those of other labels are left out.

    Raises:
        InputError: a class folder is missing or empty.
    """
    there = class_folders(folder, names)
    for name, label in names.items() if all_of_them else ():
        if label not in there.values():
            raise InputError(
                f"{folder}: no folder '{name}' here; expected the folders {', '.join(names)}"
            )
    found = []
    for below, label in there.items():
        if label not in names.values():
            continue
        paths = files(below) or [path for deeper in folders(below) for path in files(deeper)]
        if not all_of_them:
            paths = [path for path in paths if path.is_file()]
        if not paths and all_of_them:
            raise InputError(f"{below}: no pictures here")
        found += [(path, label) for path in paths]
    return sorted(found)


def unused(folder: Path, labels: Collection[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """What is left out: folders beside those of the classes, and what is no file there.

    Returns:
        One sentence for each kind; none where nothing is left out.
    """
    left = [path.name for path in folders(folder) if label_of(path.name, names) not in labels]
    inside = [each for below in folders(folder) for each in (below, *folders(below))]
    odd = [path for below in inside for path in files(below) if not path.is_file()]
    notes = []
    if left:
        notes.append(f"{folder}: left out what is no expression of this set: {', '.join(left)}")
    if odd:
        shown = ", ".join(str(path.relative_to(folder)) for path in odd[:_MOST_NAMED])
        more = f" and {len(odd) - _MOST_NAMED} more" if len(odd) > _MOST_NAMED else ""
        notes.append(f"{folder}: left out what is named like a picture and no file: {shown}{more}")
    return tuple(notes)


_MOST_NAMED = 5


def files(folder: Path) -> list[Path]:
    """What is named like a picture in a folder, sorted; none where there is no folder."""
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

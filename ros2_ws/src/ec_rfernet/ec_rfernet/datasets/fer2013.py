"""FER2013 (Goodfellow et al., 2013): csv, npz archive or folders of pictures; and FER+ votes."""

from __future__ import annotations

import csv
import lzma
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ec_rfernet.datasets.dataset import Dataset, Split, partition
from ec_rfernet.datasets.pictures import (
    LabelledPicture,
    classes,
    in_class_folders,
    is_sorted_by_class,
    load,
    part_folders,
    places,
)
from ec_rfernet.errors import InputError
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.files import MOST_TABLE, check_file
from ec_rfernet.labels import LABELS

# Arrays out of npz archives that may be anything.

_DAMAGED = (
    OSError, EOFError, ValueError, MemoryError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    RuntimeError,  # encrypted, or compressed in a way that Python does not know
)  # fmt: skip


def read_arrays(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    """Some arrays of an npz archive.

    Args:
        path: of the archive.
        names: of the arrays, in the order wanted.

    Raises:
        InputError: the file is damaged or no such archive, or an array is missing.
    """
    check_file(path, MOST_TABLE)
    try:
        with zipfile.ZipFile(path) as parts:  # some kilobytes may unpack to gigabytes
            if sum(part.file_size for part in parts.infolist()) > MOST_TABLE:
                raise InputError(f"{path}: unpacks to more than {MOST_TABLE / 1e9:g} GB")
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("a single array")
        with archive:
            missing = set(names) - set(archive.files)
            if missing:
                raise InputError(f"{path}: arrays missing: {', '.join(sorted(missing))}")
            return [archive[name] for name in names]
    except _DAMAGED as error:
        raise InputError(f"{path}: not a readable npz archive ({error})") from error


USAGES = ("Training", "PublicTest", "PrivateTest")
SPLITS = {"train": 0, "public": 1, "private": 2}
SIDE = 48
_FILES = ("fer2013.csv", "icml_face_data.csv", "fer2013.npz")


def read_fer2013(root: Path, split: str, fold: int | None = None) -> Split:
    """Reads one split.

    Args:
        root: ``fer2013.csv``, ``icml_face_data.csv``, an ``.npz`` with the arrays
            ``images`` uint8 [N, 48, 48], ``labels`` and ``usage`` [N], a folder
            that holds one of them under its usual name, or one with ``train/angry/*.jpg`` and
            ``test/angry/*.jpg``, with ``private`` and ``public`` in place of ``test``, or
            with the numbers of the classes; or a folder above.
        split: ``train``, ``public`` or ``private``.
        fold: none.

    Raises:
        InputError: the file is missing, damaged or not FER2013.
    """
    path = _locate(root)
    if path.is_dir():
        return _read_folders(path, split)
    images, labels, usage = _read_npz(path) if path.suffix == ".npz" else _read_csv(path)
    rows = np.flatnonzero(usage == SPLITS[split])
    if rows.size == 0:
        raise InputError(f"{path}: no image of split '{split}' ({USAGES[SPLITS[split]]})")
    return Split(images[rows], labels[rows].astype(np.int64), rows)


def _locate(root: Path) -> Path:
    if root.is_file():
        return root
    for place in places(root):
        for name in _FILES:
            if (place / name).is_file():
                return place / name
    for place in places(root):
        train = part_folders(place).get("train")
        if train is not None and is_sorted_by_class(train, _NUMBERED):
            return place
    raise InputError(
        f"{root}: no FER2013 here; expected a file, or a folder with {' or '.join(_FILES)}, or "
        "with train/angry/*.jpg and test/angry/*.jpg, also some folders deeper"
    )


_NUMBERED = {str(number): label for number, label in enumerate(LABELS)}


def _read_folders(place: Path, split: str) -> Split:
    """Pictures in folders; the two halves of the test are told apart by their names, if at all."""
    parts = part_folders(place)
    note: tuple[str, ...] = ()
    if split == "train" or split in parts:
        found = in_class_folders(parts[split], _NUMBERED)
    elif split == "public" and "validation" in parts:
        found = in_class_folders(parts["validation"], _NUMBERED)
    elif "test" not in parts:
        raise InputError(
            f"{place}: no folder 'test' here, expected it beside {parts['train'].name}"
        )
    else:
        found = in_class_folders(parts["test"], _NUMBERED)
        if split == "private" and "validation" in parts:
            pass
        elif any(path.name.startswith(USAGES) for path, _ in found):
            usage = USAGES[SPLITS[split]]
            found = [(path, label) for path, label in found if path.name.startswith(usage)]
        else:
            halves = partition([p.name for p, _ in found], _numbers(found), 2)
            half = 0 if split == "public" else 1
            found = [pair for pair, at in zip(found, halves, strict=True) if at == half]
            note = (
                f"{parts['test']}: the names do not tell PublicTest from PrivateTest; one half of "
                "each class counts as one, the other as the other: no published figure compares",
            )
    if not found:
        raise InputError(f"{place}: no image of split '{split}' ({USAGES[SPLITS[split]]})")
    pictures = [LabelledPicture(path, LABELS.index(label), path.name) for path, label in found]
    return Split(load(pictures), classes(pictures), np.full(len(pictures), -1), note)


def _numbers(found: Sequence[tuple[Path, str]]) -> np.ndarray:
    return np.array([LABELS.index(label) for _, label in found], np.int64)


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    images, labels, usage = read_arrays(path, ("images", "labels", "usage"))
    if images.shape[1:] != (SIDE, SIDE) or images.dtype != np.uint8:
        raise InputError(
            f"{path}: images are {images.dtype} {images.shape}, expected uint8 [N, 48, 48]"
        )
    for name, values in (("labels", labels), ("usage", usage)):
        if values.ndim != 1 or values.dtype.kind not in "iu":
            raise InputError(
                f"{path}: {name} are {values.dtype} {values.shape}, expected whole numbers [N]"
            )
    if not len(images) == len(labels) == len(usage):
        raise InputError(
            f"{path}: {len(images)} images, {len(labels)} labels and {len(usage)} usages; "
            "expected as many of each"
        )
    _check_range(path, "label", labels, len(LABELS))
    _check_range(path, "usage", usage, len(USAGES))
    return images, labels, usage


def _read_csv(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    images, labels, usages = [], [], []
    try:
        check_file(path, MOST_TABLE)
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            names = {name.strip().lower(): name for name in reader.fieldnames or ()}
            missing = {"emotion", "pixels", "usage"} - set(names)
            if missing:
                raise InputError(f"{path}: columns missing: {', '.join(sorted(missing))}")
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                images.append(_pixels(row[names["pixels"]], where))
                labels.append(_whole(row[names["emotion"]], where))
                usages.append(_usage(row[names["usage"]], where))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a readable csv file ({error})") from error
    if not labels:
        raise InputError(f"{path}: no rows")
    label_array = np.array(labels)
    _check_range(path, "label", label_array, len(LABELS))
    return np.stack(images), label_array, np.array(usages)


def _pixels(text: str | None, where: str) -> np.ndarray:
    try:
        pixels = np.array((text or "").split(), dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{where}: pixels are not whole numbers ({error})") from error
    if pixels.size != SIDE * SIDE:
        raise InputError(f"{where}: {pixels.size} pixels, expected 48 x 48 = 2304")
    if pixels.min() < 0 or pixels.max() > 255:
        raise InputError(f"{where}: a pixel is outside 0..255")
    return pixels.astype(np.uint8).reshape(SIDE, SIDE)


def _whole(text: str | None, where: str) -> int:
    try:
        return int(text or "")
    except ValueError as error:
        raise InputError(f"{where}: emotion is '{text}', expected 0..6") from error


def _usage(text: str | None, where: str) -> int:
    name = (text or "").strip()
    if name not in USAGES:
        raise InputError(f"{where}: usage is '{name}', expected one of {', '.join(USAGES)}")
    return USAGES.index(name)


def _check_range(path: Path, name: str, values: np.ndarray, count: int) -> None:
    outside = values[(values < 0) | (values >= count)]
    if outside.size:
        raise InputError(f"{path}: {name} {outside[0]} is outside 0..{count - 1}")


# FER+ (Barsoum et al., ICMI 2016): ten taggers' votes for each FER2013 image.

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
        check_file(path, MOST_TABLE)
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


DATASET = Dataset(
    name="fer2013",
    labels=LABELS,
    splits=tuple(SPLITS),
    validation="public",
    provenance=(
        "FER2013 (Goodfellow et al., 2013), usage Training, without blank images and "
        "without the pixel-identical twins of PublicTest; the images carry no licence of "
        "their own"
    ),
    reader=read_fer2013,
    framing=FER2013,
)

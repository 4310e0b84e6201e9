"""AffectNet, manually annotated part (Mollahosseini, Hasani & Mahoor, IEEE TAC 2019)."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from ec_rfernet.datasets.dataset import PARTS, Dataset, Split
from ec_rfernet.datasets.pictures import LabelledPicture, in_parallel, read_with_hold_out
from ec_rfernet.errors import InputError
from ec_rfernet.files import MOST_TABLE, check_file
from ec_rfernet.labels import CONTEMPT, LABELS

AFFECTNET8_LABELS = (*LABELS, CONTEMPT)

NUMBERS = {
    0: "neutral",
    1: "happy",
    2: "sad",
    3: "surprised",
    4: "scared",
    5: "disgusted",
    6: "angry",
    7: CONTEMPT,
}
"""AffectNet's own numbering."""

NO_EXPRESSION = range(8, 11)
"""None, uncertain and no face: pictures that are left out."""

SETS = {"train": "train_set", "test": "val_set"}
LISTS = {"train": "training.csv", "test": "validation.csv"}
_LIST_PLACES = (".", "Manually_Annotated_file_lists")
_IMAGE_PLACES = (
    "Manually_Annotated_Images",
    "Manually_Annotated/Manually_Annotated_Images",
    "Manually_Annotated",
)
_COLUMNS = (
    "subDirectory_filePath", "face_x", "face_y", "face_width", "face_height",
    "facial_landmarks", "expression", "valence", "arousal",
)  # fmt: skip
_BOX = _COLUMNS[1:5]
_ANNOTATION = "_exp.npy"


def read_affectnet(
    labels: tuple[str, ...], root: Path, split: str, fold: int | None = None
) -> Split:
    """Reads one split.

    Args:
        labels: the classes that are wanted, in order; pictures of others are left out.
        root: folder with ``train_set`` and ``val_set``, or with ``training.csv`` and
            ``validation.csv`` (see ``docs/datasets.md``).
        split: ``train`` or ``validation`` (nine tenths and one tenth of the official
            training part), or ``test`` (AffectNet's validation part: its test part is
            not public).
        fold: none.

    Raises:
        InputError: the layout is another, files are missing or damaged.
    """
    return read_with_hold_out(lambda part: _pictures(root, part, labels), split)


def _pictures(root: Path, part: str, labels: tuple[str, ...]) -> list[LabelledPicture]:
    if (root / SETS[part]).is_dir():
        found = _annotated(root / SETS[part], labels)
        where = root / SETS[part]
    else:
        where = next(
            (root / p / LISTS[part] for p in _LIST_PLACES if (root / p / LISTS[part]).is_file()),
            root,
        )
        if where is root:
            raise InputError(
                f"{root}: no AffectNet here; looked for {SETS[part]}/images with "
                f"{SETS[part]}/annotations, and for {LISTS[part]}, also inside {_LIST_PLACES[1]}"
            )
        found = _listed(root, where, labels)
    if not found:
        raise InputError(f"{where}: no picture with one of the labels {', '.join(labels)}")
    return sorted(found, key=lambda picture: picture.path)


def _annotated(folder: Path, labels: tuple[str, ...]) -> list[LabelledPicture]:
    """The layout of 2021: a number in a file of its own for each picture."""
    images, annotations = folder / "images", folder / "annotations"
    if not annotations.is_dir():
        raise InputError(f"{folder}: no folder 'annotations' here, expected one beside 'images'")
    with os.scandir(annotations) as entries:
        names = sorted(entry.name for entry in entries if entry.name.endswith(_ANNOTATION))
    if not names:
        raise InputError(f"{annotations}: no files like 0{_ANNOTATION} here")

    def label(name: str) -> str | None:
        path = annotations / name
        try:
            with path.open("rb") as file:
                number = int(np.lib.format.read_array(file, allow_pickle=False).item())
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{path}: not an expression number ({error})") from error
        return _label(number, str(path))

    found = zip(names, in_parallel(label, names), strict=True)
    named = ((f"{name.removesuffix(_ANNOTATION)}.jpg", value) for name, value in found)
    return [
        LabelledPicture(images / name, labels.index(value), name)
        for name, value in named
        if value in labels
    ]


def _listed(root: Path, path: Path, labels: tuple[str, ...]) -> list[LabelledPicture]:
    """The layout of 2017: a table, and pictures in which the face has to be cut out."""
    places = (*_IMAGE_PLACES, path.stem)
    folder = next((root / name for name in places if (root / name).is_dir()), None)
    if folder is None:
        raise InputError(f"{root}: no pictures here; looked for the folders {', '.join(places)}")
    found = []
    for where, row in _rows(path):
        label = _label(_whole(row, "expression", where), where)
        if label not in labels:
            continue
        name = _name(row, where)
        found.append(LabelledPicture(folder / name, labels.index(label), name, _box(row, where)))
    return found


def _name(row: dict[str, str], where: str) -> str:
    name = row.get(_COLUMNS[0]) or row.get("image") or ""
    if not name:
        raise InputError(f"{where}: no name of a picture")
    return name if Path(name).suffix else f"{name}.jpg"


def _box(row: dict[str, str], where: str) -> tuple[int, int, int, int] | None:
    if _BOX[0] not in row:
        return None
    x, y, width, height = (_whole(row, column, where) for column in _BOX)
    return x, y, width, height


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows by column, each with where it is. ``validation.csv`` was published without a header."""
    try:
        check_file(path, MOST_TABLE)
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            first = [word.strip() for word in next(reader, [])]
            header = first if "expression" in first else list(_COLUMNS)
            if header is first and not {"image", _COLUMNS[0]} & set(first):
                raise InputError(f"{path}: columns missing: {_COLUMNS[0]} (or image)")
            if header is not first:
                if len(first) != len(_COLUMNS) or not first[6].isdecimal():
                    raise InputError(f"{path}: columns missing: expression")
                yield f"{path}, line 1", dict(zip(header, first, strict=True))
            for row in filter(None, reader):  # without empty lines
                yield f"{path}, line {reader.line_num}", dict(zip(header, row, strict=False))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a readable csv file ({error})") from error


def _whole(row: dict[str, str], column: str, where: str) -> int:
    text = row.get(column, "")
    try:
        return int(float(text))
    except (ValueError, OverflowError) as error:
        raise InputError(f"{where}: {column} is '{text}', expected a number") from error


def _label(number: int, where: str) -> str | None:
    """The label of one of AffectNet's numbers; none for what shows no expression."""
    if number in NO_EXPRESSION:
        return None
    if number not in NUMBERS:
        raise InputError(f"{where}: expression is {number}, expected 0..10")
    return NUMBERS[number]


_SOURCE = (
    "AffectNet, manually annotated part (Mollahosseini, Hasani & Mahoor, IEEE Transactions on "
    "Affective Computing 10, 2019), {}; AffectNet Academic Use License: research only, no copies "
    "to others"
)

AFFECTNET7, AFFECTNET8 = (
    Dataset(
        name=f"affectnet{len(labels)}",
        labels=labels,
        splits=PARTS,
        validation="validation",
        provenance=_SOURCE.format(f"nine tenths of the training part{but}"),
        reader=partial(read_affectnet, labels),
    )
    for labels, but in ((LABELS, ", without contempt"), (AFFECTNET8_LABELS, ""))
)

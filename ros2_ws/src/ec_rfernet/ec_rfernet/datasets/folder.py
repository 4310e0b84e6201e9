"""Pictures whose folder or name tells the expression: any folder, JAFFE and KDEF."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet.datasets.dataset import FOLDS, PARTS, Dataset, Split, rows_of
from ec_rfernet.datasets.pictures import (
    SIDE,
    LabelledPicture,
    classes,
    files,
    folders,
    in_class_folders,
    is_sorted_by_class,
    load,
    part_folders,
    places,
    rows_of_people,
    unused,
)
from ec_rfernet.errors import InputError
from ec_rfernet.faces import DEFAULT_DETECTOR, DETECTORS, LEAST_SCORE
from ec_rfernet.faces.face import FaceDetector
from ec_rfernet.faces.framing import FER2013, align
from ec_rfernet.labels import LABELS
from ec_rfernet.picture_file import read_picture

_ALSO = {"private": "test", "public": "validation"}
_NAMES = {label: label for label in LABELS}


def read_folder(root: Path, split: str, fold: int | None = None) -> Split:
    """Reads one split of pictures of faces that lie in one folder for each expression.

    The names of the folders are English words for the seven expressions, see
    `ec_rfernet.datasets.pictures.WORDS`; others are left out, which the notes tell.

    Args:
        root: folder with such folders, or with ``train``, ``test`` and ``validation`` that hold
            them (or other words of `ec_rfernet.datasets.pictures.PART_WORDS`); or a folder above.
        split: ``train``, ``validation`` or ``test``; where the pictures come without such parts,
            eight, one and one tenth of them, and a missing ``validation`` is one tenth of
            ``train``.
        fold: none.

    Raises:
        InputError: the layout is another, the part is missing, or a picture is damaged.
    """
    for place in places(root):
        parts = {k: v for k, v in part_folders(place).items() if is_sorted_by_class(v)}
        parts = {_ALSO.get(part, part): path for part, path in parts.items()}
        if "train" in parts or split in parts:
            return _part(place, parts, split)
        if is_sorted_by_class(place):
            return _taken(place, lambda names, labels: rows_of(names, labels, split, 0))
    known = "angry disgust fear happy sad surprise neutral"
    raise InputError(
        f"{root}: no folders named after expressions here; expected at least two such as {known}, "
        "also inside train, test and validation, and also some folders deeper"
    )


def _part(place: Path, parts: dict[str, Path], split: str) -> Split:
    if split in parts and (split != "train" or "validation" in parts):
        return _taken(parts[split], lambda names, _labels: np.arange(len(names)))
    if split == "test":
        there = ", ".join(path.name for path in parts.values())
        raise InputError(f"{place}: no folder 'test' here; there are {there}")
    # The first fold tests the tenth that is held out here.
    held_out = "test" if split == "validation" else "train"

    def rows(names: Sequence[str], labels: np.ndarray) -> np.ndarray:
        held = rows_of(names, labels, "test", 0)
        return held if held_out == "test" else np.setdiff1d(np.arange(len(names)), held)

    return _taken(parts["train"], rows)


def _taken(folder: Path, rows_of_names: Callable[[Sequence[str], np.ndarray], np.ndarray]) -> Split:
    found = in_class_folders(folder, _NAMES, all_of_them=False)
    pictures = [LabelledPicture(path, LABELS.index(label), path.name) for path, label in found]
    rows = rows_of_names([f"{p.path.parent.name}/{p.group}" for p in pictures], classes(pictures))
    chosen = [pictures[row] for row in rows]
    notes = unused(folder, LABELS, _NAMES)
    if missing := set(LABELS) - {label for _, label in found}:
        names = ", ".join(label for label in LABELS if label in missing)
        notes += (f"{folder}: there are no pictures of {names}",)
    return Split(load(chosen), classes(chosen), rows, notes)


# Posed pictures of people whose names are in the names of the files.

_CODES = {
    "AN": "angry",
    "DI": "disgusted",
    "FE": "scared",
    "AF": "scared",
    "HA": "happy",
    "SA": "sad",
    "SU": "surprised",
    "NE": "neutral",
}
_JAFFE = re.compile(r"(?P<who>[A-Z]{2})[.-](?P<what>AN|DI|FE|HA|SA|SU|NE)\d?[.-]\d+", re.IGNORECASE)
_KDEF = re.compile(r"[AB](?P<who>[FM]\d\d)(?P<what>AF|AN|DI|HA|NE|SA|SU)S", re.IGNORECASE)
_DEEPEST = 4


def read_posed(
    pattern: re.Pattern[str],
    example: str,
    root: Path,
    split: str,
    fold: int | None,
    detector: FaceDetector | None = None,
) -> Split:
    """Reads one split of one fold; no person is in two splits of a fold.

    Faces are cut out in the framing of FER2013; a picture without one is left out, and told.

    Args:
        pattern: of the names of the files without ending: ``who``, and ``what`` as two letters.
        example: of such a name.
        root: folder with the pictures, or some folders above.
        split: ``train``, ``validation`` or ``test``, see `ec_rfernet.datasets.dataset.rows_of`.
        fold: 0..9.
        detector: finds the faces; default: the robot's.

    Raises:
        InputError: there are no such pictures, or of fewer people than folds, or one is damaged.
    """
    pictures = []
    for path in _pictures_below(root, _DEEPEST):
        if match := pattern.fullmatch(path.stem):
            label = LABELS.index(_CODES[match["what"].upper()])
            pictures.append(LabelledPicture(path, label, match["who"].upper()))
    if not pictures:
        raise InputError(f"{root}: no pictures here with names like {example}; is it unpacked?")
    pictures.sort(key=lambda picture: picture.path.name)
    rows = rows_of_people(root, pictures, split, fold or 0)
    chosen = [pictures[row] for row in rows]
    own = DETECTORS.make(DEFAULT_DETECTOR, LEAST_SCORE) if detector is None else None
    try:
        faces = [_face(picture.path, own or detector) for picture in chosen]
    finally:
        if own is not None:
            own.close()
    seen = np.array([face is not None for face in faces], bool)
    images = [face for face in faces if face is not None]
    blind = [p.path.name for p, face in zip(chosen, faces, strict=True) if face is None]
    notes = (f"{root}: left out pictures without a face: {', '.join(blind)}",) if blind else ()
    shape = (0, SIDE, SIDE)
    pixels = np.stack(images) if images else np.empty(shape, np.uint8)
    return Split(pixels, classes(chosen)[seen], rows[seen], notes)


def _face(path: Path, detector: FaceDetector | None) -> np.ndarray | None:
    image = read_picture(path, cv2.IMREAD_COLOR)
    face = next(iter(detector.detect(image)), None) if detector is not None else None
    return None if face is None else align(image, face, FER2013, SIDE)


def _pictures_below(folder: Path, deep: int) -> list[Path]:
    found = files(folder)
    for below in folders(folder) if deep else ():
        found += _pictures_below(below, deep - 1)
    return found


FOLDER = Dataset(
    name="folder",
    labels=LABELS,
    splits=PARTS,
    validation="validation",
    provenance="pictures of a user's own folder, one folder for each expression",
    reader=read_folder,
)

JAFFE = Dataset(
    name="jaffe",
    labels=LABELS,
    splits=PARTS,
    validation="validation",
    provenance=(
        "JAFFE (Lyons, Akamatsu, Kamachi & Gyoba, FG 1998), one of ten folds that share no "
        "person; for non-commercial research by those who signed the agreement, no copies to others"
    ),
    reader=partial(read_posed, _JAFFE, "KA.AN1.39.tiff"),
    folds=FOLDS,
)

KDEF = Dataset(
    name="kdef",
    labels=LABELS,
    splits=PARTS,
    validation="validation",
    provenance=(
        "KDEF (Lundqvist, Flykt & Ohman, Karolinska Institutet 1998), faces from the front, one "
        "of ten folds that share no person; for non-commercial research, no copies to others"
    ),
    reader=partial(read_posed, _KDEF, "AF01ANS.JPG"),
    folds=FOLDS,
)

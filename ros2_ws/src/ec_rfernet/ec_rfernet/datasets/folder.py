"""Pictures whose folder or name tells the expression: any folder, JAFFE and KDEF."""

from __future__ import annotations

import csv
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
    class_folders,
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


def read_folder(
    root: Path,
    split: str,
    fold: int | None = None,
    *,
    photos: bool = False,
    detector: FaceDetector | None = None,
) -> Split:
    """Reads one split of pictures of faces that lie in one folder for each expression.

    The names of the folders are English words for the seven expressions, see
    `ec_rfernet.datasets.pictures.WORDS`; others are left out, which the notes tell.

    Args:
        root: folder with such folders, or with ``train``, ``test`` and ``validation`` that hold
            them (or other words of `ec_rfernet.datasets.pictures.PART_WORDS`); or a folder above.
        split: ``train``, ``validation`` or ``test``; where the pictures come without such parts,
            eight, one and one tenth of them, and a missing ``validation`` is one tenth of
            ``train``. Where `people` are known, none of them is in two of these.
        fold: none.
        photos: the pictures are whole photographs: the face is cut out of each, and those without
            one are left out, which the notes tell; else a picture is a face.
        detector: finds the faces of photographs; default: the robot's.

    Raises:
        InputError: the layout is another, the part is missing, or a picture is damaged.
    """
    faces = partial(_faces, detector=detector) if photos else _whole
    for place in places(root):
        parts = {k: v for k, v in part_folders(place).items() if is_sorted_by_class(v)}
        parts = {_ALSO.get(part, part): path for part, path in parts.items()}
        if "train" in parts or split in parts:
            return _part(place, parts, split, faces)
        if is_sorted_by_class(place):
            return _taken(place, lambda names, labels: rows_of(names, labels, split, 0), faces)
    for label in class_folders(root, _NAMES).values():
        raise InputError(f"{root}: pictures of {label} only, expected at least two expressions")
    known = "angry disgust fear happy sad surprise neutral"
    raise InputError(
        f"{root}: no folders named after expressions here; expected at least two such as {known}, "
        "also inside train, test and validation, and also some folders deeper"
    )


Faces = Callable[[Sequence[LabelledPicture]], "tuple[np.ndarray, np.ndarray]"]
"""The faces uint8 [M, 48, 48] of N pictures, and which of the pictures have one, bool [N]."""


def _whole(pictures: Sequence[LabelledPicture]) -> tuple[np.ndarray, np.ndarray]:
    return load(pictures), np.ones(len(pictures), bool)


def _part(place: Path, parts: dict[str, Path], split: str, faces: Faces) -> Split:
    if split in parts and (split != "train" or "validation" in parts):
        return _taken(parts[split], lambda names, _labels: np.arange(len(names)), faces)
    if split == "test":
        there = ", ".join(path.name for path in parts.values())
        raise InputError(f"{place}: no folder 'test' here; there are {there}")
    # The first fold tests the tenth that is held out here.
    held_out = "test" if split == "validation" else "train"

    def rows(names: Sequence[str], labels: np.ndarray) -> np.ndarray:
        held = rows_of(names, labels, "test", 0)
        return held if held_out == "test" else np.setdiff1d(np.arange(len(names)), held)

    return _taken(parts["train"], rows, faces)


SUBJECTS = "subjects.csv"
"""Beside the folders of the expressions: the columns ``file``, a name or path, and ``subject``."""

_LEAST_PEOPLE = 3
_PERSON = re.compile(r"(?P<who>[A-Za-z]+\d*|\d+[A-Za-z]+)[_-].+")


def people(folder: Path, paths: Sequence[Path]) -> list[str] | None:
    """Who is on each picture of a folder; None where that is not known.

    That is what `SUBJECTS` says; or the names of the folders within those of the expressions; or
    how the names of the files begin (``anna_03.jpg``), if so at least `FOLDS` people come about,
    each with two pictures or more on the average.

    Raises:
        InputError: the table is unusable, knows nothing of a picture, or of too few people.
    """
    table = folder / SUBJECTS
    if table.is_file():
        known = _subjects(table)
        found = [known.get(str(p.relative_to(folder)), known.get(p.name, "")) for p in paths]
        if "" in found:
            lacking = paths[found.index("")].relative_to(folder)
            raise InputError(f"{table}: says nothing of {lacking}; expected a row for each picture")
    elif all(len(path.relative_to(folder).parts) > 2 for path in paths):
        found = [path.parent.name for path in paths]
    else:
        matches = [_PERSON.fullmatch(path.stem) for path in paths]
        found = [match["who"].lower() if match else "" for match in matches]
        if "" in found or not FOLDS <= len(set(found)) <= len(paths) / 2:
            return None
    if len(set(found)) < _LEAST_PEOPLE:
        if not table.is_file():
            return None
        raise InputError(f"{table}: {len(set(found))} people, expected at least {_LEAST_PEOPLE}")
    return found


def _subjects(table: Path) -> dict[str, str]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            names, *rows = csv.reader(file)
        where, who = names.index("file"), names.index("subject")
        return {row[where].strip(): row[who].strip() for row in rows if row}
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise InputError(f"{table}: expected the columns 'file' and 'subject' ({error})") from error


def _taken(
    folder: Path,
    rows_of_names: Callable[[Sequence[str], np.ndarray], np.ndarray],
    faces: Faces,
) -> Split:
    found = in_class_folders(folder, _NAMES, all_of_them=False)
    pictures = [LabelledPicture(path, LABELS.index(label), path.name) for path, label in found]
    persons = people(folder, [picture.path for picture in pictures])
    names = persons or [f"{p.path.parent.name}/{p.group}" for p in pictures]
    rows = rows_of_names(names, classes(pictures))
    notes = unused(folder, LABELS, _NAMES)
    if persons:
        notes += (f"{folder}: pictures of {len(set(persons))} people, parts made here share none",)
    if missing := set(LABELS) - {label for _, label in found}:
        lacking = ", ".join(label for label in LABELS if label in missing)
        notes += (f"{folder}: there are no pictures of {lacking}",)
    chosen = [pictures[row] for row in rows]
    images, seen = faces(chosen)
    if not seen.all():
        notes += (
            _faceless(folder, [p.path for p, has in zip(chosen, seen, strict=True) if not has]),
        )
    chosen = [picture for picture, has in zip(chosen, seen, strict=True) if has]
    files = tuple(picture.path for picture in chosen)
    return Split(images, classes(chosen), rows[seen], notes, files)


def _faceless(folder: Path, paths: Sequence[Path]) -> str:
    return f"{folder}: left out pictures without a face: {', '.join(path.name for path in paths)}"


def _faces(
    pictures: Sequence[LabelledPicture], detector: FaceDetector | None
) -> tuple[np.ndarray, np.ndarray]:
    own = DETECTORS.make(DEFAULT_DETECTOR, LEAST_SCORE) if detector is None else None
    try:
        found = [_face(picture.path, own or detector) for picture in pictures]
    finally:
        if own is not None:
            own.close()
    images = [face for face in found if face is not None]
    pixels = np.stack(images) if images else np.empty((0, SIDE, SIDE), np.uint8)
    return pixels, np.array([face is not None for face in found], bool)


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
    images, seen = _faces(chosen, detector)
    blind = [picture.path for picture, has in zip(chosen, seen, strict=True) if not has]
    files = tuple(picture.path for picture, has in zip(chosen, seen, strict=True) if has)
    notes = (_faceless(root, blind),) if blind else ()
    return Split(images, classes(chosen)[seen], rows[seen], notes, files)


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

PHOTOS = Dataset(
    name="photos",
    labels=LABELS,
    splits=PARTS,
    validation="validation",
    provenance="photographs of a user's own folder, one folder for each expression",
    reader=partial(read_folder, photos=True),
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

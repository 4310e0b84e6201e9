"""SFEW 2.0 (Dhall et al., ICCV workshops 2011 and ICMI 2015): faces from films."""

from __future__ import annotations

import re
from pathlib import Path

import cv2

from ec_rfernet.datasets.dataset import PARTS, Dataset, Split
from ec_rfernet.datasets.pictures import (
    LabelledPicture,
    in_class_folders,
    is_sorted_by_class,
    read_with_hold_out,
)
from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS
from ec_rfernet.picture_file import read_picture

FOLDERS = {
    "Angry": "angry",
    "Disgust": "disgusted",
    "Fear": "scared",
    "Happy": "happy",
    "Neutral": "neutral",
    "Sad": "sad",
    "Surprise": "surprised",
}
"""SFEW's names of the classes."""

PLACES = {
    "train": ("Train/Train_Aligned_Faces", "Train_Aligned_Faces", "Train"),
    "test": (
        "Val/Val_Aligned_Faces_new/Val_Aligned_Faces",
        "Val_Aligned_Faces_new/Val_Aligned_Faces",
        "Val/Val_Aligned_Faces_new",
        "Val/Val_Aligned_Faces",
        "Val_Aligned_Faces_new",
        "Val_Aligned_Faces",
        "Val",
    ),
}
"""Where the class folders lie after unpacking; the labels of SFEW's Test are not public."""

_FRAME = re.compile(r"(.+)_\d+_\d+")  # film, time and number of the frame


def read_sfew(root: Path, split: str, fold: int | None = None) -> Split:
    """Reads one split of the aligned faces.

    Args:
        root: folder with one of `PLACES` for each part.
        split: ``train`` or ``validation`` (nine tenths and one tenth of SFEW's Train,
            with no film in both), or ``test`` (SFEW's Val).
        fold: none.

    Raises:
        InputError: the layout is another, files are missing or damaged, or these are
            whole frames.
    """
    return read_with_hold_out(lambda part: _pictures(root, part), split)


def _pictures(root: Path, part: str) -> list[LabelledPicture]:
    for place in (root / name for name in PLACES[part]):
        if is_sorted_by_class(place, FOLDERS):
            found = in_class_folders(place, FOLDERS)
            _refuse_frames(found[0][0])
            return [
                LabelledPicture(path, LABELS.index(label), _film(path)) for path, label in found
            ]
    raise InputError(
        f"{root}: no SFEW 2.0 here; looked for the folders {', '.join(FOLDERS)} in "
        f"{', '.join(PLACES[part])}"
    )


def _refuse_frames(path: Path) -> None:
    height, width = read_picture(path, cv2.IMREAD_GRAYSCALE).shape
    if width > height:
        raise InputError(
            f"{path}: {width}x{height} is a whole frame of a film; expected the aligned faces "
            "(143x181) that come with SFEW 2.0"
        )


def _film(path: Path) -> str:
    match = _FRAME.fullmatch(path.stem)
    return match[1] if match else path.stem


DATASET = Dataset(
    name="sfew",
    labels=LABELS,
    splits=PARTS,
    validation="validation",
    provenance=(
        "SFEW 2.0 (Dhall et al., ICCV workshops 2011 and ICMI 2015), aligned faces, nine "
        "tenths of Train; frames of films under copyright, for academic research by those "
        "who signed the licence only"
    ),
    reader=read_sfew,
)

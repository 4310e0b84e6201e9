"""CK+, the extended Cohn-Kanade data set (Lucey et al., CVPR workshops 2010)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet.datasets.dataset import FOLDS, PARTS, Dataset, Split
from ec_rfernet.datasets.pictures import (
    SIDE,
    LabelledPicture,
    classes,
    files,
    in_class_folders,
    is_sorted_by_class,
    load,
    places,
    require,
    rows_of_people,
)
from ec_rfernet.errors import InputError
from ec_rfernet.faces import DEFAULT_DETECTOR, DETECTORS, LEAST_SCORE
from ec_rfernet.faces.face import Face, FaceDetector
from ec_rfernet.faces.framing import FER2013, align
from ec_rfernet.files import read_text
from ec_rfernet.labels import CONTEMPT, LABELS
from ec_rfernet.picture_file import read_picture

CKPLUS_LABELS = (*LABELS[:-1], CONTEMPT)
"""Contempt, which is no neutral face: CK+ has no label for those."""

NUMBERS = {
    1: "angry",
    2: CONTEMPT,
    3: "disgusted",
    4: "scared",
    5: "happy",
    6: "sad",
    7: "surprised",
}
"""The numbers in CK+'s emotion files."""

FOLDERS = {
    "anger": "angry",
    "contempt": CONTEMPT,
    "disgust": "disgusted",
    "fear": "scared",
    "happy": "happy",
    "sadness": "sad",
    "surprise": "surprised",
}
"""The class folders of the form called CK+48."""

FRAMES = 3
"""A sequence goes from neutral to the peak; so many frames at its end show the expression."""

_EMOTIONS = ("Emotion", "Emotion_labels")
_FRAMES_FOLDER = "cohn-kanade-images"
_SUBJECT = re.compile(r"(S\d+)_\d+_\d+")


def read_ckplus(
    root: Path, split: str, fold: int | None, detector: FaceDetector | None = None
) -> Split:
    """Reads one split of one fold; no person is in two splits of a fold.

    Args:
        root: folder with ``cohn-kanade-images`` and ``Emotion``, whose faces are cut out
            in the framing of FER2013; or with the class folders of CK+48; or a folder above.
        split: ``test`` (one tenth of the people), ``validation`` (the tenth that the
            next fold tests) or ``train``.
        fold: 0..9.
        detector: finds the faces in whole frames; default: the robot's.

    Raises:
        InputError: the layout is another, files are missing or damaged, there is no
            face in a frame, or there are fewer people than folds.
    """
    pictures, frames = _pictures(root)
    rows = rows_of_people(root, pictures, split, fold or 0)
    chosen = [pictures[row] for row in rows]
    images = _cut(chosen, detector) if frames else load(chosen)
    return Split(images, classes(chosen), rows)


def _pictures(root: Path) -> tuple[list[LabelledPicture], bool]:
    """All pictures in the order of their names; true when they are whole frames."""
    named = [place for place in places(root) if place.name in _EMOTIONS]
    emotions = next(
        (p for p in named if any(p.glob("S*/*/*_emotion.txt"))), next(iter(named), None)
    )
    frames = next((p for p in places(root) if p.name == _FRAMES_FOLDER), None)
    if emotions is not None and frames is not None:
        return _in_sequences(frames, emotions), True
    for place in places(root):
        if is_sorted_by_class(place, FOLDERS):
            found = in_class_folders(place, FOLDERS)
            pictures = [_picture(path, label) for path, label in found]
            return sorted(pictures, key=lambda picture: picture.path.name), False
    if (emotions is None) != (frames is None):
        there, missing = (emotions, _FRAMES_FOLDER) if frames is None else (frames, "Emotion")
        raise InputError(
            f"{root}: only a part of CK+ is here: {there}, but no {missing}; unpack its other "
            "archives here, too: extended-cohn-kanade-images, Emotion_labels"
        )
    raise InputError(
        f"{root}: no CK+ here; looked for {_FRAMES_FOLDER} with Emotion, as its archives unpack, "
        f"and for the folders {', '.join(FOLDERS)} of CK+48, also some folders deeper"
    )


def _picture(path: Path, label: str) -> LabelledPicture:
    match = _SUBJECT.fullmatch(path.stem)
    if match is None:
        raise InputError(
            f"{path}: the name does not tell the person; expected one like S010_004_00000017.png, "
            "or --dataset folder, which divides single pictures"
        )
    return LabelledPicture(path, CKPLUS_LABELS.index(label), match[1])


def _in_sequences(frames: Path, emotions: Path) -> list[LabelledPicture]:
    pictures: list[LabelledPicture] = []
    for path in sorted(emotions.glob("S*/*/*_emotion.txt")):
        folder = frames / path.parent.relative_to(emotions)
        label = _label(path)
        peak = _picture(folder / f"{path.stem.removesuffix('_emotion')}.png", label).path
        pictures += [_picture(frame, label) for frame in _last_frames(peak)]
    if not pictures:
        raise InputError(f"{emotions}: no files like S005/001/S005_001_00000011_emotion.txt here")
    require([picture.path for picture in pictures])
    return pictures


def _last_frames(peak: Path) -> list[Path]:
    """The frames up to the peak; those that ought to be there where some are missing."""
    frames = [path for path in files(peak.parent) if path.stem <= peak.stem][-FRAMES:]
    if len(frames) == FRAMES and frames[-1] == peak:
        return frames
    sequence, number = peak.stem.rsplit("_", 1)
    numbers = range(int(number) - FRAMES + 1, int(number) + 1)
    return [peak.with_name(f"{sequence}_{n:0{len(number)}d}.png") for n in numbers]


def _label(path: Path) -> str:
    try:
        text = read_text(path).strip()
        number = float(text)
    except ValueError as error:
        raise InputError(f"{path}: not an emotion number ({error})") from error
    if number not in NUMBERS:
        raise InputError(f"{path}: emotion is {text}, expected 1..7")
    return NUMBERS[int(number)]


def _cut(pictures: Sequence[LabelledPicture], detector: FaceDetector | None) -> np.ndarray:
    if detector is not None:
        return _faces(pictures, detector)
    own = DETECTORS.make(DEFAULT_DETECTOR, LEAST_SCORE)
    try:
        return _faces(pictures, own)
    finally:
        own.close()


def _faces(pictures: Sequence[LabelledPicture], detector: FaceDetector) -> np.ndarray:
    cut = []
    for _, sequence in itertools.groupby(pictures, key=lambda picture: picture.path.parent):
        paths = [picture.path for picture in sequence]
        frames = [read_picture(path, cv2.IMREAD_COLOR) for path in paths]
        found = [next(iter(detector.detect(frame)), None) for frame in frames]
        for index, frame in enumerate(frames):
            face = _nearest(found, index)
            if face is None:
                raise InputError(f"{paths[index]}: no face was found in this sequence")
            cut.append(align(frame, face, FER2013, SIDE))
    return np.stack(cut) if cut else np.empty((0, SIDE, SIDE), np.uint8)


def _nearest(found: Sequence[Face | None], index: int) -> Face | None:
    """The face of a frame; where the detector missed it, that of the frame nearest in time."""
    faces = [(abs(place - index), face) for place, face in enumerate(found) if face is not None]
    return min(faces, key=lambda pair: pair[0])[1] if faces else None


DATASET = Dataset(
    name="ckplus",
    labels=CKPLUS_LABELS,
    splits=PARTS,
    validation="validation",
    provenance=(
        "CK+ (Lucey et al., CVPR workshops 2010), the last frames of the labelled "
        "sequences, one of ten folds that share no person; for research by those who "
        "signed the agreement only, no copies to others"
    ),
    reader=read_ckplus,
    folds=FOLDS,
)

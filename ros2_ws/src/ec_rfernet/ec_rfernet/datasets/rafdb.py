"""RAF-DB, basic expressions (Li, Deng & Du, CVPR 2017)."""

from __future__ import annotations

from pathlib import Path

from ec_rfernet.datasets.dataset import PARTS, Dataset, Split
from ec_rfernet.datasets.pictures import (
    LabelledPicture,
    files,
    in_class_folders,
    is_sorted_by_class,
    part_folders,
    places,
    read_with_hold_out,
)
from ec_rfernet.errors import InputError
from ec_rfernet.files import MOST_TABLE, read_text
from ec_rfernet.labels import LABELS

NUMBERS = {
    1: "surprised",
    2: "scared",
    3: "disgusted",
    4: "happy",
    5: "sad",
    6: "angry",
    7: "neutral",
}
"""RAF-DB's own numbering (``list_patition_label.txt`` and the folder names)."""

LIST = Path("EmoLabel/list_patition_label.txt")  # spelt so by its authors
ALIGNED = ("Image/aligned", "Image/aligned/aligned", "aligned")
"""Where the pictures lie after unpacking."""


def read_rafdb(root: Path, split: str, fold: int | None = None) -> Split:
    """Reads one split.

    Args:
        root: folder with ``EmoLabel`` and ``Image/aligned``, or with ``train/1..7`` and
            ``test/1..7`` (or the names of the expressions); or a folder above it.
        split: ``train`` or ``validation`` (nine tenths and one tenth of the official
            training part), or ``test``.
        fold: none.

    Raises:
        InputError: the layout is another, files are missing or damaged.
    """
    return read_with_hold_out(lambda part: _pictures(root, part), split)


def _pictures(root: Path, part: str) -> list[LabelledPicture]:
    for place in places(root):
        if (place / LIST).is_file():
            return _listed(place, part)
    folders = {str(number): label for number, label in NUMBERS.items()}
    for place in places(root):
        if part in (parts := part_folders(place)) and is_sorted_by_class(parts[part], folders):
            found = in_class_folders(parts[part], folders)
            return [LabelledPicture(path, LABELS.index(label), path.name) for path, label in found]
    raise InputError(
        f"{root}: no RAF-DB here; looked for {LIST} (with Image/aligned), and for the folders "
        f"{part}/1 to {part}/7, also some folders deeper; are all archives unpacked?"
    )


def _listed(place: Path, part: str) -> list[LabelledPicture]:
    path = place / LIST
    lines = read_text(path, MOST_TABLE).splitlines()
    pictures = next((place / name for name in ALIGNED if files(place / name)), place / ALIGNED[0])
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, label = _parse(line, f"{path}, line {number}")
        if name.startswith(part):
            image = pictures / f"{Path(name).stem}_aligned.jpg"
            found.append(LabelledPicture(image, label, image.name))
    if not found:
        raise InputError(f"{path}: no picture whose name starts with '{part}'")
    return sorted(found, key=lambda picture: picture.path.name)


def _parse(line: str, where: str) -> tuple[str, int]:
    words = line.split()
    if len(words) != 2 or not words[1].isdecimal():
        raise InputError(f"{where}: '{line.strip()}', expected a file name and a label 1..7")
    if int(words[1]) not in NUMBERS:
        raise InputError(f"{where}: label {words[1]} is outside 1..7")
    return words[0], LABELS.index(NUMBERS[int(words[1])])


DATASET = Dataset(
    name="rafdb",
    labels=LABELS,
    splits=PARTS,
    validation="validation",
    provenance=(
        "RAF-DB, basic expressions (Li, Deng & Du, CVPR 2017), nine tenths of the training "
        "part; for non-commercial research only, no copies to others"
    ),
    reader=read_rafdb,
)

import csv

import cv2
import numpy as np
import pytest

from ec_rfernet import datasets
from ec_rfernet.datasets.affectnet import NUMBERS
from ec_rfernet.errors import InputError
from ec_rfernet.labels import CONTEMPT, LABELS

ORDER = ["neutral", "happy", "sad", "surprised", "scared", "disgusted", "angry", "contempt"]
HEADER = [
    "subDirectory_filePath", "face_x", "face_y", "face_width", "face_height",
    "facial_landmarks", "expression", "valence", "arousal",
]  # fmt: skip
SETS = (("train_set", 110), ("val_set", 22))


def level(number):
    """The grey level of a picture with the expression ``number`` in the generated sets."""
    return 20 * number


@pytest.fixture
def numbered(tmp_path, write_picture):
    """The layout of 2021."""
    for part, count in SETS:
        (tmp_path / part / "annotations").mkdir(parents=True)
        for index in range(count):
            write_picture(tmp_path / part / f"images/{index}.jpg", level(index % 11), (80, 80))
            np.save(tmp_path / part / f"annotations/{index}_exp.npy", str(index % 11))
            np.save(tmp_path / part / f"annotations/{index}_val.npy", "0.5")
    return tmp_path


@pytest.fixture
def listed(tmp_path):
    """The layout of 2017: black pictures with the face in a box; no header in the second list."""
    for name, (part, count) in zip(("training", "validation"), SETS, strict=True):
        rows = [HEADER] if name == "training" else []
        for index in range(count):
            image = np.zeros((90, 120), np.uint8)
            image[20:70, 40:90] = level(index % 11)
            path = tmp_path / "Manually_Annotated_Images" / str(index % 3) / f"{part}{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image)
            where = f"{index % 3}/{part}{index}.png"
            rows.append([where, 40, 20, 50, 50, "1.5;2.5", index % 11, -0.5, 0.25])
        folder = tmp_path / "Manually_Annotated_file_lists"
        folder.mkdir(exist_ok=True)
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    return tmp_path


@pytest.fixture
def short(tmp_path, write_picture):
    """The columns image and expression."""
    for name, (_, count) in zip(("training", "validation"), SETS, strict=True):
        for index in range(count):
            write_picture(tmp_path / name / f"{index}.jpg", level(index % 11), (64, 64))
        lines = ["image,expression", *(f"{index},{index % 11}" for index in range(count))]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    return tmp_path


def test_numbers_mean_what_affectnet_says():
    assert [NUMBERS[number] for number in range(8)] == ORDER


@pytest.mark.parametrize("layout", ["numbered", "listed", "short"])
@pytest.mark.parametrize(("name", "wanted"), [("affectnet7", 7), ("affectnet8", 8)])
def test_labels_and_pictures_belong_together(layout, name, wanted, request):
    root = request.getfixturevalue(layout)
    labels = datasets.get(name).labels
    assert labels == (LABELS if wanted == 7 else (*LABELS, CONTEMPT))
    for part, size in (("train", 9), ("validation", 1), ("test", 2)):
        split = datasets.read(name, root, part)
        assert np.bincount(split.labels).tolist() == [size] * wanted
        for image, label in zip(split.images, split.labels, strict=True):
            assert abs(int(image.mean()) - level(ORDER.index(labels[label]))) <= 2
            assert image.std() < 2


def test_a_number_instead_of_text_is_read_too(numbered):
    np.save(numbered / "val_set/annotations/3_exp.npy", np.int64(1))
    assert len(datasets.read("affectnet7", numbered, "test")) == 14


def test_an_interrupted_download(numbered):
    for index in (0, 1, 11):
        (numbered / f"val_set/images/{index}.jpg").unlink()
    with pytest.raises(InputError, match="3 of 14 pictures missing, the first is .*images/0.jpg"):
        datasets.read("affectnet7", numbered, "test")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("11", "3_exp.npy: expression is 11, expected 0..10"),
        ("-1", "3_exp.npy: expression is -1, expected 0..10"),
        ("happy", "3_exp.npy: not an expression number"),
        ([1, 2], "3_exp.npy: not an expression number"),
        (np.array(object()), "3_exp.npy: not an expression number"),
        (np.datetime64("2017-01-01"), "3_exp.npy: not an expression number"),
    ],
)
def test_bad_annotations(numbered, content, message):
    np.save(numbered / "val_set/annotations/3_exp.npy", content, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        datasets.read("affectnet7", numbered, "test")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"3"])
def test_annotations_that_are_no_arrays(numbered, content):
    (numbered / "val_set/annotations/3_exp.npy").write_bytes(content)
    with pytest.raises(InputError, match="3_exp.npy: not an expression number"):
        datasets.read("affectnet7", numbered, "test")


def test_a_list_that_went_through_a_windows_editor(short):
    (short / "validation.csv").write_bytes(b"\xef\xbb\xbfimage,expression\r\n\r\n1,3\r\n\r\n")
    assert len(datasets.read("affectnet7", short, "test")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,expression\n1,12", "validation.csv, line 2: expression is 12, expected 0..10"),
        ("image,expression\n1,x", "line 2: expression is 'x', expected a number"),
        ("image,expression\n1", "line 2: expression is '', expected a number"),
        ("image,expression\n,3", "line 2: no name of a picture"),
        ("image,label\n1,2", "columns missing: expression"),
        ("name,expression\n1,2", r"columns missing: subDirectory_filePath \(or image\)"),
        ("", "columns missing: expression"),
        ("image,expression\n1,9", "no picture with one of the labels angry"),
        ("\x00", "columns missing|not a readable csv"),
    ],
)
def test_a_bad_list(short, text, message):
    (short / "validation.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        datasets.read("affectnet7", short, "test")


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ("500,0,50,50", r"the face box \(500, 0, 50, 50\) is outside this 64x64 image"),
        ("0,0,-5,50", "is outside this 64x64 image"),
        ("a,0,50,50", "line 2: face_x is 'a', expected a number"),
        ("nan,0,50,50", "line 2: face_x is 'nan', expected a number"),
    ],
)
def test_a_bad_box(short, box, message):
    text = f"{','.join(HEADER)}\n1.jpg,{box},1;2,3,0,0\n"
    (short / "validation.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        datasets.read("affectnet7", short, "test")


def test_a_box_that_reaches_beyond_the_picture(short):
    text = f"{','.join(HEADER)}\n1.jpg,-10,-10,50,50,1;2,3,0,0\n"
    (short / "validation.csv").write_text(text)
    image = datasets.read("affectnet7", short, "test").images[0]
    assert abs(int(image.mean()) - level(1)) <= 2


def test_a_foreign_layout(tmp_path):
    with pytest.raises(InputError, match="no AffectNet here; looked for train_set/images with"):
        datasets.read("affectnet7", tmp_path, "train")
    (tmp_path / "training.csv").write_text("image,expression\n1,2\n")
    with pytest.raises(InputError, match="no pictures here; looked for the folders Manually_Annot"):
        datasets.read("affectnet7", tmp_path, "train")
    (tmp_path / "train_set").mkdir()
    with pytest.raises(InputError, match="train_set: no folder 'annotations' here"):
        datasets.read("affectnet7", tmp_path, "train")
    (tmp_path / "train_set/annotations").mkdir()
    with pytest.raises(InputError, match="annotations: no files like 0_exp.npy here"):
        datasets.read("affectnet7", tmp_path, "train")

import os
from argparse import Namespace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from ec_rfernet import datasets
from ec_rfernet.commands.options import read_pictures
from ec_rfernet.datasets.dataset import FOLDS
from ec_rfernet.datasets.pictures import WORDS, label_of
from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS

SPLITS = ("train", "validation", "test")
NAMES = [
    ["angry", "disgusted", "scared", "happy", "sad", "surprised", "neutral"],
    ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"],
    ["ANGRY", "DISGUST", "FEAR", "HAPPY", "SAD", "SURPRISE", "NEUTRAL"],
    ["0_Anger", "1_Disgust", "2_Fearful", "3_Joy", "4_Sorrow", "5_Surprise", "6_Neutrality"],
    ["angry faces", "disgust faces", "fear faces", "happy faces", "sad faces", "surprise faces",
     "neutral faces"],
]  # fmt: skip


@pytest.fixture
def make(tmp_path, write_picture):
    """Pictures of grey level 30 times the class, in a folder for each."""

    def write(place, words, count=20, below="."):
        for label, word in enumerate(words):
            for index in range(count):
                path = tmp_path / place / word / below / f"{label}_{index:03}.png"
                write_picture(path, 30 * label, (60, 50))
        return tmp_path

    return write


def read(root, *splits):
    found = [datasets.read("folder", root, split) for split in splits or SPLITS]
    for split in found:
        for image, label in zip(split.images, split.labels, strict=True):
            assert round(image.mean() / 30) == label
    return found


@pytest.mark.parametrize("words", NAMES, ids=lambda words: words[0])
@pytest.mark.parametrize("place", [".", "archive", "archive/images"])
def test_any_folder_for_each_expression(make, words, place):
    train, validation, test = read(make(place, words))
    assert (len(train), len(validation), len(test)) == (112, 14, 14)
    rows = np.concatenate([train.rows, validation.rows, test.rows])
    assert sorted(rows.tolist()) == list(range(140)), "each picture is in one part"
    assert train.notes == ()


@pytest.mark.parametrize(
    ("train", "test", "validation"),
    [
        ("train", "test", None),
        ("Training", "Testing", "Validation"),
        ("train_set", "test_set", "val_set"),
        ("Train", "PrivateTest", "PublicTest"),
    ],
)
def test_parts_in_folders(make, train, test, validation):
    root = make(train, NAMES[0])
    make(test, NAMES[0], 3)
    if validation:
        make(validation, NAMES[0], 4)
    sizes = [len(split) for split in read(root)]
    assert sizes == ([140, 28, 21] if validation else [126, 14, 21])


def test_folders_of_people_within_those_of_expressions(make):
    assert sum(len(split) for split in read(make(".", NAMES[0], below="anna"))) == 140


def test_contempt_and_what_is_no_expression_are_left_out_and_told(make):
    root = make(".", [*NAMES[1], "contempt", "unknown"])
    train, *_ = read(root)
    assert len(train) == 112
    assert len(train.notes) == 1 and "left out what is no expression" in train.notes[0]
    assert train.notes[0].endswith("contempt, unknown")


def test_what_is_no_file_is_left_out_and_told(make):
    root = make(".", NAMES[0])
    os.mkfifo(root / "happy" / "pipe.png")
    (root / "sad" / "folder.png").mkdir()
    (root / "sad" / "gone.png").symlink_to(root / "nowhere.png")
    splits = read(root)
    assert sum(map(len, splits)) == 140
    assert splits[0].notes == (
        f"{root}: left out what is named like a picture and no file: "
        "happy/pipe.png, sad/folder.png, sad/gone.png",
    )


def test_expressions_that_are_missing_are_told(make):
    train, *_ = read(make(".", NAMES[0][:5]))
    assert "no pictures of surprised, neutral" in train.notes[0]


def test_what_is_no_such_folder_is_told_with_what_would_be(tmp_path, make, write_picture):
    write_picture(tmp_path / "cats/a.png")
    with pytest.raises(InputError, match="no folders named after expressions here; .*fear"):
        datasets.read("folder", tmp_path, "train")
    root = make("train", NAMES[0])
    with pytest.raises(InputError, match="no folder 'test' here; there are train"):
        datasets.read("folder", root, "test")
    (root / "train/happy/broken.png").write_bytes(b"rubbish")
    with pytest.raises(InputError, match=r"broken.png: is not a picture that can be read"):
        read(root, "train", "validation")


def test_every_word_is_of_a_label_and_two_words_are_of_none():
    assert set(WORDS.values()) == {*LABELS, "contempt"}
    assert label_of("happy and sad") is None
    assert label_of("unhappy") is None
    assert label_of("happily") is None


def test_the_command_tells_what_was_left_out(make, capsys):
    root = make("pictures", [*NAMES[1], "contempt"])
    options = Namespace(dataset="folder", root=root, fold=None)
    found = read_pictures(options, SimpleNamespace(labels=LABELS, folder="models"), "test")
    assert len(found) == 14
    assert "left out what is no expression of this set: contempt" in capsys.readouterr().err


def test_nobody_is_in_two_parts_where_names_tell_people(tmp_path, write_picture):
    for label, word in enumerate(NAMES[0]):
        for person in range(12):
            write_picture(tmp_path / word / f"p{person:02}_{label}.png", 30 * label)
    splits = read(tmp_path)
    persons = [{path.name.split("_")[0] for path in split.files} for split in splits]
    assert len(set.union(*persons)) == sum(map(len, persons)) == 12
    assert "pictures of 12 people" in splits[0].notes[0]


def test_a_table_or_folders_tell_the_people(make, write_picture):
    root = make(".", NAMES[0], 9)
    pictures = sorted(root.rglob("*.png"))
    lines = [f"{path.name},{'abc'[int(path.stem[2:]) % 3]}" for path in pictures]
    (root / "subjects.csv").write_text("\n".join(["file,subject", *lines]))
    persons = [{"abc"[int(p.stem[2:]) % 3] for p in split.files} for split in read(root)]
    assert [len(found) for found in persons] == [1, 1, 1]
    write_picture(root / "sad/9.png")
    with pytest.raises(InputError, match=r"subjects.csv: says nothing of sad/9.png"):
        read(root)
    (root / "subjects.csv").write_text("picture,who\n")
    with pytest.raises(InputError, match="expected the columns 'file' and 'subject'"):
        read(root)


def test_of_photographs_the_face_is_cut_out_and_those_without_are_told(tmp_path, collins):
    data = collins.read_bytes()
    for word in ("happy", "sad"):
        for index in range(5):
            (tmp_path / "train" / word).mkdir(parents=True, exist_ok=True)
            (tmp_path / "validation" / word).mkdir(parents=True, exist_ok=True)
            (tmp_path / "train" / word / f"{index}.jpg").write_bytes(data)
    cv2.imwrite(str(tmp_path / "validation/happy/wall.png"), np.full((90, 90, 4), 120, np.uint8))
    (tmp_path / "validation/sad/me.jpg").write_bytes(data)
    found = datasets.read("photos", tmp_path, "validation")
    assert len(found) == 1 and found.files[0].name == "me.jpg"
    assert "left out pictures without a face: wall.png" in found.notes[-1]
    as_faces = datasets.read("folder", tmp_path, "validation")
    assert len(as_faces) == 2


# JAFFE and KDEF: the expression and the person are in the names of the files.


@pytest.fixture
def jaffe(tmp_path, collins):
    frame = cv2.resize(cv2.imread(str(collins)), (256, 256), interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".tiff", cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))[1].tobytes()
    (tmp_path / "jaffedbase").mkdir()
    codes = ["AN", "DI", "FE", "HA", "SA", "SU", "NE"]
    for number, person in enumerate(["KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM"]):
        for index, code in enumerate(codes):
            name = f"{person}.{code}{1 + index % 3}.{10 * number + index}.tiff"
            (tmp_path / "jaffedbase" / name).write_bytes(data)
    (tmp_path / "jaffedbase/README_FIRST.txt").write_text("please")
    return tmp_path


def test_jaffe(jaffe):
    test, train = (datasets.read("jaffe", jaffe, split, 3) for split in ("test", "train"))
    assert test.images.shape == (7, 48, 48) and sorted(test.labels) == list(range(7))
    assert len(train) == 56 and not set(train.rows) & set(test.rows)


def test_a_picture_without_a_face_is_left_out_and_told(jaffe):
    blank = cv2.imencode(".tiff", np.full((256, 256), 9, np.uint8))[1].tobytes()
    (jaffe / "jaffedbase/KA.AN1.0.tiff").write_bytes(blank)
    found = [datasets.read("jaffe", jaffe, "test", fold) for fold in range(FOLDS)]
    assert sum(len(split) for split in found) == 69
    (note,) = (note for split in found for note in split.notes)
    assert note.endswith("left out pictures without a face: KA.AN1.0.tiff")


def test_kdef_from_the_front(tmp_path, collins):
    frame = cv2.resize(cv2.imread(str(collins)), (281, 381), interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", frame)[1].tobytes()
    codes = {"AF": 2, "AN": 0, "DI": 1, "HA": 3, "NE": 6, "SA": 4, "SU": 5}
    for number in range(1, 11):
        for session in "AB":
            who = f"{session}{'FM'[number % 2]}{number:02}"
            folder = tmp_path / "KDEF_and_AKDEF/KDEF" / who
            folder.mkdir(parents=True)
            for code in codes:
                for angle in ("S", "HL", "FR"):
                    (folder / f"{who}{code}{angle}.JPG").write_bytes(data)
    found = [datasets.read("kdef", tmp_path, "test", fold) for fold in range(FOLDS)]
    assert [len(split) for split in found] == [14] * 10, "both sessions of a person"
    assert sorted(np.concatenate([split.labels for split in found])) == sorted(list(range(7)) * 20)
    first = found[0].labels[:7].tolist()
    assert first == list(codes.values()), "in the order of the names"


@pytest.mark.parametrize(("name", "example"), [("jaffe", "KA.AN1.39.tiff"), ("kdef", "AF01ANS")])
def test_what_is_no_such_set(tmp_path, name, example, write_picture):
    with pytest.raises(InputError, match=f"no pictures here with names like {example}"):
        datasets.read(name, tmp_path, "train", 0)
    for index in range(3):
        write_picture(tmp_path / f"K{'ABC'[index]}.AN1.{index}.png")
        write_picture(tmp_path / f"AF0{index}ANS.png")
    with pytest.raises(InputError, match="pictures of 3 people, expected at least 10"):
        datasets.read(name, tmp_path, "train", 0)

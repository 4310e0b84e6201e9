import cv2
import numpy as np
import pytest

from ec_rfernet import datasets
from ec_rfernet.datasets.rafdb import LIST, NUMBERS
from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS

ORDER = ["surprised", "scared", "disgusted", "happy", "sad", "angry", "neutral"]


def level(number):
    """The grey level of a picture of class ``number`` in the generated sets."""
    return 30 * number


@pytest.fixture
def official(tmp_path, write_picture):
    lines = []
    for part, count in (("train", 140), ("test", 14)):
        for index in range(count):
            number = index % 7 + 1
            name = f"{part}_{index:05d}"
            write_picture(tmp_path / f"Image/aligned/{name}_aligned.jpg", level(number))
            lines.append(f"{name}.jpg {number}")
    (tmp_path / LIST).parent.mkdir()
    (tmp_path / LIST).write_text("\n".join(lines))
    return tmp_path


@pytest.fixture
def folders(tmp_path, write_picture):
    for part, count in (("train", 10), ("test", 2)):
        for number in range(1, 8):
            for index in range(count):
                name = f"{part}_{number}{index:04d}_aligned.jpg"
                write_picture(tmp_path / f"DATASET/{part}/{number}/{name}", level(number))
    return tmp_path


def test_numbers_mean_what_rafdb_says():
    assert [NUMBERS[number] for number in range(1, 8)] == ORDER


@pytest.mark.parametrize("layout", ["official", "folders"])
def test_labels_and_pictures_belong_together(layout, request):
    root = request.getfixturevalue(layout)
    for part in ("train", "validation", "test"):
        split = datasets.read("rafdb", root, part)
        assert split.images.dtype == np.uint8
        assert split.images.shape == (len(split), 48, 48)
        for image, label in zip(split.images, split.labels, strict=True):
            assert abs(int(image.mean()) - level(ORDER.index(LABELS[label]) + 1)) <= 2


def test_splits(official):
    train, validation, test = (
        datasets.read("rafdb", official, part) for part in ("train", "validation", "test")
    )
    assert (len(train), len(validation), len(test)) == (126, 14, 14)
    assert not set(train.rows) & set(validation.rows)
    assert np.bincount(validation.labels).tolist() == [2] * 7
    again = datasets.read("rafdb", official, "validation")
    assert again.rows.tolist() == validation.rows.tolist()


def test_the_folder_above_will_do(official, tmp_path):
    (tmp_path / "basic").mkdir()
    for name in ("Image", "EmoLabel"):
        (tmp_path / name).rename(tmp_path / "basic" / name)
    assert len(datasets.read("rafdb", official, "test")) == 14


def test_colours_become_luma_and_details_are_averaged(official):
    path = official / "Image/aligned/test_00000_aligned.jpg"
    picture = np.zeros((96, 96, 3), np.uint8)
    picture[:] = (0, 0, 255)  # BGR: red
    cv2.imwrite(str(path), picture)
    assert abs(datasets.read("rafdb", official, "test").images[0].mean() - 0.299 * 255) < 2
    board = (np.indices((96, 96)).sum(axis=0) % 2 * 255).astype(np.uint8)
    cv2.imwrite(str(path), board, [cv2.IMWRITE_JPEG_QUALITY, 100])
    image = datasets.read("rafdb", official, "test").images[0]
    assert abs(image.mean() - 127) < 3
    assert image.std() < 5


def test_a_list_that_went_through_a_windows_editor(official):
    before = datasets.read("rafdb", official, "test")
    path = official / LIST
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    after = datasets.read("rafdb", official, "test")
    assert after.labels.tolist() == before.labels.tolist()


def test_too_few_pictures_to_hold_some_out(official):
    (official / LIST).write_text("train_00000.jpg 1\n")
    with pytest.raises(InputError, match="too few pictures, none of them falls to split 'train'"):
        datasets.read("rafdb", official, "train")


def test_an_interrupted_download(official):
    for name in ("train_00003", "train_00100", "train_00120"):
        (official / f"Image/aligned/{name}_aligned.jpg").unlink()
    for part in ("train", "validation"):
        with pytest.raises(
            InputError,
            match="3 of 140 pictures missing, the first is .*train_00003_aligned.jpg; is the down",
        ):
            datasets.read("rafdb", official, part)
    assert len(datasets.read("rafdb", official, "test")) == 14


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("test_00000.jpg 8", "line 1: label 8 is outside 1..7"),
        ("test_00000.jpg 0", "line 1: label 0 is outside 1..7"),
        ("test_00000.jpg", "line 1: 'test_00000.jpg', expected a file name and a label 1..7"),
        ("test_00000.jpg happy", "line 1: 'test_00000.jpg happy', expected"),
        ("other_00000.jpg 3", "no picture whose name starts with 'test'"),
    ],
)
def test_a_bad_list(official, line, message):
    (official / LIST).write_text(line)
    with pytest.raises(InputError, match=message):
        datasets.read("rafdb", official, "test")


def test_damaged_pictures_are_named(official, capfd):
    path = official / "Image/aligned/test_00004_aligned.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="test_00004_aligned.jpg: is a JPEG that was cut off"):
        datasets.read("rafdb", official, "test")
    path.write_bytes(b"")
    with pytest.raises(InputError, match="test_00004_aligned.jpg: is empty, expected a picture"):
        datasets.read("rafdb", official, "test")
    path.write_text("<html>quota exceeded</html>")
    with pytest.raises(InputError, match="test_00004_aligned.jpg: is not a picture"):
        datasets.read("rafdb", official, "test")
    assert capfd.readouterr().err == ""


def test_a_foreign_layout(tmp_path, folders):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: no RAF-DB here; looked for EmoLabel/list_pat"):
        datasets.read("rafdb", tmp_path / "empty", "train")
    for path in (folders / "DATASET/train/7").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="train/7: no pictures here"):
        datasets.read("rafdb", folders, "train")
    (folders / "DATASET/train/7").rmdir()
    with pytest.raises(InputError, match="train: no folder '7' here; expected the folders 1, 2"):
        datasets.read("rafdb", folders, "train")


def test_splits_and_folds_are_checked(official):
    with pytest.raises(InputError, match="unknown split 'public' of rafdb; expected: train, valid"):
        datasets.read("rafdb", official, "public")
    with pytest.raises(InputError, match="rafdb has no folds, but fold 0"):
        datasets.read("rafdb", official, "test", 0)


@pytest.mark.parametrize("place", ["Image/aligned/aligned", "aligned"])
@pytest.mark.parametrize("above", [".", "basic", "RAF-DB/basic"])
def test_archives_that_were_unpacked(official, tmp_path_factory, place, above):
    root = tmp_path_factory.mktemp("unpacked")
    for old, new in (("EmoLabel", "EmoLabel"), ("Image/aligned", place)):
        (root / above / new).parent.mkdir(parents=True, exist_ok=True)
        (official / old).rename(root / above / new)
    assert len(datasets.read("rafdb", root, "test")) == 14


def test_folders_named_after_the_expressions(tmp_path, write_picture):
    words = ["Surprise", "Fear", "Disgust", "Happiness", "Sadness", "Anger", "Neutral"]
    for part in ("train", "test"):
        for number, word in enumerate(words, start=1):
            for index in range(10):
                path = tmp_path / "raf" / part / word / f"{number}{index}.jpg"
                write_picture(path, level(number))
    split = datasets.read("rafdb", tmp_path, "test")
    assert len(split) == 70
    for image, label in zip(split.images, split.labels, strict=True):
        assert abs(int(image.mean()) - level(ORDER.index(LABELS[label]) + 1)) <= 2

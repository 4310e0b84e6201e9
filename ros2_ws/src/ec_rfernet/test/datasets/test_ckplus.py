import shutil

import cv2
import numpy as np
import pytest

from ec_rfernet import datasets
from ec_rfernet.datasets.ckplus import FOLDERS, NUMBERS, read_ckplus
from ec_rfernet.datasets.framing_survey import survey
from ec_rfernet.errors import InputError
from ec_rfernet.faces.face import Box, Face
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.labels import CONTEMPT, LABELS

ORDER = ["angry", "contempt", "disgusted", "scared", "happy", "sad", "surprised"]
WORDS = ["anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise"]
FOLDS = range(10)
PEOPLE = 30


@pytest.fixture(scope="module")
def small(tmp_path_factory, write_picture):
    """CK+48: person p shows one or two expressions, in three frames of grey level 8 p."""
    root = tmp_path_factory.mktemp("ck")
    for person in range(PEOPLE):
        for sequence in range(1 + person % 2):
            word = WORDS[(person + 3 * sequence) % 7]
            for frame in (17, 18, 19):
                name = f"S{100 + person}_00{sequence + 1}_000000{frame}.png"
                write_picture(root / "CK+48" / word / name, 8 * person, (48, 48))
    return root


@pytest.fixture
def official(tmp_path, collins):
    """The whole frames: ten people, a sequence of five frames each, of a real face."""
    frame = cv2.resize(cv2.imread(str(collins)), (320, 320), interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".png", frame)[1].tobytes()
    for person in FOLDS:
        sequence = f"S{person:03d}/001"
        (tmp_path / "cohn-kanade-images" / sequence).mkdir(parents=True)
        (tmp_path / "Emotion" / sequence).mkdir(parents=True)
        for number in range(1, 6):
            name = f"S{person:03d}_001_{number:08d}"
            (tmp_path / "cohn-kanade-images" / sequence / f"{name}.png").write_bytes(data)
        label = tmp_path / "Emotion" / sequence / f"{name}_emotion.txt"
        label.write_text(f"   {person % 7 + 1}.0000000e+00\n")
    (tmp_path / "Emotion/S000/002").mkdir()  # a sequence without a label
    return tmp_path


def people(split):
    return {round(image.mean() / 8) for image in split.images}


def test_contempt_is_not_neutral():
    labels = datasets.get("ckplus").labels
    assert labels == ("angry", "disgusted", "scared", "happy", "sad", "surprised", CONTEMPT)
    assert labels[:6] == LABELS[:6]
    assert [NUMBERS[number] for number in range(1, 8)] == ORDER
    assert [FOLDERS[word] for word in WORDS] == ORDER


def test_folder_names_mean_what_they_say(tmp_path, write_picture):
    for index, word in enumerate(WORDS):
        for person in FOLDS:
            write_picture(tmp_path / word / f"S{index}{person}_001_00000001.png", 20 * index)
    labels = datasets.get("ckplus").labels
    split = datasets.read("ckplus", tmp_path, "train", 0)
    assert set(split.labels) == set(range(7))
    for image, label in zip(split.images, split.labels, strict=True):
        assert ORDER[round(image.mean() / 20)] == labels[label]


def test_folds_share_nobody_and_test_every_picture_once(small):
    tested = []
    for fold in FOLDS:
        train, validation, test = (
            datasets.read("ckplus", small, part, fold) for part in ("train", "validation", "test")
        )
        assert len(validation) > 0
        assert not people(train) & people(test)
        assert not people(train) & people(validation)
        assert not people(validation) & people(test)
        assert len(train) + len(validation) + len(test) == 45 * 3
        tested += test.rows.tolist()
    assert sorted(tested) == list(range(45 * 3))


def test_faces_are_cut_out_of_whole_frames_in_the_framing_of_fer2013(official):
    split = datasets.read("ckplus", official, "test", 4)
    assert split.images.shape == (3, 48, 48)
    assert len(set(split.labels)) == 1
    from ec_rfernet.faces.blazeface import BlazeFaceDetector

    detector = BlazeFaceDetector()
    anchors, share = survey(split.images[:1], detector)
    detector.close()
    assert share == 1
    np.testing.assert_allclose(anchors, FER2013.anchors, atol=2)


class Patchy:
    """Finds the face in the frames of a sequence that are given."""

    def __init__(self, *seen):
        self.seen, self.looked = seen, 0

    def detect(self, image):
        self.looked += 1
        if self.looked - 1 not in self.seen:
            return []
        keypoints = np.array([[90, 80], [130, 80], [110, 100], [110, 120], [80, 90], [140, 90]])
        return [Face(Box(70, 50, 80, 90), 0.9, keypoints.astype(np.float32))]

    def close(self):
        pass


def test_a_frame_without_a_face_takes_that_of_its_neighbour(official):
    alone = read_ckplus(official, "test", 0, Patchy(0, 1, 2))
    np.testing.assert_array_equal(read_ckplus(official, "test", 0, Patchy(1)).images, alone.images)
    with pytest.raises(InputError, match=r"_001_00000003.png: no face was found in this sequence"):
        read_ckplus(official, "test", 0, Patchy())


def test_labels_of_the_emotion_files(official):
    found = {}
    for fold in FOLDS:
        split = read_ckplus(official, "test", fold, Patchy(0))
        for row, label in zip(split.rows, split.labels, strict=True):
            found[row // 3] = datasets.get("ckplus").labels[label]
    assert [found[person] for person in FOLDS] == [ORDER[person % 7] for person in FOLDS]


def test_only_the_last_three_frames_are_wanted(official):
    sequence = official / "cohn-kanade-images/S000/001"
    (sequence / "S000_001_00000001.png").unlink()
    (sequence / "S000_001_00000002.png").unlink()
    assert len(read_ckplus(official, "test", 0, Patchy(0))) == 3
    (sequence / "S000_001_00000005.png").unlink()
    shutil.rmtree(official / "cohn-kanade-images/S004/001")
    message = r"4 of 30 pictures missing, the first is .*S000_001_00000005.png; is the down"
    with pytest.raises(InputError, match=message):
        read_ckplus(official, "test", 0, Patchy(0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.0000000e+00", "emotion is 0.0000000e.00, expected 1..7"),
        ("8", "S003_001_00000005_emotion.txt: emotion is 8, expected 1..7"),
        ("2.5", "emotion is 2.5, expected 1..7"),
        ("", "S003_001_00000005_emotion.txt: not an emotion number"),
    ],
)
def test_bad_emotion_files(official, text, message):
    (official / "Emotion/S003/001/S003_001_00000005_emotion.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        datasets.read("ckplus", official, "test", 0)


def test_the_fold_is_asked_for(small):
    with pytest.raises(InputError, match=r"ckplus is tested in 10 folds; say which one, 0..9"):
        datasets.read("ckplus", small, "test")
    for fold in (-1, 10):
        with pytest.raises(InputError, match=rf"fold of ckplus is {fold}, expected 0..9"):
            datasets.read("ckplus", small, "test", fold)


def test_a_foreign_layout(tmp_path, write_picture):
    with pytest.raises(InputError, match="no CK. here; looked for cohn-kanade-images with Emotion"):
        datasets.read("ckplus", tmp_path, "test", 0)
    (tmp_path / "cohn-kanade-images").mkdir()
    (tmp_path / "Emotion").mkdir()
    with pytest.raises(InputError, match="Emotion: no files like S005/001/"):
        datasets.read("ckplus", tmp_path, "test", 0)
    (tmp_path / "Emotion").rmdir()
    for word in WORDS:
        write_picture(tmp_path / word / "S010_001_00000001.png")
    with pytest.raises(InputError, match="pictures of 1 people, expected at least 10 for 10 folds"):
        datasets.read("ckplus", tmp_path, "test", 0)
    write_picture(tmp_path / "anger/someone.png")
    with pytest.raises(InputError, match="someone.png: the name does not tell the person"):
        datasets.read("ckplus", tmp_path, "test", 0)
    shutil.rmtree(tmp_path / "contempt")
    with pytest.raises(InputError, match="no folder 'contempt' here"):
        datasets.read("ckplus", tmp_path, "test", 0)


ARCHIVES = {
    "as they say": ("cohn-kanade-images", "Emotion"),
    "each in a folder of its own": (
        "extended-cohn-kanade-images/cohn-kanade-images", "Emotion_labels/Emotion",
    ),
    "without a folder": ("cohn-kanade-images", "Emotion_labels"),
    "one folder deeper": ("CK+/cohn-kanade-images", "CK+/Emotion"),
}  # fmt: skip


@pytest.mark.parametrize("layout", ARCHIVES)
def test_archives_that_were_unpacked(official, tmp_path_factory, layout):
    root = tmp_path_factory.mktemp("unpacked")
    for name, place in zip(("cohn-kanade-images", "Emotion"), ARCHIVES[layout], strict=True):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(official / name, root / place)
    for other in ("FACS_labels/FACS", "Landmarks", "__MACOSX/Emotion/S000"):
        (root / other / "S000/001").mkdir(parents=True)
    (root / ".DS_Store").write_text("a Mac was here")
    assert len(read_ckplus(root, "test", 0, Patchy(0, 1, 2))) == 3


FRAMES, EMOTION = "cohn-kanade-images", "Emotion"


@pytest.mark.parametrize(("left", "lacks"), [(FRAMES, EMOTION), (EMOTION, FRAMES)])
def test_archives_of_which_one_is_missing(official, left, lacks):
    shutil.rmtree(official / lacks)
    with pytest.raises(InputError, match=rf"only a part of CK\+ is here: .*{left}, but no {lacks}"):
        read_ckplus(official, "test", 0)


@pytest.mark.parametrize(
    "words",
    [
        [word.upper() for word in WORDS],
        ["Angry", "Contempt", "Disgusted", "Fearful", "Happiness", "Sad", "Surprised"],
        [f"{number}-{word}" for number, word in enumerate(WORDS)],
    ],
)
def test_other_names_of_the_folders(tmp_path, write_picture, words):
    for index, word in enumerate(words):
        for person in FOLDS:
            name = f"S{index}{person}_001_00000001.png"
            write_picture(tmp_path / "archive/CK+48" / word / name, 20 * index)
    split = datasets.read("ckplus", tmp_path, "train", 0)
    labels = datasets.get("ckplus").labels
    for image, label in zip(split.images, split.labels, strict=True):
        assert ORDER[round(image.mean() / 20)] == labels[label]

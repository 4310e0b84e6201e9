import pytest

from ec_rfernet import datasets
from ec_rfernet.datasets.sfew import FOLDERS
from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS

MEANING = {
    "Angry": "angry",
    "Disgust": "disgusted",
    "Fear": "scared",
    "Happy": "happy",
    "Neutral": "neutral",
    "Sad": "sad",
    "Surprise": "surprised",
}
FILMS = 20


@pytest.fixture
def make(tmp_path, write_picture):
    """Writes SFEW into two places under the root; a film's pictures share a grey level."""

    def write(train, test, size=(46, 60)):
        for place, films in ((train, range(FILMS)), (test, range(FILMS, FILMS + 2))):
            for film in films:
                for index, name in enumerate(MEANING):
                    picture = f"Film{film}_00051924{index}_0000000{index}.png"
                    write_picture(tmp_path / place / name / picture, 10 * film, size)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Train/Train_Aligned_Faces", "Val/Val_Aligned_Faces_new/Val_Aligned_Faces"),
        ("Train_Aligned_Faces", "Val_Aligned_Faces_new"),
        ("Train_Aligned_Faces", "Val_Aligned_Faces"),
        ("Train", "Val"),
    ],
)
def test_layouts(make, train, test):
    root = make(train, test)
    sizes = {part: len(datasets.read("sfew", root, part)) for part in ("train", "validation")}
    assert sum(sizes.values()) == 7 * FILMS
    assert sizes["validation"] == 14
    assert len(datasets.read("sfew", root, "test")) == 14


def test_names_mean_what_sfew_says(tmp_path, write_picture):
    assert FOLDERS == MEANING
    for level, name in enumerate(MEANING):
        for part in ("Train", "Val"):
            write_picture(tmp_path / part / name / "a_1_1.png", 20 * level)
    split = datasets.read("sfew", tmp_path, "test")
    for image, label in zip(split.images, split.labels, strict=True):
        assert MEANING[list(MEANING)[round(image.mean() / 20)]] == LABELS[label]


def test_no_film_is_in_training_and_validation(make):
    root = make("Train", "Val")
    films = [
        {round(image.mean() / 10) for image in datasets.read("sfew", root, part).images}
        for part in ("train", "validation")
    ]
    assert not films[0] & films[1]
    assert films[0] | films[1] == set(range(FILMS))


def test_whole_frames_are_refused(make):
    root = make("Train", "Val", size=(72, 57))
    with pytest.raises(InputError, match="72x57 is a whole frame .* expected the aligned faces"):
        datasets.read("sfew", root, "train")


def test_a_foreign_layout(tmp_path, make):
    with pytest.raises(InputError, match="no SFEW 2.0 here; looked for the folders Angry, Disgust"):
        datasets.read("sfew", tmp_path, "train")
    root = make("Train", "Val")
    for path in (root / "Val/Fear").iterdir():
        path.unlink()
    (root / "Val/Fear").rmdir()
    with pytest.raises(InputError, match="Val: no folder 'Fear' here"):
        datasets.read("sfew", root, "test")

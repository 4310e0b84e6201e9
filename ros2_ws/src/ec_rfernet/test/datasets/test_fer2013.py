import io

import numpy as np
import pytest

from ec_rfernet import datasets
from ec_rfernet.datasets.fer2013 import COLUMNS, read_ferplus
from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS

HEAD = ",".join(COLUMNS) + "\n"
PIXELS = " ".join(["7"] * 2304)


def write(path, text):
    path.write_text(text)
    return path


def test_csv_of_both_layouts(tmp_path):
    rows = [(3, "Training"), (0, "PublicTest"), (6, "Training"), (5, "PrivateTest")]
    fer = "emotion,pixels,Usage\n" + "".join(f"{e},{PIXELS},{u}\n" for e, u in rows)
    icml = "emotion, Usage, pixels\n" + "".join(f"{e},{u},{PIXELS}\n" for e, u in rows)
    for name, text in (("fer2013.csv", fer), ("icml_face_data.csv", icml)):
        folder = tmp_path / name.removesuffix(".csv")
        folder.mkdir()
        write(folder / name, text)
        split = datasets.read("fer2013", folder, "train")
        assert split.labels.tolist() == [3, 6]
        assert split.rows.tolist() == [0, 2]
        assert split.images.shape == (2, 48, 48)
        assert split.images.dtype == np.uint8
        assert (split.images == 7).all()
        assert datasets.read("fer2013", folder, "private").labels.tolist() == [5]


def test_npz(fer2013):
    assert len(datasets.read("fer2013", fer2013, "train")) == 126
    assert len(datasets.read("fer2013", fer2013.parent, "public")) == 21


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (f"7,{PIXELS},Training", "label 7 is outside 0..6"),
        (f"x,{PIXELS},Training", "line 2: emotion is 'x', expected 0..6"),
        ("3,1 2 3,Training", "line 2: 3 pixels, expected 48 x 48 = 2304"),
        (f"3,{PIXELS[:-1]}999,Training", "line 2: a pixel is outside 0..255"),
        (f"3,{PIXELS[:-1]}a,Training", "line 2: pixels are not whole numbers"),
        (f"3,{PIXELS[:-1]}{10**30},Training", "line 2: pixels are not whole numbers"),
        (f"3,{PIXELS},Testing", "line 2: usage is 'Testing'"),
    ],
)
def test_bad_rows(tmp_path, row, message):
    path = write(tmp_path / "fer2013.csv", f"emotion,pixels,Usage\n{row}\n")
    with pytest.raises(InputError, match=message):
        datasets.read("fer2013", path, "train")


def test_bad_files(tmp_path, fer2013):
    with pytest.raises(InputError, match="no FER2013 here"):
        datasets.read("fer2013", tmp_path, "train")
    with pytest.raises(InputError, match="columns missing: pixels"):
        datasets.read("fer2013", write(tmp_path / "a.csv", "emotion,Usage\n1,Training\n"), "train")
    with pytest.raises(InputError, match="no rows"):
        datasets.read("fer2013", write(tmp_path / "b.csv", "emotion,pixels,Usage\n"), "train")
    truncated = tmp_path / "t.npz"
    truncated.write_bytes(fer2013.read_bytes()[: fer2013.stat().st_size // 2])
    with pytest.raises(InputError, match="not a readable npz archive"):
        datasets.read("fer2013", truncated, "train")
    np.savez(
        tmp_path / "s.npz", images=np.zeros((2, 40, 48), np.uint8), labels=[0, 1], usage=[0, 0]
    )
    with pytest.raises(InputError, match="expected uint8"):
        datasets.read("fer2013", tmp_path / "s.npz", "train")
    with pytest.raises(InputError, match="no image of split 'private'"):
        datasets.read("fer2013", fer2013, "private")
    with pytest.raises(InputError, match="unknown split 'test'"):
        datasets.read("fer2013", fer2013, "test")
    with pytest.raises(InputError, match="fer2013 has no folds, but fold 3 was asked for"):
        datasets.read("fer2013", fer2013, "train", 3)
    with pytest.raises(InputError, match="data set is 'ferg', expected .* fer2013, rafdb"):
        datasets.read("ferg", fer2013, "train")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [0, 9]}, "label 9 is outside 0..6"),
        ({"labels": [0.0, 1.0]}, "labels are float64 \\(2,\\), expected whole numbers"),
        ({"labels": 3}, "labels are int64 \\(\\), expected whole numbers"),
        ({"labels": [0]}, "2 images, 1 labels and 2 usages"),
        ({"images": np.zeros((2, 48, 48))}, "images are float64"),
        ({"images": np.zeros((2, 48, 48), object)}, "not a readable npz archive"),
        ({"usage": [0, 3]}, "usage 3 is outside 0..2"),
    ],
)
def test_bad_archives(tmp_path, changes, message):
    good = {"images": np.zeros((2, 48, 48), np.uint8), "labels": [0, 1], "usage": [0, 0]}
    np.savez(tmp_path / "bad.npz", **{**good, **changes})
    with pytest.raises(InputError, match=message):
        datasets.read("fer2013", tmp_path / "bad.npz", "train")


def test_csv_as_windows_saves_it(tmp_path):
    path = tmp_path / "fer2013.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"emotion,pixels,Usage\r\n3,{PIXELS},Training\r\n".encode())
    assert datasets.read("fer2013", path, "train").labels.tolist() == [3]


def test_archives_that_are_none_or_that_python_cannot_unpack(tmp_path, fer2013):
    path, whole = tmp_path / "bad.npz", fer2013.read_bytes()
    place = whole.find(b"PK\x01\x02")  # the first entry of the directory at the end
    encrypted, unknown = bytearray(whole), bytearray(whole)
    encrypted[place + 8] |= 1
    unknown[place + 10] = 99
    single = io.BytesIO()
    np.save(single, np.zeros((2, 48, 48), np.uint8))
    for data in (bytes(encrypted), bytes(unknown), single.getvalue(), b"", whole[:-1]):
        path.write_bytes(data)
        with pytest.raises(InputError, match="bad.npz: not a readable npz archive"):
            datasets.read("fer2013", path, "train")


def test_npz_without_an_array(tmp_path):
    np.savez(tmp_path / "bad.npz", images=np.zeros((2, 48, 48), np.uint8))
    with pytest.raises(InputError, match="arrays missing: labels, usage"):
        datasets.read("fer2013", tmp_path / "bad.npz", "train")


def test_ferplus_is_read_as_shares_of_the_votes(tmp_path):
    rows = [
        [0, 8, 2, 0, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 3],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    csv = write(
        tmp_path / "fer2013new.csv",
        "\n".join([",".join(COLUMNS), *(",".join(map(str, row)) for row in rows)]),
    )
    np.savez(tmp_path / "votes.npz", votes=np.array(rows, np.uint8))
    for path in (csv, tmp_path / "votes.npz"):
        votes = read_ferplus(path)
        assert votes.shape == (3, len(COLUMNS))
        assert votes[0, COLUMNS.index("happiness")] == pytest.approx(0.8)
        assert votes[0, COLUMNS.index("surprise")] == pytest.approx(0.2)
        assert votes[1, COLUMNS.index("NF")] == pytest.approx(0.75)
        assert votes[2].sum() == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "not a FER\\+ file, columns missing: neutral, happiness"),
        ("", "not a FER\\+ file, columns missing"),
        (HEAD, "votes are float64 \\[0\\], expected numbers \\[rows, 10\\]"),
        (HEAD + "1,2,3", "line 2: votes are not whole numbers"),
        (HEAD + "1,2,3,4,5,6,7,8,9,x", "line 2: votes are not whole numbers"),
        (HEAD + "1,2,3,4,5,6,7,8,9,-1", "negative numbers of votes"),
    ],
)
def test_bad_votes(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_ferplus(write(tmp_path / "votes.csv", text))


@pytest.mark.parametrize(
    "votes", [np.full((2, 10), "x"), np.full((2, 10), np.nan), np.zeros((2, 7)), np.zeros(10)]
)
def test_bad_archives_of_votes(tmp_path, votes):
    np.savez(tmp_path / "votes.npz", votes=votes)
    with pytest.raises(InputError, match="votes.npz: .*votes"):
        read_ferplus(tmp_path / "votes.npz")
    (tmp_path / "votes.npz").write_bytes((tmp_path / "votes.npz").read_bytes()[:-9])
    with pytest.raises(InputError, match="not a readable npz archive"):
        read_ferplus(tmp_path / "votes.npz")


# Folders of pictures, as they are passed around.

WORDS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def folders(root, write_picture, parts, words=WORDS, count=4):
    """Pictures of grey level 30 times the class; parts: how a picture's name begins, by folder."""
    for part, names in parts.items():
        for label, word in enumerate(words):
            for index in range(count):
                name = f"{names[index % len(names)]}_{label}{index:07d}.jpg"
                write_picture(root / part / word / name, 30 * label, (48, 48))
    return root


def labels_fit(split):
    return all(round(i.mean() / 30) == n for i, n in zip(split.images, split.labels, strict=True))


@pytest.mark.parametrize("words", [WORDS, [w.title() for w in WORDS], list("0123456")])
@pytest.mark.parametrize("above", [".", "archive", "archive/fer2013"])
def test_train_and_test_in_folders(tmp_path, write_picture, words, above):
    parts = {"train": ["Training"], "test": ["PublicTest", "PrivateTest"]}
    folders(tmp_path / above, write_picture, parts, words)
    sizes = {}
    for split in ("train", "public", "private"):
        found = datasets.read("fer2013", tmp_path, split)
        assert labels_fit(found) and found.notes == ()
        sizes[split] = len(found)
    assert sizes == {"train": 28, "public": 14, "private": 14}


@pytest.mark.parametrize(
    ("public", "private"),
    [("PublicTest", "PrivateTest"), ("public", "private"), ("FER2013Valid", "FER2013Test"),
     ("validation", "test")],
)  # fmt: skip
def test_three_folders(tmp_path, write_picture, public, private):
    train = "FER2013Train" if "FER" in public else "Training"
    folders(tmp_path, write_picture, {train: ["a"], public: ["b"]})
    folders(tmp_path, write_picture, {private: ["c"]}, count=2)
    sizes = [len(datasets.read("fer2013", tmp_path, s)) for s in ("train", "public", "private")]
    assert sizes == [28, 28, 14]


def test_a_test_whose_halves_cannot_be_told_apart_is_halved_and_told(tmp_path, write_picture):
    folders(tmp_path, write_picture, {"train": ["a"], "test": ["im"]})
    public, private = (datasets.read("fer2013", tmp_path, s) for s in ("public", "private"))
    assert len(public) == len(private) == 14
    assert np.bincount(public.labels).tolist() == [2] * 7
    assert "do not tell PublicTest from PrivateTest" in public.notes[0]


def test_folders_tell_what_is_missing(tmp_path, write_picture):
    with pytest.raises(InputError, match=r"expected .*fer2013.csv .*train/angry/\*.jpg and test/"):
        datasets.read("fer2013", tmp_path, "train")
    folders(tmp_path, write_picture, {"train": ["a"]})
    with pytest.raises(InputError, match="no folder 'test' here, expected it beside train"):
        datasets.read("fer2013", tmp_path, "private")


def test_votes_do_not_belong_to_pictures_in_folders(tmp_path, write_picture):
    from ec_rfernet.training.config import configure
    from ec_rfernet.training.data import soft_targets

    folders(tmp_path, write_picture, {"train": ["a"], "test": ["PublicTest"]})
    given = {"root": tmp_path, "out": tmp_path / "out", "soft_labels": tmp_path / "fer2013new.csv"}
    split = datasets.read("fer2013", tmp_path, "train")
    with pytest.raises(InputError, match="soft_labels: pictures in folders do not tell"):
        soft_targets(split, LABELS, configure("fer2013", given))

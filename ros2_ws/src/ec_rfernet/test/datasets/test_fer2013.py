import io

import numpy as np
import pytest

from ec_rfernet import datasets
from ec_rfernet.datasets.fer2013 import COLUMNS, read_ferplus
from ec_rfernet.errors import InputError

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
    assert len(datasets.read("fer2013", fer2013.parent, "public")) == 42


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
    with pytest.raises(InputError, match="data set is 'jaffe', expected .* fer2013, rafdb"):
        datasets.read("jaffe", fer2013, "train")


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

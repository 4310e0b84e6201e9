import numpy as np
import pytest

from ec_rfernet import datasets
from ec_rfernet.datasets.ferplus import COLUMNS, read_ferplus
from ec_rfernet.errors import InputError
from ec_rfernet.labels import LABELS

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
    with pytest.raises(InputError, match="unknown data set 'rafdb'"):
        datasets.read("rafdb", fer2013, "train")


def test_ferplus_is_in_our_order_and_leaves_out_what_is_no_expression(tmp_path):
    rows = [
        [0, 8, 2, 0, 0, 0, 0, 0, 0, 0],  # happy 0.8, surprised 0.2
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 9],  # not a face
    ]
    csv = write(
        tmp_path / "fer2013new.csv",
        "\n".join([",".join(COLUMNS), *(",".join(map(str, row)) for row in rows)]),
    )
    np.savez(tmp_path / "votes.npz", votes=np.array(rows, np.uint8))
    for path in (csv, tmp_path / "votes.npz"):
        votes = read_ferplus(path)
        assert votes.shape == (2, 7)
        assert votes[0, LABELS.index("happy")] == pytest.approx(0.8)
        assert votes[0, LABELS.index("surprised")] == pytest.approx(0.2)
        assert votes[1].sum() == 0
    with pytest.raises(InputError, match="not a FER\\+ file"):
        read_ferplus(write(tmp_path / "other.csv", "a,b\n1,2\n"))

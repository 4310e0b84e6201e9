import json
import sys

import cv2
import numpy as np
import pytest

from ec_rfernet import datasets
from ec_rfernet.errors import InputError
from ec_rfernet.evaluation import cross_validation
from ec_rfernet.evaluation.cross_validation import pool

LABELS = datasets.get("ckplus").labels


@pytest.fixture
def files(tmp_path):
    """Ten folds; in fold f, f + 1 angry faces are recognised and one sad one is not."""
    paths = []
    for fold in range(10):
        confusion = np.zeros((7, 7), int)
        confusion[0, 0], confusion[4, 6] = fold + 1, 1
        values = {
            "dataset": "ckplus", "split": "test", "fold": fold, "crops": 1, "precision": "fp32",
            "accuracy": (fold + 1) / (fold + 2), "confusion": confusion.tolist(),
        }  # fmt: skip
        paths.append(tmp_path / f"{fold}.json")
        paths[-1].write_text(json.dumps(values))
    return paths


def change(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_every_picture_counts_once(files):
    result = pool(files[::-1])
    report = result.report
    assert report.images == 65
    assert report.accuracy == pytest.approx(55 / 65)
    assert report.confusion[4, 6] == 10
    assert report.recall["angry"] == 1
    assert report.recall["sad"] == 0
    assert list(report.recall) == list(LABELS)
    assert result.accuracies.shape == (10,)
    assert result.title == "ckplus test, 10 folds, single crop"


def test_the_command(files, tmp_path, capsys, monkeypatch):
    plot = tmp_path / "matrix.png"
    monkeypatch.setattr(sys, "argv", ["x", *map(str, files), "--plot", str(plot)])
    assert cross_validation.main() == 0
    assert cv2.imread(str(plot)) is not None
    out = capsys.readouterr().out
    assert "84.62%" in out
    assert "contempt" in out
    monkeypatch.setattr(sys, "argv", ["x", *map(str, files[1:])])
    assert cross_validation.main() == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fold": 4}, "folds 0, 1, 2, 4, 4, 5, 6, 7, 8, 9 of ckplus, expected each of 0..9 once"),
        ({"fold": None}, "not the evaluation of a fold .fold is None"),
        ({"split": "train"}, "split is train, but test in "),
        ({"confusion": [[1]]}, r"confusion is \[1, 1\], expected counts \[7, 7\]"),
        ({"dataset": "none"}, "data set is 'none', expected one of: fer2013"),
        ({"accuracy": "good"}, "accuracy is good"),
    ],
)
def test_bad_files(files, changes, message):
    change(files[3], **changes)
    with pytest.raises(InputError, match=message):
        pool(files)


def test_a_file_that_is_none(files):
    files[0].write_text("{")
    with pytest.raises(InputError, match="0.json: is not valid JSON"):
        pool(files)

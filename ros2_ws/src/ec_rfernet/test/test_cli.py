import json

import cv2
import numpy as np
import pytest

from ec_rfernet.cli import main


@pytest.fixture(scope="module")
def run_folder(fer2013, tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "run"
    assert (
        main(
            [
                "train",
                "--root",
                str(fer2013),
                "--out",
                str(out),
                "--epochs",
                "1",
                "--batch-size",
                "32",
            ]
        )
        == 0
    )
    return out


def test_summary(capsys):
    assert main(["summary"]) == 0
    out = capsys.readouterr().out
    assert "552,613" in out
    assert "62.36" in out


def test_evaluate(run_folder, fer2013, tmp_path, capsys):
    figures, plot = tmp_path / "e.json", tmp_path / "e.png"
    arguments = [
        "evaluate",
        "--bundle",
        str(run_folder),
        "--root",
        str(fer2013),
        "--split",
        "public",
    ]
    assert main([*arguments, "--ten-crop", "--json", str(figures), "--plot", str(plot)]) == 0
    assert json.loads(figures.read_text())["images"] == 42
    assert cv2.imread(str(plot)) is not None
    assert "macro-F1" in capsys.readouterr().out


def test_export_restores_the_onnx_file(run_folder, capsys):
    before = (run_folder / "model.onnx").stat().st_size
    assert main(["export", "--bundle", str(run_folder)]) == 0
    assert (run_folder / "model.onnx").stat().st_size == before
    assert "largest difference" in capsys.readouterr().out


def test_predict_finds_the_face(run_folder, collins, tmp_path, capsys):
    annotated = tmp_path / "a.png"
    arguments = ["predict", "--bundle", str(run_folder), str(collins), "--annotate", str(annotated)]
    assert main(arguments) == 0
    assert "1 face" in capsys.readouterr().out
    assert (cv2.imread(str(annotated)) != cv2.imread(str(collins))).any()


def test_predict_without_a_face(run_folder, tmp_path, capsys):
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((100, 100, 3), 90, np.uint8))
    assert main(["predict", "--bundle", str(run_folder), str(path)]) == 0
    assert "0 faces" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--bundle", "BUNDLE", "--root", "nowhere"], "nowhere: no FER2013 here"),
        (["evaluate", "--bundle", "nowhere", "--root", "nowhere"], "no model bundle here"),
        (["predict", "--bundle", "BUNDLE", "nowhere.png"], "nowhere.png: No such file"),
        (["predict", "--bundle", "BUNDLE", __file__], "not a picture that can be read"),
        (["predict", "--bundle", "BUNDLE", "COLLINS", "--annotate", "a.xyz"], "type '.xyz'"),
        (["predict", "--bundle", "BUNDLE", "COLLINS", "--min-score", "2"], "--min-score is 2.0"),
        (["train", "--root", "nowhere", "--out", "OUT"], "nowhere: no FER2013 here"),
        (["train", "--root", "nowhere", "--out", "OUT", "--epochs", "0"], "epochs is 0"),
        (["train", "--root", "nowhere", "--out", "/dev/null/x"], "/dev/null/x: Not a directory"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    run_folder, collins, tmp_path, capsys, arguments, message
):
    places = {"BUNDLE": str(run_folder), "OUT": str(tmp_path / "out"), "COLLINS": str(collins)}
    assert main([places.get(argument, argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1

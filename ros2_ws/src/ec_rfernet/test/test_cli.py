import csv
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from ec_rfernet import bundle, cli
from ec_rfernet.cli import main
from ec_rfernet.files import held
from ec_rfernet.labels import LABELS

TINY = ["--model", "emotionnet_nano_b", "--batch-size", "32"]
TORCH_INT8 = ["--runtime", "torch", "--precision", "int8"]


@pytest.fixture(scope="module")
def trained(fer2013, trusted):
    """A folder, and what the training into it told.

    Two processes train together, started as users start them.
    """
    out = trusted / "run"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Not with --standalone, which waits for a host name that resolves.
    command = [
        sys.executable, "-m", "torch.distributed.run", f"--master-port={port}",
        "--nproc-per-node=2", "-m", "ec_rfernet.cli", "train", "--root", str(fer2013),
        "--out", str(out), *TINY, "--epochs", "1", "--threads", "1", "--device", "cpu",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


@pytest.fixture(scope="module")
def run_folder(trained):
    return trained[0]


def test_two_processes_train_one_network(trained):
    """The second process must not write or print."""
    out, told = trained
    assert told.count("images to learn from") == 1
    assert len(re.findall(r"^epoch .* accuracy", told, re.MULTILINE)) == 1
    assert bundle.load(out).architecture == "emotionnet_nano_b"


def test_training_tells_what_it_does_after_the_last_epoch(trained):
    out, told = trained
    lines = told.splitlines()
    steps = [line.removeprefix("finishing: ") for line in lines if line.startswith("finishing: ")]
    assert steps[:2] == ["export and quantisation", "single crop"]
    assert "motion blur" in steps[2:]
    assert lines[-1].startswith(f"{out}: ")


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
    assert json.loads(figures.read_text())["images"] == 21
    assert cv2.imread(str(plot)) is not None
    assert "macro-F1" in capsys.readouterr().out


def test_export_restores_the_onnx_file(run_folder, capsys):
    before = (run_folder / "model.onnx").stat().st_size
    assert main(["export", "--bundle", str(run_folder)]) == 0
    assert (run_folder / "model.onnx").stat().st_size == before
    assert "largest difference" in capsys.readouterr().out


@pytest.fixture(scope="module")
def figures(run_folder, fer2013):
    """Evaluates with some options; gives the JSON."""
    place = run_folder.parent / "figures.json"
    arguments = ["evaluate", "--bundle", str(run_folder), "--root", str(fer2013)]

    def evaluate(*options):
        assert main([*arguments, "--json", str(place), *options]) == 0
        return json.loads(place.read_text())

    return evaluate


def test_evaluate_any_form(figures):
    onnx, torch, int8 = (
        figures(*options) for options in ([], ["--runtime", "torch"], ["--precision", "int8"])
    )
    assert onnx["split"] == "public"
    assert torch["confusion"] == onnx["confusion"]
    assert int8["precision"] == "int8"
    assert int8["images"] == onnx["images"]
    assert 0 < onnx["coverage"] <= 1


def test_evaluate_tells_the_agreement_and_of_each_picture(figures, tmp_path, capsys):
    table = tmp_path / "each.csv"
    values = figures("--per-image", str(table))
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == values["images"] == 21
    right = sum(row["true_label"] == row["predicted"] for row in rows)
    assert right == round(values["accuracy"] * 21)
    for row in rows:
        shares = {name[2:]: float(value) for name, value in row.items() if name[:2] == "p_"}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        assert max(shares, key=shares.get) == row["predicted"]
    assert rows[0]["file"].startswith("row ")
    told = capsys.readouterr().out
    assert f"Cohen's kappa        {values['kappa']:>8.4f}" in told
    assert "label / answer" in told


def test_evaluate_draws_curves(figures, tmp_path):
    figures("--plots", str(tmp_path / "new"))
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["reliability.png", "risk_coverage.png"]


def test_evaluate_under_corruptions(figures, tmp_path, capsys):
    clean = figures("--precision", "int8", "--corruptions", str(tmp_path))["accuracy"]
    assert "mean drop" in capsys.readouterr().out
    found = json.loads((tmp_path / "corruptions.json").read_text())
    assert found["clean"] == clean
    assert found["strengths"] == ["light", "middle", "strong"]
    rotated = found["corruptions"]["rotated"]
    assert rotated["amounts"] == [7, 14, 20]
    assert rotated["drop"] == pytest.approx([clean - a for a in rotated["accuracy"]], abs=2e-4)
    assert cv2.imread(str(tmp_path / "corruptions.png")) is not None


def test_export_int8(run_folder, fer2013, tmp_path, capsys):
    arguments = ["export", "--bundle", str(run_folder), "--int8"]
    assert main([*arguments, "--root", str(fer2013)]) == 0
    assert "of 63 other training pictures" in capsys.readouterr().out
    assert main(arguments) == 2
    assert "--int8 needs training pictures" in capsys.readouterr().err


def test_card_is_written_anew(run_folder, fer2013, capsys):
    card = run_folder / "MODEL_CARD.md"
    before = card.read_text()
    card.unlink()
    assert main(["card", "--bundle", str(run_folder)]) == 0
    assert card.read_text() == before
    assert str(card) in capsys.readouterr().out


def test_a_bundle_of_other_classes_is_not_evaluated(run_folder, fer2013, tmp_path, capsys):
    copy = shutil.copytree(run_folder, tmp_path / "copy")
    manifest = copy / "bundle.json"
    values = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**values, "labels": values["labels"][::-1]}))
    assert main(["evaluate", "--bundle", str(copy), "--root", str(fer2013)]) == 2
    error = capsys.readouterr().err
    assert "answers neutral, surprised" in error
    assert "classes of fer2013 are angry, disgusted" in error


def test_predict_finds_the_face(run_folder, collins, tmp_path, capsys):
    annotated = tmp_path / "a.png"
    arguments = ["predict", "--bundle", str(run_folder), str(collins), "--annotate", str(annotated)]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert "1 face" in said.out and "written" not in said.out
    assert said.err == f"{annotated}: written\n"
    assert (cv2.imread(str(annotated)) != cv2.imread(str(collins))).any()


def test_predict_tells_json_a_line_for_each_picture(run_folder, collins, tmp_path, capsys):
    empty = tmp_path / "empty.png"
    cv2.imwrite(str(empty), np.full((48, 60, 3), 90, np.uint8))
    assert main(["predict", "--bundle", str(run_folder), str(collins), str(empty), "--json"]) == 0
    with_face, without = map(json.loads, capsys.readouterr().out.splitlines())
    assert without == {"picture": str(empty), "width": 60, "height": 48, "faces": []}
    (face,) = with_face["faces"]
    assert list(face["probabilities"]) == list(LABELS) and face["label"] in (*LABELS, "unknown")
    assert 90 < face["box"]["width"] < 120
    assert set(face["head"]) == {"yaw", "pitch", "roll"} and abs(face["head"]["yaw"]) < 0.3


def with_command(tmp_path, place, *arguments):
    """Runs the program where another package registers the command ``greet``."""
    info = tmp_path / "greeting-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[ec_rfernet.commands]\ngreet = {place}\n")
    (tmp_path / "greeting.py").write_text(
        '"""Greets somebody."""\n'
        "def add_arguments(parser): parser.add_argument('name')\n"
        "def run(options): print('hello', options.name)\n"
    )
    found = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "ec_rfernet.cli", *arguments]
    environment = {**os.environ, "PYTHONPATH": found}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "said"), [(["greet", "anna"], "hello anna\n"), (["-h"], "Greets somebody")]
)
def test_another_package_adds_a_command(tmp_path, arguments, said):
    done = with_command(tmp_path, "greeting", *arguments)
    assert done.returncode == 0 and said in done.stdout


def test_a_command_that_is_none_is_told(tmp_path):
    done = with_command(tmp_path, "json", "greet")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "command 'greet' is registered as json, which is no command" in done.stderr


def test_predict_takes_a_whole_picture_for_a_face(run_folder, tmp_path, capsys):
    path = tmp_path / "crop.png"
    cv2.imwrite(str(path), np.full((48, 48, 3), 90, np.uint8))
    assert main(["predict", "--bundle", str(run_folder), str(path), "--whole"]) == 0
    told = capsys.readouterr().out
    assert "1 face" in told
    assert "48x48 at (0, 0)" in told


def test_predict_without_a_face(run_folder, tmp_path, capsys):
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((100, 100, 3), 90, np.uint8))
    assert main(["predict", "--bundle", str(run_folder), str(path)]) == 0
    assert "0 faces" in capsys.readouterr().out


def test_predict_goes_on_after_a_picture_that_cannot_be_read(run_folder, collins, tmp_path, capsys):
    pipe, name = tmp_path / "pipe.jpg", tmp_path / os.fsdecode(b"caf\xe9.png")
    os.mkfifo(pipe)
    (tmp_path / "cut.jpg").write_bytes(collins.read_bytes()[:2000])
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    cv2.imencode(".png", cv2.imread(str(collins)))[1].tofile(os.fsencode(name))
    bad = [tmp_path / "gone.png", pipe, tmp_path / "cut.jpg", tmp_path / "phone.heic", tmp_path]
    pictures = [collins, *bad, name]
    assert main(["predict", "--bundle", str(run_folder), *map(str, pictures)]) == 2
    told = capsys.readouterr()
    assert told.out.count(": 1 face") == 2
    lines = told.err.splitlines()
    for path, line in zip(bad, lines, strict=False):
        assert line.startswith(f"ec-rfernet: {path}: ")
    assert lines[len(bad) :] == ["ec-rfernet: 5 of 7 pictures could not be read, the others were"]


def huge_png():
    """A few bytes that claim to be a picture of 100,000 x 100,000 pixels."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--bundle", "BUNDLE", "--root", "nowhere"], "nowhere: no FER2013 here"),
        (["evaluate", "--bundle", "nowhere", "--root", "nowhere"], "no model 'nowhere'"),
        (
            ["predict", "--bundle", "BUNDLE", "nowhere.png"],
            "nowhere.png: cannot be read (No such file",
        ),
        (["predict", "--bundle", "BUNDLE", __file__], "not a picture that can be read"),
        (["predict", "--bundle", "BUNDLE", "COLLINS", "--annotate", "a.xyz"], "type '.xyz'"),
        (["predict", "--bundle", "BUNDLE", "COLLINS", "--min-score", "2"], "--min-score is 2.0"),
        (["evaluate", "--bundle", "BUNDLE", "--root", "DATA", "--json", "OUT"], "is a folder"),
        (["evaluate", "--bundle", "BUNDLE", "--root", "DATA", "--plot", "/dev/null/x"], "/dev"),
        (["evaluate", "--bundle", "BUNDLE", "--root", "DATA", "--plot", "PLOT"], "not a picture"),
        (
            ["evaluate", "--bundle", "BUNDLE", "--root", "DATA", *TORCH_INT8],
            "'torch' computes in fp32 or bf16, not in int8",
        ),
        (["train", "--root", "nowhere", "--out", "OUT"], "nowhere: no FER2013 here"),
        (["train", "--root", "nowhere", "--out", "OUT", "--epochs", "0"], "epochs is 0"),
        (["train", "--root", "nowhere", "--out", "/dev/null/x"], "/dev/null: is a file, expected"),
        (["predict", "--bundle", "BUNDLE", "BOMB"], "bomb.png: is a PNG of 100000x100000 pixels"),
        (["summary", "--size", "0"], "--size is 0, expected 12..1024"),
        (["summary", "--size", "4000"], "--size is 4000, expected 12..1024"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    run_folder, fer2013, collins, tmp_path, capsys, arguments, message
):
    (tmp_path / "out").mkdir()
    (tmp_path / "bomb.png").write_bytes(huge_png())
    places = {
        "BUNDLE": str(run_folder), "OUT": str(tmp_path / "out"), "COLLINS": str(collins),
        "DATA": str(fer2013), "PLOT": str(tmp_path / "plot.xyz"),
        "BOMB": str(tmp_path / "bomb.png"),
    }  # fmt: skip
    assert main([places.get(argument, argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "ec-rfernet: the following arguments are required: COMMAND"),
        (["train", "--epochs", "x"], "ec-rfernet train: argument --epochs: invalid int value: 'x'"),
        (["summary", "--model", "vgg"], "ec-rfernet summary: argument --model: invalid choice"),
    ],
)
def test_a_wrong_option_is_one_line_and_not_the_whole_usage(capsys, arguments, message):
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert "--help" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_option_is_explained(capsys, command):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = capsys.readouterr().out
    assert "None" not in text
    options = text.split("options:")[1].split("\n\n")[0].splitlines()
    for line, below in zip(options, [*options[1:], ""], strict=True):
        if line.startswith("  -"):
            assert len(line.split("  ")) > 2 or below.startswith("      "), line


def test_a_mistake_leaves_no_empty_folder(tmp_path, capsys):
    out = tmp_path / "runs" / "first"
    assert main(["train", "--root", "nowhere", "--out", str(out)]) == 2
    assert not out.parent.exists()


def test_a_folder_in_which_another_training_is_at_work(run_folder, fer2013, capsys):
    again = ["train", "--root", str(fer2013), "--out", str(run_folder), *TINY, "--epochs", "1"]
    with held(run_folder):
        assert main(again) == 2
    assert "another process is at work here" in capsys.readouterr().err


def test_ctrl_c_while_a_command_is_loaded(monkeypatch, capsys):
    def interrupted(_name):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "import_module", interrupted)
    assert main(["train"]) == 130
    assert capsys.readouterr().err.strip() == ""


def test_a_reader_that_has_seen_enough_is_no_mistake():
    work = "lambda: [print('x' * 1000) for _ in range(1000)]"
    code = f"from ec_rfernet.cli import exit_code; exit_code('x', {work})"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("changes", "command", "message"),
    [
        ({"metrics": {"public": 3}}, "card", "bundle.json: metrics or provenance missing or of"),
        ({"sha256": {"model.onnx": 3}}, "card", "model.onnx: sha256 is"),
        ({"input_size": 20}, "evaluate", "model.onnx: not a network that can be run"),
    ],
)
def test_a_bundle_changed_by_hand(run_folder, fer2013, tmp_path, capsys, changes, command, message):
    copy = shutil.copytree(run_folder, tmp_path / "copy")
    manifest = copy / "bundle.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))
    root = ["--root", str(fer2013)] if command == "evaluate" else []
    assert main([command, "--bundle", str(copy), *root]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_what_libraries_write_to_standard_output_is_no_result() -> None:
    code = (
        "import os, sys; from ec_rfernet.cli import outlive_terminal, output_matters\n"
        "outlive_terminal()\n"
        "with output_matters(): os.write(1, b'of a library\\n'); print('{}', end='')\n"
        "print('afterwards'); sys.stdout.flush(); os.write(1, b'as before\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("{}afterwards\nas before\n", "of a library\n")


def test_what_is_printed_before_an_error_goes_nowhere_else(tmp_path: Path) -> None:
    code = (
        "import sys; from ec_rfernet.cli import outlive_terminal, output_matters\n"
        "outlive_terminal(); kept = []\n"
        "try:\n"
        "    with output_matters(): kept.append(sys.stdout); print('before', end=''); 1 / 0\n"
        "except ZeroDivisionError: pass\n"
        "with open(sys.argv[1], 'w') as file: kept.clear(); file.write('own')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("before", "")
    assert (tmp_path / "file").read_text() == "own"

"""A data set of another package, with eight classes: train, evaluate, export, predict, card."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
import numpy as np
from ec_rfernet.datasets import Dataset, Split
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.labels import LABELS
from ec_rfernet.testing import picture

EIGHT = (*LABELS, "contempt")

def read(root, split, fold):
    count, seed = {"train": (12, 0), "validation": (2, 500)}[split]
    labels = np.tile(np.arange(8), count)
    images = np.stack([picture(label, 8, seed + i) for i, label in enumerate(labels)])
    return Split(images, labels, np.arange(len(labels)))

GRATINGS = Dataset("gratings", EIGHT, ("train", "validation"), "validation", "drawn", read,
                   framing=FER2013)
"""


PROGRAM = """
import contextlib, io, json, sys
from ec_rfernet.cli import main
for command in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        with contextlib.redirect_stderr(io.StringIO()) as err:
            code = main(command)
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""
"""Runs several commands of ``ec-rfernet``; to start it takes as long as what is done here."""


DATA = ("--dataset", "gratings", "--root", ".")
BROKEN = ("--dataset", "broken", "--root", ".")

Told = dict[str, tuple[int, str, str]]
"""Exit code, output and complaint of each command."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, collins: Path) -> tuple[Path, Told]:
    """The folder of a bundle, and what all commands told where the data set is installed."""
    place = tmp_path_factory.mktemp("foreign")
    info = place / "gratings-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gratings\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[ec_rfernet.datasets]\ngratings = gratings:GRATINGS\nbroken = gratings:NOTHING\n"
    )
    (place / "gratings.py").write_text(MODULE)
    path = os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])
    out = place / "run"
    of = ("--bundle", str(out))
    commands = {
        "evaluate broken": ("evaluate", *BROKEN, "--bundle", "nowhere"),
        "train broken": ("train", *BROKEN, "--out", "nowhere"),
        "train": (
            *("train", *DATA, "--out", str(out), "--epochs", "1", "--batch-size", "32"),
            *("--model", "emotionnet_nano_b", "--warmup-epochs", "0"),
        ),
        "evaluate": ("evaluate", *of, *DATA, "--json", str(out / "figures.json")),
        "export": ("export", *of, "--int8", *DATA),
        "predict": ("predict", *of, str(collins)),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(list(commands.values())), check=False,
        cwd=place, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [tuple(json.loads(line)) for line in done.stdout.splitlines()]
    return out, dict(zip(commands, told, strict=True))


def test_a_bundle_of_eight_classes_is_trained(trained: tuple[Path, Told]) -> None:
    out, told = trained
    assert told["train"][0] == 0, told["train"]
    manifest = json.loads((out / "bundle.json").read_text())
    assert manifest["labels"][-1] == "contempt"
    assert len(manifest["labels"]) == 8
    assert (out / "model.int8.program").is_file()
    card = (out / "MODEL_CARD.md").read_text()
    assert "contempt" in card
    assert "gratings" in card


def test_it_is_evaluated_exported_and_predicts(trained: tuple[Path, Told]) -> None:
    out, told = trained
    for command in ("evaluate", "export", "predict"):
        assert told[command][0] == 0, told[command]
    assert "recall contempt" in told["evaluate"][1]
    assert len(json.loads((out / "figures.json").read_text())["confusion"]) == 8
    assert "contempt 0." in told["predict"][1]


def test_a_broken_registration_is_one_line(trained: tuple[Path, Told]) -> None:
    _, told = trained
    assert told["evaluate broken"][0] == told["train broken"][0] == 2
    complaint = told["train broken"][2]
    assert "data set 'broken' is registered as gratings:NOTHING, which cannot be" in complaint
    assert complaint.count("\n") == 1

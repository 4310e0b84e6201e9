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


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    """Runs commands where the package with the data set is installed: code, output, complaint."""
    place = tmp_path_factory.mktemp("foreign")
    info = place / "gratings-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gratings\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[ec_rfernet.datasets]\ngratings = gratings:GRATINGS\nbroken = gratings:NOTHING\n"
    )
    (place / "gratings.py").write_text(MODULE)
    path = os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])

    def commands(*several: tuple[str, ...]) -> list[tuple[int, str, str]]:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], input=json.dumps(several), check=False, cwd=place,
            text=True, env={**os.environ, "PYTHONPATH": path}, capture_output=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [tuple(json.loads(line)) for line in done.stdout.splitlines()]

    return commands


DATA = ("--dataset", "gratings", "--root", ".")


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory: pytest.TempPathFactory, collins: Path):
    """The folder of a bundle, and what evaluation, export and prediction told."""
    out = tmp_path_factory.mktemp("eight") / "run"
    of = ("--bundle", str(out))
    train, *others = run(
        ("train", *DATA, "--out", str(out), "--epochs", "1", "--model", "emotionnet_nano_b",
         "--batch-size", "32", "--warmup-epochs", "0"),
        ("evaluate", *of, *DATA, "--json", str(out / "figures.json")),
        ("export", *of, "--int8", *DATA),
        ("predict", *of, str(collins)),
    )  # fmt: skip
    assert train[0] == 0, train
    return out, *others


def test_a_bundle_of_eight_classes_is_trained(trained) -> None:
    out = trained[0]
    manifest = json.loads((out / "bundle.json").read_text())
    assert manifest["labels"][-1] == "contempt"
    assert len(manifest["labels"]) == 8
    assert (out / "model.int8.program").is_file()
    card = (out / "MODEL_CARD.md").read_text()
    assert "contempt" in card
    assert "gratings" in card


def test_it_is_evaluated_exported_and_predicts(trained) -> None:
    out, (code, told, complaint), exported, predicted = trained
    assert code == 0, complaint
    assert "recall contempt" in told
    assert len(json.loads((out / "figures.json").read_text())["confusion"]) == 8
    assert exported[0] == 0, exported
    assert predicted[0] == 0, predicted
    assert "contempt 0." in predicted[1]


def test_a_broken_registration_is_one_line(run) -> None:
    broken = ("--dataset", "broken", "--root", ".")
    evaluated, trained = run(
        ("evaluate", *broken, "--bundle", "nowhere"), ("train", *broken, "--out", "nowhere")
    )
    assert evaluated[0] == trained[0] == 2
    told = trained[2]
    assert "data set 'broken' is registered as gratings:NOTHING, which cannot be" in told
    assert told.count("\n") == 1

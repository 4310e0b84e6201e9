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


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    """Runs ``ec-rfernet`` where the package with the data set is installed."""
    place = tmp_path_factory.mktemp("foreign")
    info = place / "gratings-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gratings\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[ec_rfernet.datasets]\ngratings = gratings:GRATINGS\nbroken = gratings:NOTHING\n"
    )
    (place / "gratings.py").write_text(MODULE)
    path = os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ec_rfernet.cli", *arguments], check=False, cwd=place, text=True,
            env={**os.environ, "PYTHONPATH": path}, capture_output=True, timeout=300,
        )  # fmt: skip

    return command


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("eight") / "run"
    done = run(
        "train", "--dataset", "gratings", "--root", ".", "--out", str(out), "--epochs", "1",
        "--model", "emotionnet_nano_b", "--batch-size", "32", "--warmup-epochs", "0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out


def test_a_bundle_of_eight_classes_is_trained(trained: Path) -> None:
    manifest = json.loads((trained / "bundle.json").read_text())
    assert manifest["labels"][-1] == "contempt"
    assert len(manifest["labels"]) == 8
    assert (trained / "model.int8.program").is_file()
    card = (trained / "MODEL_CARD.md").read_text()
    assert "contempt" in card
    assert "gratings" in card


def test_it_is_evaluated_exported_and_predicts(trained: Path, run, collins: Path) -> None:
    figures = trained / "figures.json"
    data = ("--dataset", "gratings", "--root", ".")
    done = run("evaluate", "--bundle", str(trained), *data, "--json", str(figures))
    assert done.returncode == 0, done.stderr
    assert "recall contempt" in done.stdout
    assert len(json.loads(figures.read_text())["confusion"]) == 8
    done = run("export", "--bundle", str(trained), "--int8", *data)
    assert done.returncode == 0, done.stderr
    done = run("predict", "--bundle", str(trained), str(collins))
    assert done.returncode == 0, done.stderr
    assert "contempt 0." in done.stdout


def test_a_broken_registration_is_one_line(run) -> None:
    done = run("evaluate", "--dataset", "broken", "--root", ".", "--bundle", "nowhere")
    assert done.returncode == 2
    done = run("train", "--dataset", "broken", "--root", ".", "--out", "nowhere")
    assert done.returncode == 2
    assert "data set 'broken' is registered as gratings:NOTHING, which cannot be" in done.stderr
    assert done.stderr.count("\n") == 1

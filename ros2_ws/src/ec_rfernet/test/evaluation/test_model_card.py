import dataclasses
import re

import numpy as np
import pytest
import torch

from ec_rfernet import bundle, networks
from ec_rfernet.evaluation import model_card, scores
from ec_rfernet.evaluation.corruptions import CORRUPTIONS
from ec_rfernet.evaluation.model_card import LEAST_COVERAGE, measure
from ec_rfernet.export import write_bundle
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.labels import LABELS
from ec_rfernet.runtimes import open_classifier
from ec_rfernet.runtimes.classifier import softmax

SETTINGS = {"dataset": "fer2013", "init": None, "teachers": ["one", "two"], "refit": True}


@pytest.fixture(scope="module")
def unmeasured(trusted):
    torch.manual_seed(0)
    images = np.random.default_rng(1).integers(0, 256, (8, 48, 48)).astype(np.uint8)
    draft = bundle.Bundle(
        folder=trusted / "tiny", name="tiny",
        architecture="emotionnet_nano_b", input_size=44, mean=0.5, std=0.25, framing=FER2013,
        provenance={"data": ["Noise, without a licence"], "training": SETTINGS},
    )  # fmt: skip
    return write_bundle(draft, networks.create("emotionnet_nano_b"), images)


IMAGES = np.random.default_rng(0).integers(0, 256, (21, 48, 48)).astype(np.uint8)
TRUTH = np.arange(21) % 7


@pytest.fixture(scope="module")
def measured(unmeasured):
    told = []
    found = measure(unmeasured, IMAGES, TRUTH, "fer2013", "public", told.append)
    assert told[0] == "single crop"
    return found


def test_what_was_not_measured_is_absent(unmeasured):
    text = model_card.card(unmeasured)
    assert "Noise, without a licence" in text
    assert "incomplete" in text
    assert "with dataset fer2013, teachers one and two, refit yes." in text.replace("\n", " ")
    for word in ("accuracy |", "recall |", "threshold", "parameters", "hours", ".png"):
        assert word not in text


def test_measuring_records_calibration_and_figures(measured):
    assert bundle.load(measured.folder) == measured
    public = measured.metrics["public"]
    assert public["dataset"] == "fer2013"
    for figures in (public, public["int8"]):
        for crops in ("single_crop", "ten_crop"):
            assert set(figures[crops]["recall"]) == set(LABELS)
    assert set(public["corruptions"]) == set(CORRUPTIONS)
    accuracies = np.array(list(public["corruptions"].values()))
    assert accuracies.shape == (len(CORRUPTIONS), 3)
    lost = public["single_crop"]["accuracy"] - accuracies.mean(axis=0)
    assert public["corruption_mean_drop"] == pytest.approx(lost, abs=2e-4)
    assert public["coverage"] >= LEAST_COVERAGE
    assert 0 <= public["aurc"] <= 1
    assert measured.metrics["network"]["parameters"] > 100_000
    assert 0 < measured.reject_threshold < 1


@pytest.mark.parametrize("crops", ["single_crop", "ten_crop"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_figures_are_those_of_the_finished_bundle(measured, precision, crops):
    """What the calibration changed must be in all of them."""
    public = measured.metrics["public"]
    recorded = (public if precision == "fp32" else public["int8"])[crops]
    scorer = open_classifier(measured, 1, "onnxruntime", precision)
    logits = scores.logits(scorer, IMAGES, getattr(scores, crops))
    probabilities = softmax(logits / np.float32(measured.temperature))
    report = scores.report(probabilities, TRUTH, measured.labels)
    assert measured.temperature != 1
    assert recorded["ece"] == pytest.approx(report.ece, abs=2e-4)
    assert recorded["log_loss"] == pytest.approx(report.log_loss, abs=2e-4)
    assert recorded["accuracy"] == pytest.approx(report.accuracy, abs=1e-4)


def test_the_card_shows_the_figures_and_pictures(measured):
    text = (measured.folder / model_card.FILE).read_text()
    assert text == model_card.card(measured)
    assert "FER2013 PublicTest, 21 images" in text
    accuracy = measured.metrics["public"]["single_crop"]["accuracy"]
    assert f"| accuracy | {100 * accuracy:.1f} % |" in text
    assert "| mean loss |" in text
    loss = measured.metrics["public"]["int8"]["ten_crop"]["log_loss"]
    assert re.search(rf"\| log loss \|.*\| {loss:.4f} \|", text)
    assert "AI Act" in text
    pictures = re.findall(r"\]\((\w+\.png)\)", text)
    assert len(pictures) == 4
    for name in pictures:
        assert (measured.folder / name).stat().st_size > 1000


@pytest.mark.parametrize(("lost", "column"), [(0.002, "int8, single crop"), (0.004, "single crop")])
def test_the_column_of_what_the_robot_runs_is_the_one_that_it_opens(measured, lost, column):
    public = dict(measured.metrics["public"])
    kept = public["single_crop"]["accuracy"] - lost
    int8 = {**public["int8"]["single_crop"], "accuracy": kept}
    public["int8"] = {**public["int8"], "single_crop": int8}
    changed = dataclasses.replace(measured, metrics={**measured.metrics, "public": public})
    assert open_classifier(changed).precision == ("int8" if "int8" in column else "fp32")
    tables = [line for line in model_card.card(changed).splitlines() if line.startswith("| ")]
    assert [line for line in tables if "what the robot runs" in line]
    for line in tables:
        cells = line.split(" | ")
        marked = [cell for cell in cells if "what the robot runs" in cell]
        assert marked in ([], [f"{column} (what the robot runs)"])


def test_tables_are_rectangular(measured):
    for block in re.findall(r"(?:^\|.*\n)+", model_card.card(measured), re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1

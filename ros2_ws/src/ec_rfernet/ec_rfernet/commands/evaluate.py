"""``ec-rfernet evaluate``."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ec_rfernet import bundle, datasets
from ec_rfernet.cli import tell, tell_written
from ec_rfernet.commands import options as command_options
from ec_rfernet.datasets import Split
from ec_rfernet.errors import writable
from ec_rfernet.evaluation import scores
from ec_rfernet.evaluation.calibration import Reliability, RiskCoverage
from ec_rfernet.evaluation.corruptions import CORRUPTIONS, STRENGTHS, Robustness, measure_robustness
from ec_rfernet.evaluation.scores import Scorer, Scores
from ec_rfernet.files import check_place, write_text
from ec_rfernet.runtimes.classifier import Classifier, softmax

_CURVES = ("risk_coverage.png", "reliability.png")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "--bundle", required=True, metavar="MODEL",
        help="the model: a folder, or the name of an installed one",
    )  # fmt: skip
    command_options.add_picture_arguments(parser, required=True)
    parser.add_argument(
        "--split", metavar="NAME",
        help="fer2013: train, public, private; others: train, validation, test (default: public, "
        "validation)",
    )  # fmt: skip
    parser.add_argument(
        "--ten-crop", action="store_true", help="average ten crops (the robot uses one)"
    )
    # Not "auto": figures are to mean the same on every machine.
    command_options.add_runtime_arguments(parser, "onnxruntime", "fp32")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="write the confusion matrix to this PNG"
    )
    parser.add_argument(
        "--per-image", type=Path, metavar="FILE",
        help="write a CSV: each picture's file or row, label, answer and probabilities",
    )  # fmt: skip
    parser.add_argument(
        "--plots", type=Path, metavar="FOLDER",
        help="write risk_coverage.png and reliability.png into this folder",
    )  # fmt: skip
    parser.add_argument(
        "--corruptions", type=Path, nargs="?", const=Path(), metavar="PLACE",
        help="also measure single crops under what cameras do to them, and write corruptions.json "
        "and .png into this folder (default: this one), or FILE.json and FILE.png",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Prints the figures and writes the files that were asked for."""
    model = bundle.load(bundle.find(options.bundle, bundle.places()))
    if model.unfit:
        print(f"ec-rfernet: its training found it unfit for use: {model.unfit}", file=sys.stderr)
    options.split = options.split or datasets.get(options.dataset).validation
    scorer = command_options.classifier(model, options, threads=0)
    split = command_options.read_pictures(options, model, options.split)
    curves = {name: options.plots and options.plots / name for name in _CURVES}
    losses = _place(options.corruptions)
    for path in (options.json, options.plot, options.per_image, *curves.values(), losses):
        if path:
            check_place(path)
    crops = scores.ten_crop if options.ten_crop else scores.single_crop
    logits = scores.logits(scorer, split.images, crops)
    probabilities = softmax(logits / np.float32(model.temperature))
    report = scores.report(probabilities, split.labels, model.labels)
    curve = RiskCoverage.of(probabilities, split.labels)
    title = _title(scorer, options)
    print(f"{title} ({model.short_hash})")
    _print(report, curve, model.reject_threshold)
    if options.per_image:
        write_text(options.per_image, per_image(split, probabilities, model.labels))
    if options.json:
        _write_json(options.json, _figures(report, curve, scorer, options))
    if options.plot or options.plots:
        from ec_rfernet.evaluation import plots

        if options.plot:
            plots.confusion_matrix(report, title, options.plot)
        if options.plots:
            before = Reliability.of(softmax(logits), split.labels)
            after = Reliability.of(probabilities, split.labels)
            plots.risk_coverage(curve, model.reject_threshold, title, curves["risk_coverage.png"])
            plots.reliability(before, after, title, curves["reliability.png"])
    if losses:
        _corruptions(scorer, split, f"{title.rsplit(',', 1)[0]}, single crop", losses)
    tell_written(options.per_image, options.json, options.plot, *curves.values())
    if losses:
        tell_written(losses, losses.with_suffix(".png"))


def _place(given: Path | None) -> Path | None:
    """The JSON file of ``--corruptions``, a folder or a file."""
    if given is None or given.suffix == ".json":
        return given
    return given / "corruptions.json"


def _title(scorer: Classifier, options: argparse.Namespace) -> str:
    form = f"{scorer.runtime} {scorer.precision}"
    crop = "ten-crop" if options.ten_crop else "single crop"
    fold = "" if options.fold is None else f" of fold {options.fold}"
    return f"{scorer.bundle.name} on {options.dataset} {options.split}{fold}, {form}, {crop}"


def per_image(split: Split, probabilities: np.ndarray, labels: tuple[str, ...]) -> str:
    """A CSV with a row for each picture: where it is, its label, the answer, probabilities 0..1."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file", "true_label", "predicted", *(f"p_{label}" for label in labels)])
    places = [writable(str(path)) for path in split.files] or [f"row {row}" for row in split.rows]
    for place, truth, row in zip(places, split.labels, probabilities, strict=True):
        shares = [f"{share:.6f}" for share in row]
        table.writerow([place, labels[truth], labels[row.argmax()], *shares])
    return text.getvalue()


def _print_confusion(report: Scores) -> None:
    labels = list(report.recall)
    width = max(map(len, labels)) + 2
    print(f"\n{'label / answer':<{width + 4}}{''.join(f'{label:>{width}}' for label in labels)}")
    for label, row in zip(labels, report.confusion, strict=True):
        print(f"  {label:<{width + 2}}{''.join(f'{count:>{width}}' for count in row)}")


def _print(report: Scores, curve: RiskCoverage, threshold: float) -> None:
    coverage, risk = curve.at(threshold)
    print(f"images               {report.images:>8}")
    print(f"accuracy             {report.accuracy:>8.2%}")
    print(f"macro-F1             {report.macro_f1:>8.2%}")
    print(f"mean class accuracy  {report.mean_class_accuracy:>8.2%}")
    print(f"Cohen's kappa        {report.kappa:>8.4f}")
    print(f"ECE                  {report.ece:>8.4f}")
    print(f"log loss             {report.log_loss:>8.4f}")
    print(f"AURC                 {curve.area:>8.4f}")
    print(f"answered             {coverage:>8.2%}, {1 - risk:.2%} of them rightly")
    for (label, recall), row in zip(report.recall.items(), report.confusion, strict=True):
        print(f"  recall {label:<12}  {f'{recall:.2%}' if row.any() else '-':>7}")
    _print_confusion(report)


def _figures(
    report: Scores, curve: RiskCoverage, scorer: Classifier, options: argparse.Namespace
) -> dict[str, Any]:
    model = scorer.bundle
    coverage, risk = curve.at(model.reject_threshold)
    return {
        "model": model.name,
        "sha256": dict(model.sha256),
        "dataset": options.dataset,
        "split": options.split,
        "fold": options.fold,
        "crops": 10 if options.ten_crop else 1,
        "precision": scorer.precision,
        "runtime": scorer.runtime,
        **report.as_dict(),
        "aurc": round(curve.area, 4),
        "coverage": round(coverage, 4),
        "accuracy_of_kept": round(1 - risk, 4),
    }


def _corruptions(scorer: Scorer, split: Split, title: str, path: Path) -> None:
    from ec_rfernet.evaluation import plots

    result = measure_robustness(scorer, split.images, split.labels, tell)
    tell("")
    _print_corruptions(result)
    _write_json(path, result.as_dict())
    plots.corruptions(result, title, path.with_suffix(".png"))


def _print_corruptions(result: Robustness) -> None:
    print(f"\naccuracy under       {''.join(f'{name:>9}' for name in STRENGTHS)}")
    for name, values in result.accuracy.items():
        amounts = ", ".join(f"{amount:g}" for amount in CORRUPTIONS[name].amounts)
        row = "".join(f"{value:>9.2%}" for value in values)
        print(f"  {name:<18} {row}   {amounts} {CORRUPTIONS[name].unit}")
    print(f"  {'mean drop, points':<18} {''.join(f'{100 * d:>9.2f}' for d in result.mean_drop)}")


def _write_json(path: Path, values: dict[str, Any]) -> None:
    write_text(path, json.dumps(values, indent=2) + "\n")

"""``ec-rfernet evaluate``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from ec_rfernet import bundle, datasets, evaluation
from ec_rfernet.classifier import Classifier, softmax


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the model")
    parser.add_argument("--dataset", default="fer2013", choices=datasets.READERS)
    parser.add_argument("--root", type=Path, required=True, help="where the data set is")
    parser.add_argument("--split", default="public", help="train, public or private")
    parser.add_argument(
        "--ten-crop", action="store_true", help="average ten crops (the robot uses one)"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--plot", type=Path, help="write the confusion matrix to this PNG")


def run(options: argparse.Namespace) -> None:
    """Prints the figures and writes the files that were asked for."""
    model = bundle.load(options.bundle)
    split = datasets.read(options.dataset, options.root, options.split)
    crops = evaluation.ten_crop if options.ten_crop else evaluation.single_crop
    logits = evaluation.logits(Classifier(model, threads=0), split.images, crops)
    probabilities = softmax(logits / np.float32(model.temperature))
    report = evaluation.report(probabilities, split.labels, model.labels)
    crop = "ten-crop" if options.ten_crop else "single crop"
    print(f"{model.name} ({model.short_hash}) on {options.dataset} {options.split}, {crop}")
    print(f"images               {report.images:>8}")
    print(f"accuracy             {report.accuracy:>8.2%}")
    print(f"macro-F1             {report.macro_f1:>8.2%}")
    print(f"mean class accuracy  {report.mean_class_accuracy:>8.2%}")
    print(f"ECE                  {report.ece:>8.4f}")
    for label, recall in report.recall.items():
        print(f"  recall {label:<12}  {recall:>7.2%}")
    if options.json:
        options.json.write_text(json.dumps(report.as_dict(), indent=2) + "\n", encoding="utf-8")
    if options.plot:
        from ec_rfernet.plots import confusion_matrix

        title = f"{model.name} on {options.dataset} {options.split}, {crop}"
        confusion_matrix(report, title, options.plot)

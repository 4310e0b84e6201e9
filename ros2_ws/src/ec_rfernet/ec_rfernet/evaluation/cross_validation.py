"""All folds of a cross-validation together.

``python -m ec_rfernet.evaluation.cross_validation FILE...``

The files are what ``ec-rfernet evaluate --json`` wrote, one for each fold.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ec_rfernet import datasets
from ec_rfernet.cli import Parser, exit_code
from ec_rfernet.errors import InputError
from ec_rfernet.evaluation import scores
from ec_rfernet.evaluation.scores import Scores
from ec_rfernet.files import read_json

_ALIKE = ("dataset", "split", "crops", "precision")
_KINDS = {"fold": int, "crops": int, "precision": str, "split": str, "accuracy": float}


@dataclass(frozen=True)
class CrossValidation:
    """The folds of a data set, taken together.

    Attributes:
        title: data set, split and crops.
        report: over the pictures of all folds. They are calibrated one by one, so that
            its calibration error and log loss say nothing.
        accuracies: of the folds, float [folds], 0..1.
    """

    title: str
    report: Scores
    accuracies: np.ndarray


def pool(files: Sequence[Path]) -> CrossValidation:
    """Adds up the confusion matrices of all folds.

    Raises:
        InputError: a file is none of an evaluation, or they are not one file for each
            fold of one data set.
    """
    figures = [_read(path) for path in files]
    for path, values in zip(files, figures, strict=True):
        for name in _ALIKE:
            if values[name] != figures[0][name]:
                raise InputError(
                    f"{path}: {name} is {values[name]}, but {figures[0][name]} in {files[0]}"
                )
    dataset = datasets.get(figures[0]["dataset"])
    folds = sorted(values["fold"] for values in figures)
    if folds != list(range(dataset.folds)):
        raise InputError(
            f"folds {', '.join(map(str, folds))} of {dataset.name}, "
            f"expected each of 0..{dataset.folds - 1} once"
        )
    confusion = np.sum([values["confusion"] for values in figures], axis=0)
    cells = np.repeat(np.arange(confusion.size), confusion.ravel())
    truth, answers = np.unravel_index(cells, confusion.shape)
    sure = np.eye(len(confusion))[answers]
    accuracies = np.array([values["accuracy"] for values in figures])
    crops = "ten-crop" if figures[0]["crops"] > 1 else "single crop"
    return CrossValidation(
        f"{dataset.name} {figures[0]['split']}, {dataset.folds} folds, {crops}",
        scores.report(sure, truth, dataset.labels),
        accuracies,
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        values = read_json(path)
        size = len(datasets.get(values["dataset"]).labels)
        confusion = np.asarray(values["confusion"], dtype=np.int64)
        for name, kind in _KINDS.items():
            if not isinstance(values[name], kind):
                raise ValueError(f"{name} is {values[name]}")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: not the evaluation of a fold ({error})") from error
    if confusion.shape != (size, size) or confusion.min() < 0:
        raise InputError(
            f"{path}: confusion is {list(confusion.shape)}, expected counts [{size}, {size}]"
        )
    return values  # type: ignore[no-any-return]


def main() -> int:
    """Prints the pooled figures, and draws the confusion matrix where asked to."""
    parser = Parser(prog="cross_validation", description=__doc__)
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="the JSON file of a fold"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="write the confusion matrix to this PNG"
    )
    options = parser.parse_args()
    return exit_code("cross_validation", lambda: _run(options.files, options.plot))


def _run(files: Sequence[Path], plot: Path | None) -> None:
    result = pool(files)
    report, accuracies = result.report, result.accuracies
    print(result.title)
    print(f"images               {report.images:>8}")
    print(f"accuracy             {report.accuracy:>8.2%}")
    print(f"accuracy of a fold   {accuracies.mean():>8.2%} +- {accuracies.std(ddof=1):.2%}")
    print(f"macro-F1             {report.macro_f1:>8.2%}")
    print(f"mean class accuracy  {report.mean_class_accuracy:>8.2%}")
    for label, recall in report.recall.items():
        print(f"  recall {label:<12}  {recall:>7.2%}")
    if plot:
        from ec_rfernet.evaluation.plots import confusion_matrix

        confusion_matrix(report, result.title, plot)


if __name__ == "__main__":
    sys.exit(main())

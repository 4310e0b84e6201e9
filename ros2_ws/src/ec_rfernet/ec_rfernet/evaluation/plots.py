"""Pictures of training and evaluation, as PNG. Importing this needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ec_rfernet.errors import InputError
from ec_rfernet.evaluation.calibration import Reliability, RiskCoverage
from ec_rfernet.evaluation.corruptions import STRENGTHS, Robustness
from ec_rfernet.evaluation.scores import Scores
from ec_rfernet.files import staged

_FEW = 0.005  # of the answers: an accuracy that is measured on fewer says nothing
_STRENGTH_COLOURS = ("#7fb2dd", "#2c6fad", "#0b2c54")


def confusion_matrix(report: Scores, title: str, path: Path) -> None:
    """Row-normalised confusion matrix: recall on the diagonal."""
    labels = list(report.recall)
    shares = report.confusion / np.maximum(report.confusion.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(picture, ax=axes, label="share of the true class", shrink=0.8)
    axes.set_xticks(range(len(labels)), labels, rotation=35, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="answer", ylabel="true expression")
    axes.set_title(f"{title}\naccuracy {report.accuracy:.1%}, {report.images} images", fontsize=11)
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column, row, f"{share:.2f}", ha="center", va="center", fontsize=9,
            color="white" if share > 0.55 else "black",
        )  # fmt: skip
    _write(figure, path)


def learning_curves(loss: Sequence[float], accuracy: Sequence[float], path: Path) -> None:
    """Training loss and validation accuracy over the epochs."""
    epochs = range(1, len(loss) + 1)
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    left = figure.subplots()
    right = left.twinx()
    left.plot(epochs, loss, color="tab:orange")
    right.plot(epochs, [100 * value for value in accuracy], color="tab:blue")
    left.set_xlabel("epoch")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.set_ylabel("training loss", color="tab:orange")
    right.set_ylabel("validation accuracy, %", color="tab:blue")
    right.grid(alpha=0.3)
    best = max(accuracy, default=0.0)
    left.set_title(f"best {best:.1%}, last {accuracy[-1] if accuracy else 0:.1%}", fontsize=11)
    _write(figure, path)


def risk_coverage(curve: RiskCoverage, threshold: float, title: str, path: Path) -> None:
    """Wrong answers over answered pictures, with the reject threshold's point."""
    coverage, risk = curve.at(threshold)
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(100 * curve.coverage, 100 * curve.risk, color="tab:blue")
    axes.plot(100 * coverage, 100 * risk, "o", color="tab:orange")
    axes.annotate(
        f"answers from {threshold:.2f} upwards:\n{coverage:.0%} answered, {risk:.1%} of them wrong",
        (100 * coverage, 100 * risk),
        textcoords="offset points", xytext=(-14, 8), ha="right", va="bottom",
    )  # fmt: skip
    axes.set(xlabel="answered pictures, %", ylabel="wrong among the answers, %", xlim=(0, 100))
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.set_title(f"{title}\narea under the curve {curve.area:.4f}", fontsize=11)
    _write(figure, path)


def reliability(before: Reliability, after: Reliability, title: str, path: Path) -> None:
    """Accuracy over confidence, without and with the temperature.

    Bins of too few answers have no point: by chance it may lie anywhere.
    """
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes, below = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1, label="ideal")
    for values, name, colour in ((before, "before", "tab:orange"), (after, "after", "tab:blue")):
        enough = values.share >= _FEW
        axes.plot(
            values.confidence[enough], values.accuracy[enough], "o-", color=colour, markersize=4,
            label=f"{name} temperature scaling, error {values.error:.4f}",
        )  # fmt: skip
    filled = after.share > 0
    below.bar(after.confidence[filled], 100 * after.share[filled], width=0.04, color="tab:blue")
    axes.set(ylabel="share of right answers", xlim=(0, 1), ylim=(0, 1))
    below.set(xlabel="confidence", ylabel="answers, %")
    axes.legend(loc="upper left")
    axes.grid(alpha=0.3)
    axes.set_title(title, fontsize=11)
    _write(figure, path)


def corruptions(result: Robustness, title: str, path: Path) -> None:
    """Accuracy under each corruption: one row each, a dot for each strength."""
    names = list(result.accuracy)
    values = 100 * np.array([result.accuracy[name] for name in names])
    rows = np.arange(len(names))
    figure = Figure(figsize=(7.6, 0.36 * len(names) + 2), layout="constrained")
    axes = figure.subplots()
    axes.axvline(100 * result.clean, color="grey", linestyle="--", linewidth=1)
    axes.hlines(rows, values.min(axis=1), 100 * result.clean, color="lightgrey", linewidth=2)
    for strength, name in enumerate(STRENGTHS):
        axes.plot(
            values[:, strength], rows, "o", color=_STRENGTH_COLOURS[strength], label=name, zorder=3
        )
    axes.set_yticks(rows, [name.replace("_", " ") for name in names])
    axes.invert_yaxis()
    axes.set_xlabel("accuracy, %")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower left")
    drops = " / ".join(f"{100 * drop:.1f}" for drop in result.mean_drop)
    axes.set_title(
        f"{title}\nclean {result.clean:.1%} (dashed); mean loss {drops} points", fontsize=11
    )
    _write(figure, path)


def _write(figure: Figure, path: Path) -> None:
    try:
        with staged(path.parent) as draft:
            figure.savefig(draft / path.name, dpi=120)
    except ValueError as error:
        raise InputError(f"{path}: not a picture that can be written ({error})") from error

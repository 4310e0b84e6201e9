"""Pictures of training and evaluation, as PNG. Importing this needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ec_rfernet.evaluation import Report


def confusion_matrix(report: Report, title: str, path: Path) -> None:
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
    figure.savefig(path, dpi=120)


def learning_curves(loss: Sequence[float], accuracy: Sequence[float], path: Path) -> None:
    """Training loss and validation accuracy over the epochs."""
    epochs = range(1, len(loss) + 1)
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    left = figure.subplots()
    right = left.twinx()
    left.plot(epochs, loss, color="tab:orange")
    right.plot(epochs, [100 * value for value in accuracy], color="tab:blue")
    left.set_xlabel("epoch")
    left.set_ylabel("training loss", color="tab:orange")
    right.set_ylabel("validation accuracy, %", color="tab:blue")
    right.grid(alpha=0.3)
    best = max(accuracy, default=0.0)
    left.set_title(f"best {best:.1%}, last {accuracy[-1] if accuracy else 0:.1%}", fontsize=11)
    figure.savefig(path, dpi=120)

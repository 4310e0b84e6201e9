"""What a classifier gets right: accuracy, F1, recall, calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ec_rfernet.bundle import Bundle
from ec_rfernet.evaluation.calibration import Reliability, log_loss

_BATCH = 16
"""Images at once, of up to ten crops each. Of 256, ONNX Runtime would take 2 GB, and longer."""


@dataclass(frozen=True)
class Scores:
    """Figures of one run over a split. Shares are 0..1.

    Attributes:
        images: how many were classified.
        accuracy: share of right answers.
        macro_f1: mean F1 of the classes of which there are images.
        mean_class_accuracy: mean recall of these, blind to how frequent they are.
        kappa: agreement beyond chance with the labels (Cohen, 1960), -1..1.
        recall: of each class, by label; 0 where there are no images of it.
        ece: expected calibration error over fifteen bins of equal width.
        log_loss: mean negative log-likelihood of the true classes, in nats.
        confusion: int [K, K], rows = true class, columns = answer.
    """

    images: int
    accuracy: float
    macro_f1: float
    mean_class_accuracy: float
    kappa: float
    recall: dict[str, float]
    ece: float
    log_loss: float
    confusion: np.ndarray

    def as_dict(self) -> dict[str, object]:
        """For JSON; numbers rounded to four digits."""
        return {
            "images": self.images,
            "accuracy": round(self.accuracy, 4),
            "macro_f1": round(self.macro_f1, 4),
            "mean_class_accuracy": round(self.mean_class_accuracy, 4),
            "kappa": round(self.kappa, 4),
            "ece": round(self.ece, 4),
            "log_loss": round(self.log_loss, 4),
            "recall": {label: round(value, 4) for label, value in self.recall.items()},
            "confusion": self.confusion.tolist(),
        }


def single_crop(images: np.ndarray, size: int) -> np.ndarray:
    """The centre crops uint8 [N, 1, S, S] of images uint8 [N, H, W]: what the robot sees."""
    margin = (images.shape[1] - size) // 2
    return images[:, None, margin : margin + size, margin : margin + size]


def ten_crop(images: np.ndarray, size: int) -> np.ndarray:
    """Corners and centre, each also mirrored: uint8 [N, 10, S, S]."""
    last = images.shape[1] - size
    places = [(0, 0), (0, last), (last, 0), (last, last), (last // 2, last // 2)]
    views = [images[:, y : y + size, x : x + size] for y, x in places]
    return np.stack([*views, *(view[:, :, ::-1] for view in views)], axis=1)


Crops = Callable[[np.ndarray, int], np.ndarray]


class Scorer(Protocol):
    """A network in any form: `ec_rfernet.runtimes.classifier.Classifier`, or one of PyTorch."""

    bundle: Bundle

    def logits(self, crops: np.ndarray) -> np.ndarray:
        """Outputs float32 [N, K] for crops uint8 [N, S, S]."""
        ...


def logits(scorer: Scorer, images: np.ndarray, crops: Crops = single_crop) -> np.ndarray:
    """Logits float32 [N, K] of images uint8 [N, H, W], averaged over their crops."""
    size = scorer.bundle.input_size
    found = []
    for start in range(0, len(images), _BATCH):
        views = crops(images[start : start + _BATCH], size)
        flat = np.ascontiguousarray(views.reshape(-1, size, size))
        found.append(scorer.logits(flat).reshape(*views.shape[:2], -1).mean(axis=1))
    return np.concatenate(found)


def kappa(confusion: np.ndarray) -> float:
    """Cohen's kappa of counts int [K, K]: 1 is full agreement, 0 is that of chance."""
    total = max(int(confusion.sum()), 1)
    agreed = np.trace(confusion) / total
    by_chance = float(confusion.sum(axis=0) @ confusion.sum(axis=1)) / total**2
    return float((agreed - by_chance) / (1 - by_chance)) if by_chance < 1 else 0.0


def report(probabilities: np.ndarray, truth: np.ndarray, labels: tuple[str, ...]) -> Scores:
    """All figures, from probabilities float [N, K] and true classes int [N]."""
    classes = len(labels)
    answers = probabilities.argmax(axis=1)
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (truth, answers), 1)
    hits, there = np.diag(confusion), confusion.any(axis=1)
    recall = hits / np.maximum(confusion.sum(axis=1), 1)
    f1 = 2 * hits / np.maximum(confusion.sum(axis=0) + confusion.sum(axis=1), 1)
    return Scores(
        images=len(truth),
        accuracy=float(hits.sum() / max(len(truth), 1)),
        macro_f1=float(f1[there].sum() / max(there.sum(), 1)),
        mean_class_accuracy=float(recall[there].sum() / max(there.sum(), 1)),
        kappa=kappa(confusion),
        recall=dict(zip(labels, map(float, recall), strict=True)),
        ece=Reliability.of(probabilities, truth).error,
        log_loss=log_loss(probabilities, truth),
        confusion=confusion,
    )

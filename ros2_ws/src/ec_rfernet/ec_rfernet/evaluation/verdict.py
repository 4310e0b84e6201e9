"""What a training was good for, in words: better or worse than before, and fit for use or not."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, sqrt

import numpy as np

_CERTAIN = 0.05
_SAME = 0.95  # of the answers: so many alike are no answers
_MIXED = 0.8  # of the pictures: where more are of one class, many like answers are right
_FEWEST = 10  # pictures; of fewer, a good model may err in nearly all
_NORMAL = 1.96  # standard deviations, for 95 %


@dataclass(frozen=True)
class TrainingVerdict:
    """The outcome of a training.

    Attributes:
        reason: why the model is not to be used, one phrase; empty where it may be.
        change: ``better``, ``worse`` or ``unclear`` against the model before; empty without one.
        sentences: the whole of it, for people.
    """

    reason: str
    change: str
    sentences: tuple[str, ...]


def interval(hits: int, images: int) -> tuple[float, float]:
    """Between which shares the true one lies in 95 of 100 cases (Wilson, JASA 22, 1927)."""
    if images == 0:
        return 0.0, 1.0
    share, square = hits / images, _NORMAL**2 / images
    middle = (share + square / 2) / (1 + square)
    reach = _NORMAL * sqrt(share * (1 - share) / images + square / (4 * images)) / (1 + square)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def chance(gained: int, lost: int) -> float:
    """How probable so uneven changes are where none is preferred (exact McNemar, two-sided)."""
    changed = gained + lost
    ways = sum(comb(changed, count) for count in range(min(gained, lost) + 1))
    return min(1.0, float(2 * ways / 2**changed))


def judge(
    truth: np.ndarray,
    answers: np.ndarray,
    labels: tuple[str, ...],
    before: np.ndarray | None = None,
) -> TrainingVerdict:
    """Says what pictures that were held out tell.

    Args:
        truth: classes int [N].
        answers: of the trained model, int [N].
        labels: of the classes.
        before: answers of the model that the training began with, int [N], if any.
    """
    right = answers == truth
    hits, images = int(right.sum()), len(truth)
    low, high = interval(hits, images)
    reason = _reason(truth, answers, labels)
    sentences = [
        f"{hits} of {images} held-out pictures are answered rightly, {hits / max(images, 1):.1%} "
        f"(95 % interval {low:.1%} to {high:.1%})."
    ]
    change = ""
    if before is not None:
        gained, lost = (
            int((right & (before != truth)).sum()),
            int((~right & (before == truth)).sum()),
        )
        probability = chance(gained, lost)
        change = "unclear"
        if probability < _CERTAIN:
            change = "better" if gained > lost else "worse"
        verdict = {
            "better": "The model is better than before",
            "worse": "The model is worse than before",
            "unclear": "Better or worse than before cannot be told from so few changes",
        }[change]
        sentences.append(
            f"{verdict}: {gained} pictures gained, {lost} lost (p = {probability:.2f})."
            if gained + lost
            else "Neither better nor worse than before: the same pictures are answered rightly."
        )
    sentences.append(_by_class(truth, right, labels, before))
    if reason:
        sentences.append(f"The model is unfit for use: {reason}.")
    return TrainingVerdict(reason, change, tuple(sentences))


def _reason(truth: np.ndarray, answers: np.ndarray, labels: tuple[str, ...]) -> str:
    there, counts = np.unique(truth, return_counts=True)
    if len(there) < 2 or len(truth) < _FEWEST:
        return ""  # these cannot tell
    given, often = np.unique(answers, return_counts=True)
    if often.max() >= _SAME * len(answers) and counts.max() <= _MIXED * len(truth):
        return f"it has collapsed, nearly every answer is '{labels[given[often.argmax()]]}'"
    recall = float(np.mean([(answers[truth == label] == label).mean() for label in there]))
    if recall <= 1 / len(there):
        return (
            f"it is no better than guessing, mean class accuracy {recall:.1%} "
            f"of {len(there)} classes"
        )
    return ""


def _by_class(
    truth: np.ndarray, right: np.ndarray, labels: tuple[str, ...], before: np.ndarray | None
) -> str:
    told, absent = [], []
    for number, label in enumerate(labels):
        mine = truth == number
        if not mine.any():
            absent.append(label)
            continue
        was = "" if before is None else f" (before {int((before[mine] == number).sum())})"
        told.append(f"{label} {int(right[mine].sum())} of {int(mine.sum())}{was}")
    missing = f"; no pictures to judge {', '.join(absent)} by" if absent else ""
    return f"By class: {', '.join(told)}{missing}."

"""How much a classifier loses under `ec_rfernet.evaluation.corruptions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ec_rfernet.evaluation import scores
from ec_rfernet.evaluation.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from ec_rfernet.evaluation.scores import Scorer


@dataclass(frozen=True)
class Robustness:
    """Accuracies, 0..1, single crop.

    Attributes:
        clean: of the pictures as they are.
        accuracy: under each corruption, for each of `STRENGTHS`.
    """

    clean: float
    accuracy: Mapping[str, tuple[float, ...]]

    @property
    def mean_drop(self) -> tuple[float, ...]:
        """What is lost against clean pictures, mean over the corruptions, by strength."""
        lost = self.clean - np.array(list(self.accuracy.values()))
        return tuple(map(float, lost.mean(axis=0)))

    def as_dict(self) -> dict[str, object]:
        """For JSON; shares rounded to four digits."""
        return {
            "strengths": list(STRENGTHS),
            "clean": round(self.clean, 4),
            "corruptions": {
                name: {
                    "amounts": list(CORRUPTIONS[name].amounts),
                    "unit": CORRUPTIONS[name].unit,
                    "accuracy": [round(value, 4) for value in values],
                    "drop": [round(self.clean - value, 4) for value in values],
                }
                for name, values in self.accuracy.items()
            },
            "mean_drop": [round(value, 4) for value in self.mean_drop],
        }


def measure_robustness(
    scorer: Scorer,
    images: np.ndarray,
    truth: np.ndarray,
    progress: Callable[[str], None] = lambda _name: None,
) -> Robustness:
    """Accuracy under each corruption at each strength.

    Args:
        scorer: what to measure.
        images: uint8 [N, H, W], grey.
        truth: int [N], the classes.
        progress: called with the name of each corruption before it is measured.
    """

    def accuracy(pictures: np.ndarray) -> float:
        answers = scores.logits(scorer, pictures).argmax(axis=1)
        return float(np.mean(answers == truth))

    found = {}
    for name in CORRUPTIONS:
        progress(name.replace("_", " "))
        found[name] = tuple(
            accuracy(corrupt(images, name, strength)) for strength in range(len(STRENGTHS))
        )
    return Robustness(accuracy(images), found)

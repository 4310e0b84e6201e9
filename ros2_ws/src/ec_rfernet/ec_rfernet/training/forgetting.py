"""What few pictures teach and make forget: ``python -m ec_rfernet.training.forgetting``.

Pictures of FER2013's PublicTest are changed, or labelled by others, and so become somebody's own.
The preset ``finetune`` is compared with a plain training that starts from the same weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from ec_rfernet import bundle as bundles
from ec_rfernet import datasets
from ec_rfernet.cli import Parser, exit_code
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.labels import LABELS
from ec_rfernet.training import data
from ec_rfernet.training.config import TrainConfig, configure
from ec_rfernet.training.data import TrainingData
from ec_rfernet.training.trainer import Trainer

_VOTED = ("neutral", "happy", "surprised", "sad", "angry", "disgusted", "scared")
"""Labels of the first columns of the FER+ votes."""

_NOISE = 4.0  # grey levels


def dark(image: np.ndarray) -> np.ndarray:
    """A grey image [H, W] in 0..255 as a camera shows it in the evening, out of focus."""
    return cv2.GaussianBlur(153 * (image / 255) ** 1.8, (0, 0), 1.0)


def turned(image: np.ndarray) -> np.ndarray:
    """A grey image [H, W], turned by 35 degrees."""
    centre = (image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2
    matrix = cv2.getRotationMatrix2D(centre, 35, 1.0)
    return cv2.warpAffine(image, matrix, image.shape[::-1], borderMode=cv2.BORDER_REFLECT)


KINDS: Mapping[str, Callable[[np.ndarray], np.ndarray] | None] = {
    "dark and blurred": dark,
    "turned by 35 degrees": turned,
    "labels of FER+": None,
}
"""What makes pictures somebody's own: how they look; or, where nothing stands, their labels."""


@dataclass(frozen=True)
class LabelledImages:
    """Images uint8 [N, 48, 48] and labels int64 [N]."""

    images: np.ndarray
    labels: np.ndarray

    def take(self, rows: np.ndarray | slice) -> LabelledImages:
        """Some of them."""
        return LabelledImages(self.images[rows], self.labels[rows])


@dataclass(frozen=True)
class Own:
    """Pictures of somebody's own, and others: no picture of ``train`` is in another part.

    Attributes:
        train, validation, test: of that somebody; one fifth of what is learned from validates.
        old: as they were, with their old labels.
    """

    train: LabelledImages
    validation: LabelledImages
    test: LabelledImages
    old: LabelledImages


def draw(
    public: LabelledImages, voted: np.ndarray, kind: str, amount: int, seed: int, half: int
) -> Own:
    """Draws pictures from one half of PublicTest.

    Args:
        public: the images of PublicTest and their labels.
        voted: what most taggers of FER+ said int64 [N], -1 where no majority did.
        kind: a name in `KINDS`.
        amount: how many pictures there are to train and to validate.
        seed: of the draw.
        half: 0, in which the recipe was chosen, or 1, in which it is judged.
    """
    change = KINDS[kind]
    pool = np.array_split(np.random.default_rng(12345).permutation(len(public.labels)), 2)[half]
    rng = np.random.default_rng(seed)
    order = rng.permutation(pool)
    labels = public.labels if change is not None else voted
    order = order[labels[order] >= 0]
    own, rest = order[:amount], order[amount : amount + 600]

    def changed(rows: np.ndarray) -> LabelledImages:
        if change is None:
            return LabelledImages(public.images[rows], labels[rows])
        images = [
            change(image.astype(np.float32)) + rng.normal(0, _NOISE, image.shape)
            for image in public.images[rows]
        ]
        return LabelledImages(np.clip(images, 0, 255).astype(np.uint8), labels[rows])

    mine, test = changed(own), changed(rest)
    old = rng.permutation(np.setdiff1d(pool, own))[:700]
    held = amount // 5
    return Own(mine.take(slice(held, None)), mine.take(slice(held)), test, public.take(old))


def _accuracy(trainer: Trainer, pictures: LabelledImages) -> float:
    """Of the averaged weights, 0..1."""
    kept = trainer.data
    trainer.data = dataclasses.replace(
        kept,
        validation_images=torch.from_numpy(pictures.images).unsqueeze(1).to(trainer.device),
        validation_labels=torch.from_numpy(pictures.labels).to(trainer.device),
    )
    try:
        return trainer.validate()
    finally:
        trainer.data = kept


def compare(config: TrainConfig, own: Own) -> tuple[float, float, float, float]:
    """Trains; accuracy on own and on old pictures before, and after, 0..1.

    Raises:
        InputError: the run cannot be trained.
    """
    initial = bundles.load(bundles.find(str(config.init), bundles.places()))
    mean, std = initial.mean, initial.std
    untouched = _trainer(config, own, mean, std)
    before = [_accuracy(untouched, part) for part in (own.test, own.old)]
    if not config.keep_statistics:
        mean, std = data.statistics(own.train.images)
    trainer = _trainer(config, own, mean, std)
    while not trainer.finished:
        trainer.run_epoch(lambda _share, _loss: None)
    after = [_accuracy(trainer, part) for part in (own.test, own.old)]
    return before[0], before[1], after[0], after[1]


def _trainer(config: TrainConfig, own: Own, mean: float, std: float) -> Trainer:
    labels = torch.from_numpy(own.train.labels)
    return Trainer(
        config,
        TrainingData(
            images=torch.from_numpy(own.train.images).unsqueeze(1),
            labels=labels,
            targets=torch.eye(len(LABELS))[labels],
            validation_images=torch.from_numpy(own.validation.images).unsqueeze(1),
            validation_labels=torch.from_numpy(own.validation.labels),
            mean=mean,
            std=std,
            framing=FER2013,
        ),
    )


def table(results: Mapping[tuple[str, str], list[tuple[float, ...]]]) -> Iterator[str]:
    """The rows of a Markdown table.

    Args:
        results: accuracies 0..1 as of `compare`, one for each seed, by kind and recipe.
    """
    yield "| own pictures | recipe | runs | own, before | after | old, before | after |"
    yield "|---|---|---|---|---|---|---|"
    for (kind, recipe), rows in results.items():
        own, old, own_after, old_after = (
            f"{statistics.fmean(column):.1%}" for column in zip(*rows, strict=True)
        )
        cells = (kind, recipe, str(len(rows)), own, own_after, old, old_after)
        yield f"| {' | '.join(cells)} |"


_OPTIONS: dict[str, dict[str, Any]] = {
    "root": {"type": Path, "required": True, "metavar": "PLACE", "help": "where FER2013 is"},
    "soft-labels": {"type": Path, "required": True, "metavar": "FILE", "help": "the FER+ votes"},
    "out": {"type": Path, "required": True, "metavar": "FOLDER", "help": "for unfinished runs"},
    "init": {
        "default": "ec_rfernet", "metavar": "MODEL",
        "help": "the model that is adapted (default: %(default)s)",
    },
    "pictures": {
        "type": int, "default": 400, "metavar": "N",
        "help": "of somebody's own, a fifth of them to validate (default: %(default)s)",
    },
    "seeds": {"type": int, "default": 3, "metavar": "N", "help": "runs (default: %(default)s)"},
    "half": {
        "type": int, "default": 1, "choices": (0, 1),
        "help": "of PublicTest; the recipe was chosen in 0 (default: %(default)s)",
    },
    "kinds": {
        "nargs": "+", "default": [*KINDS], "choices": [*KINDS], "metavar": "KIND",
        "help": f"some of {', '.join(KINDS)} (default: all)",
    },
    "epochs": {"type": int, "metavar": "N", "help": "of each run (default: those of its preset)"},
    "recipes": {
        "nargs": "+", "default": ["finetune", "folder"], "metavar": "PRESET",
        "help": "presets (default: finetune folder)",
    },
}  # fmt: skip


def _measure(options: argparse.Namespace) -> None:
    split = data.without_blank(datasets.read("fer2013", options.root, "public"))
    public = LabelledImages(split.images, split.labels)
    voted = _voted(data.votes(split, options.soft_labels, "fer2013"))
    init = bundles.find(options.init, bundles.places())
    fixed = {"root": options.root, "init": init, "model": bundles.load(init).architecture}
    results: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for number, kind in enumerate(options.kinds):
        for recipe in options.recipes:
            for seed in range(options.seeds):
                own = draw(public, voted, kind, options.pictures, seed, options.half)
                given = {**fixed, "out": options.out / f"{number}-{recipe}-{seed}", "seed": seed}
                if options.epochs:
                    given |= {"epochs": options.epochs}
                config = configure(recipe, given)
                if config.teachers:
                    config = dataclasses.replace(config, teachers=(init,))
                found = compare(config, own)
                print(kind, recipe, seed, *(f"{value:.1%}" for value in found), flush=True)
                results.setdefault((kind, recipe), []).append(found)
    print("\n".join(table(results)))


def _voted(votes: np.ndarray) -> np.ndarray:
    """Labels int64 [N] of votes [N, 10], -1 where fewer than half of the taggers agree."""
    seven = votes[:, : len(_VOTED)]
    label = np.array([LABELS.index(name) for name in _VOTED])[seven.argmax(axis=1)]
    return np.where(seven.max(axis=1) >= 0.5, label, -1)


def main() -> int:
    """Trains all runs and prints the table."""
    parser = Parser(prog="forgetting", description=__doc__)
    for name, more in _OPTIONS.items():
        parser.add_argument(f"--{name}", **more)
    options = parser.parse_args()
    if min(options.seeds, options.pictures) < 1:
        parser.error("--seeds and --pictures must be 1 or more")
    return exit_code("forgetting", lambda: _measure(options))


if __name__ == "__main__":
    raise SystemExit(main())

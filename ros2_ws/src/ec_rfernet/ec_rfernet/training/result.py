"""What a finished run leaves behind: the bundle, measured, with its figures and curves."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from ec_rfernet import datasets
from ec_rfernet.bundle import Bundle
from ec_rfernet.evaluation import plots
from ec_rfernet.evaluation.model_card import Progress, measure
from ec_rfernet.export import IMAGES, spread, write_bundle
from ec_rfernet.files import staged
from ec_rfernet.training.trainer import Trainer

VOTES = "FER+ votes of the training images (Barsoum et al., ICMI 2016), MIT licence"


def write_result(trainer: Trainer, progress: Progress = lambda _name: None) -> Bundle:
    """Writes the bundle of a run into its ``out`` folder.

    Its files appear together, when all is measured, or not at all. Temperature and reject
    threshold are fitted on the validation split, whose figures are therefore those of the
    data the checkpoint was tuned on.

    Args:
        trainer: finished.
        progress: told what is done next; for a large network on a CPU it takes minutes.

    Raises:
        InputError: the exported network does not compute what was trained.
        OSError: the folder cannot be written.
    """
    with staged(trainer.config.out) as folder:
        bundle = _write(trainer, folder, progress)
    return dataclasses.replace(bundle, folder=trainer.config.out)


def _write(trainer: Trainer, folder: Path, progress: Progress) -> Bundle:
    config, data, history = trainer.config, trainer.data, trainer.history
    dataset = datasets.get(config.dataset)
    draft = Bundle(
        folder=folder,
        name=config.model,
        architecture=config.model,
        input_size=trainer.size,
        mean=data.mean,
        std=data.std,
        framing=data.framing,
        labels=dataset.labels,
        provenance={
            "data": [dataset.provenance, *([VOTES] if config.soft_labels else [])],
            "images": len(data.images),
            "training": config.as_dict(),
            "seconds": round(sum(history.seconds)),
        },
    )
    progress("export and quantisation")
    images = data.images.squeeze(1).cpu().numpy()
    bundle = write_bundle(draft, trainer.average, images[spread(data.labels.cpu().numpy(), IMAGES)])
    plots.learning_curves(history.loss, history.accuracy, folder / "learning_curves.png")
    bundle = measure(
        bundle,
        data.validation_images.squeeze(1).cpu().numpy(),
        data.validation_labels.cpu().numpy(),
        dataset.name,
        dataset.validation,
        progress,
    )
    figures = {**bundle.metrics, "history": vars(history)}
    (folder / "metrics.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return bundle

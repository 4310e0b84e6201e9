"""What a finished run leaves behind: the calibrated bundle, figures and curves."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from ec_rfernet import evaluation, plots
from ec_rfernet.bundle import Bundle, save
from ec_rfernet.classifier import Classifier, softmax
from ec_rfernet.export import write_bundle
from ec_rfernet.framing import FER2013
from ec_rfernet.training.trainer import Trainer

KEPT_ACCURACY = 0.75
"""Wanted share of right answers among those that the bundle does not reject."""

DATA = {
    "fer2013": (
        "FER2013 (Goodfellow et al., 2013), usage Training, without blank images and without the "
        "pixel-identical twins of PublicTest; the images carry no licence of their own"
    )
}
VOTES = "FER+ votes of the training images (Barsoum et al., ICMI 2016), MIT licence"


def write_result(trainer: Trainer) -> Bundle:
    """Writes the bundle of a run into its ``out`` folder.

    Temperature and reject threshold are fitted on the validation split, whose figures
    are therefore those of the data the checkpoint was tuned on.

    Raises:
        InputError: the exported network does not compute what was trained.
        OSError: the folder cannot be written.
    """
    config, data = trainer.config, trainer.data
    draft = Bundle(
        folder=config.out,
        name=config.model,
        architecture=config.model,
        input_size=trainer.size,
        mean=data.mean,
        std=data.std,
        framing=FER2013,
        provenance={
            "data": [DATA[config.dataset], *([VOTES] if config.soft_labels else [])],
            "training": config.as_dict(),
            "seconds": round(sum(trainer.history.seconds)),
        },
    )
    bundle = write_bundle(draft, trainer.average)
    bundle = calibrate(bundle, trainer)
    plots.learning_curves(
        trainer.history.loss, trainer.history.accuracy, config.out / "learning_curves.png"
    )
    return bundle


def calibrate(bundle: Bundle, trainer: Trainer) -> Bundle:
    """The bundle with temperature, reject threshold and metrics, also written to disk."""
    images = trainer.data.validation_images.squeeze(1).numpy()
    truth = trainer.data.validation_labels.numpy()
    classifier = Classifier(bundle, threads=0)
    single = evaluation.logits(classifier, images)
    temperature = evaluation.fit_temperature(single, truth)
    probabilities = softmax(single / temperature)
    threshold = evaluation.fit_reject_threshold(probabilities, truth, KEPT_ACCURACY)
    kept = probabilities.max(axis=1) >= threshold
    right = probabilities.argmax(axis=1) == truth
    ten = softmax(evaluation.logits(classifier, images, evaluation.ten_crop) / temperature)
    report = evaluation.report(probabilities, truth, bundle.labels)
    metrics = {
        "public": {
            "single_crop": report.as_dict(),
            "ten_crop": evaluation.report(ten, truth, bundle.labels).as_dict(),
            "ece_uncalibrated": round(evaluation.calibration_error(softmax(single), truth), 4),
            "coverage": round(float(kept.mean()), 4),
            "accuracy_of_kept": round(float(np.mean(right[kept])), 4),
        }
    }
    _write_json(bundle.folder / "metrics.json", {**metrics, "history": vars(trainer.history)})
    title = f"{bundle.name} on {trainer.config.dataset}, public, single crop"
    plots.confusion_matrix(report, title, bundle.folder / "confusion_public.png")
    return save(
        dataclasses.replace(
            bundle,
            temperature=round(temperature, 4),
            reject_threshold=round(threshold, 4),
            metrics=metrics,
        )
    )


def _write_json(path: Path, values: object) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")

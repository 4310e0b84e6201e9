"""What a bundle says of itself: calibration and figures, measured and recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ec_rfernet.bundle import INT8, Bundle, save
from ec_rfernet.evaluation import scores
from ec_rfernet.evaluation.calibration import Reliability, RiskCoverage, fit_temperature
from ec_rfernet.evaluation.robustness import measure_robustness
from ec_rfernet.evaluation.scores import Report
from ec_rfernet.files import staged
from ec_rfernet.runtimes import available, open_classifier
from ec_rfernet.runtimes.classifier import Classifier, softmax

WANTED_RISK = 0.2
"""Share of wrong answers that the reject threshold aims at: four of five are right."""

LEAST_COVERAGE = 2 / 3
"""But never are more than a third of the validation pictures rejected."""

_CROPS = {"single_crop": "single crop", "ten_crop": "ten-crop"}

Progress = Callable[[str], None]
"""Called with the name of what is measured next."""


def measure(
    bundle: Bundle,
    images: np.ndarray,
    truth: np.ndarray,
    dataset: str,
    split: str,
    progress: Progress = lambda _name: None,
) -> Bundle:
    """Calibrates a bundle on the validation split, measures it there, and records it all.

    Writes ``bundle.json``, the pictures and the model card into the bundle's folder.

    Args:
        bundle: whose network files are in place.
        images: uint8 [N, H, W], grey, of the validation split.
        truth: int [N], indices into the bundle's labels.
        dataset: name of the data set.
        split: name of the split, the key of the figures in `Bundle.metrics`.
        progress: told what is measured next.

    Returns:
        The bundle as it was written.

    Raises:
        OSError: the folder cannot be written.
    """
    from ec_rfernet.evaluation import model_card, plots

    data = (images, truth, progress)
    progress(_CROPS["single_crop"])
    scorer = open_classifier(bundle, 0, "onnxruntime", "fp32")
    logits = scores.logits(scorer, images)
    temperature = round(fit_temperature(logits, truth), 4)
    probabilities = softmax(logits / np.float32(temperature))
    curve = RiskCoverage.of(probabilities, truth)
    # Rounded down, so that the answer at the threshold itself is still given.
    threshold = np.floor(curve.threshold(WANTED_RISK, LEAST_COVERAGE) * 1e4) / 1e4
    coverage, risk = curve.at(threshold)
    before, after = Reliability.of(softmax(logits), truth), Reliability.of(probabilities, truth)
    bundle = dataclasses.replace(bundle, temperature=temperature, reject_threshold=float(threshold))
    single = scores.report(probabilities, truth, bundle.labels)
    progress(_CROPS["ten_crop"])
    figures: dict[str, Any] = {
        "dataset": dataset,
        "single_crop": single.as_dict(),
        "ten_crop": _report(scorer, bundle, images, truth, scores.ten_crop).as_dict(),
        "ece_uncalibrated": round(before.error, 4),
        "aurc": round(curve.area, 4),
        "coverage": round(coverage, 4),
        "accuracy_of_kept": round(1 - risk, 4),
    }
    if INT8 in bundle.sha256:
        figures["int8"] = _cheaper(bundle, "int8", ("single_crop", "ten_crop"), *data)
    if any(precision == "bf16" for _, precision in available(bundle)):
        figures["bf16"] = _cheaper(bundle, "bf16", ("single_crop",), *data)
    robustness = measure_robustness(scorer, images, truth, progress)
    figures["corruptions"] = {
        name: [round(value, 4) for value in values] for name, values in robustness.accuracy.items()
    }
    figures["corruption_mean_drop"] = [round(value, 4) for value in robustness.mean_drop]
    metrics = {**bundle.metrics, "network": _network(bundle), split: figures}
    bundle = dataclasses.replace(bundle, metrics=metrics)
    title = f"{bundle.name} on {dataset} {split}, single crop"
    with staged(bundle.folder) as draft:
        plots.confusion_matrix(single, title, draft / f"confusion_{split}.png")
        plots.risk_coverage(curve, bundle.reject_threshold, title, draft / "risk_coverage.png")
        plots.reliability(before, after, title, draft / "reliability.png")
        plots.corruptions(robustness, title, draft / "corruptions.png")
        bundle = save(bundle)
    model_card.write(bundle)
    return bundle


def _report(
    scorer: Classifier,
    bundle: Bundle,
    images: np.ndarray,
    truth: np.ndarray,
    crops: scores.Crops,
) -> Report:
    """With the temperature of ``bundle``, which is newer than the scorer's."""
    logits = scores.logits(scorer, images, crops)
    probabilities = softmax(logits / np.float32(bundle.temperature))
    return scores.report(probabilities, truth, bundle.labels)


def _cheaper(
    bundle: Bundle,
    precision: str,
    crops: tuple[str, ...],
    images: np.ndarray,
    truth: np.ndarray,
    progress: Progress,
) -> dict[str, Any]:
    """Figures in another precision; `ec_rfernet.runtimes.choice` rests on them."""
    # Whatever runtime the user chose must not decide what a bundle says of itself.
    runtime = next(runtime for runtime, known in available(bundle) if known == precision)
    scorer = open_classifier(bundle, 0, runtime, precision)
    found = {}
    for name in crops:
        progress(f"{precision} {_CROPS[name]}")
        report = _report(scorer, bundle, images, truth, getattr(scores, name)).as_dict()
        found[name] = {key: value for key, value in report.items() if key != "confusion"}
    return found


def _network(bundle: Bundle) -> dict[str, int]:
    """Parameters and multiply-accumulates for one crop."""
    from ec_rfernet import networks
    from ec_rfernet.networks.summary import layers

    rows = layers(networks.create(bundle.architecture, len(bundle.labels)), bundle.input_size)
    return {
        "parameters": sum(row.parameters for row in rows),
        "macs": sum(row.macs for row in rows),
    }

"""The model card of a bundle (Mitchell et al., "Model Cards for Model Reporting", FAT* 2019).

The sentences are the same for all bundles and stand here. The numbers come from
``bundle.json`` alone: one that was not measured is left out.
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ec_rfernet.bundle import INT8, MANIFEST, ONNX, Bundle, save
from ec_rfernet.errors import InputError
from ec_rfernet.evaluation import scores
from ec_rfernet.evaluation.calibration import Reliability, RiskCoverage, fit_temperature
from ec_rfernet.evaluation.corruptions import CORRUPTIONS, STRENGTHS, measure_robustness
from ec_rfernet.evaluation.scores import Scores
from ec_rfernet.evaluation.verdict import judge
from ec_rfernet.files import staged, write_text
from ec_rfernet.runtimes import available, choice, open_classifier
from ec_rfernet.runtimes.classifier import Classifier, softmax

# The sentences of model cards, once for all bundles.

ARCHITECTURES = {
    "ec_rfernet": (
        "EC-RFERNet",
        "Architecture: Sun et al., *Signal, Image and Video Processing* (2023), "
        "doi:10.1007/s11760-023-02832-4; independent implementation.",
    ),
    "emotionnet_nano_a": (
        "EmotionNet Nano, the larger variant A",
        "Architecture after Lee, Wang and Wong, *Frontiers in Artificial Intelligence* 3 (2021), "
        "arXiv:2006.15759; the published description is incomplete, and widths, normalisation and "
        "input size are reconstructed, so its figures are not those of the authors' network.",
    ),
    "emotionnet_nano_b": (
        "EmotionNet Nano, the smaller variant B",
        "Architecture after Lee, Wang and Wong, *Frontiers in Artificial Intelligence* 3 (2021), "
        "arXiv:2006.15759; the published description is incomplete, and widths, normalisation and "
        "input size are reconstructed, so its figures are not those of the authors' network.",
    ),
}
"""Title and reference by the name of the network."""

DATASET_NAMES = {
    "fer2013": "FER2013",
    "rafdb": "RAF-DB",
    "ckplus": "CK+",
    "affectnet7": "AffectNet, 7 classes,",
    "affectnet8": "AffectNet, 8 classes,",
    "sfew": "SFEW",
}

SPLIT_NAMES = {"public": "PublicTest", "validation": "validation part"}

VALIDATION = (
    "Settings were chosen with these images in view, and temperature and reject threshold were "
    "fitted on them: the figures are those of validation data.",
    "No test split was used for anything.",
)
"""What the measured figures are."""

FEW_VALIDATION = (
    "Settings were chosen with these images in view: the figures are those of validation data.",
    "They are too few to fit temperature and reject threshold, which are those of the model that "
    "the training began with.",
    "No test split was used for anything.",
)
"""The same of a model that was adapted to few images."""

DATASET_LIMITS = {
    "fer2013": (
        "Web pictures, many of them posed, of uneven quality: FER2013's label agrees with the "
        "majority of FER+'s taggers on 62 % of the images. Expect a lower accuracy on the "
        "faces in front of a robot.",
        "`disgusted` is rare in the data; `scared`, `sad` and `neutral` are often taken for "
        "each other, by people too.",
    ),
}
"""What is known of networks trained on a data set."""

LIMITS = (
    "Spontaneous expressions are weaker and more mixed than posed ones, and harder for such "
    "networks: eight commercial systems were right on 49 to 62 % of more than 900 videos of "
    "expressions, less often than people (Dupré et al., PLOS ONE 15, 2020).",
    "Heads turned or tilted by more than about 30 degrees have not been measured and are "
    "reported to fail for such networks. The robot judges neither faces that are turned away "
    "by more than about 40 degrees nor faces narrower than 32 pixels.",
    "Fairness across age, gender and ethnicity has not been measured. For networks trained on "
    "such data gaps are documented, among them older people's neutral faces taken for sad or "
    "angry.",
    "Valence and arousal are derived: the probability-weighted mean of the published ratings "
    "of the emotion words (Russell & Mehrabian, 1977). No network measures them, and mixtures "
    "of opposite expressions cancel out.",
)

CORRUPTION_TEXT = (
    "Accuracy of the single crop when the pictures are changed as cameras and people change them "
    "(`evaluate --corruptions`). Light is everyday, middle is common on a robot, strong is at "
    "the edge of what a person still recognises; the strengths were set before anything was "
    "measured. A real camera does several of these things at once."
)

USE = (
    "Intended: research and teaching on how a robot may react to expressions, demonstrations, "
    "play; by people who know that a camera looks at them. An expression is what a face shows, "
    "not what a person feels.",
    "Not intended, and in part prohibited: decisions about people; hiring, grading, policing, "
    "health or safety; in the European Union any use at the workplace or in education (AI Act, "
    "Article 5(1)(f)) other than for medical or safety reasons.",
)


# What a bundle says of itself: calibration and figures, measured and recorded.

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
    initial: Bundle | None = None,
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
        initial: what the training began with, for the verdict; fewer than 100 images leave its
            temperature and threshold as they are.

    Returns:
        The bundle as it was written.

    Raises:
        OSError: the folder cannot be written.
    """
    from ec_rfernet.evaluation import plots

    data = (images, truth, progress)
    progress(_CROPS["single_crop"])
    scorer = open_classifier(bundle, 0, "onnxruntime", "fp32")
    logits = scores.logits(scorer, images)
    keeps = initial is not None and len(images) < _ENOUGH
    bundle = _calibrated(bundle, logits, truth, initial if keeps else None)
    probabilities = softmax(logits / np.float32(bundle.temperature))
    curve = RiskCoverage.of(probabilities, truth)
    coverage, risk = curve.at(bundle.reject_threshold)
    before, after = Reliability.of(softmax(logits), truth), Reliability.of(probabilities, truth)
    verdict = judge(truth, logits.argmax(axis=1), bundle.labels, _answers(initial, images))
    bundle = dataclasses.replace(bundle, unfit=verdict.reason, verdict=verdict.sentences)
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
    write(bundle)
    return bundle


_ENOUGH = 100
"""So many pictures tell a temperature and a threshold better than a model that had thousands."""


def _calibrated(
    bundle: Bundle, logits: np.ndarray, truth: np.ndarray, like: Bundle | None
) -> Bundle:
    """With temperature and threshold of another bundle, or those that fit the logits [N, K]."""
    if like is not None:
        return dataclasses.replace(
            bundle, temperature=like.temperature, reject_threshold=like.reject_threshold
        )
    temperature = round(fit_temperature(logits, truth), 4)
    curve = RiskCoverage.of(softmax(logits / np.float32(temperature)), truth)
    # Rounded down, so that the answer at the threshold itself is still given.
    threshold = np.floor(curve.threshold(WANTED_RISK, LEAST_COVERAGE) * 1e4) / 1e4
    return dataclasses.replace(bundle, temperature=temperature, reject_threshold=float(threshold))


def _answers(bundle: Bundle | None, images: np.ndarray) -> np.ndarray | None:
    if bundle is None:
        return None
    scorer = open_classifier(bundle, 0, "onnxruntime", "fp32")
    return scores.logits(scorer, images).argmax(axis=1)


def _report(
    scorer: Classifier,
    bundle: Bundle,
    images: np.ndarray,
    truth: np.ndarray,
    crops: scores.Crops,
) -> Scores:
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


FILE = "MODEL_CARD.md"

_CHOICE = {
    False: "The averaged weights after the last epoch, no choice among checkpoints.",
    True: "Between the initial weights and the averaged ones after the last epoch, where the "
    "held-out images say.",
}
_CURVES = "learning_curves.png"
_ROBOT = " (what the robot runs)"
_WIDTH = 120


def write(bundle: Bundle) -> Path:
    """Writes the card into the bundle's folder.

    Returns:
        Its path.

    Raises:
        InputError: the bundle's figures are not what was once written there.
        OSError: the folder cannot be written.
    """
    path = bundle.file(FILE)
    try:
        text = card(bundle)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{bundle.file(MANIFEST)}: metrics or provenance missing or of the wrong type ({error})"
        ) from error
    write_text(path, text)
    return path


def card(bundle: Bundle) -> str:
    """The card as Markdown."""
    splits = [name for name, value in bundle.metrics.items() if "single_crop" in value]
    sections = [
        f"# Model card: {bundle.name}",
        _what(bundle),
        _data(bundle),
        *_training(bundle),
        *(text for split in splits for text in _measured(bundle, split)),
        _framing(bundle),
        "## Limits",
        "\n".join(map(_item, (*_dataset_limits(bundle, splits), *LIMITS))),
        "## Use",
        *map(_paragraph, USE),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _what(bundle: Bundle) -> str:
    network = bundle.metrics.get("network", {})
    side = bundle.input_size
    facts = []
    if "parameters" in network:
        facts.append(f"{network['parameters']:,} parameters")
    if "macs" in network:
        facts.append(f"{network['macs'] / 1e6:.2f} M multiply-accumulates for a {side}x{side} face")
    sizes = [(name, bundle.file(name)) for name in (ONNX, INT8) if name in bundle.sha256]
    facts += [f"`{name}` {path.stat().st_size / 1e6:.2f} MB" for name, path in sizes]
    title, reference = ARCHITECTURES.get(bundle.architecture, (bundle.architecture, ""))
    labels = ", ".join(bundle.labels)
    return _paragraph(
        f"**What it is.** {title}: {', '.join(facts)}.",
        f"It gives the probabilities of {len(bundle.labels)} expressions ({labels}) for one "
        "aligned grey face.",
        reference,
        "Weights: Apache-2.0, with the reservation about the data below.",
    )


def _data(bundle: Bundle) -> str:
    sources = bundle.provenance.get("data", ())
    count = bundle.provenance.get("images")
    amount = f"{count:,} images to learn from." if count else ""
    return _paragraph("**Data.**", *(f"{source}." for source in sources), amount)


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " and ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _training(bundle: Bundle) -> Iterable[str]:
    settings = bundle.provenance.get("training", {})
    given = ", ".join(
        f"{name.replace('_', ' ')} {_told(value)}"
        for name, value in settings.items()
        if value not in (None, "", [], ())
    )
    if not given:
        return
    seconds, hardware = (bundle.provenance.get(name) for name in ("seconds", "hardware"))
    duration = f"It took {seconds / 3600:.1f} hours" if seconds else ""
    yield _paragraph(
        f"**Protocol.** `ec-rfernet train` with {given}.",
        _CHOICE[bool(settings.get("interpolate"))],
        duration and f"{duration} on {hardware}." if hardware else duration and f"{duration}.",
    )
    if bundle.file(_CURVES).is_file():
        yield f"![learning curves]({_CURVES})"
    yield (
        f"    ec-rfernet evaluate --bundle models/{bundle.name} --dataset {_dataset(bundle)} "
        "--root PATH [--ten-crop] [--precision int8] [--corruptions]"
    )


def _measured(bundle: Bundle, split: str) -> Iterable[str]:
    figures = bundle.metrics[split]
    images = figures["single_crop"]["images"]
    title = SPLIT_NAMES.get(split, f"the split {split}")
    yield f"## {DATASET_NAMES.get(_dataset(bundle), _dataset(bundle))} {title}, {images:,} images"
    began = bundle.provenance.get("training", {}).get("init")
    yield _paragraph(*(FEW_VALIDATION if began and images < _ENOUGH else VALIDATION))
    single, int8_single = "single crop", "int8, single crop"
    if "int8" in choice.accurate(bundle):
        int8_single += _ROBOT
    else:
        single += _ROBOT
    columns = {
        single: figures["single_crop"],
        "ten-crop": figures.get("ten_crop"),
        int8_single: figures.get("int8", {}).get("single_crop"),
        "int8, ten-crop": figures.get("int8", {}).get("ten_crop"),
        "bf16, single crop": figures.get("bf16", {}).get("single_crop"),
    }
    measured = {name: report for name, report in columns.items() if report}
    yield _headline(measured)
    if bundle.verdict:
        yield _paragraph("**Verdict.**", *bundle.verdict)
    yield _recalls(measured, figures["single_crop"])
    yield f"![confusion matrix](confusion_{split}.png)"
    yield from _confidence(bundle, figures)
    if "corruptions" in figures:
        yield from _corruptions(figures)


def _headline(columns: Mapping[str, Any]) -> str:
    rows = [
        [name, *(_percent(report[key]) for report in columns.values())]
        for name, key in (
            ("accuracy", "accuracy"),
            ("macro-F1", "macro_f1"),
            ("mean class accuracy", "mean_class_accuracy"),
        )
    ]
    for name, key in (("expected calibration error", "ece"), ("log loss", "log_loss")):
        if all(key in report for report in columns.values()):
            rows.append([name, *(f"{report[key]:.4f}" for report in columns.values())])
    return _table(["", *columns], rows)


def _recalls(columns: Mapping[str, Any], single: Mapping[str, Any]) -> str:
    counts = map(sum, single.get("confusion", [[0]] * len(single["recall"])))
    nobody = 0 if "confusion" in single else None
    rows = [
        [
            label,
            *(
                "-" if count == nobody else _percent(report["recall"][label])
                for report in columns.values()
            ),
            f"{count:,}",
        ]
        for label, count in zip(single["recall"], counts, strict=True)
    ]
    return _table(["recall", *columns, "images"], rows)


def _confidence(bundle: Bundle, figures: Mapping[str, Any]) -> Iterable[str]:
    yield "## Confidence"
    temperature = f"Temperature {bundle.temperature:.3f}"
    if "ece_uncalibrated" in figures:
        temperature += (
            f": expected calibration error {figures['ece_uncalibrated']:.4f} without it, "
            f"{figures['single_crop']['ece']:.4f} with it"
        )
    rejection = ""
    if "coverage" in figures:
        rejection = (
            f"Reject threshold {bundle.reject_threshold:.3f}: "
            f"{_percent(figures['coverage'])} of the images are answered, of which "
            f"{_percent(figures['accuracy_of_kept'])} rightly; the others are `unknown`. It is the "
            f"point of the curve that answers most while at most {WANTED_RISK:.0%} of the answers "
            f"are wrong, but never less than {LEAST_COVERAGE:.0%}."
        )
    measured = "aurc" in figures
    area = f"Area under the risk-coverage curve {figures['aurc']:.4f}." if measured else ""
    yield _paragraph(f"{temperature}.", area, rejection)
    if measured:
        yield "![risk over coverage](risk_coverage.png)\n![reliability](reliability.png)"


def _corruptions(figures: Mapping[str, Any]) -> Iterable[str]:
    rows = []
    for name, values in figures["corruptions"].items():
        known = CORRUPTIONS.get(name)
        amounts = f"{', '.join(f'{a:g}' for a in known.amounts)} {known.unit}" if known else ""
        rows.append([name.replace("_", " "), amounts, *map(_percent, values)])
    drops = [f"{100 * drop:.1f} points" for drop in figures["corruption_mean_drop"]]
    yield "## What cameras do"
    yield _paragraph(CORRUPTION_TEXT)
    yield _table(["accuracy under", "", *STRENGTHS], [*rows, ["mean loss", "", *drops]])
    yield "![accuracy under corruptions](corruptions.png)"


def _framing(bundle: Bundle) -> str:
    side = bundle.framing.size
    right, left, mouth = (f"({x:.1f}, {y:.1f})" for x, y in bundle.framing.anchors)
    return "## Framing\n\n" + _paragraph(
        "The eyes and the mouth of the training pictures lie, in pixels from the upper left "
        f"corner of {side}x{side}, at {right}, {left} and {mouth}. The robot aligns each face to "
        f"them and cuts out the middle {bundle.input_size}x{bundle.input_size}."
    )


def _dataset_limits(bundle: Bundle, splits: list[str]) -> Iterable[str]:
    yield from DATASET_LIMITS.get(_dataset(bundle), ())
    for split in splits:
        figures = bundle.metrics[split]["single_crop"]
        counts = map(sum, figures.get("confusion", [[1]] * len(figures["recall"])))
        recall = {
            label: value
            for (label, value), count in zip(figures["recall"].items(), counts, strict=True)
            if count
        }
        weakest = sorted(recall, key=recall.__getitem__)[:2]
        named = " and ".join(f"`{label}` ({_percent(recall[label])})" for label in weakest)
        yield f"Weakest on {named}: the share of such images that it recognises."


def _dataset(bundle: Bundle) -> str:
    return str(bundle.provenance.get("training", {}).get("dataset", ""))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _paragraph(*sentences: str) -> str:
    return _wrapped(" ".join(filter(None, sentences)))


def _item(text: str) -> str:
    return _wrapped(f"- {text}", subsequent_indent="  ")


def _wrapped(text: str, subsequent_indent: str = "") -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        subsequent_indent=subsequent_indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

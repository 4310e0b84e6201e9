"""The model card of a bundle (Mitchell et al., "Model Cards for Model Reporting", FAT* 2019).

The sentences are the same for all bundles and stand here. The numbers come from
``bundle.json`` alone: one that was not measured is left out.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ec_rfernet.bundle import INT8, MANIFEST, ONNX, Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.evaluation.corruptions import CORRUPTIONS, STRENGTHS
from ec_rfernet.evaluation.measurement import LEAST_COVERAGE, WANTED_RISK
from ec_rfernet.evaluation.model_card_text import (
    ARCHITECTURES,
    CORRUPTION_TEXT,
    DATASET_LIMITS,
    DATASET_NAMES,
    LIMITS,
    SPLIT_NAMES,
    USE,
    VALIDATION,
)
from ec_rfernet.files import write_text
from ec_rfernet.runtimes import choice

FILE = "MODEL_CARD.md"

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
        "The averaged weights after the last epoch, no choice among checkpoints.",
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
    yield _paragraph(*VALIDATION)
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
    rows = [
        [label, *(_percent(report["recall"][label]) for report in columns.values()), f"{count:,}"]
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
        recall = bundle.metrics[split]["single_crop"]["recall"]
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

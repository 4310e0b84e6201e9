"""A model bundle: a folder with the network, its weights and all it needs to be used.

    model.onnx            what general runtimes run
    model.int8.onnx       the same in whole numbers, smaller and faster; not every bundle has it
    model.program         what our own kernels run, made of model.onnx when it was exported
    model.int8.program    the same of model.int8.onnx
    weights.safetensors   what they were exported from; what is only to run does without
    bundle.json           labels, architecture, pre-processing, calibration, provenance, metrics

Labels and pre-processing travel with the weights, so nothing about a model is known elsewhere.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ec_rfernet.errors import InputError
from ec_rfernet.faces.framing import ANCHORS, Framing
from ec_rfernet.files import check_file, read_json, shortened, shown, user_path, write_text
from ec_rfernet.labels import LABELS, UNKNOWN

MANIFEST = "bundle.json"
ONNX = "model.onnx"
INT8 = "model.int8.onnx"
PROGRAM = "model.program"
INT8_PROGRAM = "model.int8.program"
WEIGHTS = "weights.safetensors"
FORMAT = 1

_FILES = (ONNX, INT8, PROGRAM, INT8_PROGRAM, WEIGHTS)
MOST_BYTES = 1 << 29
"""Of a file of a bundle."""

_CHUNK = 1 << 18
_LONGEST_NAME = 100
_LARGEST_SIDE = 1024  # pixels
_LONGEST_LABEL = 32
_LONGEST_REASON = 300
_MOST_LABELS = 256


@dataclass(frozen=True)
class Bundle:
    """What a bundle says of itself.

    Attributes:
        folder: where its files are.
        name: of the model, for people.
        architecture: name of the network, see `ec_rfernet.networks`.
        labels: the classes in the order of the outputs: 2..256 words, each once, of letters,
            digits, spaces and hyphens or underscores.
        input_size: side of the network's square input, pixels.
        mean, std: of the grey levels 0..1; the input is (grey - mean) / std, on each of
            three equal channels.
        framing: of the pictures that the network was trained on.
        temperature: the logits are divided by it before the softmax (Guo et al., ICML
            2017), > 0.
        reject_threshold: an estimate below this probability is unknown, 0..1.
        provenance: data, their licence, and the settings of the training.
        metrics: what was measured, by name of the split.
        not_lowered: why our own kernels do not compute the network, by precision; empty where
            they do, or where nobody has tried yet.
        unfit: why it is not to be used, as its training found; empty where it may be.
        verdict: of its training, sentences.
        sha256: of the bundle's other files, by file name.
    """

    folder: Path
    name: str
    architecture: str
    input_size: int
    mean: float
    std: float
    framing: Framing
    temperature: float = 1.0
    reject_threshold: float = 0.0
    labels: tuple[str, ...] = LABELS
    provenance: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    not_lowered: Mapping[str, str] = field(default_factory=dict)
    unfit: str = ""
    verdict: tuple[str, ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict)

    def file(self, name: str) -> Path:
        """Path of one of the bundle's files."""
        return self.folder / name

    @property
    def short_hash(self) -> str:
        """First digits of the sha256 of ``model.onnx``, to tell versions apart."""
        return self.sha256.get(ONNX, "")[:12]


def load(folder: Path) -> Bundle:
    """Reads a bundle and verifies its files.

    The weights may be missing: they are what the network was exported from, not what runs.

    Raises:
        InputError: there is no bundle, it is of another format, a value is out of
            range, or a file's sha256 is not the one that was recorded.
    """
    manifest = Path(folder) / MANIFEST
    if not os.path.lexists(manifest):
        raise InputError(f"{folder}: no model bundle here ({MANIFEST} is missing)")
    values = read_json(manifest)
    bundle = _parse(manifest, values)
    for name, expected in bundle.sha256.items():
        if name != WEIGHTS or bundle.file(name).exists():
            _verify(bundle.file(name), expected)
    return bundle


def require_fit(bundle: Bundle, force: bool = False) -> Bundle:
    """The bundle, if its training has not found it unfit for use, or if it is forced.

    Raises:
        InputError: says what was found, and how to use it nevertheless.
    """
    if bundle.unfit and not force:
        raise InputError(
            f"{bundle.folder}: unfit for use: {bundle.unfit}; train anew, or force it "
            "(--force; of the robot the parameter force_model)"
        )
    return bundle


def save(bundle: Bundle) -> Bundle:
    """Writes ``bundle.json`` for the files that lie in the bundle's folder.

    Returns:
        The bundle with the sha256 of its files.
    """
    names = [name for name in _FILES if bundle.file(name).exists()]
    hashed = dataclasses.replace(
        bundle, sha256={name: _sha256(bundle.file(name)) for name in names}
    )
    values = dataclasses.asdict(hashed)
    del values["folder"]
    values["framing"] = {
        "size": bundle.framing.size,
        **dict(zip(ANCHORS, bundle.framing.anchors, strict=True)),
    }
    write_text(bundle.file(MANIFEST), json.dumps({"format": FORMAT, **values}, indent=2) + "\n")
    return hashed


def forget_others(bundle: Bundle) -> Bundle:
    """Removes networks, programs and weights that lie in the folder, but are not the bundle's."""
    for name in _FILES:
        if name not in bundle.sha256:
            bundle.file(name).unlink(missing_ok=True)
    return bundle


def places() -> list[Path]:
    """Folders with named bundles: in a wheel of this library, and in the ROS package fer_models.

    None of them need exist.
    """
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    shares = [Path(prefix, "share", "fer_models") for prefix in prefixes if prefix]
    return [Path(__file__).parent / "bundles", *shares]


def shipped() -> list[Path]:
    """The folders of the bundles in `places`; of those that have one name, the first."""
    found = [path.parent for place in places() for path in sorted(place.glob(f"*/{MANIFEST}"))]
    return list({folder.name: folder for folder in reversed(found)}.values())[::-1]


def find(model: str, folders: Iterable[Path]) -> Path:
    """The folder of a bundle given by path or by name.

    Args:
        model: a path, or the name of a folder in one of ``folders``.
        folders: where named bundles are looked for, in this order.

    Raises:
        InputError: nothing of that name; lists the names that exist.
    """
    places = [user_path(model), *(folder / model for folder in folders)]
    for place in places:
        if (place / MANIFEST).is_file():
            return place
    known = sorted(p.parent.name for folder in folders for p in folder.glob(f"*/{MANIFEST}"))
    raise InputError(
        f"no model '{model}'; expected the path of a bundle or one of: {', '.join(known) or 'none'}"
    )


def _parse(manifest: Path, values: object) -> Bundle:
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        found = values.get("format") if isinstance(values, dict) else type(values).__name__
        raise InputError(f"{manifest}: format is {found!r}, expected {FORMAT}")
    try:
        framing = values["framing"]
        bundle = Bundle(
            folder=manifest.parent,
            name=str(values["name"]),
            architecture=str(values["architecture"]),
            input_size=int(values["input_size"]),
            mean=float(values["mean"]),
            std=float(values["std"]),
            framing=Framing(
                int(framing["size"]),
                tuple((float(x), float(y)) for x, y in map(framing.get, ANCHORS)),
            ),
            temperature=float(values["temperature"]),
            reject_threshold=float(values["reject_threshold"]),
            labels=_labels(values["labels"]),
            provenance=dict(values["provenance"]),
            metrics=dict(values["metrics"]),
            not_lowered={str(k): str(v) for k, v in dict(values.get("not_lowered", {})).items()},
            unfit=shortened(str(values.get("unfit", "")), _LONGEST_REASON),
            verdict=tuple(map(str, values.get("verdict", ()))),
            sha256={str(k): str(v) for k, v in dict(values["sha256"]).items()},
        )
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        problem = shortened(str(error), 100)
        raise InputError(f"{manifest}: value missing or of the wrong type ({problem})") from error
    _check(manifest, bundle)
    return bundle


def _check(manifest: Path, bundle: Bundle) -> None:
    size = bundle.framing.size
    corners = [value for anchor in bundle.framing.anchors for value in anchor]
    requirements = {
        "name": (_is_name(bundle.name), f"1..{_LONGEST_NAME} printable characters"),
        "architecture": (_is_name(bundle.architecture), f"1..{_LONGEST_NAME} printable characters"),
        "labels": (
            _are_labels(bundle.labels),
            f"2..{_MOST_LABELS} different words like {', '.join(LABELS)}, but not {UNKNOWN}",
        ),
        "input_size": (12 <= bundle.input_size <= size, "12..the framing's size"),
        "std": (0.001 <= bundle.std <= 1000, "0.001..1000"),
        "mean": (0 <= bundle.mean <= 1, "0..1"),
        "framing": (
            size <= _LARGEST_SIDE
            and all(abs(value) <= 10 * size for value in corners)
            and len(set(bundle.framing.anchors)) > 1,
            f"a size up to {_LARGEST_SIDE}, and different points within ten times of it",
        ),
        "temperature": (0.001 <= bundle.temperature <= 1000, "0.001..1000"),
        "reject_threshold": (0 <= bundle.reject_threshold <= 1, "0..1"),
        "sha256": (
            ONNX in bundle.sha256 and set(bundle.sha256) <= set(_FILES),
            f"an entry for {ONNX}, and others only for {', '.join(_FILES[1:])}",
        ),
    }
    for name, (fulfilled, expected) in requirements.items():
        if not fulfilled:
            raise InputError(
                f"{manifest}: {name} is {shown(getattr(bundle, name))}, expected {expected}"
            )


def _labels(found: object) -> tuple[Any, ...]:
    if not isinstance(found, list):
        raise ValueError(f"labels are {shown(found)}, expected a list")
    return tuple(found)


def _are_labels(labels: tuple[Any, ...]) -> bool:
    return all(map(_is_label, labels)) and 2 <= len(set(labels)) == len(labels) <= _MOST_LABELS


def _is_name(name: str) -> bool:
    return name.isprintable() and 0 < len(name) <= _LONGEST_NAME


def _is_label(label: object) -> bool:
    if not isinstance(label, str) or label == UNKNOWN or label != label.strip():
        return False
    plain = all(letter.isalnum() or letter in " -_" for letter in label)
    return plain and 0 < len(label) <= _LONGEST_LABEL


def _verify(path: Path, expected: str) -> None:
    check_file(path, MOST_BYTES)
    try:
        found = _sha256(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if found != expected:
        raise InputError(
            f"{path}: sha256 is {found[:12]}..., bundle.json says {shortened(expected, 15)}; "
            "the file is damaged or was replaced"
        )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()

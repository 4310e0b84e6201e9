"""The user's choice of what computes a bundle's network on this machine.

``ec-rfernet benchmark --choose`` measures and writes it to
``$XDG_CONFIG_HOME/ec_rfernet/runtime.yaml`` (by default below ``~/.config``), an entry a bundle:

    3f9c0d5b1e77:              # the first digits of model.onnx's sha256
      runtime: onnxruntime
      precision: int8
      cpu: AMD EPYC            # what it was measured on
      date: '2025-11-02'
      medians:                 # milliseconds a face, of all that could be chosen
        onnxruntime fp32: 2.66
        onnxruntime int8: 1.17
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ec_rfernet.bundle import MANIFEST, Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.files import read_yaml, shown, write_text
from ec_rfernet.runtimes.classifier import PRECISIONS

TOLERANCE = 0.003
"""Accuracy, 0..1, that a faster precision may lose against fp32."""


@dataclass(frozen=True)
class Choice:
    """What computes one bundle on one machine.

    Attributes:
        runtime: one of `ec_rfernet.runtimes.RUNTIMES`; as the file says, known or not.
        precision: one of `ec_rfernet.runtimes.classifier.PRECISIONS`.
        cpu: the processor it was measured on, see `ec_rfernet.runtimes.cpu.name`.
        date: of the measurement, as in ISO 8601.
        medians: that decided, milliseconds, by ``runtime precision``.
    """

    runtime: str
    precision: str
    cpu: str
    date: str
    medians: Mapping[str, float] = field(default_factory=dict)


def place() -> Path:
    """The file of the choices, which need not exist."""
    given = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    folder = given if given.is_absolute() else Path(os.environ.get("HOME", "/"), ".config")
    return folder / "ec_rfernet" / "runtime.yaml"


def read(bundle: Bundle) -> Choice | None:
    """The choice for a bundle, whatever machine it was made on; None where there is none.

    Raises:
        InputError: the file is damaged.
    """
    entry = _entries().get(bundle.short_hash)
    return None if entry is None else _parse(bundle.short_hash, entry)


def write(bundle: Bundle, choice: Choice) -> Path:
    """Records the choice for a bundle and keeps those for others.

    Returns:
        The file's path.

    Raises:
        InputError: the file that is there is damaged.
        OSError: it cannot be written.
    """
    path = place()
    entry = {**dataclasses.asdict(choice), "medians": dict(choice.medians)}
    text = yaml.safe_dump({**_entries(), bundle.short_hash: entry}, sort_keys=False)
    write_text(path, f"# Written by 'ec-rfernet benchmark --choose'.\n{text}")
    return path


def accurate(bundle: Bundle) -> tuple[str, ...]:
    """The precisions that may be chosen without asking: fp32, and those proven as good.

    Proven is what ``bundle.json`` records: on every split measured in fp32 (under
    ``metrics.<split>.single_crop``) the precision was measured too (under
    ``metrics.<split>.<precision>.single_crop``) and lost no more than `TOLERANCE`.

    Raises:
        InputError: the figures are not what was once written there.
    """
    try:
        losses = {precision: _losses(bundle, precision) for precision in PRECISIONS}
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f"{bundle.file(MANIFEST)}: metrics missing or of the wrong type ({error})"
        ) from error
    return tuple(
        precision
        for precision, found in losses.items()
        if precision == "fp32" or (found and max(found) <= TOLERANCE)
    )


def _losses(bundle: Bundle, precision: str) -> list[float]:
    return [
        round(_accuracy(split) - (_accuracy(split[precision]) if precision in split else 0), 4)
        for split in bundle.metrics.values()
        if "single_crop" in split
    ]


def _accuracy(figures: Mapping[str, Any]) -> float:
    return figures["single_crop"]["accuracy"]


def _entries() -> dict[str, Any]:
    path = place()
    # Nothing is chosen where nothing is, nor in a home that is not for this user.
    if not os.path.lexists(path):
        return {}
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise InputError(f"{path}: holds {type(values).__name__}, expected an entry a model")
    return values


def _parse(name: str, entry: object) -> Choice:
    where = f"{place()}: {name}"
    if not isinstance(entry, dict):
        raise InputError(f"{where} is {shown(entry)}, expected runtime, precision, cpu and date")
    runtime, precision = entry.get("runtime"), entry.get("precision")
    if not isinstance(runtime, str):
        raise InputError(
            f"{where}: runtime is {shown(runtime)}, expected onnxruntime or another one"
        )
    if precision not in PRECISIONS:
        raise InputError(
            f"{where}: precision is {shown(precision)}, expected {', '.join(PRECISIONS)}"
        )
    medians = entry.get("medians", {})
    if not isinstance(medians, dict):
        raise InputError(f"{where}: medians is {shown(medians)}, expected milliseconds by name")
    return Choice(
        runtime,
        precision,
        str(entry.get("cpu", "")),
        str(entry.get("date", "")),
        medians,
    )

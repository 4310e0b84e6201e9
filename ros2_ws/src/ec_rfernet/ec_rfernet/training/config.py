"""Everything that decides the outcome of a training run, and presets of it as YAML files."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ec_rfernet.errors import InputError
from ec_rfernet.files import read_yaml, shown

PARTS = 3
"""Into how many parts the training images are divided where one is held out."""


def _setting(default: Any, low: float, high: float, text: str) -> Any:
    """A number with its range, both ends included."""
    return field(default=default, metadata={"range": (low, high), "help": text})


def _choice(default: str, choices: tuple[str, ...], text: str) -> Any:
    return field(default=default, metadata={"choices": choices, "help": text})


def _other(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class TrainConfig:
    """One training run; validated at construction.

    The fields, their ranges and what they mean are also the options of
    ``ec-rfernet train`` and the keys of a preset.

    Raises:
        InputError: a value is out of its range.
    """

    root: Path = field(metadata={"help": "the data set: a file or folder, see docs/datasets.md"})
    out: Path = field(
        metadata={"help": "folder for the bundle; a run that was interrupted there goes on"}
    )
    dataset: str = _other("fer2013", "name of the data set")
    fold: int | None = _other(None, "fold of a cross-validated data set (ckplus)")
    model: str = _other("ec_rfernet", "name of the network")
    init: Path | None = field(
        default=None, metadata={"help": "bundle whose weights the training starts from"}
    )
    keep_statistics: bool = _other(
        False, "grey levels, framing and normalisation layers stay as those of init"
    )
    interpolate: bool = _other(
        False, "end between init and what was learned, no further than the held-out images tell"
    )
    soft_labels: Path | None = field(
        default=None, metadata={"help": "FER+ votes: fer2013new.csv, or an npz with 'votes'"}
    )
    hold_out: int | None = _other(
        None, "third of the training images, 0..2, to leave out, for out_of_fold of another run"
    )
    out_of_fold: tuple[Path, ...] = _other(
        (), "bundles trained with hold_out 0, 1 and 2: what each says of the third it has not seen"
    )
    soft_weight: float = _setting(
        0.5, 0, 1, "share of what votes and out_of_fold answers say in the target"
    )
    label_smoothing: float = _setting(0.0, 0, 1, "mass of the label spread over all classes")
    teachers: tuple[Path, ...] = _other((), "bundles whose mean answer is distilled")
    distill_weight: float = _setting(0.5, 0, 1, "share of the teachers in the loss")
    distill_temperature: float = _setting(3.0, 0.5, 20, "softens teachers and student alike")
    repeat_views: int = _setting(
        0, 0, 100_000, "epochs after which the views return, teachers' answers kept; 0 = never"
    )

    epochs: int = _setting(60, 1, 100_000, "passes over the training images")
    batch_size: int = _setting(128, 2, 65_536, "images per step, over all processes")
    optimizer: str = _choice("sgd", ("sgd", "adam"), "SGD with Nesterov momentum 0.9, or Adam")
    learning_rate: float = _setting(0.1, 1e-8, 10, "peak of the schedule")
    schedule: str = _choice("cosine", ("cosine", "step"), "how the learning rate falls")
    warmup_epochs: int = _setting(3, 0, 100_000, "linear rise at the start")
    step_start: int = _setting(80, 0, 100_000, "step: epoch of the first fall")
    step_every: int = _setting(5, 1, 100_000, "step: epochs between falls")
    step_factor: float = _setting(0.9, 0.01, 1, "step: factor of a fall")
    weight_decay: float = _setting(5e-4, 0, 1, "on convolution and linear weights only")
    clip_norm: float = _setting(5.0, 0, 1_000_000, "longest gradient, 0 = no limit")
    clip_value: float = _setting(0.0, 0, 1_000_000, "largest element of a gradient, 0 = no limit")
    ema_decay: float = _setting(0.999, 0, 1, "of the averaged weights, which are what is saved")
    refit: bool = _other(False, "at the end, fit the last layer anew to the labels alone")
    sam_radius: float = _setting(0.0, 0, 1, "of sharpness-aware minimisation, 0 = off")

    mirror: float = _setting(0.5, 0, 1, "probability of a mirror image")
    rotation: float = _setting(15.0, 0, 180, "largest turn to either side, degrees")
    zoom: float = _setting(0.15, 0, 0.9, "largest relative change of scale")
    shift: float = _setting(0.08, 0, 1, "largest move, as a share of half the width")
    light: float = _setting(0.6, 0, 1, "probability of other gamma, contrast and brightness")
    degrade: float = _setting(0.15, 0, 1, "probability each of blur, low resolution and noise")
    erasing: float = _setting(0.25, 0, 1, "probability of blanking a rectangle")
    mixup: float = _setting(0.0, 0, 10, "alpha of mixing pairs of images, 0 = off")
    cutmix: float = _setting(0.0, 0, 10, "alpha of pasting parts of other images, 0 = off")

    seed: int = _setting(0, 0, 2**31 - 1, "of initialisation, order and augmentation")
    deterministic: bool = _other(False, "the same result bit by bit, at some cost of speed")
    device: str = _choice("auto", ("auto", "cpu", "cuda"), "where to compute")
    threads: int = _setting(0, 0, 1024, "CPU threads of each process, 0 = all")

    def __post_init__(self) -> None:
        for name in ("keep_statistics", "interpolate"):
            if getattr(self, name) and self.init is None:
                raise InputError(f"{name} needs the bundle that the training starts from: --init")
        if self.hold_out not in (None, *range(PARTS)):
            raise InputError(f"hold_out is {self.hold_out}, expected 0..{PARTS - 1}")
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if "range" in item.metadata:
                low, high = item.metadata["range"]
                if not low <= value <= high:
                    raise InputError(f"{item.name} is {value}, expected {low}..{high}")
            choices = item.metadata.get("choices")
            if choices and value not in choices:
                raise InputError(f"{item.name} is '{value}', expected {' or '.join(choices)}")

    def as_dict(self) -> dict[str, object]:
        """What is stored with the bundle: everything but paths and machine."""
        hidden = {"root", "out", "device", "threads"}
        fields = {k: v for k, v in dataclasses.asdict(self).items() if k not in hidden}
        fields["soft_labels"] = "FER+" if self.soft_labels else None
        fields["init"] = self.init.name if self.init else None
        fields["out_of_fold"] = [judge.name for judge in self.out_of_fold]
        fields["teachers"] = [teacher.name for teacher in self.teachers]
        return fields


PRESETS = Path(__file__).parent.parent / "presets"
"""The folder of the presets that come with the library."""


def preset_names() -> list[str]:
    """The presets that come with the library."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def read_preset(preset: str) -> dict[str, Any]:
    """The settings of a preset.

    Args:
        preset: one of `preset_names`, or the path of a YAML file of the same form.

    Raises:
        InputError: there is no such preset, or it holds something else than settings.
    """
    path = PRESETS / f"{preset}.yaml" if preset in preset_names() else Path(preset)
    if not os.path.lexists(path):
        raise InputError(
            f"no preset '{preset}'; expected a YAML file or one of: {', '.join(preset_names())}"
        )
    return settings_of(path, read_yaml(path))


def settings_of(path: Path, values: object) -> dict[str, Any]:
    """Settings in the types of `TrainConfig`, from what a YAML file says.

    Args:
        path: of the file.
        values: what ought to be a mapping from names to values.

    Raises:
        InputError: it is none, or a name or the type of a value is wrong.
    """
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected settings as 'name: value'")
    return {str(name): _converted(path, str(name), value) for name, value in values.items()}


def suited_preset(dataset: str) -> str:
    """The preset of a data set: of its own name, or, for one of another package, fer2013's."""
    return dataset if dataset in preset_names() else "fer2013"


def configure(preset: str, given: Mapping[str, Any]) -> TrainConfig:
    """A preset, with the given settings in place of its own.

    Raises:
        InputError: see `read_preset`; or a value is out of range, or none was given for
            the data set's place.
    """
    return TrainConfig(**{**read_preset(preset), **given})


def _converted(path: Path, name: str, value: object) -> Any:
    """``value`` in the type of the setting ``name``."""
    kinds = typing.get_type_hints(TrainConfig)
    del kinds["root"], kinds["out"]  # of a machine, not of a recipe
    if name not in kinds:
        raise InputError(
            f"{path}: unknown setting '{name}'; expected one of: {', '.join(sorted(kinds))}"
        )
    convert, expected = _READERS[kinds[name]]
    try:
        return convert(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: {name} is {shown(value)}, expected {expected}") from error


def _exactly(kind: type) -> Callable[[object], Any]:
    def convert(value: object) -> Any:
        if type(value) is not kind:  # True is no number
            raise TypeError
        return value

    return convert


def _number(value: object) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)  # type: ignore[arg-type]  # of text too: to YAML, 1e-3 is some


def _paths(value: object) -> tuple[Path, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(map(Path, value))


_READERS: dict[Any, tuple[Callable[[Any], Any], str]] = {
    bool: (_exactly(bool), "true or false"),
    int: (_exactly(int), "a whole number"),
    float: (_number, "a number"),
    str: (_exactly(str), "a word"),
    int | None: (lambda value: None if value is None else _exactly(int)(value), "a whole number"),
    Path | None: (lambda value: Path(value) if value else None, "a path"),
    tuple[Path, ...]: (_paths, "a list of paths"),
}
"""How each type of a setting is read, and what to say if that fails."""

"""Presets: the settings of a training run that suit a data set, as YAML files."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ec_rfernet.errors import InputError
from ec_rfernet.training.config import TrainConfig

FOLDER = Path(__file__).parent.parent / "presets"


def names() -> list[str]:
    """The presets that come with the library."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read(preset: str) -> dict[str, Any]:
    """The settings of a preset.

    Args:
        preset: one of `names`, or the path of a YAML file of the same form.

    Raises:
        InputError: there is no such preset, or it holds something else than settings.
    """
    path = FOLDER / f"{preset}.yaml" if preset in names() else Path(preset)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"no preset '{preset}'; expected a YAML file or one of: {', '.join(names())}"
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: not a readable YAML file ({error})") from error
    return settings(path, values)


def settings(path: Path, values: object) -> dict[str, Any]:
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


def configure(preset: str, given: Mapping[str, Any]) -> TrainConfig:
    """A preset, with the given settings in place of its own.

    Raises:
        InputError: see `read`; or a value is out of range, or none was given for
            the data set's place.
    """
    return TrainConfig(**{**read(preset), **given})


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
        raise InputError(f"{path}: {name} is {value!r}, expected {expected}") from error


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

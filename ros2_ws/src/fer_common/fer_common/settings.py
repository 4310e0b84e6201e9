"""Settings: the fields of a frozen dataclass, each with its default, description and limits.

Settings are written down once, beside the code that they steer, and need no ROS. A node declares
them as its parameters (see `fer_common.parameters`), together with those of the parts it is made
of:

    @dataclass(frozen=True)
    class Smoothing:
        smoothing_s: float = setting(0.4, "Time constant, s; 0: none.", low=0.0, high=10.0)

    @dataclass(frozen=True)
    class FerSettings:
        model: str = setting("ec_rfernet", "Name of a bundle.")
        smoothing: Smoothing = part(Smoothing)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


class ParameterError(ValueError):
    """A parameter has a value it must not have; the message says all there is to know."""


def setting(
    default: Any,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    live: bool = False,
) -> Any:
    """A field that is a setting.

    Args:
        default: its value when nobody sets it; decides the type (bool, int, float, str).
        description: one line for ``ros2 param describe`` and for the documentation.
        low: smallest allowed number.
        high: largest allowed number.
        choices: the allowed strings; empty allows every one.
        live: whether it may change while the node runs, see `fer_common.parameters.on_change`.
    """
    if (low is None) != (high is None):
        raise TypeError("give both low and high, or neither")
    limits = {"low": low, "high": high, "choices": choices}
    meta = {"description": description, "live": live, **limits}
    return dataclasses.field(default=default, metadata=meta)


def part(settings: type[Any]) -> Any:
    """A field that holds the settings of a part; their names are those of the whole, too."""
    return dataclasses.field(default_factory=settings, metadata={"part": settings})


def fields(settings: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    """All settings by name, those of parts among them, in the order in which they are written.

    Raises:
        TypeError: two settings have one name.
    """
    found: dict[str, dataclasses.Field[Any]] = {}
    for field in dataclasses.fields(settings):
        inner = field.metadata.get("part")
        more = fields(inner) if inner is not None else {field.name: field}
        if twice := found.keys() & more.keys():
            raise TypeError(f"{settings.__name__} has two settings named {', '.join(twice)}")
        found |= more
    return found


def read(settings: type[T], values: Mapping[str, Any]) -> T:
    """The settings with these values.

    Args:
        settings: the dataclass.
        values: by name; what is missing has its default.

    Raises:
        ParameterError: see `checked`; or the dataclass refuses a value itself.
    """
    given: dict[str, Any] = {}
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        inner = field.metadata.get("part")
        if inner is not None:
            given[field.name] = read(inner, values)
        elif field.name in values:
            given[field.name] = checked(field, values[field.name])
    return settings(**given)


def checked(field: dataclasses.Field[Any], value: object) -> Any:
    """The value in the field's type.

    Raises:
        ParameterError: a value of the wrong type, outside its range or not among its choices;
            names the setting, the value and what is allowed.
    """
    kind = type(field.default)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind is str and isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)  # `camera:=0` arrives as a number
    meta = field.metadata
    low, high, choices = meta["low"], meta["high"], meta["choices"]
    if type(value) is not kind:
        expected = _KINDS[kind]
    elif low is not None and not low <= value <= high:  # type: ignore[operator]
        expected = f"{low:g}..{high:g}"
    elif choices and value not in choices:
        expected = f"one of {', '.join(choices)}"
    else:
        return value
    raise ParameterError(f"parameter '{field.name}' is {value!r}, expected {expected}")

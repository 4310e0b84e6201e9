"""A node's parameters as one frozen dataclass.

@dataclass(frozen=True)
class Params:
rate: float = parameter(30.0, "Frames per second.", low=0.1, high=240.0)
robot: str = parameter("sim", "Which robot.", choices=("sim", "none"))

params = declare(node, Params)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

T = TypeVar("T")
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


class ParameterError(ValueError):
    """A parameter has a value it must not have; the message says all there is to know."""


def parameter(
    default: Any,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    live: bool = False,
) -> Any:
    """A dataclass field that is a ROS parameter.

    Args:
        default: its value when nobody sets it; decides the type (bool, int, float, str).
        description: one line for ``ros2 param describe`` and for the documentation.
        low: smallest allowed number.
        high: largest allowed number.
        choices: the allowed strings; empty allows every one.
        live: whether it may change while the node runs, see `on_change`.
    """
    if (low is None) != (high is None):
        raise TypeError("give both low and high, or neither")
    limits = {"low": low, "high": high, "choices": choices}
    meta = {"description": description, "live": live, **limits}
    return dataclasses.field(default=default, metadata=meta)


def declare(node: Node, params: type[T]) -> T:
    """Declares every field of a parameter dataclass on a node and reads it.

    Parameters are read-only, unless they are live: they take effect when the node starts.

    Raises:
        ParameterError: a value of the wrong type, outside its range or not among
            its choices; names the parameter, the value and what is allowed.
    """
    values = {}
    for field in dataclasses.fields(params):  # type: ignore[arg-type]
        # Declared with dynamic typing and checked here: rclpy's own message about
        # `rate:=30` given to a double says nothing that a user could act upon.
        loose = ParameterDescriptor(dynamic_typing=True)
        declared = node.declare_parameter(field.name, field.default, loose)
        values[field.name] = checked(field, declared.value)
        node.set_descriptor(field.name, _descriptor(field))
    return params(**values)


def on_change(node: Node, params: type[Any], changed: Callable[[dict[str, Any]], None]) -> None:
    """Watches the live parameters of a dataclass that was declared.

    Args:
        node: whose parameters they are.
        params: the dataclass.
        changed: is given the new values by name; values that are not allowed are
            refused and do not get there.
    """
    live = {field.name: field for field in dataclasses.fields(params) if field.metadata["live"]}

    def check(parameters: list[Parameter]) -> SetParametersResult:
        try:
            values = {p.name: checked(live[p.name], p.value) for p in parameters if p.name in live}
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        changed(values)
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(check)


def checked(field: dataclasses.Field[Any], value: object) -> Any:
    """The value in the field's type.

    Raises:
        ParameterError: see `declare`.
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


def _descriptor(field: dataclasses.Field[Any]) -> ParameterDescriptor:
    meta = field.metadata
    descriptor = ParameterDescriptor(
        name=field.name,
        description=meta["description"],
        additional_constraints=", ".join(meta["choices"]),
        read_only=not meta["live"],
        dynamic_typing=True,
    )
    if meta["low"] is not None:
        low, high = meta["low"], meta["high"]
        if isinstance(field.default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
        else:
            span = FloatingPointRange(from_value=float(low), to_value=float(high))
            descriptor.floating_point_range = [span]
    return descriptor

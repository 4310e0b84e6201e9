"""A node's parameters: its settings, declared.

    params = declare(node, FerSettings)

See `fer_common.settings` for how they are written down.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from fer_common.door import door_of
from fer_common.settings import ParameterError, checked, fields, read

T = TypeVar("T")


def declare(node: Node, settings: type[T]) -> T:
    """Declares all settings of a dataclass on a node and reads them.

    Parameters are read-only, unless they are live: they take effect when the node starts.
    As every node begins with this, its door is put in here, see `fer_common.door`.

    Raises:
        ParameterError: a value of the wrong type, outside its range or not among
            its choices; names the parameter, the value and what is allowed.
    """
    door_of(node)
    values = {}
    for name, field in fields(settings).items():
        # Declared with dynamic typing and checked here: rclpy's own message about
        # `rate:=30` given to a double says nothing that a user could act upon.
        loose = ParameterDescriptor(dynamic_typing=True)
        declared = node.declare_parameter(name, field.default, loose)
        values[name] = checked(field, declared.value)
        node.set_descriptor(name, _descriptor(field))
    return read(settings, values)


_GIVEN = re.compile(r"(?:(?P<node>[^:=]*):)?(?P<name>[^:=]+):=.*", re.DOTALL)
_OF_ROS = ("use_sim_time", "start_type_description_service", "qos_overrides")


def check_given(node: Node, arguments: Sequence[str] | None = None) -> None:
    """Sees that a node has every parameter of its command line: ROS ignores those it lacks.

    Args:
        node: that has declared its own.
        arguments: of the command line; None for those of this process.

    Raises:
        ParameterError: it has no such parameter; tells the nearest one.
    """
    given = list(sys.argv if arguments is None else arguments)
    for option, text in pairwise(given):
        match = _GIVEN.fullmatch(text) if option in ("-p", "--param") else None
        if match is None or match["node"] not in (None, "", node.get_name()):
            continue
        name = match["name"].strip()
        if node.has_parameter(name) or name.split(".")[0] in _OF_ROS:
            continue
        known = [each for each in node.get_parameters_by_prefix("") if each not in _OF_ROS]
        near = get_close_matches(name, known, 1, 0.5)
        hint = f"did you mean '{near[0]}'?" if near else "all of them are in robot.yaml"
        raise ParameterError(f"{node.get_name()} has no parameter '{name}'; {hint}")


def on_change(node: Node, settings: type[Any], changed: Callable[[dict[str, Any]], None]) -> None:
    """Watches the live settings of a dataclass that was declared.

    Args:
        node: whose parameters they are.
        settings: the dataclass.
        changed: is given the new values by name; values that are not allowed are
            refused and do not get there.
    """
    live = {name: field for name, field in fields(settings).items() if field.metadata["live"]}

    def check(parameters: list[Parameter]) -> SetParametersResult:
        try:
            values = {p.name: checked(live[p.name], p.value) for p in parameters if p.name in live}
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        changed(values)
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(door_of(node).guarded(check, "parameters", _not_set))


def _not_set(error: BaseException, _parameters: list[Parameter]) -> SetParametersResult:
    return SetParametersResult(successful=False, reason=f"{type(error).__name__}: {error}")


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

"""A node's parameters: its settings, declared, and what it is given for them.

    params = declare(node, FerSettings)

See `fer_common.settings` for how they are written down.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from ec_rfernet.errors import InputError
from ec_rfernet.files import MOST_TEXT, check_file, read_text, shortened
from fer_common.door import door_of
from fer_common.settings import (
    OF_ROS,
    ParameterError,
    check_names,
    check_parameter_file,
    checked,
    fields,
    read,
    refusal_of_change,
)

T = TypeVar("T")


def declare(node: Node, settings: type[T]) -> T:
    """Declares all settings of a dataclass on a node and reads them.

    They take effect when the node starts, and cannot change afterwards, unless they are live:
    see `on_change`. As every node begins with this, its door is put in here, see
    `fer_common.door`.

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
        if type(values[name]) is not type(declared.value):  # `ros2 param get` tells what counts
            node.set_parameters([Parameter(name, value=values[name])])
        node.set_descriptor(name, _descriptor(field))
    _explain_refusals(node, settings)
    return read(settings, values)


def _explain_refusals(node: Node, settings: type[Any]) -> None:
    """Lets a node say why a parameter cannot change; rclpy says only that it is read-only."""
    set_them = node.set_parameters_atomically
    known = fields(settings)

    def explained(parameters: list[Parameter]) -> SetParametersResult:
        for each in parameters:
            if each.name == SIM_TIME and each.value != node.get_parameter(SIM_TIME).value:
                reason = refusal_of_change(node.get_name(), SIM_TIME, _ONE_TIME)
                return SetParametersResult(successful=False, reason=reason)
        for name in (each.name for each in parameters if each.name in known):
            if node.describe_parameter(name).read_only:
                why = known[name].metadata["fixed"]
                reason = refusal_of_change(node.get_name(), name, why)
                return SetParametersResult(successful=False, reason=reason)
        return set_them(parameters)

    setattr(node, "set_parameters_atomically", explained)  # noqa: B010, its services call that


SIM_TIME = "use_sim_time"
_ONE_TIME = "what the robot measures would jump, and wait for a /clock that may not be there"


# What a node is given on its command line, and in parameter files: ROS ignores what nothing has.

_GIVEN = re.compile(r"(?:(?P<node>[^:=]*):)?(?P<name>[^:=]+):=.*", re.DOTALL)
_NAME_OPTIONS = ("-p", "--param", "-r", "--remap")
_FILE_OPTIONS = ("--params-file", "--log-config-file")


def check_arguments(arguments: Sequence[str] | None = None) -> None:
    """Sees that ROS reads all of a node's command line, and is given no file that never ends.

    To be called before ROS sees it.

    Args:
        arguments: of the command line; None for those of this process.

    Raises:
        InputError: an argument is not for ROS; or a file is none, too large, or is not there.
    """
    of_ros, others = _split(arguments)
    if others:
        text = " ".join(others)
        if ":=" not in text:
            hint = "a node takes those of ROS, such as --ros-args -p name:=value"
        else:
            hint = f"write --ros-args {'' if text.startswith('-') else '-p '}{shortened(text)}"
        raise InputError(f"there is no argument '{shortened(others[0])}'; {hint}")
    for option, text in pairwise(of_ros):
        if option in _FILE_OPTIONS:
            check_file(Path(text), MOST_TEXT)


def _split(arguments: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """What of a command line is for ROS, and what is not."""
    of_ros, others = list[str](), list[str]()
    to = others
    for text in sys.argv[1:] if arguments is None else arguments:
        if text in ("--ros-args", "--"):
            to = of_ros if text == "--ros-args" else others
        else:
            to.append(text)
    return of_ros, others


def check_given(node: Node, arguments: Sequence[str] | None = None) -> None:
    """Sees that a node has every parameter that its command line, or a file there, gives it.

    Args:
        node: that has declared its own.
        arguments: of the command line; None for those of this process.

    Raises:
        InputError: it has no such parameter; tells the nearest one. Or a file is not for it,
            but for a node of nearly the same name, or for one elsewhere.
    """
    name, space = node.get_name(), node.get_namespace()
    known = [each for each in node.get_parameters_by_prefix("") if each not in OF_ROS]
    options = list(pairwise(_split(arguments)[0]))
    single = []
    for option, text in options:
        match = _GIVEN.fullmatch(text) if option in _NAME_OPTIONS else None
        if match is None or match["name"].startswith("//"):  # a kind, as in rostopic://
            continue
        node_name = (match["node"] or name).rpartition("/")[2]
        if node_name != name and "*" not in node_name:
            raise ParameterError(f"{text}: there is no node '{node_name}' here, only {name}")
        if option in _NAME_OPTIONS[:2]:
            single.append(match["name"].strip())
    check_names("", name, single, known)
    # Python takes a tenth of a second for a file, and ROS tells what it has found for this node.
    found: dict[str, Parameter] = node.handle.get_parameters(Parameter)
    heard = len(found) > len(single) and all(map(node.has_parameter, found))
    for file in [Path(text) for option, text in options if option == "--params-file"]:
        if not (heard and name in read_text(file)):
            check_parameter_file(file, {name: known}, space, alone=True)


Prepare = Callable[[T, frozenset[str]], Callable[[], None]]
"""Makes ready for new settings; see `on_change`."""


def on_change(node: Node, settings: type[T], prepare: Prepare[T]) -> None:
    """Lets the live settings of a dataclass that was declared change while the node runs.

    A change has two steps. First everything that it needs is loaded and checked, while all goes
    on as before. Then it happens, at once and as a whole, between two callbacks of the node. What
    is refused changes nothing.

    Args:
        node: whose parameters they are.
        settings: the dataclass.
        prepare: is given all settings as they are going to be, and the names of those that were
            set, maybe to the value they had: a file is read again. It returns what lets them take
            effect, and raises `ParameterError` or `InputError` to refuse them.
    """
    known, log = fields(settings), node.get_logger()
    live = {name: field for name, field in known.items() if field.metadata["live"]}
    for name in live:
        descriptor = node.describe_parameter(name)
        descriptor.read_only = False
        node.set_descriptor(name, descriptor)
    ready: list[Callable[[], None]] = []

    def convert(parameters: list[Parameter]) -> list[Parameter]:
        return [_converted(live[p.name], p) if p.name in live else p for p in parameters]

    def check(parameters: list[Parameter]) -> SetParametersResult:
        ready.clear()
        if names := frozenset(p.name for p in parameters) & live.keys():
            new = {p.name: p.value for p in parameters}
            try:
                values = {n: new[n] if n in new else node.get_parameter(n).value for n in known}
                ready.append(prepare(read(settings, values), names))
            except (ParameterError, InputError) as error:
                log.warning(f"refused {', '.join(sorted(names))}: {error}")
                return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def change(parameters: list[Parameter]) -> None:
        for take_effect in ready:
            take_effect()
        for parameter in parameters:
            if parameter.name in live:
                log.info(f"{parameter.name} is now {parameter.value!r}")
        ready.clear()

    door = door_of(node)
    node.add_pre_set_parameters_callback(convert)
    node.add_on_set_parameters_callback(door.guarded(check, "parameters", _not_set))
    node.add_post_set_parameters_callback(door.guarded(change, "parameters"))


def _converted(field: dataclasses.Field[Any], parameter: Parameter) -> Parameter:
    """In the type of the setting, so that ``ros2 param get`` tells the value that counts."""
    try:
        return Parameter(parameter.name, value=checked(field, parameter.value))
    except ParameterError:
        return parameter  # is refused with the others


def _not_set(error: BaseException, _parameters: list[Parameter]) -> SetParametersResult:
    return SetParametersResult(successful=False, reason=f"{type(error).__name__}: {error}")


def _descriptor(field: dataclasses.Field[Any]) -> ParameterDescriptor:
    meta = field.metadata
    descriptor = ParameterDescriptor(
        name=field.name,
        description=meta["description"],
        additional_constraints=", ".join(meta["choices"]),
        read_only=True,  # until `on_change`
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

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
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from ec_rfernet.errors import InputError
from ec_rfernet.files import MOST_TEXT, read_yaml, shortened, shown

T = TypeVar("T")
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


READ_ONCE = "it is read when the node starts"
"""Why most settings cannot change while a node runs."""


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
    fixed: str = READ_ONCE,
) -> Any:
    """A field that is a setting.

    Args:
        default: its value when nobody sets it; decides the type (bool, int, float, str).
        description: one line for ``ros2 param describe`` and for the documentation.
        low: smallest allowed number.
        high: largest allowed number.
        choices: the allowed strings; empty allows every one.
        live: whether it may change while the node runs, see `fer_common.parameters.on_change`.
        fixed: why it may not, as a clause.
    """
    if (low is None) != (high is None):
        raise TypeError("give both low and high, or neither")
    limits = {"low": low, "high": high, "choices": choices}
    meta = {"description": description, "live": live, "fixed": fixed, **limits}
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


def refusal_of_change(node: str, name: str, fixed: str) -> str:
    """Why a setting cannot change while its node runs, and what to do, as one sentence.

    Args:
        node: its name.
        name: of the setting.
        fixed: see `setting`.
    """
    return (
        f"'{name}' cannot change while {node} runs: {fixed}; write it into a parameter file, or "
        f"give the launch argument that sets it, and start {node} again"
    )


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


# Parameter files: ROS ignores the names in them that nothing has.

OF_ROS = ("use_sim_time", "start_type_description_service", "qos_overrides")
"""Parameters of every node."""

_OTHERS = ("robot_view", "robot_recorder", "robot_state_publisher", "rviz2")  # nothing is known
_SAME_NODE = 0.85  # how like its own name one must be that a node takes for it, misspelt


def check_parameter_file(
    file: Path, known: Mapping[str, Collection[str]], namespace: str, alone: bool = False
) -> None:
    """Sees that everything in a parameter file is for something.

    Args:
        file: as ROS reads them.
        known: the parameters of all nodes that may be meant, by the node's name.
        namespace: of these nodes.
        alone: whether the file may be for other nodes, too, of which nothing is known here.

    Raises:
        InputError: nothing has such a name; tells the nearest one.
    """
    here, elsewhere = False, ""
    for pattern, values in parameter_blocks(file):
        node = pattern.rpartition("/")[2]
        if "*" in node:
            if not alone:
                names = {name for names in known.values() for name in names}
                check_names(f"{file}: ", "", values, names)
        elif node in known:
            full = "/" + "/".join(filter(None, (namespace.strip("/"), node)))
            tokens = {"**": "(/[^/]+)*", "*": "/[^/]+"}
            matches = (tokens.get(t, "/" + re.escape(t)) for t in pattern.strip("/").split("/"))
            if re.fullmatch("".join(matches), full):
                here = True
                check_names(f"{file}: ", node, values, known[node])
            else:
                elsewhere = f"{file}: '{shortened(pattern)}' is not {full}; write '/**/{node}'"
        elif node in _OTHERS:
            continue
        elif near := get_close_matches(node, known, 1, _SAME_NODE if alone else 0.5):
            text = f"there is no node '{shortened(node)}'; did you mean '{near[0]}'?"
            raise InputError(f"{file}: {text}")
    if elsewhere and not (here and alone):
        raise InputError(elsewhere)


def parameter_blocks(file: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """The nodes of a parameter file, as patterns of full names, each with its parameters.

    Raises:
        InputError: the file cannot be read, or has something else.
    """
    return list(_blocks(file, read_yaml(file, MOST_TEXT), "", ()))


def _blocks(
    file: Path, found: Any, above: str, keys: tuple[str, ...]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    place = shortened(".".join(keys), 100) or "the file"
    if not isinstance(found, dict):
        expected = "a mapping"
        if keys and keys[-1] != _BLOCK:
            expected = f"a node, with its parameters below {_BLOCK}"
        raise InputError(f"{file}: {place} is {shown(found)}, expected {expected}")
    if keys and keys[-1] == _BLOCK:
        yield above or "/**", found
        return
    for name, value in found.items():
        below = above if name == _BLOCK else f"{above}/{str(name).strip('/')}"
        yield from _blocks(file, value, below, (*keys, str(name)))


_BLOCK = "ros__parameters"


def _is_of_ros(name: str) -> bool:
    return name.split(".")[0] in OF_ROS


def check_names(where: str, node: str, names: Iterable[object], known: Collection[str]) -> None:
    """Sees that parameters are there.

    Args:
        where: begins the message.
        node: whose they are; empty for all together.
        names: of the parameters.
        known: those that are there.

    Raises:
        InputError: one is not; tells the nearest one.
    """
    for name in map(str, names):
        if name in known or name.split(".")[0] in known or _is_of_ros(name):
            continue
        near = get_close_matches(name, known, 1, 0.5)
        hint = f"did you mean '{near[0]}'?" if near else "all of them are in robot.yaml"
        owner = f"{node} has no" if node else "no node has"
        raise InputError(f"{where}{owner} parameter '{shortened(name)}'; {hint}")

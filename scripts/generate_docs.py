#!/usr/bin/env python3
"""Writes what is generated from the code: ``robot.yaml``, and the tables of the documentation.

A parameter stands in the settings of its node, an argument in `fer_bringup.arguments`, a robot or
a voice in its registry, and nowhere else. A table stands between two lines of a page:

    <!-- made by make docs: parameters of fer_node -->
    <!-- end -->

With --check nothing is written, and the exit code is 1 when a file is not what it should be.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ec_rfernet.errors import InputError
from ec_rfernet.registry import Registry
from fer_bringup.arguments import ARGUMENTS, RobotSettings
from fer_bringup.assembly import Part, parts
from fer_common.settings import fields

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "ros2_ws" / "src"
ROBOT_YAML = SOURCES / "fer_bringup" / "config" / "robot.yaml"
PAGES = (
    "README.md",
    "docs/**/*.md",
    "ros2_ws/src/*/README.md",
    "ros2_ws/src/**/robots/*/README.md",
)
REGISTRIES = {
    "robots": "robot_behavior.robots:ROBOTS",
    "voices": "robot_behavior.speech:VOICES",
    "detectors": "ec_rfernet.faces:DETECTORS",
    "data sets": "ec_rfernet.datasets:DATASETS",
    "networks": "ec_rfernet.networks:NETWORKS",
    "runtimes": "ec_rfernet.runtimes:RUNTIMES",
}
DEFINITIONS = (ast.ClassDef, ast.FunctionDef)
WIDTH = 100
BRIDGE = "robot_bridge"

HEAD = """\
# Parameters of all nodes, with their defaults. Copy this file, change the copy, and start the
# robot with  params_file:=/path/to/your/copy.yaml  (a line that is left out keeps its default).
#
# What is not here is set by an argument of the launch file and of the robot executable, or follows
# from the robot's URDF:
{elsewhere}
#
# Live: may also change while the robot runs, as in  robot set smoothing_s 1.0
#
# /**/ stands for any namespace. This file is written by `make docs`, from the settings in the code.
"""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a node.

    Attributes:
        name: of it.
        field: the setting, see `fer_common.settings`.
        robot: the only robots that have it, as in ``robot:=NAME``; None: whichever the robot is.
    """

    name: str
    field: dataclasses.Field[Any]
    robot: str | None = None

    @property
    def meaning(self) -> str:
        """One sentence or two, each with its full stop; of which robot, where that matters."""
        text: str = self.field.metadata["description"]
        return f"robot:={self.robot}: {text}" if self.robot else text

    @property
    def allowed(self) -> str | None:
        """What a value must be within; None when it is not limited, or its meaning tells that."""
        low, high, choices = (self.field.metadata[key] for key in ("low", "high", "choices"))
        if low is None:
            known = set(re.findall(r"\w+", self.meaning)) >= set(choices)
            return None if known else ", ".join(choices)
        return f"{number(low)} or more" if high >= 2**31 - 1 else f"{number(low)} to {number(high)}"

    @property
    def is_live(self) -> bool:
        """Whether it may change while the node runs."""
        return bool(self.field.metadata["live"])

    @property
    def default(self) -> str:
        """When nobody sets it, as it is written in YAML."""
        value = self.field.default
        if isinstance(value, bool):
            return str(value).lower()
        return f'"{value}"' if isinstance(value, str) else repr(value)


def number(value: float) -> str:
    """A number as people write it: ``1e6``."""
    return f"{value:g}".replace("e+0", "e").replace("e-0", "e-")


# Which node has which settings. A node declares them, `declare(self, FerSettings)`, so that the
# sources tell; a driver of a robot has its own, which the registry of robots knows.


@cache
def declared() -> dict[str, str]:
    """The settings that each node declares, as ``module:class``, by the node's name."""
    found = {}
    for path in sorted(SOURCES.glob("*/*/**/*.py")):
        text = path.read_text(encoding="utf-8")
        if "declare(self," not in text:
            continue
        module = ".".join(path.relative_to(SOURCES).with_suffix("").parts[1:])
        for node in ast.parse(text).body:
            name, settings = _name(node), _settings(node)
            if name and settings:
                found[name] = f"{module}:{settings}"
    return found


def _calls(node: ast.AST) -> Iterator[tuple[str, list[ast.expr]]]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            yield ast.unparse(each.func), each.args


def _name(node: ast.AST) -> str | None:
    for function, arguments in _calls(node):
        if function == "super().__init__" and arguments and isinstance(arguments[0], ast.Constant):
            return str(arguments[0].value)
    return None


def _settings(node: ast.AST) -> str | None:
    for function, arguments in _calls(node):
        if function == "declare" and ast.unparse(arguments[0]) == "self":
            return ast.unparse(arguments[1])
    return None


def loaded(target: str) -> Any:
    """What is meant by ``module:name``."""
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)


@cache
def registry(what: str) -> Registry[Any]:
    """One of `REGISTRIES`."""
    found: Registry[Any] = loaded(REGISTRIES[what])
    return found


def _parameters(settings: type[Any], robot: str | None = None) -> list[Parameter]:
    return [Parameter(name, field, robot) for name, field in fields(settings).items()]


@cache
def all_parts() -> list[Part]:
    """The nodes of every robot, with what watches it; those of the first robot first."""
    found: list[Part] = []
    for robot in registry("robots").built_in:
        values = {argument.name: argument.default for argument in ARGUMENTS}
        values |= {"robot": robot, "viewer": "true", "face": "true", "record": "true"}
        found += reversed(parts(RobotSettings.read(values, ROBOT_YAML), Path("clip")))
    return found


@cache
def nodes() -> dict[str, list[Parameter]]:
    """The parameters of every node that a robot may be made of, by its name."""
    names = dict.fromkeys(part.executable for part in all_parts())
    found = {name: _parameters(loaded(declared()[name])) for name in names}
    drivers: dict[type[Any], list[str]] = {}
    for robot in registry("robots").built_in:
        drivers.setdefault(registry("robots").get(robot).settings, []).append(robot)
    for settings, robots in drivers.items():
        found[BRIDGE] += _parameters(settings, ", ".join(robots))
    return found


@cache
def set_by_bringup() -> dict[str, list[str]]:
    """The parameters of each node whose place is not the parameter file.

    Arguments set them, or they follow from the robot's URDF.
    """
    found: dict[str, dict[str, Any]] = {}
    for part in all_parts():
        found.setdefault(part.executable, {}).update(part.parameters | part.defaults)
    return {node: list(names) for node, names in found.items()}


# The parameter file.


def robot_yaml() -> str:
    """The text of ``robot.yaml``."""
    told = [f"{', '.join(names)} of {node}" for node, names in set_by_bringup().items() if names]
    blocks = [HEAD.format(elsewhere=_comment(f"{'; '.join(told)}.", ""))]
    for node, parameters in nodes().items():
        lines = [f"/**/{node}:", "  ros__parameters:"]
        for each in parameters:
            if each.name not in set_by_bringup()[node]:
                text = each.meaning
                if each.allowed:
                    text = f"{text.removesuffix('.')} ({each.allowed})."
                if each.is_live:
                    text += " Live."
                lines += [_comment(text, "    "), f"    {each.name}: {each.default}"]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _comment(text: str, indent: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


# The tables.


def table(topic: str) -> list[str]:
    """The lines of a table.

    Raises:
        InputError: there is none about that.
    """
    if topic == "arguments":
        told = [(_code(a.name), _code(a.default), a.description) for a in ARGUMENTS]
        return _table(("argument", "default", "meaning"), told)
    if topic == "thresholds":
        return _thresholds()
    if topic.startswith("modules of "):
        return _modules(topic.removeprefix("modules of "))
    if topic in REGISTRIES:
        targets = registry(topic).built_in
        return _table(
            ("name", "what it is"), [(_code(name), described(targets[name])) for name in targets]
        )
    node, _, robot = topic.removeprefix("parameters of ").partition(" for ")
    if node in nodes():
        rows = [
            (
                _code(p.name),
                _code(p.default.strip('"')),
                p.allowed or "",
                "yes" if p.is_live else "",
                p.field.metadata["description"] if robot else p.meaning,
            )
            for p in nodes()[node]
            if robot in ("", *(p.robot or "").split(", "))
        ]
        head = ["parameter", "default", "allowed", "live", "meaning"]
        if not any(p.is_live for p in nodes()[node]):
            head.remove("live")
            rows = [(*row[:3], row[4]) for row in rows]
        return _table(head, rows)
    raise InputError(
        f"there is no table about '{topic}', expected arguments, thresholds, "
        "modules of a package, "
        f"{', '.join(REGISTRIES)}, or parameters of one of {', '.join(nodes())}"
    )


def _thresholds() -> list[str]:
    rows = [
        (_code(node), _code(p.name), _code(p.default), p.meaning)
        for node, parameters in nodes().items()
        for p in parameters
        if p.name.startswith(("warn_", "error_"))
    ]
    return _table(("node", "parameter", "default", "meaning"), rows)


def _modules(package: str) -> list[str]:
    """What the modules of a package say of themselves, in their first line, by room."""
    folder = SOURCES / package / package
    rows = []
    for path in sorted(folder.rglob("*.py"), key=lambda p: (p.parent, p.name)):
        told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        if told:
            name = str(path.relative_to(folder).with_suffix("")).removesuffix("__init__")
            first = told.splitlines()[0].replace("``", "`").removesuffix(".")
            rows.append((f"[`{name or package}`](../{path.relative_to(ROOT)})", first))
    return _table(("module", "what stands there"), rows)


def described(target: str) -> str:
    """What ``module:name`` says of itself: its ``description``, or a docstring's first sentence.

    A class, function or module is not imported for it: not all of them is installed everywhere.
    """
    module, name = target.split(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise InputError(f"there is no module {module}")
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    own = [n for n in tree.body if isinstance(n, DEFINITIONS) and n.name == name]
    told = ast.get_docstring(own[0]) if own else getattr(loaded(target), "description", None)
    if not told or told.startswith("See "):
        told = ast.get_docstring(tree)
    if not told:
        raise InputError(f"{target} does not say what it is")
    sentence = re.split(r"(?<=\.)\s|\n\n", told)[0].replace("\n", " ").replace("``", "`")
    return sentence.removesuffix(".")


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    escaped = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    lines = ["|" + "|".join(f" {cell} " if cell else " " for cell in row) + "|" for row in escaped]
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *lines]


# The files.

_TABLE = re.compile(r"(<!-- made by make docs: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def page(text: str) -> str:
    """The text of a page with its tables as they must be."""

    def made(found: re.Match[str]) -> str:
        begin, topic, end = found.groups()
        return f"{begin}\n" + "\n".join(table(topic)) + f"\n\n{end}"

    return _TABLE.sub(made, text)


def generated() -> dict[Path, str]:
    """All files with something generated, and what must be in them."""
    paths = sorted({path for pattern in PAGES for path in ROOT.glob(pattern)})
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    pages = {path: page(text) for path, text in texts.items() if _TABLE.search(text)}
    return {ROBOT_YAML: robot_yaml()} | pages


def stale() -> list[Path]:
    """The files that are not what they should be."""
    return [
        path
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes what is stale, and tells of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if stale")
    values = parser.parse_args(arguments)
    try:
        found = stale()
        for path in found:
            print(f"{path.relative_to(ROOT)}: {'stale' if values.check else 'written'}")
            if not values.check:
                path.write_text(generated()[path], encoding="utf-8")
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if values.check and found else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Writes what is generated: ``robot.yaml``, model cards, tables and figures of the documentation.

A parameter stands in the settings of its node, an argument in `fer_bringup.arguments`, a robot or
a voice in its registry, an option in the parser of its program, and nowhere else. Accuracy and size
of a model stand in its bundle; what was measured is that of the last benchmark, in
``docs/figures``, which ``--figures bench_output`` takes over. A table stands between two lines of a
page, a figure in one:

    <!-- made by make docs: parameters of fer_node -->
    <!-- end -->

    right in <!-- figure: accuracy of ec_rfernet -->70.3 %<!-- / --> of the pictures

With --check nothing is written, and the exit code is 1 when a file is not what it should be.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib
import json
import math
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from ec_rfernet import bundle as bundles
from ec_rfernet import cli
from ec_rfernet.errors import InputError
from ec_rfernet.evaluation import model_card
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
PROGRAMS = {
    "robot": "fer_bringup.arguments:make_parser",
    "robot COMMAND": "fer_bringup.arguments:make_command_parser",
    "ec-rfernet": "ec_rfernet.cli:make_parser",
    "behavior-sim": "robot_behavior.simulator.command:make_parser",
    "motion-check": "robot_behavior.motion.check_program:make_parser",
    "fer-report": "fer_monitor.report.command:make_parser",
    "fer-doctor": "fer_monitor.doctor.program:make_parser",
    "fer-study": "fer_study.program:make_parser",
    "fake_naoqi": "robot_behavior.robots.nao.fake_naoqi:make_parser",
    "naoqi-animation": "robot_behavior.robots.nao.animations:make_parser",
}
"""What makes the parser of each program."""

INTERFACES = SOURCES / "fer_interfaces"
MODELS = ROOT / "models"
FIGURES = ROOT / "docs" / "figures"
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


# The commands.


def parsers(program: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The parsers of a program and of its commands, each with how it is called."""
    make = loaded(PROGRAMS[program])
    whole = make()
    name = program.removesuffix(" COMMAND")
    commands = _commands(whole)
    if program == "ec-rfernet":  # which imports what a command needs when that is asked for
        names = (*cli.COMMANDS, *cli.OTHERS)
        commands = {each: _commands(make(each))[each] for each in names}
    if not commands:
        yield name, whole
    for command, own in commands.items():
        yield f"{name} {command}", own


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    kind = argparse._SubParsersAction
    found = (action.choices for action in parser._actions if isinstance(action, kind))
    return dict(next(found, {}))


def _reference(program: str) -> list[str]:
    """What ``--help`` tells, in Markdown; the same with every version of Python."""
    lines: list[str] = []
    for name, parser in parsers(program):
        told = " ".join((parser.description or "").split()).removeprefix(f"{name.split()[-1]}: ")
        lines += ["", f"### {name}", "", f"{told[:1].upper()}{told[1:].removesuffix('.')}.", ""]
        actions = [a for a in parser._actions if a.help and a.dest != "help"]
        rows = [(_code(_called(a)), _explained(a, parser.prog)) for a in actions if _is_told(a)]
        lines += _table(("argument", "meaning"), rows) if rows else ["It takes no arguments."]
    return lines[1:]


def _is_told(action: argparse.Action) -> bool:
    return action.help != argparse.SUPPRESS


def _called(action: argparse.Action) -> str:
    """How an argument is written: ``--name VALUE``."""
    choices = "|".join(map(str, action.choices or ()))
    value = str(action.metavar or choices or action.dest.upper())
    if len(value) > 40:
        value = action.dest.upper()
    if not action.option_strings:
        return f"[{value}]" if action.nargs in ("?", "*") else value
    if action.nargs == 0:
        return ", ".join(action.option_strings)
    value += {"+": " ...", "*": " ...", "?": ""}.get(str(action.nargs), "")
    return f"{', '.join(action.option_strings)} {value}"


def _explained(action: argparse.Action, program: str) -> str:
    return str(action.help) % {**vars(action), "prog": program} + (
        " (required)" if action.option_strings and action.required else ""
    )


def _make_targets() -> list[str]:
    rule = re.compile(r"^([a-z-]+):.*?## *(.+)$", re.MULTILINE)
    found = rule.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
    return _table(("command", "what it does"), [(f"`make {name}`", told) for name, told in found])


# The messages.

_SAME = "as above"
_FIELD = re.compile(
    r"(?P<type>[\w/]+(?:\[[\w<=]*\])?) +(?P<name>\w+)(?:(?P<is>=)| +)?(?P<value>.*)"
)


def _messages(suffix: str) -> list[str]:
    """A section for each interface of a kind: ``msg``, ``srv`` or ``action``."""
    names = {"msg": ("",), "srv": ("request", "response"), "action": ("goal", "result", "feedback")}
    lines: list[str] = []
    kinds = names[suffix]
    for path in sorted(INTERFACES.glob(f"{suffix}/*.{suffix}")):
        lines += ["", f"### {path.stem}", "", f"`fer_interfaces/{suffix}/{path.stem}`", ""]
        parts = re.split(r"^---$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for part, name in zip(parts, kinds, strict=True):
            about, rows = _fields(part)
            lines += [about, ""] if about else []
            lines += [*_table((name or "field", "type", "meaning"), rows), ""]
        lines.pop()
    return lines[1:]


def _fields(text: str) -> tuple[str, list[tuple[str, str, str]]]:
    """What a part of an interface says of itself; name, type and meaning of its fields."""
    about, rows = "", []
    for number, block in enumerate(re.split(r"\n\s*\n", text.strip())):
        notes = (line.lstrip("# ") for line in block.splitlines() if line[:1] == "#")
        told = " ".join(note for note in notes if note)
        fields = [line for line in block.splitlines() if line.strip() and line[:1] != "#"]
        if not fields:
            about = f"{about} {told}".strip()
        elif number == 0 and told and "=" not in fields[0]:
            rows.append(_row(fields[0], told))
            rows += [_row(field, "") for field in fields[1:]]
        else:
            if number == 0 and told:
                about, told = told, ""
            rows += [_row(fields[0], told), *(_row(field, _SAME) for field in fields[1:])]
    return about, rows


def _row(line: str, told: str) -> tuple[str, str, str]:
    field = _FIELD.fullmatch(line.partition("#")[0].strip())
    if not field:
        raise InputError(f"'{line}' is no field of a message")
    value = field["value"].strip()
    if field["is"]:
        return f"`{field['name']}`", f"{field['type']} constant", f"`{value}`"
    return (
        f"`{field['name']}`",
        field["type"],
        f"{told} Default: {value}.".strip() if value else told,
    )


# The figures.


@cache
def _bundle(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MODELS / name / "bundle.json").read_text(encoding="utf-8"))
    return found


@cache
def measured(name: str) -> dict[str, Any]:
    """One of the files in ``docs/figures``."""
    found: dict[str, Any] = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _shipped() -> list[str]:
    names = (path.parent.name for path in MODELS.glob("*/bundle.json"))
    return sorted(names, key=lambda name: -_bundle(name)["metrics"]["network"]["parameters"])


def accuracy(name: str, precision: str = "fp32", crops: str = "single_crop") -> float | None:
    """Of a shipped model on the validation pictures, 0..1, as its bundle has it; else None."""
    if name not in _shipped():
        return None
    public = _bundle(name)["metrics"]["public"]
    found = public if precision == "fp32" else public.get(precision)
    return found and float(found[crops]["accuracy"])


def _megabytes(name: str, file: str) -> float:
    return (MODELS / name / file).stat().st_size / 1e6


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


@cache
def figures() -> dict[str, str]:
    """Every figure that a sentence may name, by its name."""
    found: dict[str, str] = {}
    for name in _shipped():
        metrics = _bundle(name)["metrics"]
        found[f"parameters of {name}"] = f"{metrics['network']['parameters'] / 1e6:.2f} million"
        found[f"operations of {name}"] = f"{metrics['network']['macs'] / 1e6:.1f} million"
        found[f"accuracy of {name}"] = _percent(accuracy(name) or 0)
        found[f"accuracy of {name}, ten-crop"] = _percent(accuracy(name, crops="ten_crop") or 0)
        found[f"accuracy of {name}, int8"] = _percent(accuracy(name, "int8") or 0)
    for row in measured("networks")["networks"]:
        name = f"of {row['network']}, {row['runtime']} {row['precision']}"
        found[f"milliseconds {name}"] = f"{row['median_ms']:.2f}"
        if row["times_faster_than_eager"]:
            found[f"speedup {name}"] = f"{row['times_faster_than_eager']:.1f}"
        found[f"ceiling {name}"] = _percent(row["share_of_ceiling"], 0)
    for case, row in measured("pipeline")["cases"].items():
        found[f"milliseconds of {case}"] = f"{row['median_ms']:.1f}"
        found[f"slowest milliseconds of {case}"] = f"{row['p99_ms']:.1f}"
        found[f"images a second of {case}"] = f"{row['rate']:.0f}"
        found[f"share of a core of {case}"] = _percent(row["cores"], 0)
    found["memory of perception, MB"] = f"{measured('pipeline')['resident_mb']:.0f}"
    found["start of perception, s"] = f"{measured('pipeline')['start_s'][0]:.2f}"
    usual, longest = measured("first_sound")["behaviour_ms"]["goal to the first sound"]
    found["first sound, ms"] = f"{usual:.0f}"
    found["first sound at most, ms"] = f"{longest:.0f}"
    return found


def _models() -> list[str]:
    rows = []
    for name in _shipped():
        metrics = _bundle(name)["metrics"]
        sizes = (_megabytes(name, file) for file in ("model.onnx", "model.int8.onnx"))
        right = (accuracy(name), accuracy(name, crops="ten_crop"), accuracy(name, "int8"))
        rows.append(
            (
                f"[`{name}`]({{root}}models/{name}/MODEL_CARD.md)",
                f"{metrics['network']['parameters']:,}",
                f"{metrics['network']['macs'] / 1e6:.1f} M",
                "{:.2f}, {:.2f} MB".format(*sizes),
                *(_percent(share or 0) for share in right),
                f"{-100 * metrics['public']['corruption_mean_drop'][1]:.1f}",
            )
        )
    head = ("`model`", "parameters", "multiply-accumulates", "fp32, int8 file", "single crop")
    more = ("ten-crop", "int8, single crop: what the robot runs", "camera")
    return _table(head + more, rows)


def _networks() -> list[str]:
    head = ["network", "runtime, precision", "median, ms", "99 %, ms"]
    head += ["times faster than eager PyTorch", "ceiling", "16 : 1", "start, s", "peak, MB"]
    rows = []
    for row in sorted(measured("networks")["networks"], key=lambda row: row["median_ms"]):
        right = accuracy(row["network"], row["precision"])
        first = row["network"] == _shipped()[0]
        rows.append(
            (
                f"**{row['network']}**" if first else row["network"],
                f"{row['runtime']} {row['precision']}",
                f"{row['median_ms']:.2f}",
                f"{row['p99_ms']:.2f}",
                f"{row['times_faster_than_eager']:.1f}" if row["times_faster_than_eager"] else "",
                _percent(row["share_of_ceiling"], 0) if row["share_of_ceiling"] else "",
                f"{row['sixteen_to_one']:.1f}",
                f"{row['start_s']:.2f}",
                f"{row['peak_mb']:.0f}",
                "" if right is None else _percent(right),
            )
        )
    return _table([*head, "accuracy"], rows)


def _pipeline() -> list[str]:
    told = {"median_ms": ".1f", "p99_ms": ".1f", "cpu_s_per_1000": ".1f", "rate": ".0f"}
    told["cores"] = ".2f"
    before = measured("pipeline")["before"]
    rows = []
    for name, row in measured("pipeline")["cases"].items():
        old = before.get(name, {})
        pairs = (
            (f"{old[key]:{form}} → " if old else "") + f"{row[key]:{form}}"
            for key, form in told.items()
        )
        rows.append((name, *pairs))
    head = ("case", "median, ms", "99 %, ms", "CPU s per 1,000 images", "images/s")
    return _table((*head, "share of a core"), rows)


def _first_sign() -> list[str]:
    rows: dict[str, list[str]] = {}
    for name, (usual, slowest, _number) in measured("contact")["contact_ms"].items():
        robot = name.partition(", ")[0]
        told = (f"{ms:.1f}" if ms < 20 else f"{ms:.0f}" for ms in (usual, slowest))
        rows.setdefault(_code(robot), []).append(", ".join(told))
    head = ("robot", "is noticed: median, slowest, ms", "smiles: median, slowest, ms")
    return _table(head, [(robot, *cells) for robot, cells in rows.items()])


def _recall() -> list[str]:
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    lines: Callable[..., list[str]] = loaded("tests.benchmarks.recall:lines")
    return lines(measured("recall")["rows"])


def _source(name: str) -> list[str]:
    found = measured(name)
    return [f"*Measured on {found['measured']}, by `{found['command']}`, on {found['machine']}.*"]


_COLOURS = {"fp32": "#4e79a7", "bf16": "#59a14f", "int8": "#e15759"}
_PEER = "#9d9d9d"
_LEFT, _RIGHT, _TOP, _ROW = 250.0, 900.0, 36, 18  # of the bars, pixels


def networks_chart() -> str:
    """``networks.svg``: a bar for each network, on a logarithmic scale, quickest first."""
    found = sorted(measured("networks")["networks"], key=lambda row: row["median_ms"])
    shortest, longest = found[0]["median_ms"] / 1.5, max(row["p99_ms"] for row in found) * 1.1

    def across(ms: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * math.log(ms / shortest) / math.log(longest / shortest)

    bottom = _TOP + 4 + _ROW * len(found)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1060 {bottom + 46}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="1060" height="{bottom + 46}" fill="#fff"/>',
        '<text x="20" y="20" font-size="14">One image on one core, milliseconds: median (bar), '
        "99th percentile (line)</text>",
    ]
    for index, (precision, colour) in enumerate({**_COLOURS, "network of others": _PEER}.items()):
        key = 560 + 90 * index
        lines.append(f'<rect x="{key}" y="10" width="12" height="12" fill="{colour}"/>')
        lines.append(f'<text x="{key + 16}" y="20">{precision}</text>')
    for ms in (0.5, 1, 2, 5, 10, 20, 50):
        if shortest < ms < longest:
            x = across(ms)
            lines.append(f'<path d="M{x:.1f} 32V{bottom}" stroke="#ddd"/>')
            lines.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{ms:g}</text>')
    for index, row in enumerate(found):
        lines += _bar(row, across, _TOP + _ROW * index)
    machine = f"Measured on {measured('networks')['measured']}, {measured('networks')['machine']}"
    lines += [f'<text x="20" y="{bottom + 36}" fill="#555">{machine}</text>', "</svg>"]
    return "\n".join(lines) + "\n"


def _bar(row: dict[str, Any], across: Callable[[float], float], y: int) -> list[str]:
    colour = _COLOURS[row["precision"]] if row["network"] in _shipped() else _PEER
    usual, slow = across(row["median_ms"]), across(row["p99_ms"])
    share = accuracy(row["network"], row["precision"])
    told = f"{row['median_ms']:.2f} ms" + (f", {_percent(share)} right" if share else "")
    return [
        f'<text x="{_LEFT - 8:.0f}" y="{y + 11}" text-anchor="end">'
        f"{row['network']}, {row['runtime']} {row['precision']}</text>",
        f'<rect x="{_LEFT:.0f}" y="{y}" width="{usual - _LEFT:.1f}" height="14" fill="{colour}"/>',
        f'<path d="M{usual:.1f} {y + 7}H{slow:.1f}" stroke="#000"/>',
        f'<text x="{slow + 6:.1f}" y="{y + 11}">{told}</text>',
    ]


FURTHER = {
    "contact": ("python -m tests.benchmarks --only contact", ("contact_ms",)),
    "recall": ("python -m tests.benchmarks.recall --scenes 16", ("rows",)),
    "first_sound": ("python -m tests.benchmarks.behaviour --voice piper", ("behaviour_ms",)),
}
"""Benchmarks that ``make bench`` leaves out: by file, command without ``--json``, and keys."""


def take_over(folder: Path) -> None:
    """Writes ``docs/figures`` from what ``make bench`` has left, or one of `FURTHER`.

    Raises:
        InputError: the folder lacks a file, or one is not what a benchmark writes.
    """
    further = [name for name in FURTHER if (folder / f"{name}.json").exists()]
    written: dict[str, dict[str, Any]] = {}
    try:
        if not further or (folder / "benchmark.json").exists():
            written |= _of_make_bench(folder)
        for name in further:
            found = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
            command, keys = FURTHER[name]
            written[name] = _head(found["machine"], command) | {key: found[key] for key in keys}
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}; run `make bench` first") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: not what `make bench` writes ({error})") from error
    for name, found in written.items():
        text = json.dumps(found, indent=1, ensure_ascii=False)
        (FIGURES / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    measured.cache_clear()
    figures.cache_clear()


def _head(machine: dict[str, Any], command: str) -> dict[str, Any]:
    told = f"{machine['processor']}, {machine['cores']} cores"
    return {"measured": machine["date"], "command": command, "machine": told}


def _of_make_bench(folder: Path) -> dict[str, dict[str, Any]]:
    speed = json.loads((folder / "benchmark.json").read_text(encoding="utf-8"))
    nodes_ = json.loads((folder / "pipeline.json").read_text(encoding="utf-8"))
    head = _head(speed["machine"], "make bench")
    cases = {name: case["figures"] for name, case in nodes_["cases"].items()}
    start = nodes_["start_s"]
    pipeline = {
        "start_s": [median(start), max(start)],
        "resident_mb": next(iter(cases.values()))["resident_mb"],
        "peak_mb": max(row["peak_mb"] for row in cases.values()),
        "before": measured("pipeline")["before"],
        "cases": {name: _rounded(row) for name, row in cases.items()},
    }
    networks = [_network(subject) for subject in speed["subjects"]]
    return {"networks": head | {"networks": networks}, "pipeline": head | pipeline}


def _network(subject: dict[str, Any]) -> dict[str, Any]:
    single = {t["batch"]: t for t in subject["timings"] if t["threads"] == 1}
    found = {key: subject[key] for key in ("network", "runtime", "precision", "start_s", "peak_mb")}
    keys = ("median_ms", "p99_ms", "share_of_ceiling", "times_faster_than_eager")
    found |= {key: single[1][key] for key in keys}
    return found | {"sixteen_to_one": round(single[16]["median_ms"] / single[1]["median_ms"], 1)}


def _rounded(row: dict[str, float]) -> dict[str, float]:
    keys = ("median_ms", "p99_ms", "cpu_s_per_1000", "rate", "cores")
    return {key: round(row[key], 3) for key in keys}


# The tables.


def table(topic: str) -> list[str]:
    """The lines of a table, or of sections with tables.

    Raises:
        InputError: there is none about that.
    """
    for start, make in _TABLES.items():
        if topic.startswith(start) and (topic == start or start.endswith(" ")):
            try:
                return make(topic.removeprefix(start))
            except KeyError:
                break
    raise InputError(
        f"there is no table about '{topic}', expected {', '.join(_TABLES)}; "
        f"parameters of one of {', '.join(nodes())}"
    )


def _arguments() -> list[str]:
    told = [(_code(a.name), _code(a.default), a.description) for a in ARGUMENTS]
    return _table(("argument", "default", "meaning"), told)


def _registered(what: str) -> list[str]:
    targets = registry(what).built_in
    return _table(
        ("name", "what it is"), [(_code(name), described(targets[name])) for name in targets]
    )


def _parameters_of(topic: str) -> list[str]:
    node, _, robot = topic.partition(" for ")
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
        return _table(head, [(*row[:3], row[4]) for row in rows])
    return _table(head, rows)


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


_TABLES: dict[str, Callable[[str], list[str]]] = {
    "arguments": lambda _: _arguments(),
    "thresholds": lambda _: _thresholds(),
    "make": lambda _: _make_targets(),
    "models": lambda _: _models(),
    "speed of networks": lambda _: _networks(),
    "speed of the pipeline": lambda _: _pipeline(),
    "first sign": lambda _: _first_sign(),
    "faces that are found": lambda _: _recall(),
    **{what: lambda _, what=what: _registered(what) for what in REGISTRIES},  # type: ignore[misc]
    "modules of ": _modules,
    "source of ": _source,
    "interfaces ": _messages,
    "program ": _reference,
    "parameters of ": _parameters_of,
}
"""What makes a table about a topic; one that ends with a space is followed by a name."""


# The files.

_TABLE = re.compile(
    r"(?<!```text\n)(<!-- made by make docs: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL
)


_FIGURE = re.compile(r"(<!-- figure: (.+?) -->).*?(<!-- / -->)")


def page(text: str, root: str = "") -> str:
    """The text of a page with its tables and figures as they must be.

    Args:
        text: as it is.
        root: way from the page to the project's folder, for links.

    Raises:
        InputError: there is no such table or figure.
    """

    def made(found: re.Match[str]) -> str:
        begin, topic, end = found.groups()
        lines = "\n".join(table(topic)).replace("{root}", root)
        return f"{begin}\n{lines}\n\n{end}"

    def figure(found: re.Match[str]) -> str:
        begin, name, end = found.groups()
        if name not in figures():
            raise InputError(f"there is no figure '{name}', expected one of {', '.join(figures())}")
        return f"{begin}{figures()[name]}{end}"

    return _FIGURE.sub(figure, _TABLE.sub(made, text))


def generated() -> dict[Path, str]:
    """All files with something generated, and what must be in them."""
    paths = sorted({path for pattern in PAGES for path in ROOT.glob(pattern)})
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    pages = {path: page(text, _root(path)) for path, text in texts.items() if "<!-- " in text}
    cards = {
        MODELS / name / model_card.FILE: model_card.card(bundles.load(MODELS / name))
        for name in _shipped()
    }
    chart = {FIGURES / "networks.svg": networks_chart()}
    return {ROBOT_YAML: robot_yaml()} | chart | cards | pages


def _root(path: Path) -> str:
    return "../" * (len(path.relative_to(ROOT).parts) - 1)


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
    parser.add_argument(
        "--figures", type=Path, metavar="FOLDER", help="first take over what make bench has left"
    )
    values = parser.parse_args(arguments)
    try:
        if values.figures:
            take_over(values.figures)
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

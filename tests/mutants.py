"""Does a test fail where the code is wrong? Changes one thing after another, and runs its tests.

    python -m tests.mutants                       # arbiter, mover, smoother and stop
    python -m tests.mutants --only arbiter stop
    python -m tests.mutants --only mover --share 0.2    # every fifth change

A change that no test notices *survives*: it is printed, and it is either without effect, or
something that the tests do not know. Changed are comparisons, ``and`` and ``or``, ``not``, signs,
operators, numbers, ``min`` and ``max``, and each call or assignment of an attribute is left out
once. A changed module runs in a child process, whose processor time is limited, not its duration: a
busy machine changes no verdict. What is drawn by chance is drawn alike in each run.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.util
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np  # noqa: F401  (each child has it already)
import pytest

ROOT = Path(__file__).resolve().parents[1]
BEHAVIOR, NODE = Path("ros2_ws/src/robot_behavior/test"), Path("ros2_ws/src/fer_node/test")


@dataclass(frozen=True)
class Part:
    """What is changed, and the tests that should notice.

    Attributes:
        module: with the code.
        tests: files, and options of pytest.
        within: the class that is changed; empty for everything.
    """

    module: str
    tests: tuple[str, ...]
    within: str = ""


PARTS = {
    "arbiter": Part(
        "robot_behavior.dialogue.arbiter",
        (
            str(BEHAVIOR / "dialogue/test_arbiter.py"),
            str(BEHAVIOR / "dialogue/test_arbiter_with_any_servers.py"),
        ),
    ),
    "mover": Part(
        "robot_behavior.motion.mover",
        tuple(str(path) for path in sorted((ROOT / BEHAVIOR / "motion").glob("test_mover*.py"))),
    ),
    "smoother": Part(
        "fer_node.perception.pipeline",
        (str(NODE / "perception/test_pipeline_smoother.py"),),
        "Smoother",
    ),
    "stop": Part("robot_behavior.robots.kept_stop", (str(BEHAVIOR / "robots/test_kept_stop.py"),)),
}

# Changing.

_OPPOSITE: dict[type, type] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}  # fmt: skip
_NAMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum"}
_WORDS = ("get_logger", "_log", "warning", "info")
_TESTED = (ast.Compare, ast.BoolOp, ast.UnaryOp)


def _changed(node: ast.AST) -> ast.AST | None:
    """The node with one thing changed; None where nothing is to be changed."""
    new: Any = copy.deepcopy(node)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        new.ops = [_OPPOSITE[type(node.ops[0])]()]
    elif isinstance(node, ast.BoolOp | ast.BinOp | ast.AugAssign) and type(node.op) in _OPPOSITE:
        new.op = _OPPOSITE[type(node.op)]()
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        new = new.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        new.value = not node.value if isinstance(node.value, bool) else node.value + 1
    elif isinstance(node, ast.Name) and node.id in _NAMES:
        new.id = _NAMES[node.id]
    elif isinstance(node, ast.Attribute) and node.attr in _NAMES:
        new.attr = _NAMES[node.attr]
    elif isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(node.test, _TESTED):
        new.test = ast.UnaryOp(ast.Not(), new.test)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        new = None if any(word in ast.unparse(node) for word in _WORDS) else ast.Pass()
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
        new = ast.Pass()
    else:
        return None
    return new


class _Exchange(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self._new if node is self._old else super().visit(node)


def _inside(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function that do something: neither annotations nor documentation."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield node
                yield from _inside(node)


def changes(source: str, within: str = "") -> list[tuple[str, ast.Module]]:
    """Each changed module, and what is changed in it, in the order of the source."""

    def spots(tree: ast.Module) -> list[ast.AST]:
        scopes = [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == within]
        functions = [
            found
            for scope in (scopes if within else [tree])
            for found in ast.walk(scope)
            if isinstance(found, ast.FunctionDef)
        ]
        unique = {id(node): node for function in functions for node in _inside(function)}
        return list(unique.values())

    tree = ast.parse(source)
    found = []
    for number, node in enumerate(spots(tree)):
        if (new := _changed(node)) is not None:
            other = copy.deepcopy(tree)
            changed = ast.copy_location(new, node)
            module = _Exchange(spots(other)[number], changed).visit(other)
            line = getattr(node, "lineno", 0)
            before, after = (ast.unparse(each).splitlines()[0] for each in (node, new))
            found.append((f"{line}: {before} -> {after}", ast.fix_missing_locations(module)))
    return sorted(found, key=lambda each: int(each[0].partition(":")[0]))


# Trying.


class _Changed(SourceFileLoader):
    """Loads a changed module in the place of the one that is in its file."""

    tree: ast.Module

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.tree, self.path, "exec")


class _Finder(PathFinder):
    def __init__(self, name: str, tree: ast.Module) -> None:
        self._name, self._tree = name, tree

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # type: ignore[override]
        spec = PathFinder.find_spec(fullname, path, target) if fullname == self._name else None
        if spec is None or spec.origin is None:
            return None
        loader = _Changed(fullname, spec.origin)
        loader.tree = self._tree
        return importlib.util.spec_from_file_location(fullname, spec.origin, loader=loader)


def start(part: Part, tree: ast.Module, limit_s: float) -> int:
    """Begins to run the tests with a changed module; the child's number."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    resource.setrlimit(resource.RLIMIT_CPU, (int(limit_s) + 1, int(limit_s) + 5))
    sys.meta_path.insert(0, _Finder(part.module, tree))
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-profile=ci"]
    os._exit(0 if pytest.main([*options, *part.tests]) == 0 else 1)


def ended() -> tuple[int, int, float]:
    """Waits for a child: which, its exit code, and its processor time in seconds."""
    child, status, used = os.wait3(0)
    return child, os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime


def survivors(part: Part, share: float, jobs: int) -> tuple[list[str], int]:
    """The changes that no test notices, and how many were tried.

    Raises:
        RuntimeError: the tests fail without any change.
    """
    spec = importlib.util.find_spec(part.module.partition(".")[0])
    assert spec is not None and spec.origin is not None
    inside = part.module.split(".")[1:]
    source = Path(spec.origin).parent.joinpath(*inside).with_suffix(".py").read_text()
    start(part, ast.parse(source), 3600.0)
    _, code, used_s = ended()
    if code:
        raise RuntimeError(f"the tests of {part.module} fail as it is: pytest {part.tests}")
    every = changes(source, part.within)
    chosen = every[:: max(round(1.0 / share), 1)]
    running: dict[int, str] = {}
    lived, waiting = [], list(chosen)
    while waiting or running:
        while waiting and len(running) < jobs:
            what, tree = waiting.pop(0)
            running[start(part, tree, 10.0 * used_s + 20.0)] = what
        child, code, _ = ended()
        what = running.pop(child)
        if code == 0:
            lived.append(what)
            print(f"  survives {what}", flush=True)
        if (tried := len(chosen) - len(waiting) - len(running)) % 10 == 0:
            print(f"  {tried} of {len(chosen)} tried", flush=True)
    return lived, len(chosen)


def main(arguments: Sequence[str] | None = None) -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="tests.mutants", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--share", type=float, default=1.0, help="of the changes, 0..1")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for name in options.only:
        print(f"{name}: {PARTS[name].module}", flush=True)
        lived, tried = survivors(PARTS[name], options.share, options.jobs)
        print(f"{name}: {tried - len(lived)} of {tried} changes are noticed")
    return 0


if __name__ == "__main__":
    sys.exit(main())

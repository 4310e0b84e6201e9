"""Does a test fail where the code is wrong? Changes one thing after another, and runs its tests.

    python -m tests.mutants                       # arbiter, mover, smoother and stop
    python -m tests.mutants --only arbiter stop
    python -m tests.mutants --only mover --share 0.2    # every fifth change
    python -m tests.mutants --only mover --lines 179 259    # only changes of these lines

A change that no test notices *survives*: it is printed, and it is either without effect, or
something that the tests do not know. Changed are comparisons, ``and`` and ``or``, ``not``, signs,
operators, numbers, ``min`` and ``max``, and each call or assignment of an attribute is left out
once. pytest collects the tests once. Each change has a child process, which runs the tests that
come to the changed statement, the quickest first. Its processor time is limited, not its duration:
a busy machine changes no verdict. What is drawn by chance is drawn alike in each run. What a test's
module makes while it is imported is made by the code as it is.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from hypothesis import Phase, settings

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


def _inside(tree: ast.AST, line: int) -> Iterator[tuple[ast.AST, int]]:
    """What of a function does something, not what annotates; and the line of its statement."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                at = node.lineno if isinstance(node, ast.stmt) else line
                yield node, at
                yield from _inside(node, at)


@dataclass(frozen=True)
class Change:
    """One thing that may be wrong.

    Attributes:
        what: in words.
        number: of its line.
        line: where its statement begins; a test that does not come to it cannot notice.
        old: node of the module.
        new: what is in its place.
    """

    what: str
    number: int
    line: int
    old: ast.AST
    new: ast.AST


def changes(tree: ast.Module, within: str = "") -> list[Change]:
    """Of a module, or of one of its classes, in the order of the source."""
    scopes = [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == within]
    spots = {
        id(node): (node, line)
        for scope in (scopes if within else [tree])
        for function in ast.walk(scope)
        if isinstance(function, ast.FunctionDef)
        for node, line in _inside(function, function.body[0].lineno)
    }
    found = []
    for old, line in spots.values():
        if (new := _changed(old)) is not None:
            before, after = (ast.unparse(each).splitlines()[0] for each in (old, new))
            number = getattr(old, "lineno", line)
            new = ast.copy_location(new, old)
            found.append(Change(f"{number}: {before} -> {after}", number, line, old, new))
    return sorted(found, key=lambda change: change.number)


# Trying.

_MARK = "_comes_to"


def _marked(tree: ast.Module) -> ast.Module:
    """The module, each statement of whose functions first tells its line."""
    marked = copy.deepcopy(tree)
    functions = [node for node in ast.walk(marked) if isinstance(node, ast.FunctionDef)]
    for node in {node for function in functions for node in ast.walk(function)}:
        for name in ("body", "orelse", "finalbody"):
            if isinstance(statements := getattr(node, name, None), list):
                told = [(ast.parse(f"{_MARK}({each.lineno})").body[0], each) for each in statements]
                setattr(node, name, [each for both in told for each in both])
    return marked


def _functions(
    space: Mapping[str, Any], file: str
) -> Iterator[tuple[tuple[str, int], FunctionType]]:
    """By name and line, those of a module or class, whatever is wrapped around them."""
    for value in space.values():
        around = ("fget", "fset", "func", "__func__", "__wrapped__")
        for each in (value, *(getattr(value, name, None) for name in around)):
            if isinstance(each, FunctionType) and each.__code__.co_filename == file:
                yield (each.__qualname__, each.__code__.co_firstlineno), each
        if isinstance(value, type) and value.__module__ == space.get("__name__"):
            yield from _functions({**vars(value), "__name__": value.__module__}, file)


def _put(tree: ast.Module, module: ModuleType) -> None:
    """Lets the functions of a module, whoever has imported them, do what a changed one says."""
    file = str(module.__file__)
    space = {"__name__": module.__name__, "__file__": file}
    exec(compile(ast.fix_missing_locations(tree), file, "exec"), space)
    changed = dict(_functions(space, file))
    for key, function in _functions(vars(module), file):
        function.__code__ = changed[key].__code__
        function.__defaults__ = tuple(
            new if isinstance(new, bool | int | float) else old
            for old, new in zip(
                function.__defaults__ or (), changed[key].__defaults__ or (), strict=True
            )
        )


@dataclass(frozen=True)
class _Test:
    """One test, the processor time that it takes, and the lines to which it comes."""

    item: pytest.Item
    seconds: float
    lines: frozenset[int]


class Trial:
    """Tries the changes of a part in the place of pytest's own loop.

    Args:
        part: see `PARTS`.
        share: of the changes, 0..1.
        jobs: children at a time.
        lines: in which something is changed; none: all.

    Attributes:
        lived: the changes that no test notices.
        tried: how many changes.
    """

    def __init__(self, part: Part, share: float, jobs: int, lines: Sequence[int] = ()) -> None:
        self._part, self._share, self._jobs, self._lines = part, share, jobs, lines
        self._has_failed = False
        self.lived: list[str] = []
        self.tried = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes in what became of a test."""
        self._has_failed |= report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Tries all of them.

        Raises:
            RuntimeError: the tests fail without any change, or a change cannot be made.
        """
        module = import_module(self._part.module)
        tree = ast.parse(Path(str(module.__file__)).read_text())
        tests = self._measured(session.items, module, tree)
        every = changes(tree, self._part.within)
        every = [each for each in every if not self._lines or each.number in self._lines]
        waiting = every[:: max(round(1.0 / self._share), 1)]
        self.tried, running = len(waiting), dict[int, str]()
        while waiting or running:
            while waiting and len(running) < self._jobs:
                change = waiting.pop(0)
                running[self._begin(change, tests, module, tree)] = change.what
            child, status = os.wait()
            what, code = running.pop(child), os.waitstatus_to_exitcode(status)
            if code == _NOT_MADE:
                raise RuntimeError(f"cannot be changed: {what}")
            if code == 0:
                self.lived.append(what)
                print(f"  survives {what}", flush=True)
            if (tried := self.tried - len(waiting) - len(running)) % 50 == 0:
                print(f"  {tried} of {self.tried} tried", flush=True)
        return True

    def _measured(
        self, items: list[pytest.Item], module: ModuleType, tree: ast.Module
    ) -> list[_Test]:
        """The tests with what they take, the quickest first."""
        reader, writer = os.pipe()
        if not (child := _fork()):
            lines: set[int] = set()
            setattr(module, _MARK, lines.add)
            _put(_marked(tree), module)
            with os.fdopen(writer, "w") as told:
                for item in items:
                    lines.clear()
                    begun = time.process_time()
                    self._run(item, items)
                    told.write(json.dumps([time.process_time() - begun, sorted(lines)]) + "\n")
            os._exit(int(self._has_failed))
        os.close(writer)
        with os.fdopen(reader) as told:
            rows = [json.loads(row) for row in told]
        if os.waitpid(child, 0)[1]:
            raise RuntimeError(f"the tests fail as it is: pytest {' '.join(self._part.tests)}")
        found = zip(items, rows, strict=True)
        tests = [_Test(item, seconds, frozenset(lines)) for item, (seconds, lines) in found]
        return sorted(tests, key=lambda test: test.seconds)

    def _begin(
        self, change: Change, tests: list[_Test], module: ModuleType, tree: ast.Module
    ) -> int:
        """Runs the tests that come to a change; the child's number."""
        if child := _fork():
            return child
        try:
            _put(_Exchange(change.old, change.new).visit(tree), module)
        except Exception:
            os._exit(_NOT_MADE)
        chosen = [test for test in tests if change.line in test.lines]
        items = [test.item for test in chosen]
        for test in chosen:
            signal.setitimer(signal.ITIMER_PROF, 10.0 * test.seconds + 3.0)
            self._run(test.item, items)
            if self._has_failed:
                break
        os._exit(int(self._has_failed))

    def _run(self, item: pytest.Item, items: list[pytest.Item]) -> None:
        after = items[items.index(item) + 1 :]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=next(iter(after), None))


_NOT_MADE = 3


def _fork() -> int:
    """A child that prints nothing and is ended by its clock; 0 in it."""
    sys.stdout.flush()
    if child := os.fork():
        return child
    os.setsid()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    return 0


_OPTIONS = [
    "-qq",
    "-s",
    "--no-summary",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "--hypothesis-profile=mutants",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="tests.mutants", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--share", type=float, default=1.0, help="of the changes, 0..1")
    parser.add_argument("--lines", type=int, nargs="+", default=[], help="only changes of these")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # The first example that fails is enough, and need not become a small one.
    settings.register_profile(
        "mutants",
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        report_multiple_bugs=False,
    )
    for name in options.only:
        print(f"{name}: {PARTS[name].module}", flush=True)
        trial = Trial(PARTS[name], options.share, options.jobs, options.lines)
        command = [*_OPTIONS, *PARTS[name].tests]
        if code := pytest.main(command, plugins=[trial]):
            return int(code)
        print(f"{name}: {trial.tried - len(trial.lived)} of {trial.tried} changes are noticed")
    return 0


if __name__ == "__main__":
    sys.exit(main())

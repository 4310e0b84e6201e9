"""Every command that a page shows works, or is marked with the reason why it is not tried.

What takes long, or changes the machine, is not done again for each page. The programs have tests
of their own, see `RUN_BY`. Here each line is held against what the programs accept: an argument
against the parser, a variable of make against the Makefile, a message against its definition, a
file against the folder. What is none of ours is marked, before the block:

    <!-- not run: it needs a network -->
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from markdown_it import MarkdownIt

from ec_rfernet.errors import InputError
from ec_rfernet.training.config import read_preset
from fer_bringup.arguments import ARGUMENTS, COMMANDS, Argument
from robot_behavior.simulator.command import main as behavior_sim

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = ("*.md", "docs/**/*.md", "models/*/*.md", "ros2_ws/src/**/*.md", "firmware/**/*.md")
PAGES = sorted({path for pattern in PATTERNS for path in ROOT.glob(pattern)})
SHELL = ("sh", "bash", "shell", "console")
OTHERS = {
    ".", "apt", "aplay", "cat", "cd", "chromium", "colcon", "cp", "docker", "echo", "export", "for",
    "git", "ip", "ls", "make", "mcap", "mkdir", "pip", "python", "python3", "ros2", "rosdep",
    "source", "speaker-test", "sudo", "torchrun", "uv", "v4l2-ctl",
}  # fmt: skip
"""First words of what is a command, beside our programs."""

SHARED = ROOT / "ros2_ws/src/ec_rfernet/ec_rfernet/commands/options.py"
"""Declares options for several programs."""

REGISTERED = ("my_arm", "beeps")
"""Names that the package of ``docs/extending.md`` registers; `test_extending` runs them."""

HARMLESS = {"cat", "cd", "cp", "echo", "export", "ls", "mkdir"}
RUN_BY = {
    "robot": "../../tests/test_end_to_end.py",
    **{f"robot {command}": "fer_bringup/test/test_remote.py" for command in COMMANDS},
    "ec-rfernet analyze": "fer_monitor/test/video/test_analyze.py",
    "ec-rfernet benchmark": "ec_rfernet/test/commands/test_benchmark.py",
    **{
        f"ec-rfernet {command}": "ec_rfernet/test/test_cli.py"
        for command in ("card", "evaluate", "export", "predict", "summary", "train")
    },
    "behavior-sim": "robot_behavior/test/simulator/test_behavior_sim.py",
    "motion-check": "robot_behavior/test/motion/test_check_program.py",
    "fer-report": "fer_monitor/test/report/test_command.py",
    "fer-doctor": "fer_monitor/test/doctor/test_program.py",
    **{
        f"fer-study {command}": "fer_study/test/test_store.py"
        for command in ("delete", "export", "list", "new")
    },
    "fer-study run": "../../tests/test_documented_commands.py",  # and its parts in fer_study/test
    "fer-study summary": "fer_study/test/test_summary.py",
    "fake_naoqi": "robot_behavior/test/robots/nao/test_naoqi.py",
    "naoqi-animation": "robot_behavior/test/robots/nao/test_naoqi.py",
}
"""Which file runs a program, or a command of it."""


@cache
def docs() -> ModuleType:
    """``scripts/generate_docs.py``."""
    spec = spec_from_file_location("documented", ROOT / "scripts" / "generate_docs.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules["documented"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What pages show.


@dataclass(frozen=True)
class Shown:
    """Some commands of a page; ``mark`` is why not all of them are tried, if there is a reason."""

    line: int
    text: str
    mark: str = ""
    is_block: bool = True


def shown(text: str) -> Iterator[Shown]:
    """The blocks of commands of a page, and the commands within its sentences."""
    mark = ""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        found = re.search(r"<!-- not run: (.+?) -->", token.content)
        if token.type == "html_block":
            mark = found[1] if found else ""
            continue
        if token.type in ("fence", "code_block") and _is_shell(token.info, token.content):
            yield Shown((token.map or [0])[0] + 1, token.content, mark)
        for child in token.children or ():
            name, _, rest = child.content.partition(" ")
            if child.type == "code_inline" and rest and name in {*own(), "make", "python", "ros2"}:
                yield Shown((token.map or [0])[0] + 1, child.content, is_block=False)
        mark = ""


def _is_shell(info: str, text: str) -> bool:
    language = info.split(" ")[0]
    return language in SHELL or (not language and _is_known(_first(text)))


def _first(text: str) -> str:
    return (text.split() or [""])[0]


def own() -> set[str]:
    """Our programs."""
    return {name.split()[0] for name in docs().PROGRAMS}


def _is_known(word: str) -> bool:
    return word in own() | OTHERS or (len(word) > 1 and os.access(ROOT / word, os.X_OK))


def statements(text: str) -> Iterator[list[str]]:
    """The words of each command, as a shell would split them."""
    text = text.replace("\\\n", " ")
    text = re.sub(r"<[a-z][a-z ]*>", "PLACEHOLDER", text)
    text = re.sub(r"(?<= )\[(-[^\]\n]*)\]", r"\1", text)  # what may be left out
    text = re.sub(r"(?<= )\[[a-zA-Z|]+\]", "", text)
    text = re.sub(r"\$\([^)]*\)", "1", text)
    text = text.replace("$HOME", "/home/me").replace("$PWD", str(ROOT))
    text = re.sub(r"\$\{?\w+\}?", "1", text)
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word in ("&&", "||", ";", "|", "&"):
                yield from _stripped(words)
                words = []
            else:
                words.append(word)


def _stripped(words: list[str]) -> Iterator[list[str]]:
    """Without what belongs to the shell: loops, variables, files for the output."""
    while words and (words[0] in ("do", "then") or re.match(r"\w+=", words[0])):
        words = words[1:]
    for sign in (">", ">>", "<"):
        while sign in words:
            at = words.index(sign)
            words = words[:at] + words[at + 2 :]
    if words and words[0] not in ("for", "done"):
        yield words


# What is accepted.


class WrongError(Exception):
    """A command does not work as it is written."""


def try_all(given: Shown) -> list[str]:
    """The commands that are none of ours.

    Raises:
        WrongError: one of ours would be refused.
    """
    folder, left = ROOT, []
    for words in statements(given.text):
        if words[0] == "cd":
            folder = _folder(folder, words[1])
        elif not accepted(words, folder, given.is_block and "..." not in given.text):
            left.append(" ".join(words))
    return left


def _folder(folder: Path, name: str) -> Path:
    if name == "PLACEHOLDER":
        return ROOT
    if not (folder / name).is_dir():
        raise WrongError(f"there is no folder {name}")
    return folder / name


def accepted(words: list[str], folder: Path, whole: bool) -> bool:
    """Whether it is a command of ours, and thus was tried.

    Raises:
        WrongError: it would be refused.
    """
    name, rest = words[0], words[1:]
    if name in own():
        parse(name, rest, whole)
        return True
    if name in HARMLESS:
        if name == "cp" and rest[0].startswith("ros2_ws") and not (ROOT / rest[0]).exists():
            raise WrongError(f"there is no {rest[0]}")
        return True
    if name in LOOKS:
        return LOOKS[name](rest, folder, whole)
    if name == "scripts/setup.sh" and {*rest} - {"robot", "viewer", "dev"}:
        raise WrongError(f"{name} does not know {rest}")
    return (ROOT / name).is_file()


def parse(name: str, arguments: list[str], whole: bool) -> None:
    """Lets the parser of a program look at arguments."""
    program = name
    if name == "robot" and arguments and arguments[0][0] != "-":
        program = "robot COMMAND"
    make_parser = docs().loaded(docs().PROGRAMS[program])
    given = [word for word in arguments if word != "..."]
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
            parser = make_parser(*given[:1]) if name == "ec-rfernet" else make_parser()
            values = vars(parser.parse_args(given))
            if preset := values.get("preset"):
                read_preset(preset)
            if program == "robot":
                for argument in ARGUMENTS:
                    check(argument, str(values[argument.name]))
    except InputError as error:
        raise WrongError(f"{name}: {error}") from error
    except SystemExit as end:
        lacks = re.search(r"required|expected (one|at least)|choice: '[A-Z]+'", told.getvalue())
        if end.code and (whole or not lacks):
            raise WrongError(told.getvalue().strip()) from end


def check(argument: Argument, value: str) -> None:
    """Looks at the value of an argument of the robot, unless it is a placeholder."""
    if not value.isupper() and value not in REGISTERED:
        try:
            argument.checked(value)
        except InputError as error:
            raise WrongError(str(error)) from error


def make(words: list[str], _folder: Path, whole: bool) -> bool:
    """Lets make say what it would do, and looks at the programs that it would start."""
    if any("..." in word for word in words):
        return True
    done = dry_run(*words)
    lacks = re.search(r"Makefile:\d+: \*\*\*", done.stderr)  # a variable that it insists on
    if done.returncode and (whole or not lacks):
        raise WrongError(done.stderr.strip())
    for line in done.stdout.replace("\\\n", " ").splitlines():
        for started in statements(line) if "lib/fer_bringup/robot" in line else ():
            if Path(started[0]).name == "robot":
                parse("robot", started[1:], True)
    return True


@cache
def dry_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What make would do."""
    command = ["make", "-n", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def python(words: list[str], folder: Path, whole: bool) -> bool:
    """A module or a script of ours, with options that stand in its source."""
    if words[0] == "-m" and words[1] == "pytest":
        for word in words[2:]:
            if "/" in word and not (folder / word).exists():
                raise WrongError(f"there is no {word}")
        return True
    if words[0] == "-m":
        if words[1] not in sys.builtin_module_names and not words[1].startswith(("tests.", "ec_r")):
            return False
        if words[1] == "ec_rfernet.cli":
            parse("ec-rfernet", words[2:], whole)
            return True
        spec = find_spec(words[1])
        if spec is not None and spec.submodule_search_locations:
            spec = find_spec(f"{words[1]}.__main__")
        if spec is None or spec.origin is None:
            raise WrongError(f"there is no module {words[1]}")
        path = Path(spec.origin)
    else:
        path = folder / words[0]
        if not path.is_file():
            raise WrongError(f"there is no {words[0]}")
    source = path.read_text("utf-8") + SHARED.read_text("utf-8")
    options = [word for word in words if word.startswith("--")]
    unknown = [word for word in options if not re.search(f'"(--)?{word[2:]}"', source)]
    if unknown:
        raise WrongError(f"{path.name} does not know {unknown}")
    return True


def pip(words: list[str], folder: Path, _whole: bool) -> bool:
    """Whether only files and folders of ours are installed."""
    files = [after for before, after in pairwise(words) if before == "-r"]
    places = [word for word in words[1:] if word.startswith(("./", "requirements/"))]
    for name in {*files, *(re.sub(r"\[.*", "", place) for place in places)}:
        if not (folder / name).exists():
            raise WrongError(f"there is no {name}")
    return bool(files or places) or words == ["install", "."] or words[-1] == "."


def ros2(words: list[str], _folder: Path, whole: bool) -> bool:
    """Launch files, executables, messages and parameters of ours."""
    kind, rest = words[0], words[1:]
    if kind == "launch" and rest[:1] == ["fer_bringup"]:
        known = {argument.name: argument for argument in ARGUMENTS}
        for word in rest[2:]:
            name, sign, value = word.partition(":=")
            if not sign or name not in {*known, "rviz"}:
                raise WrongError(f"{rest[1]} has no argument {word}")
            if name in known:
                check(known[name], value)
        return (ROOT / "ros2_ws/src/fer_bringup/launch" / rest[1]).is_file()
    if kind == "run" and len(rest) > 1:
        scripts = entry_points(group="console_scripts", name=rest[1])
        if not any(entry.value.startswith(f"{rest[0]}.") for entry in scripts):
            if (ROOT / "ros2_ws/src" / rest[0]).is_dir():
                raise WrongError(f"{rest[0]} has no executable {rest[1]}")
            return False
        if rest[1] == "robot":
            parse("robot", rest[2:], whole)
        _parameters(rest[1], rest[2:])
        return True
    if kind in ("topic", "service", "action") and rest[:1] in (["pub"], ["call"], ["send_goal"]):
        return _message(kind, rest[1:])
    if kind == "param" and len(rest) > 2:
        _parameters(rest[1].rpartition("/")[2], ["-p", f"{rest[2]}:=1"])
    return kind in ("topic", "service", "action", "param", "lifecycle", "node", "launch", "run")


def sourced(words: list[str], folder: Path, _whole: bool) -> bool:
    """Whether it is a script of ours."""
    return words[0].startswith(("scripts/", "install/")) and (folder / words[0]).is_file()


LOOKS = {
    ".": sourced, ".venv/bin/pip": pip, ".venv/bin/python": python, "make": make, "pip": pip,
    "python": python, "python3": python, "ros2": ros2, "source": sourced,
}  # fmt: skip
"""What looks at the arguments of programs that are not ours."""


def _parameters(node: str, words: list[str]) -> None:
    nodes = docs().nodes()
    if node not in nodes:
        return
    known = {parameter.name for parameter in nodes[node]} | {*docs().set_by_bringup()[node]}
    for before, after in pairwise(words):
        if before == "-p" and after.partition(":=")[0] not in known:
            raise WrongError(f"{node} has no parameter {after.partition(':=')[0]}")


def _message(kind: str, words: list[str]) -> bool:
    at = next((n for n, word in enumerate(words) if re.fullmatch(r"\w+/(\w+/)?\w+", word)), None)
    if at is None:
        return True
    package, *_, name = words[at].split("/")
    folder = {"topic": "msg", "service": "srv", "action": "action"}[kind]
    part = {"topic": "", "service": "Request", "action": "Goal"}[kind]
    try:
        made = getattr(import_module(f"{package}.{folder}"), name)
        message = (getattr(made, part) if part else made)()
        if len(words) > at + 1 and words[at + 1][0] == "{":
            _fill(message, yaml.safe_load(words[at + 1]))
    except (AttributeError, ModuleNotFoundError, TypeError, ValueError) as error:
        raise WrongError(f"{words[at]}: {error}") from error
    return True


def _fill(message: object, values: dict[str, object]) -> None:
    for name, value in values.items():
        field = getattr(message, name)
        if isinstance(value, dict):
            _fill(field, value)
        else:
            setattr(message, name, type(field)(value))


# The tests.


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_command_works_or_is_marked(page: Path) -> None:
    wrong = []
    for each in shown(page.read_text("utf-8")):
        try:
            left = try_all(each)
        except WrongError as error:
            wrong.append(f"line {each.line}: {error}")
            continue
        if each.is_block and left and not each.mark:
            wrong.append(f"line {each.line}: say before it why this is not run: {left}")
        if each.mark and not left:
            wrong.append(f"line {each.line}: all of it is tried: the mark may go")
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("make no-such-target", "no-such-target"),
        ('make run ARGS="--camra 0"', "--camra"),
        ('make run ARGS="--robot no_robot"', "no_robot"),
        ("robot plaay nod", "plaay"),
        ("robot --view loud", "loud"),
        ("ec-rfernet train --out runs/x --root y --no-such", "--no-such"),
        ("ec-rfernet train --preset fer2013_nano", "required"),
        ("ec-rfernet train --root x --out y --preset no_preset", "no_preset"),
        ("behavior-sim --sed 1 x y", "x y|y"),
        ("fer-study run greeting", "--participant"),
        ("python -m tests.soak --hour 8", "--hour"),
        ("python -m tests.no_module", "no_module"),
        ("python -m pytest tests/test_no.py", "test_no"),
        ("pip install -r requirements/no.txt", "no.txt"),
        ("cd no_folder", "no_folder"),
        ("scripts/setup.sh viewr", "viewr"),
        ("ros2 launch fer_bringup robot.launch.py camra:=0", "camra"),
        ("ros2 launch fer_bringup robot.launch.py robot:=no_robot", "no_robot"),
        ("ros2 run fer_bringup no_robot", "no_robot"),
        ("ros2 run robot_behavior motion_player --ros-args -p sped:=1", "sped"),
        ("ros2 topic pub /emotion fer_interfaces/msg/Emotion '{lable: happy}'", "lable"),
        ("ros2 topic pub /emotion fer_interfaces/msg/Emotions '{}'", "Emotions"),
        ("ros2 action send_goal /say fer_interfaces/action/Say '{priority: loud}'", "Say"),
        ("ros2 param set /motion_player sped_scale 0.5", "sped_scale"),
    ],
)
def test_a_mistake_is_found(text: str, complaint: str) -> None:
    with pytest.raises(WrongError, match=complaint):
        try_all(Shown(1, text))


def test_what_is_none_of_ours_needs_a_mark() -> None:
    text = "<!-- not run: a reason -->\n\n    git clone x && make help\n\nThen\n\n    git pull\n"
    marked, bare = shown(text)
    assert (marked.mark, bare.mark) == ("a reason", "")
    assert try_all(marked) == ["git clone x"] and try_all(bare) == ["git pull"]


def test_what_is_no_command_is_left_alone() -> None:
    text = "    time  seen\n    0.0   nobody\n\n```python\nmake = 1\n```\n\n`a b`, `robot list`\n"
    assert [each.text for each in shown(text)] == ["robot list"]


def test_each_program_is_run_by_a_test() -> None:
    called = [name for program in docs().PROGRAMS for name, _ in docs().parsers(program)]
    assert sorted(RUN_BY) == sorted(called)
    for name, file in RUN_BY.items():
        source = (ROOT / "ros2_ws" / "src" / file).read_text("utf-8")
        command = name.partition(" ")[2]
        assert re.search(rf"\b{command}\b" if command else r"\b(main|robot)\(", source), name


def test_the_first_tutorial_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its responses are taken over as it says, and the robot says what they tell it."""
    page = (ROOT / "docs" / "tutorials" / "first_response.md").read_text("utf-8")
    block = re.search(r"```yaml my_behaviors.yaml\n(.*?)```", page, re.DOTALL)
    assert block
    installed = ROOT / "ros2_ws/src/robot_behavior/config/behaviors.yaml"
    before, lines, after = re.split(
        r"(^  happy:\n.*?)(?=^  # Comfort)",
        installed.read_text("utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )
    assert "say: happy" in lines and "emotions:\n" in before
    file = tmp_path / "my_behaviors.yaml"
    file.write_text(before + block[1] + "\n" + after)
    own_ones = yaml.safe_load(block[1])
    assert behavior_sim(["--behaviors", str(file), "--seed", "1"]) == 0
    told = capsys.readouterr().out
    said = [sentence for variant in own_ones["happy"]["variants"] for sentence in variant["say"]]
    assert said and [sentence for sentence in said if sentence not in told] == []


def test_a_session_needs_a_study(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fer_study.program", "run", str(tmp_path)]
    done = subprocess.run(
        [*command, "--participant", "01"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and str(tmp_path) in done.stderr and "Traceback" not in done.stderr

"""The command ``fer-doctor``: runs the checks, and shows what they found."""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import signal
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from types import FrameType
from typing import NoReturn

from ec_rfernet.errors import writable
from fer_common.reason import Level
from fer_monitor.doctor import devices, machine, ros, software
from fer_monitor.doctor.check import Check, Diagnosis, examine_all
from fer_monitor.doctor.host import Children, this_host

CHECKS = (
    Check("python", software.python),
    Check("packages", software.packages),
    Check("plugins", software.plugins),
    Check("naoqi", software.naoqi),
    Check("tests", software.tools_of_tests),
    Check("ros", ros.ros),
    Check("workspace", software.workspace),
    Check("models", software.models),
    Check("camera", devices.cameras),
    Check("sound", devices.sound),
    Check("dds", ros.exchange),
    Check("shm", machine.shared_memory),
    Check("processor", machine.processor),
    Check("room", machine.room),
    Check("serial", devices.serial_ports),
    Check("unitree", devices.unitree),
    Check("speed", machine.speed, alone=True),
)
_ABOUT = """Checks this machine in a few seconds and says what is wrong and how to mend it.
A camera is opened for a moment; its picture stays in memory."""
_CODES = "Exit code: 0 if nothing FAILs, 1 if something does, 2 for a wrong option."
_WORDS = {Level.OK: "OK", Level.WARN: "WARN", Level.ERROR: "FAIL"}
_COLOURS = {Level.OK: "32", Level.WARN: "33", Level.ERROR: "31"}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {writable(message)}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: of the command line; None for those of this process.

    Returns:
        Exit code: 0 if nothing fails, 1 if something does, 2 if it cannot be told.
    """
    children = Children()
    _quit_on_signal(children)
    options = make_parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # its encoding may have fewer letters
        sys.stdout.reconfigure(errors="replace")
    start = time.monotonic()
    try:
        host = this_host(children.run)
        if options.before_setup:
            for finding in software.before_setup(host, options.before_setup):
                print(writable("; ".join(filter(None, (finding.text, finding.remedy)))))
                return 1  # set-up tells the first thing that is missing, in one line
            return 0
        findings = examine_all([check for check in CHECKS if check.name in options.only], host)
    finally:
        children.end()
    seconds = time.monotonic() - start
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size().columns
    try:
        shown = document if options.json else partial(table, width=width, coloured=coloured)
        print(shown(findings, seconds), flush=True)
    except OSError as error:
        # Python would write the rest at its end, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # ``| head`` has seen enough
            print(f"fer-doctor: output: {error.strerror}", file=sys.stderr)
            return 2
    return int(_has_failed(findings))


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    names = [check.name for check in CHECKS]
    only = f"only these: {', '.join(names)}"
    setup = "only what stops `scripts/setup.sh` of that name, in one line; it asks this itself"
    parser = _Parser(prog="fer-doctor", description=_ABOUT, epilog=_CODES)
    parser.add_argument("--json", action="store_true", help="for a program instead of for people")
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="CHECK", help=only
    )
    parser.add_argument("--before-setup", choices=software.SETUP_MB, help=setup)
    return parser


def _quit_on_signal(children: Children) -> None:
    """Lets what ends a program end this one at once, and all that it has started."""

    def leave(number: int, _frame: FrameType | None) -> None:
        children.end()
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, leave)


def _has_failed(findings: Sequence[Diagnosis]) -> bool:
    return any(finding.level == Level.ERROR for finding in findings)


def table(findings: Sequence[Diagnosis], seconds: float, width: int, coloured: bool) -> str:
    """A line for each finding, and below it how to mend what is wrong.

    Args:
        findings: each with its subject.
        seconds: how long it took.
        width: of the terminal, characters.
        coloured: whether it understands ANSI colours.
    """
    name = max((len(str(finding.subject)) for finding in findings), default=0)
    indent = " " * (name + 8)
    wrapper = textwrap.TextWrapper(max(30, width - 1), break_long_words=False)
    wrapper.initial_indent, wrapper.subsequent_indent = " " * 6, indent
    wrapper.break_on_hyphens = False
    lines = []
    for finding in findings:
        word = f"{_WORDS[finding.level]:<4}"
        colour = f"\033[{_COLOURS[finding.level]}m{word}\033[0m" if coloured else word
        text = wrapper.fill(writable(f"{finding.subject!s:<{name}}  {finding.text}"))
        lines.append(f"{colour}  {text[6:]}")
        if finding.remedy:
            mend = writable(finding.remedy)
            lines.append(f"{indent}mend: {mend}")  # in one line, to be copied
    counts = Counter(_WORDS[finding.level] for finding in findings)
    if counts["FAIL"]:
        verdict = "something will not work until it is mended"
    elif counts["WARN"]:
        verdict = "the robot runs, with less than it could"
    else:
        verdict = "all is well"
    figures = ", ".join(f"{counts[word]} {word}" for word in _WORDS.values())
    return "\n".join([*lines, "", f"{figures} in {seconds:.1f} s: {verdict}"])


def document(findings: Sequence[Diagnosis], seconds: float) -> str:
    """The findings as JSON."""
    names = ("check", "status", "text", "remedy")
    rows = [(f.subject, _WORDS[f.level], f.text, f.remedy or "") for f in findings]
    told = [dict(zip(names, row)) for row in rows]  # noqa: B905 - strict= is unknown to Python 3.9
    values = {"ok": not _has_failed(findings), "seconds": round(seconds, 2), "findings": told}
    return json.dumps(values, indent=2)

"""The command ``fer-doctor``."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from fer_monitor.doctor.children import Children
from fer_monitor.doctor.finding import FAIL, Finding
from fer_monitor.doctor.schedule import Check, examine_all
from fer_monitor.doctor.table import document, table
from fer_monitor.doctor.world import World, this_world

_ABOUT = """Checks this machine in a few seconds and says what is wrong and how to mend it.
A camera is opened for a moment; its picture stays in memory."""
_CODES = "Exit code: 0 if nothing FAILs, 1 if something does, 2 for a wrong option."


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: of the command line; None for those of this process.

    Returns:
        Exit code: 0 if nothing fails, 1 if something does.
    """
    children = Children()
    _quit_on_signal(children)
    from fer_monitor.doctor.checks import FIRST, LAST

    names = [check.name for check in (*FIRST, *LAST)]
    options = _options(names, arguments)
    start = time.monotonic()
    try:
        findings = _findings(this_world(children.run), (FIRST, LAST), set(options.only or names))
    finally:
        children.end()
    seconds = time.monotonic() - start
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size().columns
    text = document(findings, seconds) if options.json else ""
    _show(text or table(findings, seconds, width, coloured))
    return int(any(finding.status == FAIL for finding in findings))


def _options(names: Sequence[str], arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="fer-doctor", description=_ABOUT, epilog=_CODES)
    parser.add_argument("--json", action="store_true", help="for a program instead of for people")
    parser.add_argument(
        "--only", nargs="+", choices=names, metavar="CHECK", help=f"only these: {', '.join(names)}"
    )
    return parser.parse_args(arguments)


def _findings(world: World, phases: Sequence[Sequence[Check]], wanted: set[str]) -> list[Finding]:
    """The phases one after the other; the last measures times and is disturbed by nobody."""
    return [
        finding
        for phase in phases
        for finding in examine_all([check for check in phase if check.name in wanted], world)
    ]


def _show(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # ``| head`` has seen enough; Python would write the rest at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _quit_on_signal(children: Children) -> None:
    """Lets Ctrl-C and SIGTERM end this process at once, and all that it has started."""

    def leave(number: int, _frame: FrameType | None) -> None:
        children.end()
        os._exit(128 + number)

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)

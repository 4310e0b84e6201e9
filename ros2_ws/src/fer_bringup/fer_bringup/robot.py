"""``robot``: the whole robot in one process, and commands to a robot that runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from fer_common.entry import INTERRUPTED, execute, program

_NEEDS = (1700, 250)  # MB of address space besides the cores', and of memory
_NEEDS_OF_COMMAND = (700, 80)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the robot, or carries out one of `fer_bringup.arguments.COMMANDS`.

    Returns:
        Exit code: 0 after a normal end, also by Ctrl-C; 2 when it could not start, with
        one line that says why. For that of a command see `fer_bringup.remote.run`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "_ARGCOMPLETE" in os.environ:
        _complete(os.environ.get("COMP_LINE", "").split()[1:])

    def ask() -> int:
        from fer_bringup.arguments import read_command

        options = read_command(given)
        from fer_bringup import remote  # takes half a second

        return remote.run(options)

    def work() -> int:
        from fer_bringup.application import run  # takes a second

        return run(arguments)

    if given and not given[0].startswith("-"):
        return program(ask, _NEEDS_OF_COMMAND, INTERRUPTED)
    return program(work, _NEEDS)


def _complete(words: Sequence[str]) -> None:
    """Tells the shell how the line can go on, and ends the process."""
    import argcomplete

    from fer_bringup.arguments import make_command_parser, make_parser

    def motions(parsed_args: Any, **_: Any) -> list[str]:
        from fer_bringup import remote

        return remote.known_motions(parsed_args.namespace, parsed_args.network)

    starts = words and words[0].startswith("-")
    parser = make_parser() if starts else make_command_parser({"motion": motions})
    argcomplete.autocomplete(parser, always_complete_options="long" if starts else False)


def supervisor() -> int:
    """``ros2 run fer_bringup supervisor``: watches the nodes that ``robot.launch.py`` starts."""
    return execute("fer_bringup.supervisor:Supervisor")


if __name__ == "__main__":
    sys.exit(main())

"""``robot``: the whole robot in one process, and commands to a robot that runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ec_rfernet.cli import output_matters
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
        if options.command == "stop":  # before what takes long
            from robot_behavior.robots.kept_stop import stop_here

            domain = int(os.environ.get("ROS_DOMAIN_ID") or 0)
            options.here = stop_here(domain, options.namespace)
        from fer_bringup import remote  # takes half a second

        with nullcontext() if options.command == "watch" else output_matters():
            return remote.run(options)

    def work() -> int:
        from ament_index_python.packages import get_package_share_directory

        from fer_bringup.arguments import read

        share = Path(get_package_share_directory("fer_bringup"))
        options = read(given, share / "config" / "robot.yaml")
        from fer_bringup.application import run  # takes half a second

        return run(options)

    if given and not given[0].startswith("-"):
        return program(ask, _NEEDS_OF_COMMAND, INTERRUPTED)
    return program(work, _NEEDS)


def _complete(words: Sequence[str]) -> None:
    """Tells the shell how the line can go on, and ends the process."""
    import argcomplete
    from argcomplete.completers import SuppressCompleter

    from fer_bringup.arguments import make_command_parser, make_parser

    def known(what: str) -> Callable[..., list[str]]:
        def words(parsed_args: Any, **_: Any) -> list[str]:
            from fer_bringup import remote

            return remote.known(what, parsed_args.namespace, parsed_args.network)

        return words

    if words and words[0].startswith("-"):
        argcomplete.autocomplete(make_parser(), always_complete_options="long")
    # No command takes a file.
    no_files = SuppressCompleter()
    parser = make_command_parser({what: known(what) for what in ("motion", "name")})
    argcomplete.autocomplete(parser, always_complete_options=False, default_completer=no_files)


def supervisor() -> int:
    """``ros2 run fer_bringup supervisor``: watches the nodes that ``robot.launch.py`` starts."""
    return execute("fer_bringup.supervisor:Supervisor")


if __name__ == "__main__":
    sys.exit(main())

"""Command line of the ``robot`` executable."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_bringup.arguments import ARGUMENTS, Settings

VIEWS = ("auto", "panel", "lines", "none")


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    Attributes:
        settings: which robot.
        view: one of `VIEWS`.
        video: folder for an annotated video; None for none.
        profile: whether to tell at the end where the time of an image went.
    """

    settings: Settings
    view: str
    video: Path | None
    profile: bool


def read(arguments: Sequence[str] | None, config: Path) -> Options:
    """Reads the command line; prints help, or what is wrong, and exits, as argparse does.

    Args:
        arguments: without the program's name; None for those of this process.
        config: the parameter file for when none is given.

    Raises:
        InputError: the value of an argument is not allowed.
    """
    parser = argparse.ArgumentParser(
        prog="robot",
        description="Every node of the robot in one process. Ctrl-C brings it to rest and stops.",
        epilog="The arguments are those of robot.launch.py.",
    )
    for argument in ARGUMENTS:
        # The view tells what happens; of the messages, warnings are enough beside it.
        default = "warn" if argument.name == "log_level" else argument.default
        parser.add_argument(
            f"--{argument.name}",
            default=default,
            metavar="|".join(argument.choices) or "VALUE",
            help=f"{argument.description} (default: {default or 'empty'})",
        )
    parser.add_argument(
        "--view",
        default="auto",
        choices=VIEWS,
        help="panel: stays in place; lines: one line per change; auto: panel on a terminal",
    )
    parser.add_argument(
        "--video",
        type=Path,
        metavar="FOLDER",
        help="write an annotated video, the voice and a summary there; off unless asked for, "
        "for it shows people",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="at the end, a table of where the time of the last images went, by stage",
    )
    values = vars(parser.parse_args(arguments))
    view, video, profile = (values.pop(name) for name in ("view", "video", "profile"))
    return Options(Settings.read(values, config), view, video, profile)

"""The command line ``ec-rfernet``. Each command is a module of `ec_rfernet.commands`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from ec_rfernet.errors import InputError
from ec_rfernet.program import Parser, exit_code

COMMANDS = {
    "summary": "layer table, parameters, multiply-accumulates and size of a network",
    "train": "train a network and write it as a bundle",
    "evaluate": "accuracy, F1, recall and calibration of a bundle on a data set",
    "export": "write a bundle's networks, fp32 and int8, anew from its weights, and compare them",
    "card": "write a bundle's model card; with --root, calibrate and measure the bundle before",
    "benchmark": "speed of the networks on this machine, beside what one would use instead",
    "predict": "faces and expressions in pictures",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        Exit code: 0 on success, 2 after one clear line on bad input, 130 on Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    return exit_code("ec-rfernet", lambda: _run(given))


def _run(given: list[str]) -> None:
    parser = Parser(prog="ec-rfernet", description="Facial expression recognition.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if given[:1] == [name]:  # imports torch or mediapipe only for the command that needs it
            try:
                module = import_module(f"ec_rfernet.commands.{name}")
            except ModuleNotFoundError as error:
                raise InputError(
                    f"{name} needs {error.name}; install requirements/train.txt"
                ) from error
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    options = parser.parse_args(given)
    options.run(options)


if __name__ == "__main__":
    sys.exit(main())

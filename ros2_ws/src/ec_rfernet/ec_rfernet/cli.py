"""The command line ``ec-rfernet``. Each command is a module of `ec_rfernet.commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from ec_rfernet.errors import InputError

COMMANDS = {
    "summary": "layer table, parameters, multiply-accumulates and size of a network",
    "train": "train a network and write it as a bundle",
    "evaluate": "accuracy, F1, recall and calibration of a bundle on a data set",
    "export": "write a bundle's model.onnx anew from its weights, and check the parity",
    "predict": "faces and expressions in pictures",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        Exit code: 0 on success, 2 after one clear line on bad input, 130 on Ctrl-C.
    """
    parser = argparse.ArgumentParser(
        prog="ec-rfernet", description="Facial expression recognition."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    given = list(sys.argv[1:] if arguments is None else arguments)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if given[:1] == [name]:  # imports torch or mediapipe only for the command that needs it
            try:
                module = import_module(f"ec_rfernet.commands.{name}")
            except ModuleNotFoundError as error:
                return _fail(f"{name} needs {error.name}; install requirements/train.txt")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    options = parser.parse_args(given)
    try:
        options.run(options)
    except InputError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename or 'output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    return 0


def _fail(message: str) -> int:
    print(f"ec-rfernet: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())

"""The command line ``ec-rfernet``, and what the project's command lines share.

Each command is a module of `ec_rfernet.commands`. Shared are one line for a mistake or for
progress, and the exit codes.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from ec_rfernet.errors import InputError


class Parser(argparse.ArgumentParser):
    """Answers a wrong option with one line, not with the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def write_any_text() -> None:
    """Lets stdout write a question mark for what its encoding does not have, as ``ls`` does.

    An 8-bit locale has few letters, and the name of a file may be no text at all.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def exit_code(name: str, work: Callable[[], None]) -> int:
    """Does the work of a program.

    Args:
        name: of the program, before each message.
        work: what it does.

    Returns:
        0 on success, 2 after one clear line on bad input, 130 on Ctrl-C.
    """
    write_any_text()
    try:
        work()
        sys.stdout.flush()
    except BrokenPipeError:  # ``| head`` has seen enough; Python would write the rest at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except InputError as error:
        return _fail(name, str(error))
    except OSError as error:
        return _fail(name, f"{error.filename or 'output'}: {error.strerror or error}")
    except UnicodeEncodeError as error:  # of a file: to stdout anything can be written
        return _fail(
            name,
            f"a name has letters that the locale's encoding {error.encoding} does not have; "
            "start it with LC_ALL=C.UTF-8",
        )
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    return 0


def tell(text: str) -> None:
    """Shows what is being done to somebody who watches, on one line; ``""`` takes it away."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _fail(name: str, message: str) -> int:
    print(f"{name}: {' '.join(message.split())}", file=sys.stderr)
    return 2


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
        if given[:1] == [name]:  # imports torch only for the command that needs it
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

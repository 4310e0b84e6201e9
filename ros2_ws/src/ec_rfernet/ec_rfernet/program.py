"""What the library's command lines share: one line for a mistake or for progress, exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from ec_rfernet.errors import InputError


class Parser(argparse.ArgumentParser):
    """Answers a wrong option with one line, not with the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def exit_code(name: str, work: Callable[[], None]) -> int:
    """Does the work of a program.

    Args:
        name: of the program, before each message.
        work: what it does.

    Returns:
        0 on success, 2 after one clear line on bad input, 130 on Ctrl-C.
    """
    try:
        work()
        sys.stdout.flush()
    except BrokenPipeError:  # ``| head`` has seen enough; Python would write the rest at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except InputError as error:
        return _fail(name, str(error))
    except OSError as error:
        return _fail(name, f"{error.filename or 'output'}: {error.strerror or error}")
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

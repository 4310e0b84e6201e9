"""The command line ``ec-rfernet``, and what the project's command lines share.

Each command is a module of `ec_rfernet.commands`, or of another package, see `OTHERS`. Shared are
one line for a mistake or for progress, and the exit codes.
"""

from __future__ import annotations

import argparse
import errno
import io
import math
import os
import re
import resource
import select
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TextIO

from ec_rfernet.errors import InputError, writable
from ec_rfernet.registry import Registry


class Parser(argparse.ArgumentParser):
    """Answers a wrong option with one line, not with the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


_SLOW_READER_S = 0.05  # nothing is lost of what a reader takes so soon


class _Lossy(io.FileIO):
    """A standard stream of which nothing but text is lost when nobody reads any more.

    That is a closed pipe or terminal, a full disk, and who reads too slowly.
    """

    _patience_s = _SLOW_READER_S

    def write(self, data: Any) -> int:
        size = len(memoryview(data))
        with suppress(OSError):
            ready = select.select((), (self,), (), self._patience_s)[1]
            self._patience_s = _SLOW_READER_S if ready else 0.0  # once is enough
            if ready:
                return super().write(data) or size
        return size


class _Patient(io.FileIO):
    """A standard stream that waits for its reader, and tells what the disk does not take."""

    def write(self, data: Any) -> int:
        select.select((), (self,), ())
        try:
            return super().write(data) or 0
        except OSError as error:
            # It would be tried again when Python ends, and fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if isinstance(error, BrokenPipeError):  # ``| head`` has seen enough
                return len(memoryview(data))
            raise InputError(f"output: {error.strerror}") from error


class _Shown(io.TextIOWrapper):
    """A text stream to a terminal, which shows all that is written, and obeys nothing of it."""

    def write(self, text: str) -> int:
        super().write(writable(text))
        return len(text)


def write_any_text() -> None:
    """Lets the standard streams write any text: see `ec_rfernet.errors.writable`.

    Stdout writes a question mark for what its encoding does not have, as ``ls`` does: an 8-bit
    locale has few letters. What stderr cannot write is lost: a complaint must not become another
    one. Programs of the project print no colours through them, and Python shall not either.
    """
    os.environ["PYTHON_COLORS"] = "0"  # of its tracebacks and of argparse
    out = sys.stdout
    if out is sys.__stdout__ and type(out) is io.TextIOWrapper:  # a test may have replaced it
        sys.stdout = _Shown(out.buffer, out.encoding, "replace", line_buffering=out.line_buffering)
    elif isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="replace")
    if sys.stderr is sys.__stderr__:
        sys.stderr = lossy(2, sys.stderr)


def outlive_terminal() -> None:
    """Lets this process go on when its terminal, or what reads its output, is gone or stands still.

    For programs that are no command whose output is their result. To be called first: a
    standard stream that was closed would lend its number to another file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for number in (1, 2):
        _never_wait(number)
    replaceable = sys.stdout is sys.__stdout__
    write_any_text()
    if replaceable:
        sys.stdout = lossy(1, sys.stdout)


def lossy(number: int, stream: TextIO | None, owned: bool = False, obeyed: bool = False) -> TextIO:
    """A text stream that never complains of what cannot be written, and never waits for long.

    Args:
        number: file descriptor.
        stream: whose encoding it has.
        owned: whether the descriptor is closed with it.
        obeyed: whether a terminal may obey what is written; else it shows it.
    """
    buffer = io.BufferedWriter(_Lossy(number, "wb", closefd=owned))
    encoding = getattr(stream, "encoding", None) or "utf-8"
    errors = "backslashreplace" if number == 2 else "replace"
    kind = io.TextIOWrapper if obeyed else _Shown
    return kind(buffer, encoding, errors, line_buffering=True)


@contextmanager
def output_matters() -> Iterator[None]:
    """Makes what is printed meanwhile the result of a program that called `outlive_terminal`.

    Printing raises InputError where it cannot be written, for instance because the disk is full.
    What libraries in C++ write to standard output goes to standard error: it is no result.
    """
    before = sys.stdout
    if not isinstance(getattr(getattr(before, "buffer", None), "raw", None), _Lossy):
        yield
        return
    own = os.dup(1)
    buffer = io.BufferedWriter(_Patient(own, "wb", closefd=False))
    shown = sys.stdout = _Shown(buffer, before.encoding, "replace", line_buffering=True)
    try:
        os.dup2(2, 1)
        yield
        shown.flush()
    finally:
        sys.stdout = before
        os.dup2(own, 1)
        with suppress(InputError, OSError):  # which has been told
            shown.close()  # while its descriptor is its own: what is left must not go elsewhere
        os.close(own)


def _never_wait(number: int) -> None:
    """Lets writes fail where they would wait for a reader, for this process alone."""
    mode = os.fstat(number).st_mode
    if not (stat.S_ISFIFO(mode) or os.isatty(number)):
        return
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
    with suppress(OSError):  # of another user, after `su`
        own = os.open(f"/proc/self/fd/{number}", flags)
        os.dup2(own, number)
        os.close(own)


_OF_A_COMMAND = (700, 150)  # with room to spare


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Gives what raises KeyboardInterrupt after a Ctrl-C, whatever that does otherwise.

    Raised by the signal itself, it is lost now and then: OpenCV takes what is raised while it
    looks at its arguments for arguments that do not fit, and tries another way.
    """
    pressed = False

    def press(_number: int, _frame: object) -> None:
        nonlocal pressed
        pressed = True

    def look() -> None:
        if pressed:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield look  # Python handles signals in the main thread only
        return
    before = signal.signal(signal.SIGINT, press)
    try:
        yield look
    finally:
        signal.signal(signal.SIGINT, before)


def exit_code(
    name: str,
    work: Callable[[], int | None],
    mistakes: tuple[type[Exception], ...] = (),
) -> int:
    """Does the work of a program.

    Args:
        name: of the program, before each message.
        work: what it does; may return an exit code of its own.
        mistakes: what bad input raises besides `InputError`.

    Returns:
        0 on success, 2 after one clear line on bad input, a full disk or too little memory,
        130 on Ctrl-C.
    """
    write_any_text()
    keep_private()
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, "is closed")
        check_limits(*_OF_A_COMMAND)
        code = work() or 0
        sys.stdout.flush()
    except BrokenPipeError:  # ``| head`` has seen enough
        _abandon_output()
        code = 0
    except KeyboardInterrupt:
        print(file=sys.stderr)
        code = 130
    except Exception as error:
        text = str(error) if isinstance(error, (InputError, *mistakes)) else _complaint(error)
        if text is None:
            raise
        if isinstance(error, OSError) and error.filename is None:
            _abandon_output()
        print(f"{name}: {' '.join(text.split())}", file=sys.stderr)
        code = 2
    return code


def _complaint(error: Exception) -> str | None:
    """One line about what went wrong; None where it is a fault of the program."""
    if text := shortage(error):
        return text
    if isinstance(error, UnicodeEncodeError):  # of a file: to stdout anything can be written
        return (
            f"a name has letters that the locale's encoding {error.encoding} does not have; "
            "start it with LC_ALL=C.UTF-8"
        )
    if isinstance(error, OSError):
        return f"{error.filename or 'output'}: {error.strerror or error}"
    return None


def _abandon_output() -> None:
    """What could not be written would be tried again when Python ends, and fail again."""
    if sys.stdout is not None:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


CORE_DUMPS = "FER_CORE_DUMPS"
"""Variable of the environment: ``1`` leaves the core dumps of a crash to the system."""


def keep_private() -> None:
    """Lets a crash of this process, or of one that it starts, leave no pictures on the disk.

    A core dump holds all of a process's memory. None is written any more; and where the system
    hands it to a program nevertheless, it is empty: `core(5)`. For developers: `CORE_DUMPS`.
    """
    if os.environ.get(CORE_DUMPS) == "1":
        return
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with suppress(OSError):  # of a kernel without core dumps
        Path("/proc/self/coredump_filter").write_text("0")


# What this process is given.

_LEAST_DESCRIPTORS, _ENOUGH_DESCRIPTORS = 64, 4096
_LEAST_STACK_MB = 1
_ENOUGH_OF_A_FILE = 20_000_000  # shared memory for images among them; a larger limit stays
_CONTROL_GROUPS = ("memory.max", "memory/memory.limit_in_bytes")  # 2 and 1


def check_limits(addresses_mb: int, memory_mb: int) -> None:
    """Takes as much as may be had, and sees that it suffices.

    Libraries in C++ that get too little end the process, each with words of its own.

    Args:
        addresses_mb: of address space, 10^6 bytes; every core takes 100 more.
        memory_mb: of memory, 10^6 bytes.

    Raises:
        InputError: it does not suffice.
    """
    descriptors = _raised(resource.RLIMIT_NOFILE, _ENOUGH_DESCRIPTORS)
    if descriptors < _LEAST_DESCRIPTORS:
        raise InputError(
            f"there may be {descriptors} file descriptors (ulimit -n), expected at least "
            f"{_LEAST_DESCRIPTORS}"
        )
    _raised(resource.RLIMIT_FSIZE, _ENOUGH_OF_A_FILE)
    addresses_mb += 100 * len(os.sched_getaffinity(0))
    for limit, what, option, needed_mb in (
        (resource.RLIMIT_AS, "address space", "v", addresses_mb),
        (resource.RLIMIT_DATA, "data", "d", addresses_mb),
        (resource.RLIMIT_STACK, "stack", "s", _LEAST_STACK_MB),
    ):
        allowed = _raised(limit, needed_mb * 10**6)
        if allowed < needed_mb * 10**6:
            raise InputError(
                f"there may be {allowed / 1e6:.4g} MB of {what} (ulimit -{option}), expected at "
                f"least {needed_mb} MB"
            )
    allowed = container_memory()
    if allowed < memory_mb * 10**6:
        raise InputError(
            f"the container may have {allowed / 1e6:.0f} MB of memory, expected at least "
            f"{memory_mb} MB"
        )


def _raised(limit: int, enough: int) -> float:
    """A limit of this process, raised where that is allowed."""
    soft, hard = (math.inf if each == resource.RLIM_INFINITY else each
                  for each in resource.getrlimit(limit))  # fmt: skip
    if limit == resource.RLIMIT_STACK:  # that of other threads stays what it was at the start
        return soft
    if soft < min(enough, hard):
        soft = min(enough, hard)
        resource.setrlimit(limit, (int(soft), -1 if hard == math.inf else int(hard)))
    return soft


def container_memory(root: Path = Path("/")) -> float:
    """How much memory the control group of this process may have, bytes; infinite if unlimited."""
    found = [math.inf]
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, kinds, place = line.split(":", 2)
            limit = _CONTROL_GROUPS[kinds == "memory"]
            if kinds not in ("", "memory"):
                continue
            group = root / "sys/fs/cgroup" / limit.rpartition("/")[0]
            for folder in (group, *_each(group, place.strip("/"))):
                with suppress(OSError, ValueError):  # a container sees its own group at the root
                    found.append(float((folder / Path(limit).name).read_text()))
    return min(found)


def _each(group: Path, place: str) -> list[Path]:
    """The folders of a group and of those it is in."""
    parts = Path(place).parts
    return [group.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]


_SHORT_OF_MEMORY = re.compile(
    r"cannot allocate memory|out ?of ?memory|insufficient memory|failed to map segment"
    r"|can't start new thread|bad_alloc|failed to allocate|unable to allocate",
    re.IGNORECASE,
)


def shortage(error: BaseException | None) -> str | None:
    """What this machine lacks, in one sentence, if that is why something has failed.

    Args:
        error: with what it was raised from.
    """
    while error is not None:
        number = getattr(error, "errno", None)
        if number in (errno.EMFILE, errno.ENFILE):
            return "there are too few file descriptors (ulimit -n); 256 are enough"
        short = isinstance(error, MemoryError) or number == errno.ENOMEM
        if short or _SHORT_OF_MEMORY.search(str(error)):
            return "there is too little memory (ulimit -v, or the container's limit)"
        error = error.__cause__ or error.__context__
    return None


def tell(text: str) -> None:
    """Shows what is being done to somebody who watches, on one line; ``""`` takes it away."""
    if sys.stderr is not None and sys.stderr.isatty():
        line = f"\r\033[K{writable(text)}".encode(sys.stderr.encoding, "replace")
        sys.stderr.flush()
        sys.stderr.buffer.write(line)  # the terminal shall obey it
        sys.stderr.buffer.flush()


def tell_written(*paths: Path | None) -> None:
    """Says on stderr what was written, a line each; None: it was not asked for."""
    sys.stdout.flush()  # in their order, also where both are one file
    for path in filter(None, paths):
        print(f"{writable(str(path))}: written", file=sys.stderr)


COMMANDS = {
    "summary": "layer table, parameters, multiply-accumulates and size of a network",
    "train": "train a network and write it as a bundle",
    "evaluate": "accuracy, F1, recall and calibration of a bundle on a data set",
    "export": "write a bundle's networks, fp32 and int8, anew from its weights, and compare them",
    "card": "write a bundle's model card; with --root, calibrate and measure the bundle before",
    "benchmark": "speed of the networks on this machine, beside what one would use instead",
    "predict": "faces and expressions in pictures",
}


OTHERS: Registry[Any] = Registry(
    "command",
    "ec_rfernet.commands",
    {},
    fits=lambda module: callable(getattr(module, "run", None))
    and callable(getattr(module, "add_arguments", None)),
)
"""Commands of other packages: modules with ``add_arguments(parser)`` and ``run(options)``. What a
command does is the first line of its documentation."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        Exit code: 0 on success, 2 after one clear line on bad input, 130 on Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    return exit_code("ec-rfernet", lambda: _run(given))


def _run(given: list[str]) -> None:
    options = make_parser(given[0] if given else "").parse_args(given)
    options.run(options)


def make_parser(asked: str = "") -> Parser:
    """The parser of the command line.

    Args:
        asked: the command that has its options; the module of no other one is imported.

    Raises:
        InputError: what the command needs is not installed.
    """
    parser = Parser(prog="ec-rfernet", description="Facial expression recognition.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == asked:  # imports torch only for the command that needs it
            try:
                module = import_module(f"ec_rfernet.commands.{name}")
            except ModuleNotFoundError as error:
                raise InputError(
                    f"{name} needs {error.name}; install requirements/train.txt"
                ) from error
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    if asked and asked not in COMMANDS:
        _add_others(commands, asked)
    return parser


def _add_others(commands: Any, asked: str) -> None:
    """Adds the commands of other packages; one that is broken is told where it was asked for."""
    for name in OTHERS:
        try:
            module = OTHERS.get(name)
        except InputError as error:
            if name == asked:
                raise
            commands.add_parser(name, help=str(error))
            continue
        text = (module.__doc__ or name).partition("\n")[0].rstrip(".")
        command = commands.add_parser(name, help=text, description=text)
        if name == asked:
            module.add_arguments(command)
            command.set_defaults(run=module.run)


if __name__ == "__main__":
    sys.exit(main())

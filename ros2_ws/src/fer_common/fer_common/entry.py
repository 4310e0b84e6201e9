"""Entry points of executables. Imports nothing that takes time."""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from ec_rfernet.cli import check_limits, keep_private, outlive_terminal, shortage
from ec_rfernet.errors import InputError
from fer_common.environment import wrong_variable

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""What ends a program in order: Ctrl-C, the system, a terminal that was closed, Ctrl-Backslash."""

INTERRUPTED = 130
"""Exit code of a command that was not carried out, because a signal came before."""

ENDS_WITH = "FER_ENDS_WITH"
"""Variable of the environment: the process with which those that it starts shall end."""


def on_stop_signals(leave: Callable[[int, FrameType | None], object]) -> None:
    """Calls a function upon each of `STOP_SIGNALS`, but for what ``nohup`` has switched off."""
    for number in STOP_SIGNALS:
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave)


def quit_on_signal(code: int = 0) -> None:
    """Lets `STOP_SIGNALS` end the process quietly, until someone else handles them.

    To be called first: importing ROS and OpenCV takes a second, in which people do
    press Ctrl-C, and nothing moves yet that would have to be brought to rest.
    """
    # At once: raised while a C++ module is loaded, SystemExit would become an ImportError.
    on_stop_signals(lambda _number, _frame: os._exit(code))


def program(work: Callable[[], int], needs: tuple[int, int], interrupted: int = 0) -> int:
    """Runs a program that lives on when its terminal is gone, but not when its parent is.

    It ends at once where a thread could not be ended.

    Args:
        work: imports what it needs, and returns the exit code.
        needs: see `ec_rfernet.cli.check_limits`.
        interrupted: exit code where `STOP_SIGNALS` end it before it handles them itself.

    Returns:
        Exit code; 2, after one line, where memory or file descriptors do not suffice.
    """
    outlive_terminal()
    keep_private()
    os.umask(0o077)  # logs, too, tell who was seen, how they looked, and what was said
    quit_on_signal(interrupted)
    hurry()
    _end_with_parent()
    code = _outcome(work, needs)
    if any(thread.daemon for thread in threading.enumerate()):
        # One that hangs was left behind. It must not find that the libraries in which it waits
        # have gone: they are not destroyed.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _outcome(work: Callable[[], int], needs: tuple[int, int]) -> int:
    try:
        check_limits(*needs)
        if (wrong := wrong_variable(os.environ)) is not None:
            raise InputError(wrong[1])
        return work()
    except Exception as error:
        if isinstance(error, InputError):
            text: str | None = str(error)
        elif (text := shortage(error)) is None:
            raise
        print(text, file=sys.stderr)
        return 2


_SET_PARENT_DEATH_SIGNAL = 1  # of <linux/prctl.h>


def _end_with_parent() -> None:
    """Ends this process, in order, when the one that `ENDS_WITH` names does, however that dies."""
    parent = os.environ.get(ENDS_WITH)
    if parent is None or parent != str(os.getppid()):
        return  # it is the parent of our parent, who will see to it
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if parent != str(os.getppid()):  # it has died just now
        os._exit(0)


_NICE = -10


def prefer(thread: int = 0) -> bool:
    """Lets a thread run before others, as far as this user may; those that it starts, too.

    In real time, as controllers of robots run (a group ``realtime`` with ``rtprio`` is the usual
    way to be allowed to), or else with a better nice value.

    Args:
        thread: its number; 0 for this one.

    Returns:
        Whether it does.
    """
    try:
        os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(1))
    except (OSError, AttributeError):  # not allowed, or another system
        try:
            os.setpriority(os.PRIO_PROCESS, thread, _NICE)
        except OSError:
            return False
    return True


_OF_A_NODE = (1100, 150)  # with room to spare
_GENERATOR = "rosidl_generator_py.generate_py_impl"


def hurry() -> None:
    """Keeps away what a start does not need.

    That is the garbage collector, until `fer_common.runner.settle_memory`: hardly anything of what
    a start makes is garbage; to look for it takes a tenth of the time. And ROS's generator of
    messages, which it loads, with a parser, wherever a message is used; it goes on without.
    """
    gc.disable()
    sys.modules.setdefault(_GENERATOR, None)  # type: ignore[arg-type]  # as if not installed


def execute(target: str, fast: bool = False, moves: bool = False, images: bool = False) -> int:
    """Runs a node as a program.

    Args:
        target: its class, as ``module:name``.
        fast: whether it receives a lot, see `fer_common.runner.fast_executor`.
        moves: whether it moves a robot, and must do so in time, see `prefer`.
        images: whether it sends those of a camera, see `fer_common.runner.set_up_dds`.

    Returns:
        Exit code, see `fer_common.runner.run`.
    """

    def work() -> int:
        if moves:
            prefer()
        module, name = target.split(":")
        node = getattr(importlib.import_module(module), name)
        runner = importlib.import_module("fer_common.runner")
        executor = {"make_executor": runner.fast_executor} if fast else {}
        return runner.run(node, images=images, **executor)  # type: ignore[no-any-return]

    return program(work, _OF_A_NODE)

"""Entry points of executables. Imports nothing that takes time."""

from __future__ import annotations

import importlib
import os
import signal
from types import FrameType

from ec_rfernet.cli import write_any_text


def quit_on_signal() -> None:
    """Lets Ctrl-C and SIGTERM end the process quietly, until someone else handles them.

    To be called first: importing ROS and OpenCV takes a second, in which people do
    press Ctrl-C, and nothing moves yet that would have to be brought to rest.
    """

    def leave(_number: int, _frame: FrameType | None) -> None:
        # At once: raised while a C++ module is loaded, SystemExit would become an ImportError.
        os._exit(0)

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)


def execute(target: str, fast: bool = False) -> int:
    """Runs a node as a program.

    Args:
        target: its class, as ``module:name``.
        fast: whether it receives a lot, see `fer_common.runner.fast_executor`.

    Returns:
        Exit code, see `fer_common.runner.run`.
    """
    quit_on_signal()
    write_any_text()
    module, name = target.split(":")
    node = getattr(importlib.import_module(module), name)
    runner = importlib.import_module("fer_common.runner")
    executor = {"make_executor": runner.fast_executor} if fast else {}
    return runner.run(node, **executor)  # type: ignore[no-any-return]

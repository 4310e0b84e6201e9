"""Programs that a check runs: each ends, by itself, at its limit, or with the doctor."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

_GRACE_S = 0.5


@dataclass(frozen=True)
class Answer:
    """What came of a program.

    Attributes:
        code: its exit code, negative for the signal that killed it; None when its time was up.
        out: what it wrote to standard output.
        err: what it wrote to standard error.
    """

    code: int | None
    out: str = ""
    err: str = ""

    @property
    def complaint(self) -> str:
        """Its last words, in one line."""
        lines = (self.err or self.out).strip().splitlines()
        return lines[-1].strip() if lines else "it said nothing"


class Run(Protocol):
    """Runs a program to its end."""

    def __call__(
        self, command: Sequence[str], limit_s: float, environ: Mapping[str, str] | None = None
    ) -> Answer:
        """What came of it.

        Args:
            command: program and arguments.
            limit_s: after that it is ended.
            environ: its variables; None for those of this process.
        """
        ...


class Children:
    """Runs programs, each in a process group of its own, and can end them all."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal may come while the main thread holds it
        self._alive: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def run(
        self, command: Sequence[str], limit_s: float, environ: Mapping[str, str] | None = None
    ) -> Answer:
        """See `Run`."""
        try:
            with self._lock:
                if self._closed:
                    return Answer(None)
                child = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=None if environ is None else dict(environ),
                    start_new_session=True,
                )
                self._alive.add(child)
        except OSError as error:
            return Answer(127, err=f"{command[0]}: {error.strerror}")
        try:
            return self._outcome(child, limit_s)
        finally:
            _kill(child)  # also what it left behind in its group
            with self._lock:
                self._alive.discard(child)

    def end(self) -> None:
        """Kills whatever still runs, and lets nothing start any more."""
        with self._lock:
            self._closed = True
            for child in list(self._alive):
                _kill(child)

    @staticmethod
    def _outcome(child: subprocess.Popen[bytes], limit_s: float) -> Answer:
        code: int | None
        try:
            out, err = child.communicate(timeout=limit_s)
            code = child.returncode
        except subprocess.TimeoutExpired:
            _kill(child)
            code = None
            try:
                out, err = child.communicate(timeout=_GRACE_S)
            except subprocess.TimeoutExpired:  # stuck in the kernel, such as in a driver
                out, err = b"", b""
        return Answer(code, out.decode(errors="replace"), err.decode(errors="replace"))


def _kill(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)

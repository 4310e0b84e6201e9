"""Machines for tests: network namespaces of Linux, alone or joined by a cable."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

ADDRESSES = ("10.77.0.1", "10.77.0.2")
"""Of `two_machines`."""

_HOLD = "mount -t tmpfs tmpfs /dev/shm && ip link set lo up && echo ready && exec cat"


class Machine:
    """A network and a shared memory of its own; at first it has nothing but the loopback.

    Args:
        beside: another one, whose user may then join both.
    """

    def __init__(self, beside: Machine | None = None) -> None:
        make = ["unshare", *_user()] if beside is None else beside.command("unshare")
        self._holder = subprocess.Popen(
            [*make, "--net", "--mount", "sh", "-c", _HOLD],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"

    @property
    def pid(self) -> int:
        """Of the process that keeps it."""
        return self._holder.pid

    def command(self, *command: str) -> list[str]:
        """The command line that runs a program there."""
        user = ["--user", "--preserve-credentials"] if _user() else []
        enter = ["nsenter", "--target", str(self.pid), *user, "--net", "--mount", "--"]
        return [*enter, "env", f"--chdir={Path.cwd()}", *command]

    def run(self, *command: str) -> str:
        """What a program writes there; it must end well."""
        done = subprocess.run(self.command(*command), check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def listens(self) -> set[tuple[str, str]]:
        """Where its programs can be reached: protocol and address, such as ``udp``, ``0.0.0.0``."""
        rows = [line.split() for line in self.run("ss", "-H", "-l", "-n", "-t", "-u").splitlines()]
        return {(row[0], row[4].rpartition(":")[0]) for row in rows}

    def close(self) -> None:
        """Ends it; its programs must have ended."""
        self._holder.communicate()


@cache
def _user() -> tuple[str, ...]:
    """Options of ``unshare`` with which this user may make namespaces.

    Those without a user namespace are for a root whose kernel has none.
    """
    missing = [name for name in ("unshare", "nsenter", "ip", "ss") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {' '.join(missing)}: sudo apt install util-linux iproute2")
    for options in (("--user", "--map-root-user"), ()):
        trial = ["unshare", *options, "--net", "--mount", "sh", "-c", f"{_HOLD} </dev/null"]
        if subprocess.run(trial, check=False, capture_output=True).returncode == 0:
            return options
    pytest.skip("this machine does not let its users make a network namespace: unshare -r -n true")


@contextmanager
def one_machine() -> Iterator[Machine]:
    """One that is connected to nothing."""
    alone = Machine()
    try:
        yield alone
    finally:
        alone.close()


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Two, joined by a cable; their addresses are `ADDRESSES`."""
    with one_machine() as first:
        second = Machine(beside=first)
        try:
            peer = ["type", "veth", "peer", "name", "cable", "netns", str(second.pid)]
            first.run("ip", "link", "add", "cable", *peer)
            for machine, address in zip((first, second), ADDRESSES, strict=True):
                machine.run("ip", "address", "add", f"{address}/24", "dev", "cable")
                machine.run("ip", "link", "set", "cable", "up")
                machine.run("ip", "route", "add", "default", "dev", "cable")
            yield first, second
        finally:
            second.close()

"""The programs of a measurement, none of which outlives it, and what Linux knows of them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ament_index_python.packages import get_package_prefix

from ec_rfernet.files import RUNTIME_VARIABLE
from fer_common.runner import PROFILE_VARIABLES
from tests.processes import Process, wait_for


class MeasurementError(RuntimeError):
    """A measurement could not be made; the message says why."""


class Crew:
    """Starts programs.

    Args:
        domain: ROS domain of all of them.
        grace_s: how long a program may take to end when it is told to.
        stops: folder in which they keep who was stopped: not the user's robot.

    Attributes:
        domain: see above.
    """

    def __init__(self, domain: int, grace_s: float, stops: str) -> None:
        self._grace_s, self.domain = grace_s, domain
        self._environment = {
            **os.environ,
            "ROS_DOMAIN_ID": str(domain),
            RUNTIME_VARIABLE: stops,
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "PYTHONUNBUFFERED": "1",
        }
        # What is measured is the profile that everybody gets.
        for name in PROFILE_VARIABLES:
            self._environment.pop(name, None)
        self._processes: list[Process] = []

    def start(
        self, command: Sequence[str], ready: str = "", environment: Mapping[str, str] | None = None
    ) -> Process:
        """Starts a program, and waits until it has written ``ready``.

        Raises:
            MeasurementError: it has ended without.
        """
        process = Process(command, {**self._environment, **(environment or {})})
        self._processes.append(process)
        if ready:
            with _told():
                process.wait_for(ready)
        return process

    def module(
        self,
        name: str,
        *arguments: object,
        ready: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        """Starts a module of this package, see `start`."""
        command = [sys.executable, "-m", f"tests.benchmarks.{name}", *map(str, arguments)]
        return self.start(command, ready, environment)

    def perception(self, transport: str, core: int | None = None, ready: str = "") -> Process:
        """Starts ``fer_node`` as ``ros2 run`` does; bound to a core, if one is given."""
        program = Path(get_package_prefix("fer_node"), "lib", "fer_node", "fer_node")
        options = ["--ros-args", "-r", "image:=image_raw", "-p", f"image_transport:={transport}"]
        binding = [] if core is None else ["taskset", "--cpu-list", str(core)]
        return self.start([*binding, str(program), *options], ready)

    def program(self, package: str, name: str, *options: str, ready: str = "") -> Process:
        """Starts a node as ``ros2 run`` does, see `start`.

        Args:
            package: of the node.
            name: of its executable.
            options: after ``--ros-args``.
            ready: see `start`.
        """
        path = Path(get_package_prefix(package), "lib", package, name)
        return self.start([str(path), "--ros-args", *options], ready)

    def answer(self, process: Process, limit_s: float) -> dict:
        """Waits for the JSON that a program prints.

        Raises:
            MeasurementError: a program has ended before, or the time is over.
        """

        def over() -> bool:
            return bool(_json(process)) or any(each.has_ended for each in self._processes)

        with _told():
            wait_for(over, "a result", limit_s=limit_s)
        if process.has_ended:
            process.end()  # so that all it wrote has been read
        if not _json(process):
            ended = [each.output for each in self._processes if each.has_ended]
            raise MeasurementError("a program ended too early:\n" + "\n".join(ended))
        return json.loads(_json(process))

    def stop(self) -> None:
        """Ends everything that was started."""
        try:
            for process in self._processes:
                with suppress(ProcessLookupError):
                    process.interrupt()
            with suppress(AssertionError):
                wait_for(self._is_over, "the end", limit_s=self._grace_s)
        finally:
            for process in self._processes:
                process.kill()
            self._processes.clear()

    def _is_over(self) -> bool:
        return all(process.has_ended for process in self._processes)


@contextmanager
def crew(domain: int, grace_s: float = 5.0) -> Iterator[Crew]:
    """A crew that is sent home at the end, whatever happens."""
    with TemporaryDirectory() as stops:
        made = Crew(domain, grace_s, stops)
        try:
            yield made
        finally:
            made.stop()


def _json(process: Process) -> str:
    """The line with the result; empty while there is none."""
    lines = process.output.splitlines(keepends=True)
    return next((line for line in lines if line.startswith("{") and line.endswith("\n")), "")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except AssertionError as error:
        raise MeasurementError(str(error)) from error


# What Linux knows of a running process: processor time and memory.

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Memory:
    """Resident memory, megabytes (10^6 bytes).

    Attributes:
        resident: now.
        peak: the most there has been.
    """

    resident: float
    peak: float


def cpu_seconds(pid: int, root: Path = Path("/proc")) -> float:
    """Processor time of all threads of a process, user and system, seconds."""
    # The name, in parentheses, may itself hold spaces and parentheses.
    fields = (root / str(pid) / "stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])  # fields 14 and 15 of proc(5)
    return (user + system) / _TICKS_PER_S


def memory(pid: int, root: Path = Path("/proc")) -> Memory:
    """Resident memory of a process."""
    found = {}
    for line in (root / str(pid) / "status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key in ("VmRSS", "VmHWM"):
            found[key] = int(value.split()[0]) * 1024 / 1e6
    return Memory(found["VmRSS"], found["VmHWM"])

"""What Linux knows of a running process: processor time and memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

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

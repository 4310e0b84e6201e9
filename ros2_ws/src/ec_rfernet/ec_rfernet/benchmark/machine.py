"""The machine that is measured, and what else it had to do meanwhile."""

from __future__ import annotations

import datetime
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ec_rfernet.runtimes import cpu

PACKAGES = ("numpy", "onnxruntime", "openvino", "torch", "onnx")

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_STAT = Path("/proc/stat")


@dataclass(frozen=True)
class Machine:
    """What figures depend on.

    Attributes:
        processor: what its maker calls it.
        architecture: such as x86_64 or aarch64.
        cores: that this program may use.
        governor: of the processor's clock; empty where the kernel does not tell.
        system: kernel and its version.
        python: version.
        versions: of the packages that compute, by name.
        date: ISO 8601, with the time zone.
        load: average number of programs that wanted a core in the minute before.
    """

    processor: str
    architecture: str
    cores: int
    governor: str
    system: str
    python: str
    versions: dict[str, str]
    date: str
    load: float

    @classmethod
    def this(cls) -> Machine:
        """The one this runs on."""
        versions = {name: _version(name) for name in PACKAGES}
        return cls(
            cpu.name(),
            platform.machine(),
            cores(),
            _GOVERNOR.read_text().strip() if _GOVERNOR.is_file() else "",
            platform.system() + " " + platform.release(),
            platform.python_version(),
            {name: found for name, found in versions.items() if found},
            datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            round(os.getloadavg()[0], 2),
        )


def cores() -> int:
    """How many cores this program may use; ``taskset`` can restrict them."""
    return len(os.sched_getaffinity(0))


class Neighbours:
    """How busy other programs kept the machine since this was made.

    Args:
        stat: Linux's account of what the cores did.
        clock: seconds, never goes back.
        own: seconds of a core that this program used so far.
    """

    def __init__(
        self,
        stat: Path = _STAT,
        clock: Callable[[], float] = time.monotonic,
        own: Callable[[], float] = time.process_time,
    ) -> None:
        self._stat, self._clock, self._own = stat, clock, own
        self._start = self._now()

    def cores(self) -> float:
        """Cores that other programs, or the host's other guests, used on average."""
        taken, own, elapsed = (b - a for a, b in zip(self._start, self._now(), strict=True))
        return max(0.0, taken - own) / elapsed if elapsed > 0 else 0.0

    def _now(self) -> tuple[float, float, float]:
        line = self._stat.read_text(encoding="utf-8").splitlines()[0].split()
        user, nice, system, _idle, _wait, interrupts, soft, stolen = map(int, line[1:9])
        ticks = user + nice + system + interrupts + soft + stolen
        return ticks / os.sysconf("SC_CLK_TCK"), self._own(), self._clock()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""

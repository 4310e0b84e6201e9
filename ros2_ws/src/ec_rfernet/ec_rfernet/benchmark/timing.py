"""How long something takes, measured beside everything that it is compared with.

Beside it: the energy that it uses, the machine, and what else the machine had to do.
"""

from __future__ import annotations

import datetime
import os
import platform
import random
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

import numpy as np

from ec_rfernet.kernels import network
from ec_rfernet.runtimes import cpu

# Energy of the processor, where the kernel tells it (Intel's and AMD's RAPL).

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Meter:
    """The energy counters of all processor packages.

    Attributes:
        counters: files that hold microjoules and start again at 0 after their range.
        ranges: of each counter, microjoules.
    """

    counters: tuple[Path, ...]
    ranges: tuple[int, ...]

    def read(self) -> tuple[int, ...]:
        """The counters now, microjoules."""
        return tuple(int(path.read_text()) for path in self.counters)

    def joules(self, before: tuple[int, ...], after: tuple[int, ...]) -> float:
        """The energy between two readings."""
        parts = zip(before, after, self.ranges, strict=True)
        return sum((end - start) % limit for start, end, limit in parts) / 1e6


def find_meter(folder: Path = POWERCAP) -> tuple[Meter | None, str]:
    """The machine's meter.

    Args:
        folder: of the kernel's power zones.

    Returns:
        The meter, or None and one sentence that says why there is none.
    """
    # Zones within a package, such as intel-rapl:0:1, are parts of it.
    zones = [zone for zone in sorted(folder.glob("*rapl*")) if zone.name.count(":") == 1]
    if not zones:
        return None, f"the kernel shows no energy counter in {folder}"
    counters = tuple(zone / "energy_uj" for zone in zones)
    try:
        ranges = tuple(int((zone / "max_energy_range_uj").read_text()) for zone in zones)
        meter = Meter(counters, ranges)
        meter.read()
    except PermissionError:
        return None, f"{counters[0]} is for root only; 'sudo chmod a+r' on it shows the energy"
    except (OSError, ValueError) as error:
        return None, f"{counters[0]} cannot be read ({error})"
    return meter, ""


Name = TypeVar("Name", bound=Hashable)

Clock = Callable[[], float]
"""Seconds of a clock that never goes back."""

WARM_UP = 2
"""Untimed runs at the start of a turn: caches and threads still belong to the one before."""

LONG_S = 0.1
"""A run of this length warms itself up, seconds."""


@dataclass(frozen=True)
class TimingSettings:
    """How much is measured.

    Attributes:
        rounds: in each, everything that is compared has a turn, in an order drawn anew.
        turn_s: a turn ends when it has taken this long, seconds; it has one run at least.
        most_s: about what all turns of one may take together, seconds; what is slow sits
            out some rounds, spread over all of them.
    """

    rounds: int = 8
    turn_s: float = 0.02
    most_s: float = 1.5


@dataclass(frozen=True)
class Timing:
    """What one run took.

    Attributes:
        runs: how many were timed.
        median_s: seconds.
        p99_s: 99 of 100 runs took less, seconds; of few runs, close to the longest.
        energy_j: per run, joules; None where no meter can be read.
    """

    runs: int
    median_s: float
    p99_s: float
    energy_j: float | None = None

    @classmethod
    def of(cls, seconds: Sequence[float], energy_j: float | None = None) -> Timing:
        """From the durations of single runs; ``energy_j`` is that of all of them."""
        median, p99 = np.percentile(seconds, (50, 99))
        per_run = None if energy_j is None else energy_j / len(seconds)
        return cls(len(seconds), float(median), float(p99), per_run)


def measure(
    works: Mapping[Name, Callable[[], object]],
    settings: TimingSettings,
    meter: Meter | None = None,
    clock: Clock = time.perf_counter,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _round: None,
) -> dict[Name, Timing]:
    """Times all works side by side.

    What disturbs the machine for a while disturbs all of them alike, and none profits
    from always following the same other one.

    Args:
        works: what is timed, by name.
        settings: how much.
        meter: reads the energy that was used.
        clock: gives the time.
        seed: of the order.
        progress: told each finished round, from 1.

    Returns:
        The timings, by name, in the order of ``works``.
    """
    shuffle = random.Random(seed).shuffle
    turns = {name: _Turns(work, settings, meter, clock) for name, work in works.items()}
    order = list(works)
    for number in range(settings.rounds):
        shuffle(order)
        for name in order:
            turns[name].take(number)
        progress(number + 1)
    return {name: turn.timing() for name, turn in turns.items()}


class _Turns:
    """All turns of one work."""

    def __init__(
        self,
        work: Callable[[], object],
        settings: TimingSettings,
        meter: Meter | None,
        clock: Clock,
    ) -> None:
        self._work, self._settings, self._meter, self._clock = work, settings, meter, clock
        self._seconds: list[float] = []
        self._joules = 0.0
        self._spent = 0.0

    def take(self, number: int) -> None:
        """The turn in a round, counted from 0, unless earlier ones took its part of the time."""
        if self._spent > self._settings.most_s * number / self._settings.rounds:
            return
        start = self._clock()
        if not self._seconds or self._seconds[-1] < LONG_S:
            self._run(WARM_UP)
        before = self._meter.read() if self._meter else ()
        self._seconds += self._run()
        if self._meter:
            self._joules += self._meter.joules(before, self._meter.read())
        self._spent += self._clock() - start

    def timing(self) -> Timing:
        return Timing.of(self._seconds, self._joules if self._meter else None)

    def _run(self, most: int | None = None) -> list[float]:
        """Durations of as many runs as fit into a turn; one at least, ``most`` at most."""
        taken: list[float] = []
        start = before = self._clock()
        while not taken or (before - start < self._settings.turn_s and len(taken) != most):
            self._work()
            after = self._clock()
            taken.append(after - before)
            before = after
        return taken


# The machine.

PACKAGES = {
    name: name for name in ("numpy", "opencv", "onnxruntime", "openvino", "torch", "onnx")
} | {"opencv": "opencv-python-headless"}
"""The distributions that compute, by the name that people know."""

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
        kernels: the path that our kernels take on it; empty where they were not built.
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
    kernels: str
    system: str
    python: str
    versions: dict[str, str]
    date: str
    load: float

    @classmethod
    def this(cls) -> Machine:
        """The one this runs on."""
        versions = {name: _version(package) for name, package in PACKAGES.items()}
        return cls(
            cpu.name(),
            platform.machine(),
            cores(),
            _GOVERNOR.read_text().strip() if _GOVERNOR.is_file() else "",
            network.paths()[0] if network.find() else "",
            platform.system() + " " + platform.release(),
            platform.python_version(),
            {name: found for name, found in versions.items() if found},
            datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            round(os.getloadavg()[0], 2),
        )


@dataclass(frozen=True)
class Speed:
    """A line of `block`.

    Attributes:
        name: of what was timed.
        median_ms: what it took, milliseconds.
        p99_ms: 99 of 100 took less, milliseconds.
        per_second: how many were done in a second.
    """

    name: str
    median_ms: float
    p99_ms: float
    per_second: float

    @classmethod
    def of(cls, name: str, timing: Timing) -> Speed:
        """One after the other, without a pause."""
        return cls(name, 1e3 * timing.median_s, 1e3 * timing.p99_s, 1 / timing.median_s)


def block(machine: Machine, speeds: Sequence[Speed]) -> str:
    """What says how fast a machine is, short enough to be sent to somebody."""
    width = max((len(speed.name) for speed in speeds), default=0)
    clock = f", governor {machine.governor}" if machine.governor else ""
    packages = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    return "\n".join(
        (
            "---- how fast this machine is: please send these lines ----",
            f"{machine.processor}, {machine.architecture}, {machine.cores} cores{clock}, "
            f"kernels {machine.kernels or 'not built'}",
            f"{machine.system}, Python {machine.python}, {machine.date}, load {machine.load}",
            packages,
            f"{'':{width}}  median ms   p99 ms  images/s",
            *(
                f"{speed.name:{width}}  {speed.median_ms:9.2f}{speed.p99_ms:9.2f}"
                f"{speed.per_second:10.1f}"
                for speed in speeds
            ),
            "----",
        )
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

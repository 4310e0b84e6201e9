"""Energy used by the processor, where the kernel tells it (Intel's and AMD's RAPL)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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

"""The figures of a case, from what was observed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

_LEAST_FOUND = 0.99
"""Share of the images in which every face must be found."""

_GROWTH_MS, _GROWTH = 5.0, 1.3
"""A latency that is larger at the end by both is called growing."""


@dataclass(frozen=True)
class Observation:
    """What the observer saw of the images that were measured.

    Attributes:
        stamps: of the images of which an emotion was heard, seconds, in order.
        heard: when, on the same clock, seconds.
        published: stamps of all images of the camera, seconds.
        faces: number of faces reported for each image.
        cpu_s: processor time that perception took meanwhile, seconds.
        duration_s: how long that was, seconds.
        resident_mb: memory of perception at the end, 10^6 bytes.
        peak_mb: the most there ever was.
    """

    stamps: tuple[float, ...]
    heard: tuple[float, ...]
    published: tuple[float, ...]
    faces: tuple[int, ...]
    cpu_s: float
    duration_s: float
    resident_mb: float
    peak_mb: float

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Observation:
        """The inverse of `to_dict`."""
        lists: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**lists)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Figures:
    """The result of a case.

    Attributes:
        images: how many were measured.
        median_ms: from the image's stamp to the reception of ``/emotion``, milliseconds.
        p99_ms: 99th percentile.
        p999_ms: 99.9th percentile; of fewer than 1,000 images about the largest.
        first_ms: median of the first third of the images.
        last_ms: median of the last third.
        rate: images per second.
        camera_rate: of the camera meanwhile.
        dropped: images of the camera for which no emotion came.
        cpu_s_per_1000: processor time for 1,000 images, seconds.
        cores: processor time per time.
        resident_mb: memory of perception, 10^6 bytes.
        peak_mb: the most there ever was.
        found: share of the images in which every face was found.
    """

    images: int
    median_ms: float
    p99_ms: float
    p999_ms: float
    first_ms: float
    last_ms: float
    rate: float
    camera_rate: float
    dropped: int
    cpu_s_per_1000: float
    cores: float
    resident_mb: float
    peak_mb: float
    found: float

    def faults(self) -> list[str]:
        """Why the figures must not be believed, or what the robot did wrong."""
        faults = []
        if self.found < _LEAST_FOUND:
            faults.append(f"all faces were found in {self.found:.1%} of the images only")
        if self.last_ms > self.first_ms * _GROWTH and self.last_ms > self.first_ms + _GROWTH_MS:
            faults.append(f"latency grew from {self.first_ms:.1f} to {self.last_ms:.1f} ms")
        return faults

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def figures(seen: Observation, faces: int) -> Figures:
    """Figures of an observation.

    Args:
        seen: at least one image.
        faces: how many each image has.
    """
    latency = 1000 * (np.array(seen.heard) - np.array(seen.stamps))
    median, p99, p999 = np.percentile(latency, (50, 99, 99.9))
    third = max(1, len(latency) // 3)
    first, last = seen.stamps[0], seen.stamps[-1]
    shown = [stamp for stamp in seen.published if first <= stamp <= last]
    span = last - first
    return Figures(
        images=len(latency),
        median_ms=float(median),
        p99_ms=float(p99),
        p999_ms=float(p999),
        first_ms=float(np.median(latency[:third])),
        last_ms=float(np.median(latency[-third:])),
        rate=(len(latency) - 1) / span if span else 0.0,
        camera_rate=(len(shown) - 1) / span if span else 0.0,
        dropped=len(set(shown) - set(seen.stamps)),
        cpu_s_per_1000=1000 * seen.cpu_s / len(latency),
        cores=seen.cpu_s / seen.duration_s,
        resident_mb=seen.resident_mb,
        peak_mb=seen.peak_mb,
        found=float(np.mean(np.array(seen.faces) == faces)),
    )

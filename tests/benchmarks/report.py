"""What is measured, the figures that come of it, and how they are told: cases, tables, ratios."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib import metadata
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ec_rfernet.benchmark import timing
from ec_rfernet.benchmark.timing import Speed

# What is measured: the cases, and which of them belong to a short run.

SIZES = ((640, 480), (1280, 720))
TRANSPORTS = ("raw", "compressed")
FACES = (1, 3, 10)
LAYOUTS = ("separate", "together")

PACE = 30.0
"""Images per second of an ordinary camera."""

FAST = 240.0
"""Images per second of a camera that is faster than the node."""


@dataclass(frozen=True)
class Case:
    """One way to run the perception.

    Attributes:
        width: of the images, pixels.
        height: of the images, pixels.
        transport: one of `TRANSPORTS`.
        faces: in every image.
        layout: ``separate``: camera and fer_node are two processes; ``together``: one.
        rate: of the camera, images per second.
        one_core: whether the process with fer_node is bound to one core.
    """

    width: int = 640
    height: int = 480
    transport: str = "raw"
    faces: int = 1
    layout: str = "separate"
    rate: float = PACE
    one_core: bool = False

    @property
    def name(self) -> str:
        """Unique among all cases."""
        parts = [f"{self.width}x{self.height}", self.transport, f"{self.faces} faces", self.layout]
        if self.is_sustained:
            parts.append(f"camera {self.rate:.0f}/s")
        if self.one_core:
            parts.append("one core")
        return ", ".join(parts).replace(" 1 faces", " 1 face")

    @property
    def is_sustained(self) -> bool:
        """Whether the camera is meant to be faster than the node."""
        return self.rate > PACE

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def whole_matrix() -> tuple[Case, ...]:
    """Every size, transport, number of faces and layout at `PACE`, and the fast cameras."""
    ordinary = [
        Case(width, height, transport, faces, layout)
        for layout, (width, height), transport, faces in product(LAYOUTS, SIZES, TRANSPORTS, FACES)
    ]
    fast = [
        Case(width, height, transport, rate=FAST, one_core=True)
        for (width, height), transport in product(SIZES, TRANSPORTS)
    ]
    return (*ordinary, *fast)


def short_matrix() -> tuple[Case, ...]:
    """Of the whole matrix, what differs from the first case in one respect, and the corners."""
    return (
        Case(),
        Case(transport="compressed"),
        Case(faces=3),
        Case(faces=10),
        Case(1280, 720),
        Case(1280, 720, "compressed"),
        Case(1280, 720, "compressed", 10),
        Case(layout="together"),
        Case(rate=FAST, one_core=True),
        Case(transport="compressed", rate=FAST, one_core=True),
    )


# The figures of a case, from what was observed.

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


# Machine, tables and comparison.

_PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "mediapipe", "ros-rclpy")

_COLUMNS = (  # key of the figures, heading, format
    ("median_ms", "median", "{:.1f}"),
    ("p99_ms", "p99", "{:.1f}"),
    ("p999_ms", "p99.9", "{:.1f}"),
    ("rate", "rate", "{:.1f}"),
    ("dropped", "dropped", "{:.0f}"),
    ("cpu_s_per_1000", "CPU s/1000", "{:.2f}"),
    ("cores", "cores", "{:.2f}"),
    ("peak_mb", "peak MB", "{:.0f}"),
)

_OTHERS = {  # key of the report: a line for each of its values
    "lost": "raw images lost between processes, {name}: {value:.1%}",
    "discovery_s": "six processes find each other, {name}: {value:.2f} s",
    "behaviour_ms": "{name}: {value[0]:.0f} ms, at most {value[1]:.0f} ms",
    "contact_ms": "first sign, {name}: {value[0]:.0f} ms median, {value[1]:.0f} ms 99th percentile"
    ", n = {value[2]:.0f}",
    "detection_ms": "one detection in 640x480 on one core, {name}: {value:.2f} ms",
    "smallest_face_px": "smallest face found in 640x480, detector {name}: {value:.0f} pixels wide",
}

_RATIOS = ("median_ms", "p99_ms", "rate", "cpu_s_per_1000", "peak_mb")


def machine() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not from PyPI"
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": found,
    }


def table(cases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Lines with the figures of each case.

    Args:
        cases: by name; each holds ``faults``, and ``figures`` where there are any.
    """
    width = max(map(len, cases), default=0)
    lines = [f"{'milliseconds':{width}}" + "".join(f"{head:>12}" for _, head, _ in _COLUMNS)]
    for name, case in cases.items():
        if "figures" in case:
            cells = [shape.format(case["figures"][key]) for key, _, shape in _COLUMNS]
            lines.append(f"{name:{width}}" + "".join(f"{cell:>12}" for cell in cells))
        lines += [f"    FAILED: {fault}" for fault in case["faults"]]
    return lines


def lines(found: Mapping[str, Any]) -> list[str]:
    """The whole report in words and tables."""
    told = [", ".join(f"{key} {found['machine'][key]}" for key in ("processor", "cores", "load"))]
    if found["cases"]:
        told += ["", *table(found["cases"])]
    if "start_s" in found:
        times = found["start_s"]
        told.append(
            f"\nstart to the first /emotion: {median(times):.2f} s, at most {max(times):.2f} s"
        )
    for key, what in _OTHERS.items():
        for name, value in found.get(key, {}).items():
            told.append(what.format(name=name, value=value))
    return told + [f"FAILED: {fault}" for fault in found["faults"]]


def block(cases: Mapping[str, Mapping[str, Any]], networks: Sequence[Speed]) -> str:
    """What people can send: this machine, the networks if they were measured, the nodes.

    Args:
        cases: as of `table`; those of a camera at its usual pace, in separate processes.
        networks: told before them.
    """
    speeds = list(networks)
    for name, case in cases.items():
        figures = case.get("figures")
        if figures and case["case"]["layout"] == "separate":
            told = (figures[key] for key in ("median_ms", "p99_ms", "rate"))
            speeds.append(Speed(f"camera to /emotion, {name}", *told))
    return timing.block(timing.Machine.this(), speeds)


def faults(found: Mapping[str, Any]) -> list[str]:
    """All that went wrong."""
    return [*found["faults"], *(f for case in found["cases"].values() for f in case["faults"])]


def comparison(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Lines that tell, for each case in both reports, how many times larger it became.

    Args:
        before: an earlier report.
        after: a later one.
    """
    shared = [
        name
        for name, case in after["cases"].items()
        if "figures" in case and "figures" in before["cases"].get(name, {})
    ]
    heads = {key: head for key, head, _ in _COLUMNS}
    width = max(map(len, shared), default=0)
    lines = [f"{'after / before':{width}}" + "".join(f"{heads[key]:>12}" for key in _RATIOS)]
    for name in shared:
        old, new = before["cases"][name]["figures"], after["cases"][name]["figures"]
        cells = [f"{new[key] / old[key]:.2f}" if old[key] else "-" for key in _RATIOS]
        lines.append(f"{name:{width}}" + "".join(f"{cell:>12}" for cell in cells))
    return lines


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()

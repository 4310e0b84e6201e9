"""Machine, tables and comparison."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

_PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "mediapipe", "ros-jazzy-rclpy")

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

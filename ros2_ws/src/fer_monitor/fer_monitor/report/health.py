"""What went wrong, and with what software: from the reports of the nodes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fer_monitor.recording.topics import NOTICE
from fer_monitor.report.session import Report

_NUMBER = re.compile(r"\d+(\.\d+)?")
_LOST = ("dropped", "not decodable", "undecodable")
_ABOUT = (
    "model",
    "model hash",
    "runtime",
    "robot",
    "recorder",
    "pictures",
    "ROS",
    "middleware",
    "Python",
    "machine",
)


@dataclass(frozen=True)
class Problem:
    """A warning or an error, however often it was repeated.

    Attributes:
        node: that complained.
        level: 1 warning, 2 error, 3 no news.
        text: as it was said last.
        first: seconds since the beginning of the recording.
        last: likewise.
        count: how often it was said.
    """

    node: str
    level: int
    text: str
    first: float
    last: float
    count: int


def problems(reports: Sequence[Report]) -> list[Problem]:
    """Warnings and errors by the time of their first appearance.

    Reports that differ in numbers only ("no images for 3 s", "for 4 s") are one problem.
    """
    found: dict[tuple[str, int, str], Problem] = {}
    for report in reports:
        if report.level == 0 or report.text.startswith(NOTICE):
            continue
        key = (report.node, report.level, _NUMBER.sub("#", report.text))
        before = found.get(key) or Problem(report.node, report.level, "", report.time, 0.0, 0)
        found[key] = replace(before, text=report.text, last=report.time, count=before.count + 1)
    return sorted(found.values(), key=lambda problem: problem.first)


def losses(reports: Sequence[Report]) -> dict[tuple[str, str], int]:
    """What each node counted as lost in this recording, by node and kind.

    The counters are those of the nodes, which may have run before; one that starts anew
    begins at 0.
    """
    total: dict[tuple[str, str], int] = {}
    before: dict[tuple[str, str], int] = {}
    for report in reports:
        for key, value in report.values.items():
            if value.isdecimal() and any(word in key.lower() for word in _LOST):
                place, number = (report.node, key), int(value)
                grown = number - before.get(place, number)
                total[place] = total.get(place, 0) + (grown if grown >= 0 else number)
                before[place] = number
    return total


def about(reports: Sequence[Report]) -> dict[str, str]:
    """Model, runtime and versions, as they were last reported."""
    known: dict[str, str] = {}
    for report in reports:
        for key in _ABOUT:
            value = report.values.get(key, "none")
            if value not in ("none", "", "unknown"):
                known[key] = value
    return {key: known[key] for key in _ABOUT if key in known}

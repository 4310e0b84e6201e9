"""The findings on a terminal, or for a program."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence

from fer_monitor.doctor.finding import FAIL, OK, WARN, Finding

_COLOURS = {OK: "32", WARN: "33", FAIL: "31"}
_MEND = "mend: "


def table(findings: Sequence[Finding], seconds: float, width: int, coloured: bool) -> str:
    """A line for each finding, and below it how to mend what is wrong.

    Args:
        findings: see there.
        seconds: how long it took.
        width: of the terminal, characters.
        coloured: whether it understands ANSI colours.
    """
    name = max((len(finding.subject) for finding in findings), default=0)
    indent = " " * (len(WARN) + name + 4)
    room = max(30, width - 1)
    lines = []
    for finding in findings:
        status = f"{finding.status:<{len(WARN)}}"
        if coloured:
            status = f"\033[{_COLOURS[finding.status]}m{status}\033[0m"
        text = _wrapped(f"{finding.subject:<{name}}  {finding.text}", room, indent)
        lines.append(f"{status}  {text[len(WARN) + 2 :]}")
        if finding.remedy:
            # A command is not broken, so that it can be copied.
            lines.append(f"{indent}{_MEND}{finding.remedy}")
    return "\n".join([*lines, "", _summary(findings, seconds)])


def _wrapped(text: str, width: int, indent: str) -> str:
    first = " " * (len(WARN) + 2)
    return textwrap.fill(
        text,
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _summary(findings: Sequence[Finding], seconds: float) -> str:
    counts = Counter(finding.status for finding in findings)
    if counts[FAIL]:
        verdict = "something will not work until it is mended"
    elif counts[WARN]:
        verdict = "the robot runs, with less than it could"
    else:
        verdict = "all is well"
    return (
        f"{counts[OK]} OK, {counts[WARN]} WARN, {counts[FAIL]} FAIL in {seconds:.1f} s: {verdict}"
    )


def document(findings: Sequence[Finding], seconds: float) -> str:
    """The findings as JSON."""
    entries = [
        {
            "check": finding.subject,
            "status": finding.status,
            "text": finding.text,
            "remedy": finding.remedy,
        }
        for finding in findings
    ]
    failed = any(finding.status == FAIL for finding in findings)
    values = {"ok": not failed, "seconds": round(seconds, 2), "findings": entries}
    return json.dumps(values, indent=2)

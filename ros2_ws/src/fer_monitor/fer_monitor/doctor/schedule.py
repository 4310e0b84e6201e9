"""Runs checks beside each other; none can stop, break or delay the others for long."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fer_monitor.doctor.finding import Finding, fail, warn
from fer_monitor.doctor.world import MissingError, World

Examine = Callable[[World], "list[Finding]"]


@dataclass(frozen=True)
class Check:
    """One thing to look at.

    Attributes:
        name: for people.
        examine: finds something; may take long, and may raise.
        limit_s: how long it may take.
    """

    name: str
    examine: Examine
    limit_s: float = 7.0


def examine_all(checks: Sequence[Check], world: World) -> list[Finding]:
    """Runs checks at the same time.

    Returns:
        What they found, in the order of the checks. One that raised, or was not back in time,
        is a failure that says so; its thread is left behind.
    """
    results: queue.SimpleQueue[tuple[int, list[Finding]]] = queue.SimpleQueue()

    def work(index: int) -> None:
        check = checks[index]
        try:
            found = check.examine(world)
        except MissingError as error:
            found = [warn(f"not tried ({error})", world.setup)]
        except Exception as error:  # of whatever kind: it is one line among others
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            found = [fail(f"the check itself failed ({reason})", _REPORT)]
        results.put((index, found))

    start = time.monotonic()
    for index in range(len(checks)):
        threading.Thread(target=work, args=(index,), daemon=True).start()
    found: dict[int, list[Finding]] = {}
    while len(found) < len(checks):
        waiting = [check.limit_s for i, check in enumerate(checks) if i not in found]
        try:
            index, findings = results.get(timeout=max(0.0, start + min(waiting) - time.monotonic()))
        except queue.Empty:
            passed = time.monotonic() - start
            for index, check in enumerate(checks):
                if index not in found and passed >= check.limit_s:
                    text = f"the check did not end within {check.limit_s:g} s and was given up"
                    found[index] = [fail(text, "run fer-doctor again; see `dmesg | tail` as well")]
            continue
        found.setdefault(index, findings)
    return [
        replace(finding, subject=finding.subject or check.name)
        for index, check in enumerate(checks)
        for finding in found[index]
    ]


_REPORT = "run it again with --json and report what it prints"

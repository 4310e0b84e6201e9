"""Checks, and what they find; they run beside each other, and none can stop the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from fer_common.reason import Finding, Level
from fer_monitor.doctor.host import Host, MissingError


@dataclass(frozen=True)
class Diagnosis(Finding):
    """A finding about a machine.

    Attributes:
        remedy: what to do about it, with the exact command; None where all is well.
        subject: what was looked at; None: what the check is named after.
    """

    remedy: str | None = None
    subject: str | None = None


def ok(text: str) -> Diagnosis:
    """All is well."""
    return Diagnosis(Level.OK, text)


def warn(text: str, remedy: str) -> Diagnosis:
    """The robot runs, but with less than it could."""
    return Diagnosis(Level.WARN, text, remedy)


def fail(text: str, remedy: str) -> Diagnosis:
    """Something will not work until this is mended."""
    return Diagnosis(Level.ERROR, text, remedy)


def about(subject: str, finding: Diagnosis) -> Diagnosis:
    """The same finding with its subject."""
    return replace(finding, subject=subject)


@dataclass(frozen=True)
class Check:
    """One thing to look at.

    Attributes:
        name: for people.
        examine: finds something; may take long, and may raise.
        limit_s: how long it may take.
        alone: whether it comes after the others, because it measures times.
    """

    name: str
    examine: Callable[[Host], Iterable[Diagnosis]]
    limit_s: float = 7.0
    alone: bool = False


def examine_all(checks: Sequence[Check], host: Host) -> list[Diagnosis]:
    """Runs checks at the same time, but for those that are to be alone.

    Returns:
        What they found, in the order of the checks. One that raised, or was not back in time,
        is a failure that says so; its thread is left behind.
    """
    found: dict[str, list[Diagnosis]] = {}

    def examine(check: Check) -> None:
        try:
            found[check.name] = list(check.examine(host))
        except MissingError as error:
            found[check.name] = [warn(f"not tried ({error})", host.setup)]
        except Exception as error:  # of whatever kind: it is one line among others
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            remedy = "run it again with --json and report what it prints"
            found[check.name] = [fail(f"the check itself failed ({reason})", remedy)]

    for phase in ([c for c in checks if not c.alone], *([c] for c in checks if c.alone)):
        threads = {c: threading.Thread(target=examine, args=(c,), daemon=True) for c in phase}
        start = time.monotonic()
        for thread in threads.values():
            thread.start()
        for check, thread in threads.items():
            thread.join(max(0.0, start + check.limit_s - time.monotonic()))
            text = f"the check did not end within {check.limit_s:g} s and was given up"
            given_up = fail(text, "run fer-doctor again; see `dmesg | tail` as well")
            found.setdefault(check.name, [given_up])
    return [about(f.subject or check.name, f) for check in checks for f in found[check.name]]

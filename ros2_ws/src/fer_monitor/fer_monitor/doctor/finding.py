"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARN, FAIL = "OK", "WARN", "FAIL"
"""All is well; the robot runs, but with less; something will not work until it is mended."""


@dataclass(frozen=True)
class Finding:
    """One line of the result.

    Attributes:
        status: `OK`, `WARN` or `FAIL`.
        text: what was found, and why it matters where it does.
        remedy: what to do about it, with the exact command; empty where all is well.
        subject: what was looked at; empty: the check's own name.
    """

    status: str
    text: str
    remedy: str = ""
    subject: str = ""


def ok(text: str, subject: str = "") -> Finding:
    """All is well."""
    return Finding(OK, text, "", subject)


def warn(text: str, remedy: str, subject: str = "") -> Finding:
    """The robot runs, but with less than it could."""
    return Finding(WARN, text, remedy, subject)


def fail(text: str, remedy: str, subject: str = "") -> Finding:
    """Something will not work until this is mended."""
    return Finding(FAIL, text, remedy, subject)

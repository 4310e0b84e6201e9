"""ROS domains: each run of the tests has one that no other run on this machine has."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOMAINS = range(1, 102)
"""Above these the ports of DDS are those that Linux gives to any program; 0 is the user's."""

LOCKS = Path(tempfile.gettempdir())


@contextmanager
def claimed_domain(locks: Path = LOCKS) -> Iterator[int]:
    """A domain for this process and its children, until the end of the block.

    The system frees it, too, when the process is killed.

    Args:
        locks: the folder with a file for each domain; all users of the machine share it.

    Raises:
        RuntimeError: all of `DOMAINS` are taken.
    """
    for domain in DOMAINS:
        lock = _lock(locks / f"ros_domain_{domain}.lock")
        if lock is None:
            continue
        try:
            yield domain
        finally:
            os.close(lock)
        return
    raise RuntimeError(f"all {len(DOMAINS)} ROS domains are taken: end other runs of the tests")


def _lock(file: Path) -> int | None:
    """An open and locked file; None while somebody else has it."""
    try:
        # Another user's file in /tmp can be locked, but neither created nor written.
        flags = os.O_RDONLY if file.exists() else os.O_RDONLY | os.O_CREAT
        lock = os.open(file, flags | os.O_NOFOLLOW, 0o444)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock

"""/dev/shm, through which pictures pass between processes."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from fer_monitor.doctor.finding import Finding, ok, warn
from fer_monitor.doctor.world import World

_GOOD_MB = 150
"""Each process takes 16 MB and more."""
_DETOUR = "then go through the network of this machine"
_MANY_MB = 100
_LOCK = "_el"
_CLEAN = ". scripts/env.sh && fastdds shm clean"


def examine(world: World) -> list[Finding]:
    """Whether there is room in it, and what dead programs have left there."""
    folder = world.file("/dev/shm")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        text = f"/dev/shm is missing, or not for you: pictures {_DETOUR}"
        return [warn(text, "sudo mount -t tmpfs -o mode=1777 shm /dev/shm", "shared memory")]
    stat = os.statvfs(folder)
    free_mb = stat.f_bavail * stat.f_frsize / 1e6
    left = leftovers(folder)
    return [judge(free_mb, len(left), sum(map(_size, left)) / 1e6)]


def judge(free_mb: float, left: int, left_mb: float) -> Finding:
    """What that means.

    Args:
        free_mb: free in /dev/shm, 10^6 bytes.
        left: how many segments dead programs left.
        left_mb: and how much they take.
    """
    text = f"{free_mb:,.0f} MB free in /dev/shm"
    dead = f"{left} segments of dead programs take {left_mb:,.0f} MB of it"
    name = "shared memory"
    if free_mb < _GOOD_MB:
        remedy = "sudo mount -o remount,size=1G /dev/shm (in a container: --shm-size=1g)"
        if left_mb > free_mb:
            text, remedy = f"{text}; {dead}", _CLEAN
        return warn(f"{text}: too little for pictures, which {_DETOUR}", remedy, name)
    if left_mb > _MANY_MB:
        return warn(f"{text}; {dead}", _CLEAN, name)
    return ok(f"{text}; {dead}" if left else text, name)


def leftovers(folder: Path) -> list[Path]:
    """The segments of Fast DDS whose owner is gone: nobody holds the lock beside them."""
    return [
        lock.with_name(lock.name[: -len(_LOCK)])
        for lock in sorted(folder.glob(f"fastrtps_*{_LOCK}"))
        if _is_free(lock)
    ]


def _is_free(lock: Path) -> bool:
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

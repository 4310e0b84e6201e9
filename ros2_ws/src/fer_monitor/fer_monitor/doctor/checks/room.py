"""Memory, disk, and whether the folders that the robot writes to can be written."""

from __future__ import annotations

import os
import re
from pathlib import Path

from fer_monitor.doctor.finding import Finding, fail, ok, warn
from fer_monitor.doctor.world import World

_NEEDED_MB, _GOOD_MB = 300, 600
_SETUP_MB, _RUN_MB = 2000, 300


def examine(world: World) -> list[Finding]:
    """Memory, then disk, then the folder of the logs."""
    return [memory(world), disk(world), logs(world)]


def memory(world: World) -> Finding:
    """Whether the robot fits in."""
    found = re.search(r"MemAvailable:\s+(\d+) kB", world.text("/proc/meminfo"))
    if found is None:
        return ok("the kernel does not tell how much memory is free", "memory")
    free_mb = int(found[1]) * 1024 / 1e6
    text = f"{free_mb:,.0f} MB of memory are free"
    if free_mb < _GOOD_MB:
        verdict = fail if free_mb < _NEEDED_MB else warn
        return verdict(
            f"{text}, the robot needs {_GOOD_MB}", "end what `top -o %MEM` shows", "memory"
        )
    return ok(text, "memory")


def disk(world: World) -> Finding:
    """Whether there is room for setting up, or for running."""
    folder = world.root or world.home
    stat = os.statvfs(folder)
    free_mb = stat.f_bavail * stat.f_frsize / 1e6
    is_set_up = world.venv is not None and (world.venv / ".done-robot").exists()
    needed_mb = _RUN_MB if is_set_up else _SETUP_MB
    text = f"{free_mb:,.0f} MB of disk are free at {folder}"
    if free_mb < needed_mb:
        return fail(f"{text}, needed: {needed_mb}", "df -h, then delete something", "disk")
    return ok(text, "disk")


def logs(world: World) -> Finding:
    """Whether ROS can write its log: a node ends at its start if it cannot."""
    given = world.environ.get("ROS_LOG_DIR") or world.environ.get("ROS_HOME")
    folder = Path(given) if given else world.home / ".ros"
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if place.is_dir() and os.access(place, os.W_OK):
        return ok(f"ROS writes its logs below {folder}", "logs")
    text = f"ROS cannot write its logs below {folder}, and no node starts without"
    mine = f"sudo chown -R $USER {folder}" if place == folder else "export ROS_LOG_DIR=/tmp/ros"
    return fail(text, mine, "logs")

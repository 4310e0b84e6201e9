"""Files below /dev: who may use them, and who does."""

from __future__ import annotations

import grp
import os
from pathlib import Path

from fer_monitor.doctor.world import World


def usable(device: Path) -> bool:
    """Whether this user may read and write a device."""
    return os.access(device, os.R_OK | os.W_OK)


def permission(device: Path) -> str:
    """How a user gets access to a device."""
    try:
        group = grp.getgrgid(device.stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "root"
    if group in ("root", "nogroup"):
        return f"sudo chmod a+rw {device} (in a container: start it with --device {device})"
    return f"sudo usermod -aG {group} $USER, then log out and in again"


def users(world: World, device: str) -> list[str]:
    """The programs that have a device open, as ``name (process id)``; only those of the user.

    Args:
        world: see there.
        device: such as ``/dev/video0``.
    """
    found = []
    for process in world.file("/proc").glob("[0-9]*"):
        try:
            links = [str(entry.readlink()) for entry in (process / "fd").iterdir()]
        except OSError:  # another user's, or over by now
            continue
        if device in links:
            name = world.text(f"/proc/{process.name}/comm")
            found.append(f"{name or 'a program'} (process {process.name})")
    return found

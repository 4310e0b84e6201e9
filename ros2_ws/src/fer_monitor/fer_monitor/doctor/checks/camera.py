"""Webcams: there, allowed, free, and giving a picture on which something can be seen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from fer_monitor.doctor.checks.devices import permission, usable, users
from fer_monitor.doctor.finding import Finding, fail, ok, warn
from fer_monitor.doctor.world import ProbeError, World, ask

_DARK, _FLAT = 16.0, 4.0  # grey levels, 0..255: mean, and standard deviation
_DIM = 40.0
_SLOW_HZ = 20.0
_ANOTHER = "choose another one: fer-doctor tells which work; then --camera N"


def examine(world: World) -> list[Finding]:
    """A line for each camera."""
    devices = sorted(
        (
            path
            for path in world.file("/dev").glob("video*")
            if re.fullmatch(r"video\d+", path.name)
        ),
        key=lambda path: int(path.name[5:]),
    )
    with ThreadPoolExecutor(4) as pool:
        findings = [f for found in pool.map(partial(_device, world), devices) for f in found]
    if findings:
        return findings
    text = f"no webcam ({'no' if not devices else 'none of the'} /dev/video*)"
    if not clip(world).is_file():
        text = f"{text}, and the demo clip that stands in for it is missing"
        return [fail(text, f"plug in a webcam, or make the clip: {world.setup}")]
    remedy = "plug in a webcam and see `ls /dev/video*`; in a virtual machine, pass it through"
    return [warn(f"{text}: the robot looks at its demo clip", remedy)]


def clip(world: World) -> Path:
    """Where the demo clip is kept."""
    cache = world.environ.get("XDG_CACHE_HOME") or world.home / ".cache"
    found = sorted(Path(cache, "fer_bringup").glob("clip-*.mp4"))
    return found[-1] if found else Path(cache, "fer_bringup", "clip.mp4")


def _device(world: World, device: Path) -> list[Finding]:
    name = f"/dev/{device.name}"
    subject = f"camera {device.name[5:]}"
    if not usable(device):
        return [fail(f"you may not use {name}", permission(device), subject)]
    busy = users(world, name)
    if busy:
        text = f"{name} is used by {', '.join(busy)}, so no picture was taken"
        return [warn(text, "end that program, unless it is the robot itself", subject)]
    try:
        found = ask(world, "camera", device.name[5:], limit_s=5.0)
    except ProbeError as error:
        remedy = f"unplug and replug it; then `v4l2-ctl -d {name} --all` (apt install v4l-utils)"
        return [fail(f"{name}: no picture ({error})", remedy, subject)]
    finding = judge(name, found, subject)
    return [] if finding is None else [finding]


def judge(name: str, seen: Mapping[str, Any], subject: str = "") -> Finding | None:
    """What a look through a camera means.

    Args:
        name: of the device.
        seen: ``kind`` (capture or other), ``width``, ``height``, ``rate`` (Hz), ``mean`` and
            ``spread`` of the grey levels.
        subject: of the finding.

    Returns:
        None for a device that is no camera, such as the one with a webcam's metadata.
    """
    if seen["kind"] != "capture":
        return None
    if not seen["width"]:
        return fail(f"{name} opens but gives no picture", _ANOTHER, subject)
    picture = f"{name}: {seen['width']}x{seen['height']} at {seen['rate']:.0f} frames/s"
    complaints = (
        (
            seen["spread"] < _FLAT,
            "but black" if seen["mean"] < _DARK else "but of one colour",
            "take the cover off the lens, or turn on the light",
        ),
        (
            seen["rate"] < _SLOW_HZ,
            "the robot is made for 30",
            "more light, another USB port, or a smaller width and height in robot.yaml",
        ),
        (seen["mean"] < _DIM, "but dark", "more light on the faces"),
    )
    for applies, complaint, remedy in complaints:
        if applies:
            return warn(f"{picture}, {complaint}", remedy, subject)
    return ok(picture, subject)

"""What is plugged in: cameras, loudspeaker, servo board, Unitree G1."""

from __future__ import annotations

import grp
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from fer_monitor.doctor.check import Diagnosis, about, fail, ok, warn
from fer_monitor.doctor.host import Host, MissingError, ProbeError

_DARK, _DIM, _FLAT = 16.0, 40.0, 4.0  # grey levels, 0..255: mean, mean, standard deviation
_SLOW_HZ = 20.0
_LOG = "or start with --speech log"


def cameras(host: Host) -> list[Diagnosis]:
    """A line for each webcam: allowed, free, and giving a picture on which something is seen."""
    found = (re.fullmatch(r"video(\d+)", path.name) for path in host.file("/dev").glob("video*"))
    numbers = sorted(int(match[1]) for match in found if match)
    with ThreadPoolExecutor(4) as pool:
        told = [finding for finding in pool.map(partial(_camera, host), numbers) if finding]
    if told:
        return told
    text = f"no webcam ({'none of the' if numbers else 'no'} /dev/video*)"
    cache = Path(host.environ.get("XDG_CACHE_HOME") or host.home / ".cache", "fer_bringup")
    other = host.temporary.glob("fer-*/fer_bringup/clip-*.mp4")  # of who has no home to write
    if not any((*cache.glob("clip-*.mp4"), *other)):
        text = f"{text}, and the demo clip that stands in for it is missing"
        return [fail(text, f"plug in a webcam, or make the clip: {host.setup}")]
    remedy = "plug in a webcam and see `ls /dev/video*`; in a virtual machine, pass it through"
    return [warn(f"{text}: the robot looks at its demo clip", remedy)]


def _camera(host: Host, number: int) -> Diagnosis | None:
    """None for a device that is no camera, such as the one with a webcam's metadata."""
    name, subject = f"/dev/video{number}", f"camera {number}"
    if not host.may_use(host.file(name)):
        return about(subject, fail(f"you may not use {name}", _permission(host.file(name))))
    users = _users(host, name)
    if users:
        text = f"{name} is used by {', '.join(users)}, so no picture was taken"
        return about(subject, warn(text, "end that program, unless it is the robot itself"))
    try:
        seen = host.ask("camera", str(number), limit_s=5.0)
        return about(subject, _look(name, seen)) if seen["kind"] == "capture" else None
    except ProbeError as error:
        remedy = f"unplug and replug it; then `v4l2-ctl -d {name} --all` (apt install v4l-utils)"
        return about(subject, fail(f"{name}: no picture ({error})", remedy))


def _look(name: str, seen: Mapping[str, Any]) -> Diagnosis:
    if not seen["width"]:
        remedy = "choose another one: fer-doctor tells which work; then --camera N"
        return fail(f"{name} opens but gives no picture", remedy)
    picture = f"{name}: {seen['width']}x{seen['height']} at {seen['rate']:.0f} frames/s"
    if seen["spread"] < _FLAT:
        colour = "black" if seen["mean"] < _DARK else "of one colour"
        remedy = "take the cover off the lens, or turn on the light"
        return warn(f"{picture}, but {colour}", remedy)
    if seen["rate"] < _SLOW_HZ:
        remedy = "more light, another USB port, or a smaller width and height in robot.yaml"
        return warn(f"{picture}, the robot is made for 30", remedy)
    if seen["mean"] < _DIM:
        return warn(f"{picture}, but dark", "more light on the faces")
    return ok(picture)


def _permission(device: Path) -> str:
    """How a user gets access to a device."""
    try:
        group = grp.getgrgid(device.stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "root"
    if group in ("root", "nogroup"):
        return f"sudo chmod a+rw {device} (in a container: start it with --device {device})"
    return f"sudo usermod -aG {group} $USER, then log out and in again"


def _users(host: Host, device: str) -> list[str]:
    """The programs of this user that have a device open."""
    found = []
    for process in host.file("/proc").glob("[0-9]*"):
        try:
            links = [str(entry.readlink()) for entry in (process / "fd").iterdir()]
        except OSError:  # another user's, or over by now
            continue
        if device in links:
            name = host.text(f"/proc/{process.name}/comm") or "a program"
            found.append(f"{name} (process {process.name})")
    return found


def serial_ports(host: Host) -> list[Diagnosis]:
    """A line for each serial port, which may have a board that moves servos."""
    ports = [path for kind in ("ttyACM*", "ttyUSB*") for path in host.file("/dev").glob(kind)]
    if not ports:
        return [about("serial port", ok("no board is plugged in (none is needed: robot sim)"))]
    try:
        robots = host.ask("registries", limit_s=5.0)["with_port"]
    except (MissingError, ProbeError):  # told by other checks
        robots = []
    found = [_serial_port(host, path, robots) for path in sorted(ports)]
    return [about("serial port", finding) for finding in found]


def _serial_port(host: Host, path: Path, robots: Sequence[str]) -> Diagnosis:
    name = f"/dev/{path.name}"
    users = _users(host, name)
    if not host.may_use(path):
        return warn(f"you may not use {name}", _permission(path))
    if users:
        return warn(f"{name} is used by {', '.join(users)}", "end that program")
    return ok(f"{name} can be used: --robot {robots[0] if robots else 'NAME'} --port {name}")


def unitree(host: Host) -> Iterator[Diagnosis]:
    """Where Unitree's G1 may be; nothing where its SDK is not installed."""
    try:
        names = host.ask("unitree", limit_s=5.0)["interfaces"]
    except (MissingError, ProbeError):  # told by other checks
        return
    if names:
        there = f"Unitree's SDK is installed, for interfaces {', '.join(names)}"
        yield ok(f"{there}: --robot unitree_g1 --interface {names[-1]}")


def sound(host: Host) -> Iterator[Diagnosis]:
    """Whether the robot's own code says something, and whether it can be heard."""
    try:
        heard = host.ask("sound", limit_s=5.0)
    except ProbeError as error:
        yield fail(f"the voice was not tried ({error})", f"{host.setup}, {_LOG}")
        return
    if heard["voice_error"]:
        voice = fail(heard["voice_error"], f"{host.setup}, {_LOG}")
    elif heard["languages_missing"]:
        text = f"eSpeak NG has no voice for: {', '.join(heard['languages_missing'])}"
        voice = warn(text, "sudo apt install espeak-ng-data")
    else:
        better = f"; {heard['better_voice']}" if not heard["piper_voice"] else ""
        took = f"said a sentence in {heard['voice_ms']:.0f} ms"
        voice = ok(f"{heard['voice']} {took}{better}")
    yield about("voice", voice)
    reason = heard["loudspeaker_error"]
    loudspeaker = ok(f"the ALSA device '{heard['device']}' takes sound")
    if reason:
        loudspeaker = warn(f"nothing will be heard: {reason}", _loudspeaker_cure(host, reason))
    yield about("loudspeaker", loudspeaker)
    if heard["piper_error"]:
        remedy = "mend the parameter piper_voice in robot.yaml, or `make setup VOICE=piper`"
        yield about("piper", fail(heard["piper_error"], remedy))
    elif heard["piper_voice"]:
        yield about("piper", ok(f"with --speech piper, this speaks: {heard['piper_voice']}"))


def _loudspeaker_cure(host: Host, reason: str) -> str:
    running = {host.text(f"/proc/{path.name}/comm") for path in host.file("/proc").glob("[0-9]*")}
    servers = {"pipewire": "PipeWire", "pulseaudio": "PulseAudio"}
    server = next((name for program, name in servers.items() if program in running), None)
    cards = host.text("/proc/asound/cards")
    cures = (
        ("libasound" in reason, "sudo apt install libasound2 (Ubuntu 24.04: libasound2t64)"),
        ("busy" in reason, "`fuser -v /dev/snd/*` names the program that has it; end that"),
        ("denied" in reason, "sudo usermod -aG audio $USER, then log out and in again"),
        (server, f"sudo apt install libasound2-plugins, through which {server} is reached"),
        (not cards or "no soundcards" in cards, f"there is no sound card: plug one in, {_LOG}"),
        (True, "`aplay -l` lists the cards; name one in robot.yaml as audio_device"),
    )
    return next(cure for applies, cure in cures if applies)

"""The serial port of a board that moves servos."""

from __future__ import annotations

from fer_monitor.doctor.checks.devices import permission, usable, users
from fer_monitor.doctor.finding import Finding, ok, warn
from fer_monitor.doctor.world import World


def examine(world: World) -> list[Finding]:
    """A line for each port with a board."""
    ports = sorted(
        path for kind in ("ttyACM*", "ttyUSB*") for path in world.file("/dev").glob(kind)
    )
    if not ports:
        return [ok("no board is plugged in (none is needed: robot sim)", "serial port")]
    return [_port(world, f"/dev/{port.name}") for port in ports]


def _port(world: World, name: str) -> Finding:
    device, subject = world.file(name), "serial port"
    if not usable(device):
        return warn(f"you may not use {name}", permission(device), subject)
    busy = users(world, name)
    if busy:
        return warn(f"{name} is used by {', '.join(busy)}", "end that program", subject)
    return ok(f"{name} can be used: --robot serial --port {name}", subject)

"""The processor: who else uses it, and what slows it down."""

from __future__ import annotations

import re
from pathlib import Path

from fer_monitor.doctor.finding import Finding, ok, warn
from fer_monitor.doctor.world import World

_FASTEST = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
_ADAPTIVE = ("intel_pstate", "amd-pstate", "amd-pstate-epp", "intel_cpufreq")
"""Drivers whose ``powersave`` speeds up when there is work."""
_HOT_C = 85.0
_SUPPLY = "use the power supply made for the board (5 V, 5 A), and a short cable"
_COOL = "put a heat sink or a fan on the processor"
_THROTTLED = (
    (0, "the supply voltage is too low", _SUPPLY),
    (1, "the clock is capped", _SUPPLY),
    (2, "the clock is throttled", _COOL),
    (3, "it is near its highest temperature", _COOL),
    (16, "the supply voltage was too low since the start", _SUPPLY),
    (17, "the clock was capped since the start", _SUPPLY),
    (18, "the clock was throttled since the start", _COOL),
    (19, "it was near its highest temperature since the start", _COOL),
)


def examine(world: World) -> list[Finding]:
    """Load and governor, then heat and throttling."""
    return [governor(world), load(world), heat(world)]


def governor(world: World) -> Finding:
    """Whether the clock may rise."""
    folder = "/sys/devices/system/cpu"
    names = {
        world.text(f"{folder}/{path.name}/cpufreq/scaling_governor")
        for path in world.file(folder).glob("cpu[0-9]*")
    } - {""}
    if not names:
        return ok("the kernel leaves the clock alone (no governor, as in a virtual machine)")
    driver = world.text(f"{folder}/cpu0/cpufreq/scaling_driver")
    text = f"governor {', '.join(sorted(names))}"
    if "powersave" in names and driver not in _ADAPTIVE:
        return warn(f"{text}: the clock stays at its lowest", _FASTEST)
    return ok(text)


def load(world: World) -> Finding:
    """Whether other programs keep it busy."""
    words = world.text("/proc/loadavg").split()
    try:
        load = float(words[0])
    except (IndexError, ValueError):
        return ok("the kernel does not tell how busy it is", "load")
    text = f"{load:.1f} programs wanted one of {world.cores} cores in the last minute"
    if load > 1.5 * world.cores:
        return warn(f"{text}: the robot will be late", "end what `top` shows first", "load")
    return ok(text, "load")


def heat(world: World) -> Finding:
    """Whether it is too hot, or a Raspberry Pi too weakly supplied."""
    answer = world.run(("vcgencmd", "get_throttled"), 2.0)
    bits = re.search(r"throttled=0x([0-9a-fA-F]+)", answer.out) if answer.code == 0 else None
    if bits:
        value = int(bits[1], 16)
        said = [(text, remedy) for bit, text, remedy in _THROTTLED if value >> bit & 1]
        if said:
            return warn("; ".join(text for text, _ in said), said[0][1], "heat")
    zones = world.file("/sys/class/thermal").glob("thermal_zone*/temp")
    degrees = [int(text) / 1000 for text in map(_text, zones) if text.lstrip("-").isdigit()]
    if not degrees:
        return ok("not throttled" if bits else "the kernel does not tell the temperature", "heat")
    text = f"{max(degrees):.0f} degrees Celsius" + (", not throttled" if bits else "")
    return warn(text, _COOL, "heat") if max(degrees) > _HOT_C else ok(text, "heat")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:  # a zone that is switched off
        return ""

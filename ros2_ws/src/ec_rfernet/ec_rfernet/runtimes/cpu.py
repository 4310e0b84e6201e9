"""The processor of this machine."""

from __future__ import annotations

import platform
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_BOARD = Path("/proc/device-tree/model")
_BF16 = {"avx512_bf16", "amx_bf16", "bf16"}  # as x86 and Arm call it


def name() -> str:
    """What the maker calls it, ``AMD EPYC`` or ``Raspberry Pi 5 Model B Rev 1.0``."""
    found = _field("model name")
    if not found and _BOARD.is_file():
        found = _BOARD.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    return found or platform.processor() or platform.machine()


def has_bf16() -> bool:
    """Whether it multiplies 16-bit brain floats itself."""
    return not _BF16.isdisjoint(_features())


def has_int8_tiles() -> bool:
    """Whether it has Intel's matrix extension (AMX) for 8-bit whole numbers."""
    return "amx_int8" in _features()


def _features() -> list[str]:
    return (_field("flags") or _field("Features")).split()


def _field(key: str) -> str:
    """The first value of a key of Linux's description, empty where there is none."""
    if not _CPUINFO.is_file():
        return ""
    for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
        found, _, value = line.partition(":")
        if found.strip() == key:
            return value.strip()
    return ""

"""What programs connect to, send to and bind to, as ``strace`` sees it."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

import pytest

_CALLS = ("connect", "sendto", "sendmsg", "sendmmsg", "bind")
_CALL = re.compile(rf"^\d+ +({'|'.join(_CALLS)})\((.*)")
_FAMILY = re.compile(r"sa_family=AF_(\w+)")
_ADDRESS = re.compile(r'inet_addr\("([\d.]+)"\)|inet_pton\(AF_INET6, "([\da-fA-F:.]+)"')
_SOCKET = re.compile(r"^\d+<(\w+)(?:-\w+)?:\[(?:.*->)?([^\]]*)\]")
"""A socket as ``-yy`` shows it: ``7<TCP:[127.0.0.1:5000->127.0.0.1:9090]>``."""


def watching(log: Path, *command: str) -> list[str]:
    """The command line that runs a program, and notes what it and its children do."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace: sudo apt install strace")
    options = ["-f", "-qq", "-yy", "--seccomp-bpf", "-s", "0", "-e", f"trace={','.join(_CALLS)}"]
    return ["strace", *options, "-o", str(log), *command]


def destinations(lines: Iterable[str]) -> Counter[tuple[str, str]]:
    """How often which call went where, from the lines of ``strace``.

    Returns:
        Counts by call and destination: an IP address, or ``unix`` and ``netlink``, which are
        other programs of this machine and its kernel.
    """
    found: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if call := _CALL.match(line):
            name, arguments = call.groups()
            places = _places(arguments)
            assert places, f"cannot tell where this goes: {line}"
            found.update((name, place) for place in places)
    return found


def _places(arguments: str) -> set[str]:
    if families := set(_FAMILY.findall(arguments)):
        places = {left or right for left, right in _ADDRESS.findall(arguments)}
        # A destination of the family UNSPEC takes back an earlier one.
        return places | {family.lower() for family in families - {"INET", "INET6"}}
    if socket := _SOCKET.match(arguments):
        protocol, peer = socket.groups()
        if protocol in ("TCP", "UDP", "TCPv6", "UDPv6"):
            return {peer.rpartition(":")[0].strip("[]")}
        return {protocol.lower()}
    return set()


def stays_here(place: str) -> bool:
    """Whether a destination is on this machine."""
    return place in ("unix", "netlink", "unspec") or ip_address(place).is_loopback


def summary(found: Counter[tuple[str, str]]) -> str:
    """A line for each call and destination, to be read by people."""
    return "\n".join(f"{n:7}  {call:8} {place}" for (call, place), n in sorted(found.items()))

"""Whether two processes find each other, and how fast a picture goes between them."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fer_monitor.doctor.finding import Finding, fail, ok, warn
from fer_monitor.doctor.world import ProbeError, TimeUpError, World, ask

LIMIT_S = 6.0
_SLOW_DISCOVERY_S, _SLOW_MS = 3.0, 50.0
_GROUP = "239.255.0.1"
"""The multicast address at which DDS looks for others."""
_UNDO = "unset FASTRTPS_DEFAULT_PROFILES_FILE FASTDDS_DEFAULT_PROFILES_FILE CYCLONEDDS_URI"


def examine(world: World) -> list[Finding]:
    """Lets one process send pictures to another one."""
    topic = f"fer_doctor_{os.getpid()}/image"
    with ThreadPoolExecutor(2) as pool:
        talker = pool.submit(_part, world, "talk", topic)
        listener = pool.submit(_part, world, "listen", topic)
        sent, heard = talker.result(), listener.result()
    return [judge(sent, heard, world.environ)]


def _part(world: World, role: str, topic: str) -> dict[str, Any]:
    try:
        return ask(world, "talk", role, topic, limit_s=LIMIT_S)
    except TimeUpError:
        return {"count": 0}
    except ProbeError as error:
        return {"failed": str(error)}


def judge(sent: Mapping[str, Any], heard: Mapping[str, Any], environ: Mapping[str, str]) -> Finding:
    """What an exchange means.

    Args:
        sent: ``count`` of the pictures, or why it ``failed``.
        heard: ``count``, ``first_s`` until the first one, ``median_ms`` of their ages; or why
            it ``failed``.
        environ: of the shell.
    """
    failed = heard.get("failed") or sent.get("failed")
    if failed:
        text = f"a process could not take part: {failed}"
        return fail(text, "see the lines ros and ros network")
    if not heard["count"]:
        text = f"{sent['count']} pictures were sent, and none arrived in another process"
        return fail(text, _advice(environ))
    ms, first_s = heard["median_ms"], heard["first_s"]
    text = (
        f"two processes found each other in {first_s:.1f} s; a picture of 640x480 takes {ms:.1f} ms"
    )
    if first_s > _SLOW_DISCOVERY_S:
        remedy = "ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST where no other machine takes part"
        return warn(text, f"export {remedy}")
    if ms > _SLOW_MS:
        return warn(
            f"{text}, which is slow", "end other programs; see the lines load and shared memory"
        )
    return ok(text)


def _advice(environ: Mapping[str, str]) -> str:
    """What is likely to be in the way."""
    if environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE") == "OFF":
        return "export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST"
    for name in _UNDO.split()[1:]:
        if environ.get(name):
            return f"{_UNDO} ({name} is {environ[name]})"
    if environ.get("ROS_DISCOVERY_SERVER"):
        server = environ["ROS_DISCOVERY_SERVER"]
        return f"unset ROS_DISCOVERY_SERVER, or start the server at {server}"
    if not multicast():
        return "sudo ip link set lo multicast on; with a firewall: sudo ufw allow to 224.0.0.0/4"
    return "end other ROS programs (`ps -ef | grep ros` lists them), or export ROS_DOMAIN_ID=42"


def multicast(group: str = _GROUP) -> bool:
    """Whether this machine hears its own multicast."""
    try:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        ):
            receiver.bind(("", 0))
            member = struct.pack("4s4s", socket.inet_aton(group), socket.inet_aton("127.0.0.1"))
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            receiver.settimeout(0.5)
            here = socket.inet_aton("127.0.0.1")
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
            sender.sendto(b"fer-doctor", (group, receiver.getsockname()[1]))
            return receiver.recv(16) == b"fer-doctor"
    except OSError:
        return False

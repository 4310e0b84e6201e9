"""ROS: whether it starts, and whether two processes find each other."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fer_common.reason import Level
from fer_monitor.doctor.check import Diagnosis, about, fail, ok, warn
from fer_monitor.doctor.host import ROS, Host, MissingError, ProbeError, TimeUpError
from fer_monitor.doctor.software import absent_ros

_HIGHEST_DOMAIN = 232
_SAFE_DOMAINS = (range(0, 102), range(215, 233))
"""Of Linux: the others lie in the range of ports that it gives to any program."""
_RANGES = ("SUBNET", "LOCALHOST", "OFF", "SYSTEM_DEFAULT")


def ros(host: Host) -> list[Diagnosis]:
    """Distribution, rclpy and middleware, and the variables that steer the network."""
    network = _network(host.environ)
    return [_start(host, network), about("ros network", network)]


def _start(host: Host, network: Diagnosis) -> Diagnosis:
    distro = host.robot_environ.get("ROS_DISTRO")
    absent = absent_ros(host, distro)
    if absent:
        remedy = f"unset ROS_DISTRO (and remove it from ~/.bashrc), or install ROS 2 {distro}"
        return fail(absent, remedy)
    try:
        found = host.ask("ros", limit_s=5.0)
    except MissingError as error:
        if not host.is_set_up:
            raise
        remedy = f"source /opt/ros/{distro}/setup.bash" if distro else host.setup
        return fail(f"ROS cannot be loaded ({error})", remedy)
    except ProbeError as error:
        chosen, remedy = host.robot_environ.get("RMW_IMPLEMENTATION"), host.setup
        if network.remedy and network.level == Level.ERROR:
            chosen, remedy = None, network.remedy
        elif chosen:
            package = f"ros-$ROS_DISTRO-{chosen.replace('_', '-')}"
            remedy = f"unset RMW_IMPLEMENTATION, or sudo apt install {package}"
        choice = f" with RMW_IMPLEMENTATION={chosen}" if chosen else ""
        return fail(f"ROS does not start{choice} ({error})", remedy)
    place = f"/opt/ros/{distro}" if distro else "PyPI"
    text = f"ROS 2 {distro or ROS} from {place}, rclpy {found['rclpy']}, {found['rmw']}"
    if distro and distro != ROS:
        return warn(f"{text}; made for {ROS}", f"source /opt/ros/{ROS}/setup.bash")
    return ok(text)


def _network(environ: Mapping[str, str]) -> Diagnosis:
    """What the variables of a shell do to the network of ROS."""
    domain = environ.get("ROS_DOMAIN_ID") or "0"
    reach = environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or "SUBNET"
    if not re.fullmatch(r"\d+", domain) or int(domain) > _HIGHEST_DOMAIN:
        text = f"ROS_DOMAIN_ID is '{domain}', expected 0..{_HIGHEST_DOMAIN}"
        return fail(text, "export ROS_DOMAIN_ID=0")
    if reach not in _RANGES:
        text = f"ROS_AUTOMATIC_DISCOVERY_RANGE is '{reach}', expected one of {', '.join(_RANGES)}"
        return fail(text, "unset ROS_AUTOMATIC_DISCOVERY_RANGE")
    if reach == "OFF":
        text = "ROS_AUTOMATIC_DISCOVERY_RANGE is OFF: programs do not find each other"
        return warn(text, "export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST")
    if not any(int(domain) in safe for safe in _SAFE_DOMAINS):
        text = f"ROS_DOMAIN_ID {domain} uses ports that Linux gives to other programs as well"
        return warn(text, "export ROS_DOMAIN_ID=<0 to 101>")
    if environ.get("ROS_LOCALHOST_ONLY") == "1":
        text = f"domain {domain}; ROS_LOCALHOST_ONLY is deprecated and overrides the newer variable"
        remedy = "unset ROS_LOCALHOST_ONLY; export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST"
        return warn(text, remedy)
    who = "this machine only" if reach == "LOCALHOST" else "whole local network"
    return ok(f"domain {domain}, {who} ({reach})")


# Whether two processes find each other, and how fast a picture goes between them.

_SLOW_DISCOVERY_S, _SLOW_MS = 3.0, 50.0
_GROUP = "239.255.0.1"
"""The multicast address at which DDS looks for others."""
_PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE", "CYCLONEDDS_URI")


def exchange(host: Host) -> Iterator[Diagnosis]:
    """Lets one process send pictures to another one."""

    def take_part(role: str) -> dict[str, Any]:
        try:
            return host.ask(role, f"fer_doctor_{os.getpid()}/image", limit_s=6.0)
        except TimeUpError:
            return {"count": 0}
        except ProbeError as error:
            return {"failed": str(error)}

    with ThreadPoolExecutor(2) as pool:
        sent, heard = pool.map(take_part, ("talk", "listen"))
    failed = heard.get("failed") or sent.get("failed")
    if failed:
        yield fail(f"a process could not take part: {failed}", "see the lines ros and ros network")
        return
    if not heard["count"]:
        text = f"{sent['count']} pictures were sent, and none arrived in another process"
        yield fail(text, _advice(host.environ))
        return
    ms, first_s = heard["median_ms"], heard["first_s"]
    text = f"two processes found each other in {first_s:.1f} s; a picture of 640x480 takes {ms:.1f}"
    if first_s > _SLOW_DISCOVERY_S:
        remedy = "ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST where no other machine takes part"
        yield warn(f"{text} ms", f"export {remedy}")
    elif ms > _SLOW_MS:
        remedy = "end other programs; see the lines load and shared memory"
        yield warn(f"{text} ms, which is slow", remedy)
    else:
        yield ok(f"{text} ms")


def _advice(environ: Mapping[str, str]) -> str:
    """What is likely to be in the way."""
    if environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE") == "OFF":
        return "export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST"
    for name in _PROFILES:
        if environ.get(name):
            return f"unset {' '.join(_PROFILES)} ({name} is {environ[name]})"
    if environ.get("ROS_DISCOVERY_SERVER"):
        server = environ["ROS_DISCOVERY_SERVER"]
        return f"unset ROS_DISCOVERY_SERVER, or start the server at {server}"
    if not hears_multicast():
        return "sudo ip link set lo multicast on; with a firewall: sudo ufw allow to 224.0.0.0/4"
    return "end other ROS programs (`ps -ef | grep ros` lists them), or export ROS_DOMAIN_ID=42"


def hears_multicast(group: str = _GROUP) -> bool:
    """Whether this machine hears its own multicast."""
    here = socket.inet_aton("127.0.0.1")
    try:
        with _udp() as receiver, _udp() as sender:
            receiver.bind(("", 0))
            member = struct.pack("4s4s", socket.inet_aton(group), here)
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            receiver.settimeout(0.5)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
            sender.sendto(b"fer-doctor", (group, receiver.getsockname()[1]))
            return receiver.recv(16) == b"fer-doctor"
    except OSError:
        return False


def _udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

"""ROS: whether it starts, and whether two processes find each other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fer_common.environment import wrong_variable
from fer_common.reason import Level
from fer_monitor.doctor.check import Diagnosis, about, fail, ok, warn
from fer_monitor.doctor.host import DISTROS, Host, MissingError, ProbeError, TimeUpError
from fer_monitor.doctor.software import absent_ros

_SAFE_DOMAINS = (range(0, 102), range(215, 233))
"""Of Linux: the others lie in the range of ports that it gives to any program."""
_RANGES = ("SUBNET", "LOCALHOST", "OFF", "SYSTEM_DEFAULT")


def ros(host: Host) -> list[Diagnosis]:
    """Distribution, rclpy and middleware, and the variables that steer the network."""
    network = _network(host.environ)
    start, found = _start(host, network)
    if found is not None and network.level != Level.ERROR:
        network = _reach(host.environ, network, found.get("open"))
    return [start, about("ros network", network)]


def _start(host: Host, network: Diagnosis) -> tuple[Diagnosis, dict[str, Any] | None]:
    """Whether ROS starts, and what the probe found."""
    distro = host.robot_environ.get("ROS_DISTRO")
    absent = absent_ros(host, distro)
    if absent:
        remedy = f"unset ROS_DISTRO (and remove it from ~/.bashrc), or install ROS 2 {distro}"
        return fail(absent, remedy), None
    try:
        found = host.ask("ros", limit_s=5.0)
    except MissingError as error:
        if not host.is_set_up:
            raise
        remedy = f"source /opt/ros/{distro}/setup.bash" if distro else host.setup
        return fail(f"ROS cannot be loaded ({error})", remedy), None
    except ProbeError as error:
        chosen, remedy = host.robot_environ.get("RMW_IMPLEMENTATION"), host.setup
        if network.remedy and network.level == Level.ERROR:
            chosen, remedy = None, network.remedy
        elif chosen:
            package = f"ros-$ROS_DISTRO-{chosen.replace('_', '-')}"
            remedy = f"unset RMW_IMPLEMENTATION, or sudo apt install {package}"
        choice = f" with RMW_IMPLEMENTATION={chosen}" if chosen else ""
        return fail(f"ROS does not start{choice} ({error})", remedy), None
    place = f"/opt/ros/{distro}" if distro else "PyPI"
    text = f"ROS 2 {host.distro} from {place}, rclpy {found['rclpy']}, {found['rmw']}"
    if host.distro not in DISTROS:
        remedy = f"source /opt/ros/{DISTROS[0]}/setup.bash"
        return warn(f"{text}; made for {' and '.join(DISTROS)}", remedy), found
    return ok(text), found


def _network(environ: Mapping[str, str]) -> Diagnosis:
    """What the variables of a shell do to the network of ROS, as far as they alone can tell."""
    domain = environ.get("ROS_DOMAIN_ID") or "0"
    reach = environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or "SUBNET"
    without = {name: environ[name] for name in environ if name != "AMENT_PREFIX_PATH"}
    if (wrong := wrong_variable(without)) is not None:  # whether ROS starts tells the middleware
        name, text = wrong
        return fail(text, f"export {name}=0")
    if reach not in _RANGES:
        text = f"ROS_AUTOMATIC_DISCOVERY_RANGE is '{reach}', expected one of {', '.join(_RANGES)}"
        return fail(text, "unset ROS_AUTOMATIC_DISCOVERY_RANGE")
    if reach == "OFF":
        text = "ROS_AUTOMATIC_DISCOVERY_RANGE is OFF: programs do not find each other"
        return warn(text, "unset ROS_AUTOMATIC_DISCOVERY_RANGE")
    if not any(int(domain) in safe for safe in _SAFE_DOMAINS):
        text = f"ROS_DOMAIN_ID {domain} uses ports that Linux gives to other programs as well"
        return warn(text, "export ROS_DOMAIN_ID=<0 to 101>")
    return ok(f"domain {domain}")


def _reach(environ: Mapping[str, str], network: Diagnosis, told: str | None) -> Diagnosis:
    """Who can take part besides this machine: what the probe has told."""
    if told:
        chosen = [n for n in (*_PROFILES, "RMW_IMPLEMENTATION") if environ.get(n)]
        remedy = f"unset {' '.join(chosen)}" if chosen else "see docs/security.md"
        return warn(f"{network.text}; {told}", f"{remedy} (what it means: docs/security.md)")
    if network.level != Level.OK:
        return network
    text = f"{network.text}, this machine only"
    useless = [name for name in ("ROS_STATIC_PEERS", "ROS_DISCOVERY_SERVER") if environ.get(name)]
    if useless:
        names = " ".join(useless)
        return warn(f"{text}, whatever {names} says", f"unset {names}, or start with network:=true")
    return ok(text)


# Whether two processes find each other, and how fast a picture goes between them.

_SLOW_DISCOVERY_S, _SLOW_MS = 3.0, 50.0
_BUSY = "end other programs; see the lines load and shared memory"
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
        yield warn(f"{text} ms", _BUSY)
    elif ms > _SLOW_MS:
        yield warn(f"{text} ms, which is slow", _BUSY)
    else:
        yield ok(f"{text} ms")


def _advice(environ: Mapping[str, str]) -> str:
    """What is likely to be in the way."""
    if environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE") == "OFF":
        return "unset ROS_AUTOMATIC_DISCOVERY_RANGE"
    for name in _PROFILES:
        if environ.get(name):
            return f"unset {' '.join(_PROFILES)} ({name} is {environ[name]})"
    if environ.get("ROS_DISCOVERY_SERVER"):
        server = environ["ROS_DISCOVERY_SERVER"]
        return f"unset ROS_DISCOVERY_SERVER, or start the server at {server}"
    return "end other ROS programs (`ps -ef | grep ros` lists them), or export ROS_DOMAIN_ID=42"

"""ROS: distribution, rclpy, middleware and the variables that steer it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fer_monitor.doctor.finding import FAIL, Finding, fail, ok, warn
from fer_monitor.doctor.world import MissingError, ProbeError, World, ask

DISTRIBUTION = "jazzy"
_HIGHEST_DOMAIN = 232
_SAFE_DOMAINS = (range(0, 102), range(215, 233))
"""Of Linux: the others lie in the range of ports that it gives to any program."""
_RANGES = ("SUBNET", "LOCALHOST", "OFF", "SYSTEM_DEFAULT")


def examine(world: World) -> list[Finding]:
    """Whether ROS is there and would start."""
    return [_ros(world), variables(world.environ)]


def _ros(world: World) -> Finding:
    distro = world.robot_environ.get("ROS_DISTRO", "")
    if distro and not world.file(f"/opt/ros/{distro}/setup.bash").is_file():
        return fail(
            f"ROS_DISTRO is '{distro}', but /opt/ros/{distro} is not there",
            f"unset ROS_DISTRO (and remove it from ~/.bashrc), or install ROS 2 {distro}",
        )
    place = f"/opt/ros/{distro}" if distro else "PyPI"
    try:
        found = ask(world, "ros", limit_s=5.0)
    except MissingError as error:
        remedy = world.setup if not distro else f"source /opt/ros/{distro}/setup.bash"
        if not world.is_set_up:
            raise
        return fail(f"ROS cannot be loaded ({error})", remedy)
    except ProbeError as error:
        return _does_not_start(str(error), world)
    text = f"ROS 2 {distro or DISTRIBUTION} from {place}, rclpy {found['rclpy']}, {found['rmw']}"
    if distro and distro != DISTRIBUTION:
        return warn(
            f"{text}; made for {DISTRIBUTION}", f"source /opt/ros/{DISTRIBUTION}/setup.bash"
        )
    return ok(text)


def _does_not_start(why: str, world: World) -> Finding:
    network, chosen = variables(world.environ), world.robot_environ.get("RMW_IMPLEMENTATION")
    if network.status == FAIL:
        return fail(f"ROS does not start ({why})", network.remedy)
    if chosen:
        package = f"ros-$ROS_DISTRO-{chosen.replace('_', '-')}"
        text = f"ROS does not start with RMW_IMPLEMENTATION={chosen} ({why})"
        return fail(text, f"unset RMW_IMPLEMENTATION, or sudo apt install {package}")
    return fail(f"ROS does not start ({why})", world.setup)


def variables(environ: Mapping[str, str]) -> Finding:
    """What the variables of a shell do to the network of ROS."""
    domain = environ.get("ROS_DOMAIN_ID", "") or "0"
    reach = environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "") or "SUBNET"
    name = "ros network"
    if not re.fullmatch(r"\d+", domain) or int(domain) > _HIGHEST_DOMAIN:
        text = f"ROS_DOMAIN_ID is '{domain}', expected 0..{_HIGHEST_DOMAIN}"
        return fail(text, "export ROS_DOMAIN_ID=0", name)
    if reach not in _RANGES:
        text = f"ROS_AUTOMATIC_DISCOVERY_RANGE is '{reach}', expected one of {', '.join(_RANGES)}"
        return fail(text, "unset ROS_AUTOMATIC_DISCOVERY_RANGE", name)
    if reach == "OFF":
        text = "ROS_AUTOMATIC_DISCOVERY_RANGE is OFF: programs do not find each other"
        return warn(text, "export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST", name)
    if not any(int(domain) in safe for safe in _SAFE_DOMAINS):
        text = f"ROS_DOMAIN_ID {domain} uses ports that Linux gives to other programs as well"
        return warn(text, "export ROS_DOMAIN_ID=<0 to 101>", name)
    if environ.get("ROS_LOCALHOST_ONLY") == "1":
        text = f"domain {domain}; ROS_LOCALHOST_ONLY is deprecated and overrides the newer variable"
        remedy = "unset ROS_LOCALHOST_ONLY; export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST"
        return warn(text, remedy, name)
    who = "this machine only" if reach == "LOCALHOST" else "whole local network"
    return ok(f"domain {domain}, {who} ({reach})", name)

"""On which networks Unitree G1 is spoken to: the chosen one, and no other."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from ec_rfernet.errors import InputError
from robot_behavior.robots.unitree_g1.link import sdk
from tests.namespaces import ADDRESSES, Machine, two_machines
from tests.processes import Process, wait_for
from tests.system_calls import destinations, stays_here, watching

try:
    sdk()
except InputError as missing:
    pytest.skip(f"Unitree's SDK is not installed: {missing}", allow_module_level=True)

SPEAKER = """
import json, sys
from threading import Event
from robot_behavior.robots.unitree_g1.link import JOINTS, G1Link

interface, domain, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
link = G1Link(interface, domain)
link.open(("arm", "voice"))
rows = [line.split()[1].split(":") for line in open("/proc/net/udp")][1:]
ports = sorted(int(port, 16) for address, port in rows if address == "00000000")
print(json.dumps({"ports": ports, "guarded": link.guarded}), flush=True)
pause = Event()
for _ in range(round(seconds / 0.02)):
    link.look()
    link.command(dict.fromkeys(JOINTS, 0.0), 0.0)
    pause.wait(0.02)
link.close()
"""
CALLER = """
import json, socket, sys

refused = []
for port in map(int, sys.argv[2:]):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(0.5)
        one.connect((sys.argv[1], port))
        try:
            for _ in range(3):
                one.send(b"RTPS")
                one.recv(1)
        except ConnectionRefusedError:
            refused.append(port)
        except TimeoutError:
            pass
print(json.dumps(refused))
"""


def speaking(machine: Machine, interface: str) -> tuple[Process, list[int]]:
    """A program that speaks to a G1 on an interface, and its ports that are open on all."""
    line = machine.command(sys.executable, "-c", SPEAKER, interface, "0", "60")
    process = Process(line, dict(os.environ))
    wait_for(lambda: "guarded" in process.output or process.has_ended, "its ports")
    told = json.loads(process.output.splitlines()[0])
    assert told["guarded"] and len(told["ports"]) >= 3
    return process, told["ports"]


@pytest.mark.parametrize("interface", ["lo", "cable"])
def test_a_stranger_on_another_interface_knocks_in_vain(interface: str) -> None:
    with two_machines() as (here, there):
        process, ports = speaking(here, interface)
        try:
            line = (sys.executable, "-c", CALLER, ADDRESSES[0], *map(str, ports))
            refused = json.loads(there.run(*line))
        finally:
            process.kill()
        assert refused == (ports if interface == "lo" else [])


def test_nothing_is_sent_but_on_the_chosen_interface(tmp_path: Path) -> None:
    log, domain = tmp_path / "log", os.environ["ROS_DOMAIN_ID"]
    line = watching(log, sys.executable, "-c", SPEAKER, "lo", domain, "1")
    process = Process(line, dict(os.environ))
    assert process.end() == 0, process.output
    found = destinations(log.read_text().splitlines())
    multicast = "239.255.0.1"  # of DDS; goes out of the interface that IP_MULTICAST_IF names
    places = {place for (call, place) in found if call != "bind"}
    assert multicast in places
    assert [place for place in places - {multicast} if not stays_here(place)] == []
    bound = {place for (call, place) in found if call == "bind"}
    assert bound <= {"0.0.0.0", "127.0.0.1", "netlink"}

"""What Unitree G1 tells and is told: DDS topics and services, on one network interface only."""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.sax.saxutils import quoteattr

from ec_rfernet.errors import InputError

JOINTS = {
    f"{side}_{name}_joint": first + number
    for side, first in (("left", 15), ("right", 22))
    for number, name in enumerate(
        ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow",
         "wrist_roll", "wrist_pitch", "wrist_yaw")
    )
}  # fmt: skip
"""Index of the motor of each joint of the arms; nothing else is ever commanded."""

WEIGHT = 29
"""``motor_cmd[29].q`` says how much of the arms is ours, 0..1: no motor has this index."""

KP, KD = 60.0, 1.5
"""Stiffness, Nm/rad, and damping, Nm s/rad, of the maker's examples for ``rt/arm_sdk``."""

MOTORS = 29
"""Of which temperatures are told."""

VERSION, PING_S, PINGS = 1, 0.3, 10
"""What every service can be asked for. It is asked so often until it has answered once, and so many
times at most: who has found a service need not be found by it yet, and gets no answers then."""

CONFIGURATION = """
<CycloneDDS><Domain Id="any">
  <General><Interfaces><NetworkInterface name={name}/></Interfaces></General>
</Domain></CycloneDDS>
"""

ERRORS = {
    100: "the parameter is invalid",
    3203: "this robot does not know that",
    7400: "another program holds the arms",
    7401: "the arms hold an earlier action: release them first",
    7402: "there is no such action",
    7404: "its mode does not allow it: let it stand or walk with its own controller first",
}
"""What the codes of G1's services mean."""


class LinkError(Exception):
    """Nothing can be told to a robot or heard of it; the message is one line for people."""


@cache
def sdk() -> SimpleNamespace:
    """The maker's types of messages and checksum, and CycloneDDS, which carries them.

    Raises:
        InputError: they are not installed; says how to.
    """
    try:
        from cyclonedds import core, domain, pub, sub, topic
        from unitree_sdk2py.idl import default
        from unitree_sdk2py.idl.unitree_api.msg import dds_ as api
        from unitree_sdk2py.idl.unitree_hg.msg import dds_ as hg
        from unitree_sdk2py.utils.crc import CRC
    except ImportError as error:
        raise InputError(
            "Unitree's SDK is not installed, which its G1 needs (Python 3.10 to 3.13, x86-64): "
            "pip install --no-deps -r requirements/unitree.txt"
        ) from error
    return SimpleNamespace(
        core=core, domain=domain, pub=pub, sub=sub, topic=topic, default=default, api=api, hg=hg,
        crc=CRC().Crc,
    )  # fmt: skip


def check_interface(name: str) -> str:
    """The name of an interface of this computer.

    Raises:
        InputError: it is none; says which there are.
    """
    found = [each for _, each in socket.if_nameindex()]
    if name in found:
        return name
    known = ", ".join(found)
    if not name:
        raise InputError(
            "Unitree G1 needs the network interface that leads to it, interface:=NAME, and is "
            f"spoken to on no other; this computer has {known}"
        )
    raise InputError(f"interface '{name}' does not exist, expected one of {known}")


@dataclass(frozen=True)
class G1State:
    """What the robot told last.

    Attributes:
        positions: rad by name of the joint, of all joints of `JOINTS`.
        casing: temperature of the hottest motor, degrees Celsius.
        winding: of the hottest winding.
        hottest: index of the motor with the hottest casing.
        tilt: of its pelvis against upright, rad.
        machine: its ``mode_machine``, which tells its type.
        tick: counts up from when it was switched on.
    """

    positions: Mapping[str, float]
    casing: int
    winding: int
    hottest: int
    tilt: float
    machine: int
    tick: int


@dataclass
class Call:
    """A request to a service of the robot, and what became of it.

    Attributes:
        number: tells answers to different requests apart.
        code: of the answer; 0 is well; None as long as there is none.
        text: of the answer.
    """

    number: int
    code: int | None = None
    text: str = ""

    @property
    def failure(self) -> str | None:
        """Why it failed, in words; None if it has not."""
        if self.code in (None, 0):
            return None
        return ERRORS.get(int(self.code or 0), f"its code is {self.code}")


class G1Link:
    """The connection to a robot; nobody waits for it: what has come is looked at by `look`.

    Args:
        interface: that leads to the robot.
        domain: of DDS.

    Raises:
        InputError: there is no such interface, or the SDK is not installed.

    Attributes:
        heard: how many states have come.
        damaged: messages whose checksum or numbers make no sense.
        sent: commands.
        battery: state of charge, per cent; None as long as nobody has told.
        foreign: how much of the arms the newest command of another program claims, 0..1; taken
            back to None when it was looked at.
        guarded: whether the kernel keeps packets of other interfaces away.
    """

    def __init__(self, interface: str, domain: int = 0) -> None:
        self._sdk, self.interface, self._domain = sdk(), check_interface(interface), domain
        self.heard = self.damaged = self.sent = 0
        self.battery: int | None = None
        self.foreign: float | None = None
        self.guarded = True
        self._participant: Any = None
        self._readers: dict[str, Any] = {}
        self._writers: dict[str, Any] = {}
        self._calls: dict[int, Call] = {}
        self._pings: dict[str, list[tuple[float, Call]]] = {}  # when sent, by name of the service
        self._command = self._sdk.default.unitree_hg_msg_dds__LowCmd_()

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent and heard."""
        return self._participant is not None

    def open(self, services: Iterable[str], arms: bool = True) -> None:
        """Takes part in the robot's domain.

        Args:
            services: names of those that are going to be asked.
            arms: whether the arms are commanded, and states heard.

        Raises:
            LinkError: it cannot be done, for example because the interface has no address.
        """
        sdk, before = self._sdk, _sockets()
        try:
            _join(self._domain, self.interface)
            self._participant = sdk.domain.DomainParticipant(self._domain)
            self.guarded = _guard(_sockets() - before, self.interface) and self.guarded
            for service in services:
                self._hear(f"rt/api/{service}/response", sdk.api.Response_, 16)
                self._tell(f"rt/api/{service}/request", sdk.api.Request_)
            if arms:
                self._hear("rt/lowstate", sdk.hg.LowState_)
                self._hear("rt/lf/bmsstate", sdk.hg.BmsState_)
                self._hear("rt/arm_sdk", sdk.hg.LowCmd_, but_ours=True)
                self._tell("rt/arm_sdk", sdk.hg.LowCmd_)
        except (sdk.core.DDSException, OSError) as error:
            self.close()
            raise LinkError(f"cannot speak on interface {self.interface}: {error}") from error

    def close(self) -> None:
        """Leaves the domain."""
        self._readers.clear()
        self._writers.clear()
        self._calls.clear()
        self._pings.clear()
        self._participant = None

    def _hear(self, topic: str, kind: Any, depth: int = 1, but_ours: bool = False) -> None:
        policy = self._sdk.core.Policy
        qos = [policy.History.KeepLast(depth)]
        if but_ours:
            qos.append(policy.IgnoreLocal.Participant)
        where = self._sdk.topic.Topic(self._participant, topic, kind)
        quality = self._sdk.core.Qos(*qos)
        self._readers[topic] = self._sdk.sub.DataReader(self._participant, where, qos=quality)

    def _tell(self, topic: str, kind: Any) -> None:
        where = self._sdk.topic.Topic(self._participant, topic, kind)
        self._writers[topic] = self._sdk.pub.DataWriter(self._participant, where)

    def _newest(self, topic: str, most: int = 1) -> list[Any]:
        reader = self._readers.get(topic)
        if reader is None:
            return []
        taken = reader.take(most)
        return [each for each in taken if hasattr(each, "__idl_typename__")]  # none without data

    def look(self) -> G1State | None:
        """Takes in what has come.

        Returns:
            The newest state; None if there is no new one.
        """
        for command in self._newest("rt/arm_sdk"):
            self.foreign = float(command.motor_cmd[WEIGHT].q)
        for state in self._newest("rt/lf/bmsstate"):
            self.battery = int(state.soc)
        for topic in [name for name in self._readers if name.startswith("rt/api/")]:
            for answer in self._newest(topic, 16):
                call = self._calls.pop(answer.header.identity.id, None)
                if call is not None:
                    call.code, call.text = int(answer.header.status.code), answer.data
        found = None
        for state in self._newest("rt/lowstate"):
            found = self._state(state)
        return found

    def _state(self, state: Any) -> G1State | None:
        motors = state.motor_state[:MOTORS]
        positions = {name: float(motors[index].q) for name, index in JOINTS.items()}
        genuine = not state.crc or state.crc == self._sdk.crc(state)  # simulators leave it out
        if not genuine or not all(map(math.isfinite, positions.values())):
            self.damaged += 1
            return None
        self.heard += 1
        casings = [int(motor.temperature[0]) for motor in motors]
        return G1State(
            positions,
            max(casings),
            max(int(motor.temperature[1]) for motor in motors),
            casings.index(max(casings)),
            _tilt(*state.imu_state.quaternion),
            int(state.mode_machine),
            int(state.tick),
        )

    def command(self, positions: Mapping[str, float], weight: float) -> None:
        """Tells the arms where to be.

        Args:
            positions: rad, by name of the joint, of `JOINTS` only.
            weight: how much of them is ours, 0..1; the rest is left to the robot's controller.
        """
        motors = self._command.motor_cmd
        for name, position in positions.items():
            motor = motors[JOINTS[name]]
            motor.q, motor.kp, motor.kd = float(position), KP, KD
        motors[WEIGHT].q = float(min(max(weight, 0.0), 1.0))
        self._command.crc = self._sdk.crc(self._command)
        self._write("rt/arm_sdk", self._command)
        self.sent += 1

    def ask(self, service: str, api: int, parameter: Mapping[str, object]) -> Call:
        """Sends a request to one of the services; `look` fills in the answer, if one comes."""
        types, call = self._sdk.api, Call(time.monotonic_ns())
        header = types.RequestHeader_(
            types.RequestIdentity_(call.number, api),
            types.RequestLease_(0),
            types.RequestPolicy_(0, False),
        )
        self._calls[call.number] = call
        self._calls = dict(list(self._calls.items())[-64:])  # what was never answered is forgotten
        text = json.dumps(parameter, ensure_ascii=False)
        self._write(f"rt/api/{service}/request", types.Request_(header, text, []))
        return call

    @property
    def is_heeded(self) -> bool:
        """Whether somebody listens to commands for the arms."""
        return self._is_heard("rt/arm_sdk")

    def meets(self, service: str) -> bool:
        """Whether a service and we have found each other: what is asked before is lost."""
        reader = self._readers.get(f"rt/api/{service}/response")
        tells = reader is not None and bool(len(reader.get_matched_publications()))
        if not tells or not self._is_heard(f"rt/api/{service}/request"):
            self._pings.pop(service, None)
            return False
        now, pings = time.monotonic(), self._pings.setdefault(service, [])
        if any(call.code is not None for _, call in pings):
            return True
        if not pings or now - pings[-1][0] >= PING_S:
            if len(pings) >= PINGS:
                return True  # it tells no version
            pings.append((now, self.ask(service, VERSION, {})))
        return False

    def _is_heard(self, topic: str) -> bool:
        writer = self._writers.get(topic)
        return writer is not None and bool(len(writer.get_matched_subscriptions()))

    def _write(self, topic: str, message: Any) -> None:
        with suppress(self._sdk.core.DDSException):  # a cable that was pulled: told as silence
            self._writers[topic].write(message)


def _tilt(_w: float, x: float, y: float, _z: float) -> float:
    """How far a rotation, a quaternion, tilts what was upright, rad."""
    return math.acos(min(max(1.0 - 2.0 * (x * x + y * y), -1.0), 1.0))


# One network interface, and no other.


@cache
def _join(domain: int, interface: str) -> object:
    """Has a domain of DDS on an interface: once a process, and never on another one."""
    return sdk().domain.Domain(domain, CONFIGURATION.format(name=quoteattr(interface)))


def _sockets() -> set[int]:
    """File descriptors of this process that are sockets."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if entry.readlink().name.startswith("socket:"):
                found.add(int(entry.name))
    return found


def _guard(descriptors: set[int], interface: str) -> bool:
    """Keeps packets of other interfaces from those sockets that listen to all of them.

    CycloneDDS sends on the chosen interface only, but its ports are open on every one.

    Returns:
        Whether the kernel has agreed; Linux before 5.7 does not, for ordinary users.
    """
    for number in descriptors:
        with suppress(OSError), socket.socket(fileno=os.dup(number)) as each:
            if each.family != socket.AF_INET or each.getsockname()[0] != "0.0.0.0":
                continue
            try:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            except OSError:
                return False
    return True

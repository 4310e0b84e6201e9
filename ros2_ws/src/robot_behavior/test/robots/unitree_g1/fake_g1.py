"""A stand-in of Unitree G1, made of its maker's SDK: its types, its topics, its own ``rpc.Server``.

`FakeG1` runs it in a process of its own, on the loopback; run as a program, this is that process.
Its arms go where ``rt/arm_sdk`` and their own controller, by the weight between the two, pull them.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from typing import Any

ARMS = range(15, 29)
WEIGHT = 29
OWN_POSE = [0.3, 0.25, 0.0, 0.97, 0.15, 0.0, 0.0, 0.3, -0.25, 0.0, 0.97, -0.15, 0.0, 0.0]
"""Where its own controller holds the arms, rad."""

PERIOD_S = 0.01
FOLLOWS = 0.35
"""Share of the way that an arm goes in a period."""

ANSWER_S = 15.0


class FakeG1:
    """The robot as seen by a test; a context manager.

    Args:
        domain: of DDS.
    """

    def __init__(self, domain: int) -> None:
        self._command = [sys.executable, __file__, str(domain)]
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()

    def __enter__(self) -> FakeG1:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self._answers.get(timeout=60.0)  # it is ready
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=ANSWER_S)
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                self._answers.put(json.loads(line))

    def tell(self, **changes: Any) -> dict[str, Any]:
        """Changes what the robot is like; the answer is its report, see `Robot.report`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(changes) + "\n")
        self._process.stdin.flush()
        return self._answers.get(timeout=ANSWER_S)

    def report(self) -> dict[str, Any]:
        """What has happened since the last one."""
        return self.tell()


class Robot:
    """The robot itself.

    Attributes:
        arms: where they are, rad.
        casing, winding, battery, quaternion, silent, refuses, rival: see `apply`.
    """

    def __init__(self, domain: int) -> None:
        from unitree_sdk2py.core import channel
        from unitree_sdk2py.core.channel import ChannelPublisher, ChannelSubscriber
        from unitree_sdk2py.idl.default import (
            unitree_hg_msg_dds__LowCmd_,
            unitree_hg_msg_dds__LowState_,
        )
        from unitree_sdk2py.idl.unitree_hg.msg.dds_ import BmsState_, LowCmd_, LowState_
        from unitree_sdk2py.rpc.server import Server
        from unitree_sdk2py.utils.crc import CRC

        # The SDK's configuration, without the log that it leaves in /tmp.
        channel.ChannelConfigHasInterface = (
            '<CycloneDDS><Domain Id="any"><General><Interfaces>'
            '<NetworkInterface name="$__IF_NAME__$"/>'
            "</Interfaces></General></Domain></CycloneDDS>"
        )
        channel.ChannelFactoryInitialize(domain, "lo")
        self.arms = list(OWN_POSE)
        self.casing, self.winding, self.battery = 40, 45, 80
        self.quaternion = [1.0, 0.0, 0.0, 0.0]
        self.silent, self.refuses, self.rival = False, 0, 0.0
        self.lock = threading.Lock()
        self.began = time.monotonic()
        self.weight, self.wanted = 0.0, list(OWN_POSE)
        self.commands: list[list[Any]] = []
        self.faults: list[str] = []
        self.calls: list[list[Any]] = []
        self.states = 0
        self._crc, self._state = CRC(), unitree_hg_msg_dds__LowState_()
        self._state.mode_machine = 5
        self._other = unitree_hg_msg_dds__LowCmd_()
        self._other.reserve[0] = 1
        self._battery = BmsState_(
            0, 0, 0, [0] * 40, [0] * 3, 0, 80, 100, [0] * 12, 0, 0, [0] * 5, [0] * 3
        )
        self._tells = ChannelPublisher("rt/lowstate", LowState_)
        self._powers = ChannelPublisher("rt/lf/bmsstate", BmsState_)
        self._rivals = ChannelPublisher("rt/arm_sdk", LowCmd_)
        for each in (self._tells, self._powers, self._rivals):
            each.Init()
        self._hears = ChannelSubscriber("rt/arm_sdk", LowCmd_)
        self._hears.Init(self.obey, 50)
        self._servers = []
        for name, numbers in (("arm", (7106,)), ("voice", (1001, 1010))):
            server = Server(name)
            server._SetApiVersion("1.0.0.14")
            for number in numbers:
                server._RegistHandler(number, self._handler(name, number), False)
            server.Start()
            self._servers.append(server)

    def obey(self, command: Any) -> None:
        """Takes in a command, and everything in it that must not be."""
        if command.reserve[0]:
            return  # the rival's
        with self.lock:
            for index, motor in enumerate(command.motor_cmd):
                values = (motor.dq, motor.tau, motor.mode, motor.reserve)
                stiff = (motor.kp, motor.kd) if index not in ARMS else ()
                place = () if index in ARMS or index == WEIGHT else (motor.q,)
                if any((*values, *stiff, *place)):
                    self.faults.append(f"motor {index}: {motor}")
            if command.crc != self._crc.Crc(command):
                self.faults.append("checksum")
            self.weight = float(command.motor_cmd[WEIGHT].q)
            self.wanted = [float(command.motor_cmd[index].q) for index in ARMS]
            self.commands.append([time.monotonic(), self.weight, list(self.wanted)])

    def _handler(self, service: str, number: int) -> Any:
        def answer(parameter: str) -> tuple[int, str]:
            with self.lock:
                self.calls.append([service, number, json.loads(parameter), self.weight])
            if service == "arm":
                time.sleep(0.2)
            return self.refuses, ""

        return answer

    def apply(self, changes: dict[str, Any]) -> None:
        """Changes what it is like: any attribute; ``reboot`` switches it off and on."""
        with self.lock:
            for name, value in changes.items():
                if name == "reboot":
                    self.began, self.weight, self.arms = time.monotonic(), 0.0, list(value)
                    self.wanted = list(value)
                else:
                    setattr(self, name, value)

    def report(self) -> dict[str, Any]:
        """What has happened since the last one; commands with time, weight and positions."""
        with self.lock:
            found = {
                "arms": list(self.arms),
                "commands": self.commands,
                "faults": self.faults,
                "calls": self.calls,
                "states": self.states,
            }
            self.commands, self.faults, self.calls = [], [], []
            return found

    def step(self) -> None:
        """Lets a period pass."""
        with self.lock:
            for number, (ours, own) in enumerate(zip(self.wanted, OWN_POSE, strict=True)):
                goal = self.weight * ours + (1.0 - self.weight) * own
                self.arms[number] += FOLLOWS * (goal - self.arms[number])
            state, silent = self._state, self.silent
            state.tick = round((time.monotonic() - self.began) * 1000.0)
            for number, position in zip(ARMS, self.arms, strict=True):
                state.motor_state[number].q = position
            for motor in state.motor_state:
                motor.temperature = [30, 35]
            state.motor_state[18].temperature = [self.casing, self.winding]
            state.imu_state.quaternion = list(self.quaternion)
            state.crc = self._crc.Crc(state)
            self._battery.soc, rival = self.battery, self.rival
        if not silent:
            self._tells.Write(state)
            self.states += 1
            if self.states % 5 == 0:
                self._powers.Write(self._battery)
        if rival:
            self._other.motor_cmd[WEIGHT].q = rival
            self._rivals.Write(self._other)


def main() -> None:
    """Is the robot until its input ends."""
    robot, over = Robot(int(sys.argv[1])), threading.Event()

    def live() -> None:
        while not over.wait(PERIOD_S):
            robot.step()

    thread = threading.Thread(target=live)
    thread.start()
    print("{}", flush=True)
    for line in sys.stdin:
        robot.apply(json.loads(line))
        print(json.dumps(robot.report()), flush=True)
    over.set()
    thread.join()


if __name__ == "__main__":
    main()

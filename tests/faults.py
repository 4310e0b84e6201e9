"""Breaks the running robot in ways that a seed chooses, and tells what it survived.

    python -m tests.faults --seed 1 --trials 20            # every kind of fault
    python -m tests.faults --seed 1 --trials 20 --only hang --robot servo_humanoid
    python -m tests.faults --seed 7 --trials 1             # the one of seed 7 again

A robot of one process a node, which are started again as the launch file does, looks at a smile
and raises its arms. It survives when no joint leaves its limits, when it is at rest within
`REST_S` where it must, when it gestures again, and when nobody wrote a traceback.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import rclpy
from ament_index_python.packages import get_package_prefix
from fer_interfaces.action import PlayMotion, Say
from fer_interfaces.msg import BehaviorState
from rclpy.action import ActionClient
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from ec_rfernet.files import RUNTIME_VARIABLE
from fer_bringup.application import command
from fer_bringup.arguments import ARGUMENTS, RobotSettings
from fer_bringup.assembly import parts
from fer_bringup.supervisor import DELAY_S
from fer_common.entry import ENDS_WITH
from fer_common.qos import EVENTS, LATCHED, REQUESTS
from fer_common.runner import LeanExecutor, dds_variables, set_up_dds
from robot_behavior.body import urdf
from tests.benchmarks.supervision import MIDST, STILL, angle, stage
from tests.namespaces import two_machines
from tests.processes import Process, wait_for

REST_S = 20.0
PATIENCE_S = 150.0
FLOOD = 500
ROUNDING = 0.02  # rad, and of a speed its share
RESTS_WITHOUT = ("fer_node", "behavior_node", "motion_player")


class FallenError(AssertionError):
    """The robot has not survived; the message says how."""


class _Witness(Node):
    """Sees from outside whether the robot keeps its limits, rests and gestures."""

    def __init__(self) -> None:
        super().__init__("witness")
        self._limits = urdf.load(urdf.humanoid()).limits
        self.broken: str | None = None
        self.gesture, self.angle, self.speed = "", 0.0, 0.0
        self.pose: dict[str, float] = {}
        self.start: dict[str, float] | None = None
        self.moved = 0.0
        self.stop = self.create_client(Trigger, "motion_player/stop")
        self.release = self.create_client(Trigger, "motion_player/release")
        self.create_subscription(JointState, "joint_states", self._on_joints, EVENTS)
        self.create_subscription(BehaviorState, "behavior_state", self._on_state, LATCHED)

    def _on_state(self, message: BehaviorState) -> None:
        self.gesture = "" if message.motion == "rest" else message.motion

    def _on_joints(self, message: JointState) -> None:
        self.angle = angle(message)
        self.pose = dict(zip(message.name, message.position, strict=True))
        self.speed = max(map(abs, message.velocity), default=0.0)
        if self.start is not None:
            self.moved = max(self.moved, *(abs(self.pose[n] - p) for n, p in self.start.items()))
        for name, at, speed in zip(message.name, message.position, message.velocity, strict=True):
            limit = self._limits[name]
            if not limit.lower - ROUNDING <= at <= limit.upper + ROUNDING:
                self.broken = f"{name} was at {at:.2f} rad"
            if abs(speed) > limit.velocity * (1 + ROUNDING):
                self.broken = f"{name} moved at {speed:.2f} rad/s"

    def measure(self) -> None:
        """Measures from here on how far any joint moves."""
        self.start, self.moved = dict(self.pose), 0.0


class _Robot:
    """Processes, each of which is started again; and how to wait for what they do.

    Args:
        commands: of the processes, by name.
        folder: for their logs.
        respawn: whether one that has ended is started again.
    """

    def __init__(self, commands: dict[str, Sequence[str]], respawn: bool = True) -> None:
        self._commands, self._respawn = commands, respawn
        self._environment = os.environ | {ENDS_WITH: str(os.getpid())}
        self._due: dict[str, float] = {}
        self._texts: list[str] = []
        self.witness, self.executor = _Witness(), LeanExecutor()
        self.executor.add_node(self.witness)
        self.running = {name: self._started(name) for name in commands}

    def _started(self, name: str) -> Process:
        return Process(self._commands[name], self._environment)

    def wait(self, condition: Callable[[], object], what: str, limit_s: float = PATIENCE_S) -> None:
        """Spins until something is so.

        Raises:
            FallenError: it is not, or a limit was broken meanwhile.
        """
        deadline = time.monotonic() + limit_s
        while not condition():
            self._look_after_them()
            if self.witness.broken:
                raise FallenError(self.witness.broken)
            if time.monotonic() > deadline:
                raise FallenError(f"waited {limit_s:.0f} s in vain for {what}")
            self.executor.spin_once(timeout_sec=0.05)

    def go_on(self, seconds: float) -> None:
        """Spins for a while."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end, "the time", seconds + 60.0)

    def _look_after_them(self) -> None:
        for name, process in self.running.items():
            if process.has_ended and name not in self._due:
                if not self._respawn:
                    raise FallenError(f"{name} has ended:\n{process.output[-2000:]}")
                self._due[name] = time.monotonic() + DELAY_S
            elif time.monotonic() > self._due.get(name, float("inf")):
                del self._due[name]
                self._texts.append(process.output)
                self.running[name] = self._started(name)

    def gestures(self) -> None:
        """Waits for the midst of a gesture that begins from now on."""
        witness = self.witness
        witness.gesture = ""
        self.wait(lambda: witness.gesture and witness.angle > MIDST, "a gesture")

    def rests(self, limit_s: float = REST_S) -> None:
        """Waits for the rest pose."""
        self.wait(lambda: self.witness.angle < STILL, "rest", limit_s)

    def check(self) -> None:
        """Looks through what they wrote.

        Raises:
            FallenError: there is a traceback.
        """
        for text in [*self._texts, *(process.output for process in self.running.values())]:
            if "Traceback" in text:
                raise FallenError(text[text.index("Traceback") :][:2000])

    def close(self) -> None:
        """Ends them as Ctrl-C does.

        Raises:
            FallenError: one of them does not end, or leaves an orphan.
        """
        late = []
        for process in self.running.values():
            with suppress(ProcessLookupError):
                process.interrupt()
        for name, process in self.running.items():
            try:
                process.end()
            except (AssertionError, subprocess.TimeoutExpired) as error:
                late.append(f"{name}: {error}")
            process.kill()
        self.executor.shutdown(timeout_sec=1.0)
        self.witness.destroy_node()
        if late:
            raise FallenError("; ".join(late))


def _settings(folder: Path, robot: str) -> RobotSettings:
    given = dict(item.split(":=") for item in stage(folder))
    given |= {"robot": robot, "port": str(folder / "board")}
    return RobotSettings.read({a.name: a.default for a in ARGUMENTS} | given, Path())


@contextmanager
def launched(
    robot: str, folder: Path, wanted: Callable[[str], bool] = lambda package: True
) -> Iterator[_Robot]:
    """The robot, one process a node; of those packages that are wanted."""
    with ExitStack() as stack:
        settings = _settings(folder, robot)
        if robot == "servo_humanoid":
            module = "robot_behavior.robots.servo_humanoid.fake_servo_board"
            board = Process([sys.executable, "-m", module, settings.port])
            stack.callback(board.kill)
        everybody = [part for part in parts(settings, Path()) if wanted(part.package)]
        made = _Robot({part.executable: command(part, settings) for part in everybody})
        stack.callback(made.close)
        yield made


@contextmanager
def one_process(
    folder: Path, wrap: Sequence[str] = (), options: Sequence[str] = (), **limits: int
) -> Iterator[_Robot]:
    """The robot in one process, started through another program.

    Args:
        folder: for its files.
        wrap: the command line of that program.
        options: more of the robot.
        limits: of it, as ``prlimit`` names them.
    """
    program = Path(get_package_prefix("fer_bringup"), "lib", "fer_bringup", "robot")
    given = [word for item in stage(folder) for word in item.split(":=")]
    given[::2] = [f"--{name}" for name in given[::2]]
    limited = ["prlimit", *(f"--{name}={value}" for name, value in limits.items())]
    line = [*wrap, *(limited if limits else []), str(program), *given, "--view", "lines", *options]
    made = _Robot({"robot": line}, respawn=False)
    try:
        yield made
    finally:
        made.close()


# The kinds of fault. Each returns what was seen.

Chance = random.Random


def kill(robot: _Robot, chance: Chance, number: int = signal.SIGKILL) -> str:
    """A process dies, or is told to end, at any moment of a gesture."""
    name = chance.choice(sorted(robot.running))
    robot.gestures()
    robot.go_on(chance.uniform(0.0, 3.0))
    before = robot.running[name]
    os.kill(before.pid, number)
    begin, rested = time.monotonic(), ""
    robot.wait(lambda: before.has_ended, f"the end of {name}", 20.0)
    if name in RESTS_WITHOUT:
        robot.rests()
        rested = f", at rest after {time.monotonic() - begin:.1f} s"
    robot.wait(lambda: robot.running[name] is not before, f"another {name}")
    robot.gestures()
    return f"{name}{rested}, gesture after {time.monotonic() - begin:.1f} s"


def restart(robot: _Robot, chance: Chance) -> str:
    """A process ends in order, and comes back."""
    return kill(robot, chance, signal.SIGTERM)


def hang(robot: _Robot, chance: Chance, name: str = "", longest_s: float = 6.0) -> str:
    """A process stands still for a while, and goes on."""
    name = name or chance.choice(sorted(robot.running))
    robot.gestures()
    robot.go_on(chance.uniform(0.0, 3.0))
    seconds, pid = chance.uniform(0.5, longest_s), robot.running[name].pid
    os.kill(pid, signal.SIGSTOP)
    robot.witness.measure()
    try:
        robot.go_on(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)
    robot.go_on(4.0)
    moved, robot.witness.start = robot.witness.moved, None
    robot.gestures()
    return f"{name}, {seconds:.1f} s, moved {moved:.2f} rad in it and 4 s after it"


def hang_4_s(robot: _Robot, chance: Chance) -> str:
    """The body or the motion player stands still for four seconds."""
    names = [n for n in robot.running if n in ("sim_robot", "robot_bridge", "motion_player")]
    return hang(robot, Chance(chance.random()), chance.choice(sorted(names)), 4.0)


def flood(robot: _Robot, chance: Chance) -> str:
    """Five hundred goals at once: each gets an answer, and its result."""
    kind, action = chance.choice([(PlayMotion, "play_motion"), (Say, "say")])
    goal = PlayMotion.Goal(motion="nod") if kind is PlayMotion else Say.Goal(text="Hi!", rate=1.0)
    goal.priority = chance.randrange(256)
    qos = {f"{what}_service_qos_profile": REQUESTS for what in ("goal", "result")}
    client = ActionClient(robot.witness, kind, action, **qos)
    try:
        robot.wait(client.server_is_ready, f"the server of {action}")
        sent = [client.send_goal_async(goal) for _ in range(FLOOD)]
        robot.wait(lambda: all(future.done() for future in sent), f"all answers of {action}")
        accepted = [future.result() for future in sent if future.result().accepted]
        ended = [handle.get_result_async() for handle in accepted]
        robot.wait(lambda: all(future.done() for future in ended), f"all results of {action}")
    finally:
        client.destroy()
    results = [future.result().result for future in ended]
    if silent := [result for result in results if not result.success and not result.message]:
        raise FallenError(f"{len(silent)} results without a reason")
    robot.gestures()
    return f"{action}, priority {goal.priority}: {len(accepted)} accepted, all {FLOOD} answered"


def busy_core(folder: Path, chance: Chance) -> str:
    """All of the robot on one core beside four endless loops; it is stopped in a gesture."""
    core = str(max(os.sched_getaffinity(0)))
    bound = ["taskset", "--cpu-list", core]
    loops = [Process([*bound, sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        with one_process(folder, bound) as robot:
            witness = robot.witness
            robot.gestures()
            robot.go_on(chance.uniform(0.0, 1.0))
            begin = time.monotonic()
            witness.stop.call_async(Trigger.Request())
            robot.wait(lambda: witness.speed < 1e-6, "a standstill", 5.0)
            stood = time.monotonic() - begin
            robot.go_on(1.0)
            if witness.speed > 1e-6:
                raise FallenError("it moves although it was stopped")
            robot.wait(witness.release.call_async(Trigger.Request()).done, "~/release")
            robot.gestures()
            robot.check()
    finally:
        for loop in loops:
            loop.kill()
    return f"stood still {1000 * stood:.0f} ms after ~/stop"


def few_descriptors(folder: Path, chance: Chance) -> str:
    """Few file descriptors: it works, or says in one line that they do not suffice."""
    most = chance.choice([20, 24, 32, 48, 64])
    return _works_or_says(one_process(folder, nofile=most), f"{most} descriptors")


def no_shared_memory(folder: Path, _chance: Chance) -> str:
    """No ``/dev/shm`` that can be written."""
    mount = 'mount -t tmpfs -o ro tmpfs /dev/shm && exec "$@"'
    wrap = ["unshare", "--mount", "sh", "-c", mount, "sh"]
    return _works_or_says(one_process(folder, wrap), "/dev/shm cannot be written")


def full_disk(folder: Path, chance: Chance) -> str:
    """The disk with the log, or with the recording, is full at any moment."""
    size = chance.choice([0, 16, 256, 2048])
    disk = folder / "disk"
    disk.mkdir()
    fill = f"mount -t tmpfs -o size=4m tmpfs {disk} && head -c {4096 - size}k /dev/zero > {disk}/f;"
    wrap = ["unshare", "--mount", "sh", "-c", f'{fill} ROS_LOG_DIR={disk}/log exec "$@"', "sh"]
    video = ["--video", str(disk / "video")] if chance.random() < 0.5 else []
    what = f"{size} kB left for the log" + (" and a recording" if video else "")
    return _works_or_says(one_process(folder, wrap, video), what)


def network(folder: Path, chance: Chance) -> str:
    """Perception is on another machine; the network is bad, and then away for five seconds."""
    environment = os.environ | dds_variables(network=True)
    with two_machines() as (eyes, rest):
        settings = _settings(folder, "sim")
        seeing = {p.executable: p for p in parts(settings, Path()) if p.package == "fer_node"}
        lines = [eyes.command(*command(part, settings)) for part in seeing.values()]
        seers = [Process(line, environment) for line in lines]
        seed = str(chance.randrange(10**6))
        inside = ["-m", "tests.faults", "--inside", str(folder), "--seed", seed]
        child = Process(rest.command(sys.executable, *inside), environment)
        try:
            wait_for(lambda: child.has_ended, "the other end", 4 * PATIENCE_S)
            child.end()
        finally:
            for process in (child, *seers):
                process.kill()
    told = child.output.strip().splitlines()[-1:] or [""]
    if not told[0].startswith("survived "):
        raise FallenError(child.output[-2000:])
    return told[0].removeprefix("survived ")


def without_perception(folder: Path, chance: Chance) -> str:
    """The other end of `network`."""
    bad = ["tc", "qdisc", "add", "dev", "cable", "root", "netem"]
    bad += ["delay", "50ms", "20ms", "loss", "5%"]
    with launched("sim", folder, lambda package: package != "fer_node") as robot:
        robot.gestures()
        netem = not subprocess.run(bad, check=False, capture_output=True).returncode
        if netem:
            robot.gestures()
        robot.go_on(chance.uniform(0.0, 3.0))
        subprocess.run(["ip", "link", "set", "cable", "down"], check=True)
        robot.go_on(5.0)
        robot.rests()
        subprocess.run(["ip", "link", "set", "cable", "up"], check=True)
        robot.gestures()
        robot.check()
    with_netem = "50 ms, 20 ms, 5 % lost" if netem else "this kernel has no netem"
    return f"{with_netem}; at rest without the network, and gestures again with it"


def _works_or_says(start: Any, what: str) -> str:
    with start as robot:
        process = robot.running["robot"]
        try:
            robot.gestures()
        except FallenError:
            lines = process.output.strip().splitlines()
            if not process.has_ended or process.end() != 2 or "Traceback" in process.output:
                raise
            return f"{what}: it says '{lines[-1][:120]}'"
        robot.check()
    return f"{what}: it works"


ON_NODES: dict[str, Callable[[_Robot, Chance], str]] = {
    "kill": kill,
    "restart": restart,
    "hang": hang,
    "hang_4_s": hang_4_s,
    "flood": flood,
}
"""Faults of a robot whose nodes are processes of their own."""

ON_STARTS: dict[str, Callable[[Path, Chance], str]] = {
    "busy_core": busy_core,
    "few_descriptors": few_descriptors,
    "no_shared_memory": no_shared_memory,
    "full_disk": full_disk,
    "network": network,
}
"""Faults of the machine on which the one-process robot is started."""


def run(seeds: Sequence[int], kinds: Sequence[str], robot: str) -> dict[str, list[tuple]]:
    """Tries one fault for each seed.

    Returns:
        Seed, whether it survived, and what was seen, by kind.
    """
    found: dict[str, list[tuple]] = defaultdict(list)
    with ExitStack() as stack:
        current: _Robot | None = None
        for seed in seeds:
            chance = Chance(seed)
            kind = chance.choice(kinds)
            survived, told = True, ""
            try:
                if kind in ON_STARTS:
                    stack.close()
                    current = None
                    with tempfile.TemporaryDirectory() as name:
                        told = ON_STARTS[kind](Path(name), chance)
                else:
                    if current is None:
                        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                        current = stack.enter_context(launched(robot, folder))
                    told = ON_NODES[kind](current, chance)
                    current.check()
            except FallenError as error:
                survived, told = False, str(error)
                with suppress(FallenError):
                    stack.close()
                current = None
            found[kind].append((seed, survived, told))
            verdict = "survived" if survived else "FELL"
            print(f"seed {seed:5}  {kind:16} {verdict:9} {told}", flush=True)
    return found


def main(given: Sequence[str] | None = None) -> int:
    """Tries, and prints a table.

    Returns:
        Exit code: 1 when the robot has not survived everything.
    """
    every = [*ON_NODES, *ON_STARTS]
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--seed", type=int, default=1, help="of the first trial (default: 1)")
    parser.add_argument("--trials", type=int, default=20, help="each has the next seed")
    parser.add_argument("--only", nargs="+", choices=every, default=every, metavar="KIND")
    parser.add_argument("--robot", choices=["sim", "servo_humanoid"], default="sim")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    values = parser.parse_args(given)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.setdefault("ROS_DOMAIN_ID", str(100 + os.getpid() % 100))
    stops = tempfile.TemporaryDirectory()
    os.environ.setdefault(RUNTIME_VARIABLE, stops.name)
    set_up_dds(network=values.inside is not None)
    rclpy.init()
    if values.inside:
        print("survived", without_perception(values.inside, Chance(values.seed)))
        return 0
    try:
        seeds = range(values.seed, values.seed + values.trials)
        found = run(seeds, values.only, values.robot)
    finally:
        rclpy.try_shutdown()
        stops.cleanup()
    print()
    for kind, rows in sorted(found.items()):
        fallen = [str(seed) for seed, survived, _ in rows if not survived]
        told = f"{len(rows) - len(fallen)} of {len(rows)} survived"
        print(f"{kind:18}{told}{'; not ' + ', '.join(fallen) if fallen else ''}")
    return 1 if any(not survived for rows in found.values() for _, survived, _ in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

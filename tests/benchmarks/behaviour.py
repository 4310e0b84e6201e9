"""How soon the robot does what is decided, and stops when it is told to.

python -m tests.benchmarks.behaviour --busy 4         # all on one core, beside four endless loops
python -m tests.benchmarks.behaviour --voice piper    # with another voice
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import rclpy
from fer_interfaces.action import PlayMotion, Say
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from fer_common.qos import EVENTS, NEWEST
from fer_common.testing import spin_until
from robot_behavior.speech import DEFAULT_VOICE, VOICES
from tests.benchmarks.crew import crew
from tests.benchmarks.report import machine

ROUNDS = 9
MOTIONS = ("happy_arms_up", "greet", "happy_bounce")
"""Gestures with the fastest movements of all."""

SENTENCES = (
    "You look happy! That makes me want to dance.",
    "Hello! My camera looks at facial expressions, so that I can answer them.",
    "I will just stay here with you.",
    "Oh! Was that unexpected?",
)

FAST_RAD_S = 3.0
"""From such a speed of the fastest joint the robot is stopped."""

_PATIENCE_S = 90.0
_STILL_RAD_S = 1e-6


def measure(domain: int, busy: int = 0, voice: str = DEFAULT_VOICE) -> dict[str, list[float]]:
    """Latencies of the robot's body and voice, each in a process of its own.

    Args:
        domain: ROS domain.
        busy: endless loops beside it; with any, all of them share this machine's last core.
        voice: which one speaks.

    Returns:
        Median and longest of each, milliseconds, by name.

    Raises:
        MeasurementError: a program did not work.
    """
    with crew(domain) as running, one_core(busy > 0):
        for _ in range(busy):
            running.start([sys.executable, "-c", "while True: pass"])
        running.program("robot_behavior", "sim_robot", ready="simulates")
        still = ["-p", "idle:=0.0", "-p", "gaze:=false"]
        running.program("robot_behavior", "motion_player", *still, ready="can play")
        spoken = ["-p", "audio_device:=null", "-p", f"backend:={voice}"]
        running.program("robot_behavior", "speech_node", *spoken)
        return running.answer(running.module("behaviour", "--client"), _PATIENCE_S)


@contextmanager
def one_core(bound: bool) -> Iterator[None]:
    """Binds what is started meanwhile to the last core."""
    cores = os.sched_getaffinity(0)
    if bound:
        os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


class _Client(Node):
    """Asks for motions and sentences, and notes when what comes of it."""

    def __init__(self) -> None:
        super().__init__("latencies")
        self.told = self.said = self.stood = 0.0
        self.fastest = 0.0  # of the joint states seen last, rad/s
        self.motion = ActionClient(self, PlayMotion, "play_motion")
        self.say = ActionClient(self, Say, "say")
        self.stop = self.create_client(Trigger, "motion_player/stop")
        self.release = self.create_client(Trigger, "motion_player/release")
        self.create_subscription(JointTrajectory, "joint_trajectory", self._on_command, EVENTS)
        self.create_subscription(String, "speech", self._on_speech, EVENTS)
        self.create_subscription(JointState, "joint_states", self._on_states, NEWEST)

    def _on_command(self, _message: JointTrajectory) -> None:
        self.told = time.monotonic()

    def _on_speech(self, message: String) -> None:
        if message.data:
            self.said = time.monotonic()

    def _on_states(self, message: JointState) -> None:
        self.fastest = max(map(abs, message.velocity))
        if self.fastest < _STILL_RAD_S:
            self.stood = time.monotonic()


class _Session:
    """Plays, speaks and stops, over and over."""

    def __init__(self, client: _Client, executor: SingleThreadedExecutor) -> None:
        self._client, self._executor = client, executor
        self.found: dict[str, list[float]] = {}

    def run(self) -> None:
        client = self._client
        for ready in (client.motion.server_is_ready, client.say.server_is_ready):
            self._wait(ready, "a server")
        self._wait(client.stop.service_is_ready, "~/stop")
        self._wait(lambda: client.stood, "joint states")
        for number in range(ROUNDS):
            motion, sentence = MOTIONS[number % len(MOTIONS)], SENTENCES[number % len(SENTENCES)]
            self._round(motion, sentence)

    def _round(self, motion: str, sentence: str) -> None:
        client = self._client
        begin = self._sent(client.motion, PlayMotion.Goal(motion=motion, priority=128))
        self._wait(lambda: client.told > begin, "a command")
        self._note("goal to the first joint command", begin, client.told)
        self._wait(lambda: client.fastest > FAST_RAD_S, "a fast movement")
        begin = time.monotonic()
        self._client.stop.call_async(Trigger.Request())
        self._wait(lambda: client.told > begin, "the brake")
        self._note("stop to the brake", begin, client.told)
        self._wait(lambda: client.stood > client.told, "a standstill")
        self._note("stop to the standstill", begin, client.stood)
        released = client.release.call_async(Trigger.Request())
        self._wait(released.done, "~/release")
        self._sent(client.motion, PlayMotion.Goal(motion="rest", priority=128))
        self._wait(lambda: client.fastest > _STILL_RAD_S, "the way to rest")
        still = client.stood
        self._wait(lambda: client.stood > still + 0.5, "rest")
        begin = self._sent(client.say, Say.Goal(text=sentence, priority=128))
        self._wait(lambda: client.said > begin, "a sound")
        self._note("goal to the first sound", begin, client.said)

    def _sent(self, client: Any, goal: Any) -> float:
        begin = time.monotonic()
        client.send_goal_async(goal)
        return begin

    def _note(self, name: str, begin: float, end: float) -> None:
        self.found.setdefault(name, []).append(1000.0 * (end - begin))

    def _wait(self, condition: Callable[[], object], what: str) -> None:
        if not spin_until(self._executor, condition, 15.0):
            raise SystemExit(f"waited in vain for {what}")


def client() -> dict[str, list[float]]:
    """Median and longest of the latencies, ms; the nodes are running already."""
    with suppress(OSError):  # what is measured is the robot, not who measures
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))
    rclpy.init()
    node, executor = _Client(), SingleThreadedExecutor()
    executor.add_node(node)
    session = _Session(node, executor)
    session.run()
    return {name: [median(all_), max(all_)] for name, all_ in session.found.items()}


def main(given: Sequence[str] | None = None) -> int:
    """Measures, and prints a line for each latency; the client prints JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.behaviour")
    parser.add_argument("--busy", type=int, default=0, help="endless loops, all on one core")
    parser.add_argument("--voice", choices=VOICES.names, default=DEFAULT_VOICE, help="who speaks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--client", action="store_true", help=argparse.SUPPRESS)
    values = parser.parse_args(given)
    if values.client:
        print(json.dumps(client()), flush=True)
        return 0
    found = measure(100 + os.getpid() % 100, values.busy, values.voice)
    for name, (usual, longest) in found.items():
        print(f"{name:34} {usual:6.0f} ms median, {longest:6.0f} ms longest")
    if values.json:
        told = {"machine": machine(), "behaviour_ms": found}
        values.json.write_text(json.dumps(told, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""From an image to the first sign: a face is noticed, or its expression changes clearly.

One camera, one perception and one robot after the other: its motion player, its bridge and a
stand-in of its hardware. Without breathing and gaze, whatever a motion player commands is a sign.

python -m tests.benchmarks.contact watch ROBOT        # shows the faces; the nodes run already
python -m tests.benchmarks.contact reachy_mini        # a stand-in of that robot's daemon
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread

import numpy as np
import rclpy
from fer_interfaces.msg import EmotionArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory

from fer_bringup.clip.portraits import EYE_DISTANCE, HOPPER, Expression, load, put_on
from fer_common.qos import EVENTS, STREAM
from fer_common.runner import initialise
from fer_common.testing import until
from fer_node.nodes.messages import to_message
from robot_behavior.motion.mover import AGAIN_S
from tests.benchmarks.crew import Crew, crew
from tests.benchmarks.scene import put, room

ROBOTS = ("sim", "servo_humanoid", "reachy_mini", "trajectory", "ros2_control")
ROUNDS = 26
"""In each the person comes, smiles and goes: two signs."""

NOBODY_S, CALM_S, SMILE_S = 1.2, 4.3, 1.0
"""Perception forgets a face after 1 s; a person gets no second sign within `AGAIN_S`."""

_RATE_HZ, _FIRST_S = 30.0, 0.9  # a command that comes later was no answer
_SMILE = Expression(cheek_raiser=0.8, lip_corner_puller=1.1)
_PATIENCE_S = ROUNDS * (NOBODY_S + CALM_S + SMILE_S + 1.0) + 60.0


def measure(domain: int) -> dict[str, list[float]]:
    """Median and 99th percentile, ms, and number of occasions, by robot and occasion.

    A sign that did not come within `_FIRST_S` has infinitely many.

    Raises:
        MeasurementError: a program did not work.
    """
    told: dict[str, list[float]] = {}
    for robot in ROBOTS:
        with crew(domain) as running:
            _start(running, robot)
            running.perception("raw", ready="looking at")
            told |= running.answer(running.module("contact", "watch", robot), _PATIENCE_S)
    return {
        name: [*map(float, np.percentile(delays, [50, 99], method="higher")), float(len(delays))]
        for name, delays in told.items()
    }


def _start(running: Crew, robot: str) -> None:
    """The robot with its motion player; `sim_robot` is the one that listens to trajectories."""

    def program(name: str, *options: str, ready: str = "") -> None:
        running.program("robot_behavior", name, "-r", f"__ns:=/{robot}", *options, ready=ready)

    bridge = ["-p", f"robot:={robot}"]
    if robot == "servo_humanoid":
        board = Path(f"/tmp/contact_board_{running.domain}")
        module = "robot_behavior.robots.servo_humanoid.fake_servo_board"
        running.start([sys.executable, "-m", module, str(board)], "a servo board")
        program("robot_bridge", *bridge, "-p", f"port:={board}")
    elif robot == "reachy_mini":
        daemon = running.module("contact", "reachy_mini", ready="port")
        program("robot_bridge", *bridge, "-p", f"daemon_port:={daemon.output.split()[-1]}")
    elif robot == "ros2_control" and find_spec("control_msgs"):
        program("fake_controller")
        program("robot_bridge", *bridge)
    else:  # also of ros2_control, where its messages are not installed
        program("sim_robot", ready="simulates")
    quiet = ["-p", "idle:=0.0", "-p", "gaze:=false", "-r", "emotions:=/emotions"]
    program("motion_player", *bridge, *quiet, ready="can play")


class _Watcher(Node):
    """Shows the faces, and notes when each robot commands something."""

    def __init__(self, robot: str) -> None:
        super().__init__("contact")
        person = load(HOPPER)
        smiling = replace(person, image=put_on(person, _SMILE))
        self._pictures = [room(640, 480) for _ in range(3)]
        for picture, shown in zip(self._pictures[1:], (person, smiling), strict=True):
            put(picture, shown, (320, 240), 60.0 / EYE_DISTANCE)
        self._robot, self._commands = robot, list[float]()
        self.occasions: list[tuple[str, float]] = []  # and the stamp of their first image
        self.attended, self._awaited = "", False
        self.shown, self._showing, self._noticed = 0, -1, 0.0
        self._images = self.create_publisher(Image, "image_raw", STREAM)
        self.create_subscription(EmotionArray, "emotions", self._on_emotions, EVENTS)
        topic = f"/{robot}/joint_trajectory"
        self.create_subscription(JointTrajectory, topic, self._on_trajectory, EVENTS)

    def publish(self) -> None:
        """The picture that is to be shown, now."""
        stamp = self.get_clock().now()
        now = stamp.nanoseconds * 1e-9
        if self.shown == 2 != self._showing and now - self._noticed > AGAIN_S:
            self.occasions.append(("smiles", now))
        self._showing = self.shown
        header = Header(stamp=stamp.to_msg(), frame_id="camera")
        self._images.publish(to_message(self._pictures[self.shown], header))

    def _on_trajectory(self, _message: JointTrajectory) -> None:
        self._commands.append(time.time())

    def _on_emotions(self, message: EmotionArray) -> None:
        if not message.attended:
            self._awaited = True
        elif self._awaited:
            stamp = message.header.stamp
            self._awaited, self._noticed = False, stamp.sec + stamp.nanosec * 1e-9
            self.occasions.append(("is noticed", self._noticed))
        self.attended = message.attended

    def delays(self) -> dict[str, list[float]]:
        """From the image to the first command, ms."""
        found: dict[str, list[float]] = {}
        for what, stamp in self.occasions:
            after = (1e3 * (at - stamp) for at in self._commands if 0.0 <= at - stamp < _FIRST_S)
            found.setdefault(f"{self._robot}, {what}", []).append(next(after, math.inf))
        return found


def watch(robot: str) -> dict[str, list[float]]:
    """See `_Watcher.delays`."""
    with suppress(OSError):  # what is measured is the robot, not who measures
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))
    initialise([])
    node, executor, over = _Watcher(robot), SingleThreadedExecutor(), Event()
    executor.add_node(node)

    def show() -> None:
        while not over.wait(1.0 / _RATE_HZ):
            node.publish()

    def spin() -> None:
        while not over.is_set():
            executor.spin_once(timeout_sec=0.1)

    threads = [Thread(target=show), Thread(target=spin)]
    for thread in threads:
        thread.start()
    try:
        ready = until(lambda: node.count_publishers(f"/{robot}/joint_trajectory"), 30.0)
        if not ready or over.wait(3.0):  # the robot is at rest
            raise SystemExit("waited in vain for the robot")
        for _ in range(ROUNDS):
            node.shown = 0
            over.wait(NOBODY_S)
            if not until(lambda: not node.attended, 10.0):
                raise SystemExit("nobody was forgotten")
            node.shown = 1
            if not until(lambda: node.attended, 10.0):
                raise SystemExit("nobody was noticed")
            over.wait(CALM_S)
            node.shown = 2
            over.wait(SMILE_S)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    return node.delays()


def _reachy_mini() -> None:
    from ros2_ws.src.robot_behavior.test.robots.reachy_mini.fake_daemon import FakeReachyMini

    with FakeReachyMini() as daemon:
        print(f"port {daemon.port}", flush=True)
        Event().wait()


def main(given: Sequence[str] | None = None) -> int:
    """One of the programs of the measurement."""
    what, *robot = sys.argv[1:] if given is None else given
    if what == "reachy_mini":
        _reachy_mini()
    else:
        print(json.dumps(watch(*robot)), flush=True)
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())

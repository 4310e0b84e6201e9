"""Kills nodes of the launched robot in the middle of a gesture, and reads from the recording when
it was at rest, when they were back and when it gestured again: needs the launch packages.

    python -m tests.benchmarks.supervision --nodes fer_node motion_player
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import rclpy
import yaml
from fer_interfaces.msg import BehaviorState, Supervision
from rclpy.node import Node
from sensor_msgs.msg import JointState

from fer_bringup.clip.stage import Scene
from fer_common.bag import Bag, open_bag
from fer_common.qos import LATCHED, NEWEST
from fer_common.runner import set_up_dds
from tests.processes import Process, launch_command, pid_of

NODES = ("fer_node", "behavior_node", "motion_player", "sim_robot")
EAGER = """
locale: en
pause_s: 0.5
response_timeout_s: 20
emotions:
  happy: {dwell_s: 0.8, cooldown_s: 2, priority: 120, variants: [{motion: happy_arms_up, say: Oh!}]}
"""
STILL, MIDST = 0.15, 0.5  # rad, below the head: a robot at rest breathes; a gesture goes farther


def angle(pose: Any) -> float:
    """The farthest of any joint below the head from rest in a ``JointState``, rad."""
    pairs = zip(pose.name, pose.position, strict=True)
    return max((abs(position) for name, position in pairs if "head" not in name), default=0.0)


class _Watcher(Node):
    """Sees from outside what the robot does."""

    def __init__(self) -> None:
        super().__init__("watcher")
        self.gesture, self.missing, self.angle = "", list[str](), 0.0
        self.create_subscription(JointState, "joint_states", self._on_joints, NEWEST)
        self.create_subscription(BehaviorState, "behavior_state", self._on_state, LATCHED)
        self.create_subscription(Supervision, "supervision", self._on_supervision, LATCHED)

    def _on_state(self, message: BehaviorState) -> None:
        self.gesture = "" if message.motion == "rest" else message.motion

    def _on_supervision(self, message: Supervision) -> None:
        self.missing = list(message.rests_without)

    def _on_joints(self, message: JointState) -> None:
        self.angle = angle(message)

    def wait(self, condition: Callable[[], object], what: str, limit_s: float = 60.0) -> None:
        """Spins until something is so.

        Raises:
            TimeoutError: it is not.
        """
        deadline = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited in vain for {what}")
            rclpy.spin_once(self, timeout_sec=0.05)


def stage(folder: Path, hang_s: float = 60.0) -> list[str]:
    """Launch arguments of a robot that looks at a smile, and raises its arms again and again.

    Args:
        folder: for its files.
        hang_s: a process that is silent for so long is killed.
    """
    picture, file, behaviors = (folder / n for n in ("smile.png", "nodes.yaml", "eager.yaml"))
    cv2.imwrite(str(picture), Scene().frame(240))
    behaviors.write_text(EAGER)
    settings = {
        "/**/behavior_node": {"behaviors_file": str(behaviors)},
        "/**/camera_node": {"loop": True},
        "/**/supervisor": {"hang_s": hang_s},
        "/**/bag_recorder": {"folder": str(folder / "bags")},
    }
    file.write_text(yaml.safe_dump({n: {"ros__parameters": v} for n, v in settings.items()}))
    return [f"camera:={picture}", f"params_file:={file}", "speech:=log"]


def killed(nodes: Sequence[str], folder: Path) -> dict[str, float]:
    """Runs the robot, recorded in a folder; when each node was killed, s since 1970."""
    watcher, times = _Watcher(), dict[str, float]()
    process = Process(launch_command(*stage(folder), "record:=true"))
    try:
        for node in nodes:
            watcher.wait(lambda: watcher.gesture and watcher.angle > MIDST, "the midst of one")
            pid = pid_of(node, process)
            times[node] = time.time()
            os.kill(pid or 0, signal.SIGKILL)
            watcher.gesture = ""
            watcher.wait(lambda n=node: n in watcher.missing, f"{node} to be missed")
            watcher.gesture = ""
            watcher.wait(lambda: not watcher.missing, f"{node} to return")
        watcher.wait(lambda: watcher.gesture, "the last gesture")
        pause = time.monotonic() + 2.0
        watcher.wait(lambda: time.monotonic() > pause, "its middle")
        process.interrupt()
        process.end()
    finally:
        process.kill()
        watcher.destroy_node()
    return times


def first(rows: Sequence[tuple[float, Any]], since: float, when: Callable[[Any], bool]) -> float:
    """When something was so for the first time after a moment; NaN: never."""
    return next((at for at, row in rows if at > since and when(row)), float("nan"))


def lines(bag: Bag, times: dict[str, float]) -> list[str]:
    """What the recording says, in seconds after each kill."""
    told = {"supervision": [], "behavior_state": [], "joint_states": []}
    for entry in bag.messages([f"/{name}" for name in told]):
        told[entry.topic[1:]].append((1e-9 * entry.time, entry.decode()))
    arms = [(at, angle(message)) for at, message in told["joint_states"]]
    found = ["killed          then turned  missed  at rest  back     next gesture, moving"]
    for node, at in times.items():
        then = max((turned for moment, turned in arms if at - 0.1 < moment <= at), default=np.nan)
        missed = first(told["supervision"], at, lambda m, n=node: n in m.rests_without)
        back = first(told["supervision"], missed, lambda m: not m.rests_without)
        gesture = first(
            told["behavior_state"],
            back,
            lambda m: m.state == "responding" and m.motion not in ("", "rest"),
        )
        moving = first(arms, gesture, lambda turned: turned > STILL)
        rest = first(arms, at + 0.2, lambda turned: turned < STILL)
        figures = [f"{moment - at:5.1f} s" for moment in (missed, rest, back, gesture, moving)]
        found.append(f"{node:15} {then:5.2f} rad    {'  '.join(figures)}")
    return found


def main() -> None:
    """Prints a line for each node."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.supervision")
    parser.add_argument("--nodes", nargs="+", default=NODES, choices=NODES)
    nodes = parser.parse_args().nodes
    set_up_dds()
    rclpy.init()
    with TemporaryDirectory() as name:
        times = killed(nodes, Path(name))
        (recording,) = (Path(name) / "bags").iterdir()
        print("\n".join(lines(open_bag(recording), times)))
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()

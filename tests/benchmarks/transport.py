"""What our Fast DDS profile brings: images that arrive, and processes that find each other.

python -m tests.benchmarks.transport sink|peer ...     # the programs of the measurement
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from threading import Event

import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Empty

from fer_common.qos import EVENTS, NEWEST
from fer_common.runner import PROFILE_VARIABLES, StopRequest, initialise
from tests.benchmarks.crew import crew
from tests.benchmarks.report import PACE, Case

PROFILES = {"profile": {}, "default": dict.fromkeys(PROFILE_VARIABLES, "")}
"""Environments: with our profile, and with Fast DDS as it is."""

_SIZE = Case(640, 480)
_LIMIT_S = 20.0
_APART_S = 0.15  # about what a launch file takes from one program to the next


class Sink(Node):
    """Takes images as fer_node does, and counts those that it misses.

    Args:
        images: of the camera, to wait for.
    """

    def __init__(self, images: int) -> None:
        super().__init__("sink")
        self._images = images
        self._sent: set[tuple[int, int]] = set()
        self._got: set[tuple[int, int]] = set()
        self.create_subscription(Image, "image_raw", lambda m: self._note(m, self._got), NEWEST)
        infos = QoSProfile(depth=1000)
        self.create_subscription(CameraInfo, "camera_info", self._on_info, infos)

    @property
    def is_done(self) -> bool:
        """Whether the camera has sent enough."""
        return len(self._sent) > self._images

    def result(self) -> dict[str, int]:
        """``sent`` and ``lost``; the last image may still be under way."""
        sent = set(sorted(self._sent)[:-1])
        return {"sent": len(sent), "lost": len(sent - self._got)}

    def _on_info(self, message: CameraInfo) -> None:
        if self._got:  # from the first image on: before, the two had not found each other
            self._note(message, self._sent)

    @staticmethod
    def _note(message: Image | CameraInfo, stamps: set[tuple[int, int]]) -> None:
        stamps.add((message.header.stamp.sec, message.header.stamp.nanosec))


class Peer(Node):
    """Talks and listens on one topic, and waits until it hears all others.

    Args:
        peers: how many there are, with itself.
    """

    def __init__(self, peers: int) -> None:
        super().__init__("peer")
        self._others = peers - 1
        self._ready = time.time()
        self._found = 0.0
        self._voice = self.create_publisher(Empty, "hello", EVENTS)
        self.create_subscription(Empty, "hello", lambda _: None, EVENTS)

    @property
    def is_done(self) -> bool:
        """Whether every other one listens, and is listened to."""
        heard = min(self.count_publishers("hello"), self._voice.get_subscription_count())
        if not self._found and heard > self._others:
            self._found = time.time()
        return self._found > 0

    def result(self) -> dict[str, float]:
        """``ready`` and ``found``: when it was ready, and had found all; seconds."""
        return {"ready": self._ready, "found": self._found}


def loss(folder: Path, domain: int, profile: str, images: int = 150) -> float:
    """Share of the raw 640x480 images of a camera that do not reach another process.

    Args:
        folder: for a file with the pictures.
        domain: ROS domain to use.
        profile: one of `PROFILES`.
        images: how many to send.

    Raises:
        MeasurementError: images did not come.
    """
    film, environment = folder / "noise.npy", PROFILES[profile]
    shape = (2, _SIZE.height, _SIZE.width, 3)
    np.save(film, np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    with crew(domain) as running:
        sink = running.module("transport", "sink", images, ready="ready", environment=environment)
        running.module("pipeline", "camera", film, PACE, "raw", environment=environment)
        counts = running.answer(sink, images / PACE + _LIMIT_S)
    return counts["lost"] / counts["sent"]


def discovery_s(domain: int, profile: str, peers: int = 6, times: int = 3) -> float:
    """How long processes that are started one after another take to find each other.

    Returns:
        From the moment when the last one was ready until all had found all; the median
        of several times, seconds.

    Raises:
        MeasurementError: they did not.
    """
    found = []
    for _ in range(times):
        with crew(domain) as running:
            command = ("transport", "peer", peers)
            environment = PROFILES[profile]
            started = []
            for _ in range(peers):
                started.append(running.module(*command, environment=environment))
                Event().wait(_APART_S)
            answers = [running.answer(each, _LIMIT_S) for each in started]
        ready = max(answer["ready"] for answer in answers)
        found.append(max(answer["found"] for answer in answers) - ready)
    return median(found)


def main() -> int:
    """One program of the measurement; prints its result as JSON."""
    kinds: dict[str, Callable[[int], Sink | Peer]] = {"sink": Sink, "peer": Peer}
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("count", type=int)
    values = parser.parse_args()
    initialise([])
    stop, executor = StopRequest(), SingleThreadedExecutor()
    stop.install(executor)
    node = kinds[values.kind](values.count)
    executor.add_node(node)
    print("ready", flush=True)
    while not stop and not node.is_done:
        executor.spin_once(timeout_sec=0.01)
    if node.is_done:
        print(json.dumps(node.result()), flush=True)
        _linger(executor, stop, values.kind)
    executor.shutdown(timeout_sec=1.0)
    node.destroy_node()
    return 0 if node.is_done else 1


def _linger(executor: SingleThreadedExecutor, stop: StopRequest, kind: str) -> None:
    """A peer stays until it is told to go: who has not yet found it must still be able to."""
    while kind == "peer" and not stop:
        executor.spin_once(timeout_sec=0.1)


if __name__ == "__main__":
    sys.exit(main())

"""A program that hears the emotions and notes when; prints an observation as JSON.

python -m tests.benchmarks.observer --pid PID --warm-up N --images N
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time

from fer_interfaces.msg import Emotion, EmotionArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from fer_common.qos import EVENTS
from fer_common.runner import StopRequest, initialise
from tests.benchmarks.figures import Observation
from tests.benchmarks.procfs import cpu_seconds, memory

_SETTLE_S = 0.3  # after the last emotion, for the message with all faces of that image


class Observer(Node):
    """Notes every emotion after the first ones.

    Args:
        pid: of the process with fer_node; 0 while it is not known, then nothing is
            asked about it.
        warm_up: emotions that are not counted.
        images: emotions that are.
    """

    def __init__(self, pid: int, warm_up: int, images: int) -> None:
        super().__init__("observer")
        self._pid, self._warm_up, self._images = pid, warm_up, images
        self._stamps: list[float] = []
        self._heard: list[float] = []
        self._published: list[float] = []
        self._faces: dict[float, int] = {}
        self._began = self._ended = self._cpu_began = self._cpu_ended = 0.0
        self.create_subscription(Emotion, "emotion", self._on_emotion, EVENTS)
        self.create_subscription(EmotionArray, "emotions", self._on_emotions, EVENTS)
        self.create_subscription(CameraInfo, "camera_info", self._on_info, QoSProfile(depth=1000))

    @property
    def is_done(self) -> bool:
        """Whether all was heard."""
        return self._ended > 0 and time.monotonic() - self._ended > _SETTLE_S

    def observation(self) -> Observation:
        """What was observed."""
        used = memory(self._pid) if self._pid else None
        return Observation(
            stamps=tuple(self._stamps),
            heard=tuple(self._heard),
            published=tuple(self._published),
            faces=tuple(self._faces.get(stamp, 0) for stamp in self._stamps),
            cpu_s=self._cpu_ended - self._cpu_began,
            duration_s=self._ended - self._began,
            resident_mb=used.resident if used else 0.0,
            peak_mb=used.peak if used else 0.0,
        )

    def _on_emotion(self, message: Emotion) -> None:
        now = time.time()
        if self._warm_up > 0:
            self._warm_up -= 1
            if self._warm_up == 0:
                self._began, self._cpu_began = time.monotonic(), self._cpu()
        elif len(self._stamps) < self._images:
            self._stamps.append(_seconds(message.header))
            self._heard.append(now)
            if len(self._stamps) == self._images:
                self._ended, self._cpu_ended = time.monotonic(), self._cpu()

    def _on_emotions(self, message: EmotionArray) -> None:
        self._faces[_seconds(message.header)] = len(message.emotions)

    def _on_info(self, message: CameraInfo) -> None:
        self._published.append(_seconds(message.header))

    def _cpu(self) -> float:
        return cpu_seconds(self._pid) if self._pid else 0.0


def _seconds(header: Header) -> float:
    return header.stamp.sec + header.stamp.nanosec * 1e-9


def main() -> int:
    """Prints ``ready``, and later the observation; 1 when it was told to stop before."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pid", type=int, default=0)
    parser.add_argument("--warm-up", type=int, default=0)
    parser.add_argument("--images", type=int, default=1)
    values = parser.parse_args()
    initialise([])
    stop, executor = StopRequest(), SingleThreadedExecutor()
    stop.install(executor)
    observer = Observer(values.pid, values.warm_up, values.images)
    executor.add_node(observer)
    print("ready", flush=True)
    gc.disable()  # a collection here would be taken for a latency of the robot
    while not observer.is_done and not stop:
        executor.spin_once(timeout_sec=0.05)
    if observer.is_done:
        print(json.dumps(observer.observation().to_dict()), flush=True)
    executor.shutdown(timeout_sec=1.0)
    observer.destroy_node()
    return 0 if observer.is_done else 1


if __name__ == "__main__":
    sys.exit(main())

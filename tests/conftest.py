"""Runs the robot as its users do: as a process, seen through ROS topics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import rclpy
import yaml
from ament_index_python.packages import get_package_prefix
from fer_interfaces.msg import BehaviorState, Emotion
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header, String

from fer_bringup.clip.stage import HEIGHT, WIDTH, Scene
from fer_common.qos import EVENTS, LATCHED, NEWEST, STREAM
from fer_common.runner import LeanExecutor, set_up_dds
from fer_node.nodes.messages import to_message
from tests.processes import Process, wait_for


@pytest.fixture(name="wait_for")
def wait_for_fixture() -> Callable[..., None]:
    """`wait_for`."""
    return wait_for


@pytest.fixture
def run() -> Iterator[Callable[[list[str]], Process]]:
    """Starts programs; ends what is left of them."""
    processes: list[Process] = []

    def start(command: list[str]) -> Process:
        processes.append(Process(command))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()


@pytest.fixture
def robot(run: Callable[[list[str]], Process]) -> Callable[..., Process]:
    """Starts the one-process robot with options."""
    executable = Path(get_package_prefix("fer_bringup"), "lib", "fer_bringup", "robot")
    return lambda *options: run([str(executable), "--speech", "log", *options])


@pytest.fixture
def parameters(tmp_path: Path) -> Callable[..., Path]:
    """Writes a parameter file: ``parameters(behavior_node={"notice": False})``.

    Where nothing else is said, the robot speaks fast, so that nobody waits for its words.
    """

    def write(**nodes: dict[str, object]) -> Path:
        nodes = {"/**/speech_node": {"rate_wpm": 450}, **nodes}
        path = tmp_path / "parameters.yaml"
        path.write_text(yaml.safe_dump({n: {"ros__parameters": v} for n, v in nodes.items()}))
        return path

    return write


@pytest.fixture(scope="session")
def smile() -> np.ndarray:
    """A smiling person: one frame of the clip."""
    return Scene().frame(240)


@pytest.fixture(scope="session")
def video(smile: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smile for four seconds, at a rate that a machine with other work can follow."""
    return film(smile, 32, 8, tmp_path_factory.mktemp("video"))


@pytest.fixture(scope="session")
def glimpse(smile: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smile for one second."""
    return film(smile, 15, 15, tmp_path_factory.mktemp("video"))


def film(picture: np.ndarray, count: int, rate: float, folder: Path) -> Path:
    path = folder / "smile.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (WIDTH, HEIGHT))
    for _ in range(count):
        writer.write(picture)
    writer.release()
    return path


class Observer:
    """A person beside the robot: sees it move and hears it speak.

    Attributes:
        largest_movement: of any joint below the head so far, rad; breathing stays below 0.1.
    """

    def __init__(self) -> None:
        self.labels: set[str] = set()
        self.states: list[BehaviorState] = []
        self.said: list[str] = []
        self.poses: list[np.ndarray] = []
        self._bodies: list[float] = []
        self._start: np.ndarray | None = None
        self.largest_movement = 0.0
        self._next_show = 0.0
        self.node = Node("observer")
        self._emotion = self.node.create_publisher(Emotion, "emotion", EVENTS)
        self._images = self.node.create_publisher(Image, "pictures", STREAM)
        subscribe = self.node.create_subscription
        subscribe(Emotion, "emotion", lambda m: self.labels.add(m.label), EVENTS)
        subscribe(BehaviorState, "behavior_state", self.states.append, LATCHED)
        subscribe(String, "speech", lambda m: self.said.append(m.data), EVENTS)
        subscribe(JointState, "joint_states", self._on_joints, NEWEST)

    def _on_joints(self, message: JointState) -> None:
        self.poses.append(np.array(message.position))
        pairs = zip(message.name, message.position, strict=True)
        # The head also turns to a face without any gesture.
        body = np.array([p for name, p in pairs if not name.startswith("head_")])
        self._bodies.append(float(np.abs(body).max()))
        self._start = body if self._start is None else self._start
        moved = float(np.abs(body - self._start).max())
        self.largest_movement = max(self.largest_movement, moved)

    def show(self, label: str) -> None:
        """What ``ros2 topic pub --rate 10 /emotion`` does, to be called as often as one likes."""
        if time.monotonic() >= self._next_show:
            self._next_show = time.monotonic() + 0.1
            self._emotion.publish(Emotion(label=label, confidence=0.9, face_id="someone"))

    def film(self, frame: np.ndarray) -> None:
        """What a camera driver does."""
        stamp = self.node.get_clock().now().to_msg()
        self._images.publish(to_message(frame, Header(stamp=stamp)))

    @property
    def is_connected(self) -> bool:
        heard = self._emotion.get_subscription_count() >= 2  # one is the observer's own
        return bool(heard and self.poses and self.node.count_publishers("speech"))

    def movement_since(self, pose: int) -> float:
        """The farthest of any joint below the head from rest, from one of `poses` on, rad."""
        return max(self._bodies[pose:], default=0.0)

    @property
    def distance_from_rest(self) -> float:
        """Of the pose that was seen last from rest, where every joint is at zero, rad.

        Where it was seen first is no measure: the robot breathes and looks around by then.
        """
        return float(np.abs(self.poses[-1]).max())


@pytest.fixture
def observer() -> Iterator[Observer]:
    """Observes over DDS while the test does other things."""
    set_up_dds()
    rclpy.init()
    found, executor = Observer(), LeanExecutor()
    executor.add_node(found.node)
    stop = threading.Event()

    def spin() -> None:
        try:
            while not stop.is_set():
                executor.spin_once(timeout_sec=0.05)
        except ExternalShutdownException:
            pass

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    yield found
    stop.set()
    thread.join()
    executor.shutdown(timeout_sec=1.0)
    found.node.destroy_node()
    rclpy.try_shutdown()

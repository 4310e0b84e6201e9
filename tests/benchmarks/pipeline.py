"""From the camera's stamp to ``/emotion``: latency, processor time, memory.

Its programs, each of which runs until Ctrl-C or until it has seen enough:

python -m tests.benchmarks.pipeline camera FRAMES.npy RATE raw|compressed [--with-perception]
python -m tests.benchmarks.pipeline observer [--pid PID] [--warm-up N] [--images N]
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from array import array
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from threading import Event, Thread

import cv2
import numpy as np
from fer_interfaces.msg import Emotion, EmotionArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage
from std_msgs.msg import Header

from fer_common.qos import EVENTS, STREAM
from fer_common.runner import StopRequest, initialise, spin, start
from fer_node.camera.source import Pace, Wait
from fer_node.nodes.camera_node import CameraNode
from fer_node.nodes.messages import camera_info
from tests.benchmarks.crew import Crew, cpu_seconds, crew, memory
from tests.benchmarks.report import FAST, Case, Figures, Observation, figures
from tests.benchmarks.scene import frames, heads

_CAMERA, _OBSERVER = ("pipeline", "camera"), ("pipeline", "observer")
_FILM = 60  # frames of a film, which is repeated
_WARM_UP = 30  # images
_PATIENCE_S = 30.0  # beyond the time that the images themselves take

_people = lru_cache(maxsize=1)(heads)


class Pipeline:
    """Measures cases.

    Args:
        folder: where the films are kept meanwhile.
        domain: ROS domain to use.
        core: to which perception is bound in the cases with one core.
    """

    def __init__(self, folder: Path, domain: int, core: int) -> None:
        self._folder, self._domain, self._core = folder, domain, core

    def measure(self, case: Case, seconds: float) -> Figures:
        """Runs a case for some time.

        Raises:
            MeasurementError: not enough emotions came, or a program failed.
        """
        film = self._film(case)
        # A slow machine makes fewer images of a fast camera; the time should not grow with that.
        images = round(seconds * (case.rate if not case.is_sustained else FAST / 4))
        with crew(self._domain) as running:
            pid = self._start(running, case, film)
            observer = running.module(
                "pipeline",
                "observer",
                "--pid",
                pid,
                "--warm-up",
                _WARM_UP,
                "--images",
                images,
                ready="ready",
            )
            answer = running.answer(observer, seconds + _PATIENCE_S)
        return figures(Observation.from_dict(answer), case.faces)

    def start_up(self, times: int) -> tuple[float, ...]:
        """From the start of the process to the first ``/emotion``, while a camera runs.

        Returns:
            Seconds, sorted.
        """
        case = Case()
        film, found = self._film(case), []
        for _ in range(times):
            with crew(self._domain) as running:
                running.module(
                    "pipeline", "camera", film, case.rate, case.transport, ready="showing"
                )
                observer = running.module(*_OBSERVER, ready="ready")
                began = time.time()
                running.perception(case.transport)
                answer = running.answer(observer, _PATIENCE_S)
                found.append(Observation.from_dict(answer).heard[0] - began)
        return tuple(sorted(found))

    def _start(self, running: Crew, case: Case, film: Path) -> int:
        """Starts the camera and perception; the process of the latter."""
        camera = [film, case.rate, case.transport]
        if case.layout == "together":
            process = running.module(
                "pipeline", "camera", *camera, "--with-perception", ready="showing"
            )
        else:
            core = self._core if case.one_core else None
            process = running.perception(case.transport, core, ready="looking at")
            running.module(*_CAMERA, *camera, ready="showing")
        return process.pid

    def _film(self, case: Case) -> Path:
        path = self._folder / f"{case.width}x{case.height}_{case.faces}.npy"
        if not path.exists():
            np.save(path, frames(_people(), case.width, case.height, case.faces, _FILM))
        return path


# The camera: shows prepared pictures, in a program of its own or in one with fer_node.

JPEG_QUALITY = 80


class Film:
    """A source that repeats prepared pictures.

    Args:
        frames: BGR uint8 [N, H, W, 3].
        rate: pictures per second.
        wait: see `fer_node.camera.source.Wait`.
    """

    name = "a film"

    def __init__(self, frames: np.ndarray, rate: float, wait: Wait) -> None:
        self._frames = frames
        self._pace = Pace(rate, time.monotonic, wait)
        self._next = 0

    def read(self) -> np.ndarray | None:
        """See `fer_node.camera.source.Source`."""
        late = self._pace.next()
        if late is None:
            return None
        frame = self._frames[self._next % len(self._frames)]
        self._next += 1
        return frame

    def close(self) -> None:
        """Nothing to give back."""


class JpegCamera(Node):
    """Publishes ``image_raw/compressed``, as a camera does that compresses by itself.

    Args:
        frames: BGR uint8 [N, H, W, 3].
        rate: pictures per second.
    """

    def __init__(self, frames: np.ndarray, rate: float) -> None:
        super().__init__("camera_node")
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        encoded = (cv2.imencode(".jpg", frame, quality)[1] for frame in frames)
        self._pictures = [array("B", jpeg.tobytes()) for jpeg in encoded]
        self._height, self._width = frames.shape[1:3]
        self._stop = Event()
        self._pace = Pace(rate, time.monotonic, self._stop.wait)
        self._images = self.create_publisher(CompressedImage, "image_raw/compressed", STREAM)
        self._infos = self.create_publisher(CameraInfo, "camera_info", STREAM)
        self._thread = Thread(target=self._capture, daemon=True)
        self._thread.start()

    def destroy_node(self) -> None:
        """Stops the camera first."""
        self._stop.set()
        self._thread.join()
        super().destroy_node()

    def _capture(self) -> None:
        count = 0
        while self._pace.next() is not None:
            header = Header(stamp=self.get_clock().now().to_msg(), frame_id="camera")
            data = self._pictures[count % len(self._pictures)]
            self._images.publish(CompressedImage(header=header, format="jpeg", data=data))
            self._infos.publish(camera_info(self._width, self._height, 60.0, header))
            count += 1


def _makers(values: argparse.Namespace) -> list[Callable[[], Node]]:
    frames = np.load(values.frames)
    if values.transport == "compressed":
        makers: list[Callable[[], Node]] = [lambda: JpegCamera(frames, values.rate)]
    else:
        makers = [lambda: CameraNode(lambda _, tools: Film(frames, values.rate, tools.wait))]
    if values.with_perception:
        from fer_node.nodes.fer_node import FerNode

        makers.insert(0, FerNode)
    return makers


def _show(values: argparse.Namespace) -> int:
    # One executor for all nodes, as in the one-process robot.
    arguments = ["--ros-args", "-r", "fer_node:image:=image_raw"]
    initialise([*arguments, "-p", f"fer_node:image_transport:={values.transport}"])
    executor, stop, nodes = SingleThreadedExecutor(), StopRequest(), []
    stop.install(executor)
    try:
        for make in _makers(values):
            nodes.append(make())
            executor.add_node(nodes[-1])
            start(nodes[-1])
        print("showing", flush=True)
        spin(executor, nodes, stop)
    finally:
        executor.shutdown(timeout_sec=1.0)
        for node in reversed(nodes):
            node.destroy_node()
    return 0


# The observer: hears the emotions and notes when; prints an observation as JSON.

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


def _observe(values: argparse.Namespace) -> int:
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


def main() -> int:
    """One of the programs: the camera, which tells when it is ``showing``, or the observer.

    The observer prints ``ready``, and later the observation; 1 when it was told to stop before.
    """
    parser = argparse.ArgumentParser()
    programs = parser.add_subparsers(required=True)
    camera = programs.add_parser("camera")
    camera.set_defaults(run=_show)
    camera.add_argument("frames", type=Path)
    camera.add_argument("rate", type=float)
    camera.add_argument("transport", choices=("raw", "compressed"))
    camera.add_argument("--with-perception", action="store_true")
    observer = programs.add_parser("observer")
    observer.set_defaults(run=_observe)
    observer.add_argument("--pid", type=int, default=0)
    observer.add_argument("--warm-up", type=int, default=0)
    observer.add_argument("--images", type=int, default=1)
    values = parser.parse_args()
    code: int = values.run(values)
    return code


if __name__ == "__main__":
    sys.exit(main())

"""A camera that shows prepared pictures: its own program, or in one with fer_node.

python -m tests.benchmarks.camera FRAMES.npy RATE raw|compressed [--with-perception]
"""

from __future__ import annotations

import argparse
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import cv2
import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage
from std_msgs.msg import Header

from fer_common.qos import STREAM
from fer_common.runner import StopRequest, initialise, spin, start
from fer_node.camera.source import Pace, Wait
from fer_node.nodes.camera_node import CameraNode
from fer_node.nodes.messages import camera_info

JPEG_QUALITY = 80


class Film:
    """A source that repeats prepared pictures.

    Args:
        frames: BGR uint8 [N, H, W, 3].
        rate: pictures per second.
        wait: see `fer_node.camera.source.Wait`.
    """

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
        makers = [
            lambda: CameraNode(lambda _, wait, __: (Film(frames, values.rate, wait), "a film"))
        ]
    if values.with_perception:
        from fer_node.nodes.fer_node import FerNode

        makers.insert(0, FerNode)
    return makers


def main() -> int:
    """Runs until Ctrl-C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("frames", type=Path)
    parser.add_argument("rate", type=float)
    parser.add_argument("transport", choices=("raw", "compressed"))
    parser.add_argument("--with-perception", action="store_true")
    values = parser.parse_args()
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


if __name__ == "__main__":
    sys.exit(main())

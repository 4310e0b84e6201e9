"""Looks through a Video4Linux camera for a moment; the picture stays in memory."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

from fer_monitor.doctor.probes.reply import reply

_QUERYCAP, _SIZE = 0x80685600, 104  # VIDIOC_QUERYCAP and its struct v4l2_capability
_CAPTURE, _DEVICE_CAPS = 0x1, 0x80000000
_LOOK_S, _MOST = 1.2, 40
_WARM_UP = 3  # pictures until the exposure has settled somewhat


def work(arguments: Sequence[str]) -> dict[str, Any]:
    """What camera N shows."""
    index = int(arguments[0])
    if not _captures(f"/dev/video{index}"):
        return {"kind": "other"}
    import cv2

    from fer_node.camera.webcam import open_device

    device = open_device(index, 640, 480, 30.0)
    if device is None:
        return {"kind": "capture", "width": 0}
    try:
        return {"kind": "capture", **look(device, cv2.meanStdDev)}
    finally:
        device.release()


def look(
    device: Any, statistics: Callable[[Any], Any], clock: Callable[[], float] = time.monotonic
) -> dict[str, Any]:
    """Size, rate and brightness of what a device gives.

    Args:
        device: a ``cv2.VideoCapture``.
        statistics: mean and standard deviation of a picture's channels, ``cv2.meanStdDev``.
        clock: monotonic, seconds.
    """
    picture, count, start, now = None, 0, clock(), clock()
    while count < _MOST and now - start < _LOOK_S:
        found, frame = device.read()
        if not found:
            break
        picture = frame
        count += 1
        now = clock()
        if count == _WARM_UP:
            start = now
    if picture is None:
        return {"width": 0}
    height, width = picture.shape[:2]
    mean, spread = statistics(picture)
    timed = count - _WARM_UP
    return {
        "width": width,
        "height": height,
        "rate": timed / (now - start) if timed > 0 and now > start else 0.0,
        "mean": float(mean.mean()),
        "spread": float(spread.mean()),
    }


def _captures(name: str) -> bool:
    """Whether a device gives pictures; webcams have another one for metadata."""
    answer = bytearray(_SIZE)
    descriptor = os.open(name, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(descriptor, _QUERYCAP, answer)
    finally:
        os.close(descriptor)
    capabilities, of_device = struct.unpack_from("II", answer, 84)
    return bool((of_device if capabilities & _DEVICE_CAPS else capabilities) & _CAPTURE)


if __name__ == "__main__":
    reply(work)

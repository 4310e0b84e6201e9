"""A webcam as a source of frames, which may come and go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from fer_node.camera.source import Wait, quiet_opencv

_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 5.0
_MISSES = 5  # frames in a row that may fail before the device counts as gone


class Device(Protocol):
    """What is used of ``cv2.VideoCapture``."""

    def read(self) -> tuple[bool, np.ndarray | None]:
        """Whether a frame came, and the frame."""
        ...

    def release(self) -> None:
        """Closes the device."""
        ...


def open_device(index: int, width: int, height: int, rate: float) -> Device | None:
    """Opens a Video4Linux device and sees whether it answers.

    Args:
        index: N of ``/dev/videoN``.
        width: asked for, pixels; the device takes the nearest it has. 0: its own.
        height: likewise.
        rate: asked for, frames per second. 0: its own.

    Returns:
        The device; None when it does not exist, is in use or gives no frame.
    """
    with quiet_opencv():
        device = cv2.VideoCapture(index, cv2.CAP_V4L2)
        wishes = (
            (cv2.CAP_PROP_FRAME_WIDTH, width),
            (cv2.CAP_PROP_FRAME_HEIGHT, height),
            (cv2.CAP_PROP_FPS, rate),
        )
        for wish, value in wishes:
            if value > 0:
                device.set(wish, value)
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not the next one
        if device.isOpened() and device.read()[0]:
            return device
        device.release()
        return None


class Webcam:
    """Reads a webcam, and finds it again after it was unplugged.

    Args:
        name: for messages, such as ``/dev/video0``.
        connect: opens the device; returns None while that is not possible.
        wait: interruptible.
        log: told when the device is lost.

    Raises:
        InputError: the device does not answer at the start.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Device | None],
        wait: Wait,
        log: Callable[[str], object],
    ) -> None:
        self._name = name
        self._connect = connect
        self._wait = wait
        self._log = log
        self._device = connect()
        if self._device is None:
            raise InputError(
                f"camera {name} does not answer: is it plugged in, and used by nobody else?"
            )

    def read(self) -> np.ndarray | None:
        """See `Source`; a lost device is waited for."""
        while not self._wait(0.0):
            if self._device is None and not self._reconnect():
                return None
            for _ in range(_MISSES):
                found, frame = self._device.read() if self._device else (False, None)
                if found:
                    return frame
            self._log(f"camera {self._name} is gone, waiting for it to come back")
            self.close()
        return None

    def close(self) -> None:
        """See `Source`."""
        if self._device is not None:
            self._device.release()
            self._device = None

    def _reconnect(self) -> bool:
        delay = _FIRST_RETRY_S
        while not self._wait(delay):
            self._device = self._connect()
            if self._device is not None:
                return True
            delay = min(2 * delay, _LAST_RETRY_S)
        return False

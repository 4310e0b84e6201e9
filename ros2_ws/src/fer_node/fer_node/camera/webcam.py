"""A webcam as a source of frames, which may come and go."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.files import user_path
from fer_node.camera.source import FrameSettings, SourceTools, quiet_opencv

_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 5.0
_DEVICE = re.compile(r"/dev/video(\d+)")
_MISSES = 5  # frames in a row that may fail before the device counts as gone


class Device(Protocol):
    """What is used of ``cv2.VideoCapture``."""

    def read(self) -> tuple[bool, np.ndarray | None]:
        """Whether a frame came, and the frame."""
        ...

    def release(self) -> None:
        """Closes the device."""
        ...


def open_device(path: Path, width: int, height: int, rate: float) -> Device | None:
    """Opens a Video4Linux device and sees whether it answers.

    Args:
        path: of its node, such as ``/dev/video0``, or of a link of udev, which is followed anew.
        width: asked for, pixels; the device takes the nearest it has. 0: its own.
        height: likewise.
        rate: asked for, frames per second. 0: its own.

    Returns:
        The device; None when it does not exist, is in use or gives no frame.
    """
    with quiet_opencv():
        device = cv2.VideoCapture(os.path.realpath(path), cv2.CAP_V4L2)
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
        device: for messages, such as ``/dev/video0``.
        connect: opens the device; returns None while that is not possible.
        tools: see there; told when the device is lost.

    Raises:
        InputError: the device does not answer at the start.
    """

    def __init__(
        self, device: str, connect: Callable[[], Device | None], tools: SourceTools
    ) -> None:
        self.name = f"webcam {device}"
        self._where = device
        self._connect = connect
        self._wait = tools.wait
        self._log = tools.log
        self._device = connect()
        if self._device is None:
            raise InputError(
                f"camera {device} does not answer: is it plugged in, and used by nobody else?"
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
            self._log(f"camera {self._where} is gone, waiting for it to come back")
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


def open_webcam(text: str, frames: FrameSettings, tools: SourceTools) -> Webcam | None:
    """The webcam of an index, a device node or a link to one; None where the text is none of them.

    Raises:
        InputError: it does not answer.
    """
    if text.isdecimal():
        path = Path(f"/dev/video{int(text)}")
    elif not _is_device(path := user_path(text)):
        return None
    wishes = (frames.width, frames.height, frames.rate)
    return Webcam(str(path), lambda: open_device(path, *wishes), tools)


def _is_device(path: Path) -> bool:
    """Whether a path leads to a device, also to one that is not plugged in now."""
    # A link of udev goes with its device; one of the user's leads to nowhere then.
    is_awaited = not path.exists() and Path("/dev") in Path(os.path.realpath(path)).parents
    return path.is_char_device() or is_awaited


def first_webcam(frames: FrameSettings, tools: SourceTools) -> Webcam | None:
    """The first webcam of this machine that answers; None when none does."""
    for index in device_indices():
        try:
            return open_webcam(str(index), frames, tools)
        except InputError as error:
            tools.log(str(error))
    return None


def device_indices() -> list[int]:
    """The numbers N of the devices ``/dev/videoN`` of this machine."""
    found = (_DEVICE.fullmatch(str(path)) for path in Path("/dev").glob("video*"))
    return sorted(int(match[1]) for match in found if match)

"""From the parameter ``camera`` to a source of frames."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ec_rfernet.errors import InputError
from fer_node.camera.pictures import SUFFIXES, Pictures
from fer_node.camera.recording import BagImages
from fer_node.camera.source import Source, Wait
from fer_node.camera.video import Video
from fer_node.camera.webcam import Device, Webcam, open_device

_DEVICE = re.compile(r"(?:/dev/video)?(\d+)")
_BAG = re.compile(r"bag:(.+?)(?:@(/\S+))?")


@dataclass(frozen=True)
class CameraChoice:
    """What the user asked for.

    Attributes:
        camera: ``auto``, ``clip``, a device index or path, a video, a picture or a folder, or
            ``bag:FILE`` or ``bag:FILE@/topic``.
        clip: path of the built-in clip; may be empty.
        width: asked of a webcam, pixels; 0: its own.
        height: likewise.
        rate: frames per second; asked of a webcam, kept for pictures.
        period_s: for how long each picture is shown.
        loop: whether videos and pictures begin again at their end.
    """

    camera: str
    clip: str
    width: int
    height: int
    rate: float
    period_s: float
    loop: bool


def open_source(
    choice: CameraChoice,
    wait: Wait,
    log: Callable[[str], object],
    clock: Callable[[], float] = time.monotonic,
    connect: Callable[[int, int, int, float], Device | None] = open_device,
    devices: Callable[[], list[int]] | None = None,
) -> tuple[Source, str]:
    """Opens what the user asked for.

    Args:
        choice: see there.
        wait: interruptible.
        log: told what goes wrong later on.
        clock: monotonic, seconds.
        connect: opens a webcam, see `open_device`.
        devices: the indices of the webcams of this machine.

    Returns:
        The source, and what it is in words.

    Raises:
        InputError: there is no such device or file, or it cannot be read.
    """

    def webcam(index: int) -> tuple[Source, str]:
        name = f"/dev/video{index}"
        wishes = (index, choice.width, choice.height, choice.rate)
        return Webcam(name, lambda: connect(*wishes), wait, log), f"webcam {name}"

    def file(path: Path) -> tuple[Source, str]:
        if path.is_dir() or path.suffix.lower() in SUFFIXES:
            pictures = Pictures(path, choice.loop, choice.rate, choice.period_s, clock, wait, log)
            return pictures, f"pictures in {path}"
        video = Video(path, choice.loop, choice.rate, clock, wait)
        return video, f"video {path} at {video.rate:.3g} frames/s"

    def bag(file: str, topic: str) -> tuple[Source, str]:
        path = Path(file).expanduser()
        images = BagImages(path, topic, choice.loop, clock, wait, log)
        return images, f"{images.topic} of the bag {path}"

    if choice.camera == "auto":
        for index in (devices or _devices)():
            try:
                return webcam(index)
            except InputError as error:
                log(str(error))
    if choice.camera in ("auto", "clip"):
        if not choice.clip:
            raise InputError(
                f"camera '{choice.camera}': no webcam answers, and the parameter 'clip' is empty"
                if choice.camera == "auto"
                else "camera 'clip': the parameter 'clip' is empty, expected the path of a video"
            )
        return file(Path(choice.clip).expanduser())
    recorded = _BAG.fullmatch(choice.camera)
    if recorded:
        return bag(recorded[1], recorded[2] or "")
    device = _DEVICE.fullmatch(choice.camera)
    if device:
        return webcam(int(device[1]))
    path = Path(choice.camera).expanduser()
    if not choice.camera or not path.exists():
        raise InputError(
            f"camera '{choice.camera}' does not exist; expected auto, clip, a device index, "
            "a video, a picture, a folder of pictures or bag:FILE"
        )
    return file(path)


def _devices() -> list[int]:
    found = (_DEVICE.fullmatch(str(path)) for path in Path("/dev").glob("video*"))
    return sorted(int(match[1]) for match in found if match)

"""The sources of frames, and which of them the parameter ``camera`` means.

A new source is a module with a class like `Video`, a function like `open_video`, and its line
in `SOURCES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ec_rfernet.errors import InputError
from ec_rfernet.files import user_path
from fer_common.settings import part, setting
from fer_node.camera.pictures import open_pictures
from fer_node.camera.recording import open_recording
from fer_node.camera.source import FrameSettings, Source, SourceTools
from fer_node.camera.video import open_video
from fer_node.camera.webcam import first_webcam, open_webcam

AUTO, CLIP = "auto", "clip"
"""The first webcam that answers, or else the built-in clip; and the clip in any case."""

SOURCES: dict[str, Callable[[str, FrameSettings, SourceTools], Source | None]] = {
    "a device index or a path below /dev": open_webcam,
    "a picture or a folder of pictures": open_pictures,
    "a video": open_video,
    "bag:FILE": open_recording,
}
"""What each source is asked for with, and what opens it: given the text, it returns None where
the text does not mean such a source, and raises `InputError` where it cannot be opened."""


@dataclass(frozen=True)
class CameraSettings:
    """What is shown, and how."""

    camera: str = setting(AUTO, f"{AUTO}, {CLIP}, or {', '.join(SOURCES)}.")
    clip: str = setting("", f"Path of the built-in clip, for camera {AUTO} and {CLIP}.")
    frames: FrameSettings = part(FrameSettings)


def open_source(settings: CameraSettings, tools: SourceTools) -> Source:
    """Opens what the user asked for.

    Raises:
        InputError: there is no such device or file, or it cannot be read.
    """
    wanted, frames = settings.camera, settings.frames
    if wanted == AUTO and (webcam := first_webcam(frames, tools)) is not None:
        return webcam
    if wanted in (AUTO, CLIP):
        if not settings.clip:
            raise InputError(
                f"camera '{AUTO}': no webcam answers, and the parameter 'clip' is empty"
                if wanted == AUTO
                else f"camera '{CLIP}': the parameter 'clip' is empty, expected the path of a video"
            )
        if not user_path(settings.clip).exists():
            raise InputError(f"clip '{settings.clip}' does not exist")
        wanted = settings.clip
    for open_it in SOURCES.values():
        source = open_it(wanted, frames, tools)
        if source is not None:
            return source
    raise InputError(
        f"camera '{wanted}' does not exist; expected {AUTO}, {CLIP}, {', '.join(SOURCES)}"
    )

"""Makes the clip and keeps it in the cache; ``ros2 run fer_bringup make_clip``."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from ec_rfernet.cli import Parser, exit_code
from ec_rfernet.errors import InputError
from ec_rfernet.files import can_be_made, temporary_folder, user_path
from fer_bringup.clip.stage import FRAMES, HEIGHT, RATE, WIDTH, Scene
from robot_behavior.simulator.film import VideoFile

_NAME = "clip-v2.mp4"  # a new number whenever the clip's content changes


def clip_path() -> Path:
    """Where the clip is, or will be: in ``$XDG_CACHE_HOME``, or in ``~/.cache``.

    A user who has no home, or may not write it, has it in a temporary folder.

    Raises:
        InputError: there is no such folder either.
    """
    place = Path("fer_bringup", _NAME)
    if given := os.environ.get("XDG_CACHE_HOME"):
        return given / place
    with suppress(InputError):
        path = user_path("~/.cache") / place
        if os.path.lexists(path) or can_be_made(path):
            return path
    return temporary_folder() / place


def ensure_clip(say: Callable[[str], object]) -> Path:
    """The clip's path; makes the clip first if it is not there yet.

    Args:
        say: told that it is being made, which takes half a minute.

    Raises:
        InputError: a portrait is missing, or the cache cannot be written.
    """
    path = clip_path()
    if not path.exists():
        say(f"making the demo clip, once: {path}")
        make_clip(path)
    return path


def ensure_clip_for(camera: str, say: Callable[[str], object]) -> None:
    """Makes the clip if that camera may show it.

    Args:
        camera: the argument of that name. With ``auto`` a webcam may be there instead, so a
            clip that cannot be made is only told.
        say: told of it.

    Raises:
        InputError: as of `ensure_clip`.
    """
    if camera not in ("auto", "clip"):
        return
    try:
        ensure_clip(say)
    except InputError as error:
        if camera == "clip":
            raise
        say(f"the demo clip is missing, so a webcam is needed: {error}")


def make_clip(path: Path, frames: int = FRAMES) -> None:
    """Writes the clip, or its first ``frames`` frames.

    The file appears when it is complete, never half of it.

    Raises:
        InputError: a portrait is missing, or ``path`` cannot be written.
        KeyboardInterrupt: upon Ctrl-C; nothing is left behind.
    """
    stage = Scene()
    video = VideoFile(path, RATE, (WIDTH, HEIGHT))
    try:
        with _interruptible():
            for index in range(frames):
                video.write(stage.frame(index))
        video.complete()
    finally:
        video.discard()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Makes Ctrl-C a KeyboardInterrupt meanwhile, whatever it does otherwise."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread only
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; exit code 2 with one line when the clip cannot be made."""
    parser = Parser(prog="make_clip", description="Makes the demo clip.")
    parser.add_argument("--force", action="store_true", help="make it again if it is there")
    options = parser.parse_args(arguments)

    def work() -> None:
        if options.force:
            make_clip(clip_path())
        print(ensure_clip(partial(print, flush=True)))

    return exit_code("make_clip", work)


if __name__ == "__main__":
    sys.exit(main())

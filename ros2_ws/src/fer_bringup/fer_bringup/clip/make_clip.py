"""Makes the clip and keeps it in the cache; ``ros2 run fer_bringup make_clip``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import cv2

from ec_rfernet.cli import Parser, exit_code, interruptible
from ec_rfernet.errors import InputError
from ec_rfernet.files import Draft, can_be_made, check_place, temporary_folder, user_path
from fer_bringup.clip.stage import FRAMES, HEIGHT, RATE, WIDTH, Scene

_NAME = "clip-v3.mp4"  # a new number whenever the clip's content changes


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
    try:
        check_place(path)
    except OSError as error:
        raise _unwritable(path, error.strerror) from error
    stage = Scene()  # takes a second
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Draft(path)
    except OSError as error:
        raise _unwritable(path, error.strerror) from error
    try:
        with interruptible() as look, draft.opened() as place:
            # What every build of OpenCV for Python writes and reads: the robot has it anyway.
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            writer = cv2.VideoWriter(str(place), codec, RATE, (WIDTH, HEIGHT))
            for index in range(frames):
                look()
                writer.write(stage.frame(index))
            writer.release()
            reader = cv2.VideoCapture(str(place), cv2.CAP_FFMPEG)
            whole = round(reader.get(cv2.CAP_PROP_FRAME_COUNT)) == frames and reader.read()[0]
            reader.release()
            look()
        if not whole:  # OpenCV does not tell what the disk has refused
            raise _unwritable(path, "the disk is full, or it allows no file of this size")
        draft.complete()
    except OSError as error:
        raise _unwritable(path, error.strerror) from error
    finally:
        draft.discard()


def _unwritable(path: Path, why: str | None) -> InputError:
    return InputError(f"{path}: cannot be written ({why})")


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

"""Files that appear only when they are complete, and where a user may keep some."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ec_rfernet.errors import InputError

_DRAFT = ".writing-"


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A draft folder whose files move into ``folder`` at the end: all of them, or none.

    Whatever fails inside the block or while moving, a full disk for one, leaves the files
    of ``folder`` as they were.

    Args:
        folder: where the files belong; created when it does not exist.

    Raises:
        OSError: the folder cannot be written.
    """
    _refuse_file(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=_DRAFT) as name:
            draft, replaced = Path(name, "new"), Path(name, "old")
            draft.mkdir()
            replaced.mkdir()
            yield draft
            _move_all(draft, folder, replaced)
    except OSError as error:
        if error.filename is None or str(error.filename).startswith(str(folder / _DRAFT)):
            error.filename = str(folder)  # the draft means nothing to a user
        raise


def _move_all(draft: Path, folder: Path, replaced: Path) -> None:
    moved = []
    try:
        for path in sorted(draft.iterdir()):
            _refuse_all_but_files(folder / path.name)
            if (folder / path.name).exists():
                (folder / path.name).replace(replaced / path.name)
            moved.append(path.name)
            path.replace(folder / path.name)
    except BaseException:
        for file in moved:
            (folder / file).unlink(missing_ok=True)
        for path in replaced.iterdir():
            path.replace(folder / path.name)
        raise


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keeps a folder, which is created, to the program that writes a long work's results there.

    Drafts that a killed program left in it are removed.

    Raises:
        InputError: another program holds the folder.
        OSError: the folder cannot be created.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor, folder)
        for draft in folder.glob(f"{_DRAFT}*"):
            shutil.rmtree(draft)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"{folder}: another process is at work here; wait for it, or choose another folder"
        ) from error
    except OSError:
        pass  # some network file systems know no locks


def check_place(path: Path) -> None:
    """Finds out whether a file can be written, before the work whose result it will hold.

    Raises:
        OSError: it cannot.
    """
    _refuse_all_but_files(path)
    folder = path.parent
    while not folder.exists():  # creates none of them: the work may yet fail
        folder = folder.parent
    with staged(folder):
        pass


def _refuse_all_but_files(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, expected a file", str(path))
    if path.exists() and not path.is_file():  # /dev/stdout would be replaced, if root asks for it
        raise OSError(errno.EINVAL, "is a device or a pipe, expected a file", str(path))


def _refuse_file(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "is a file, expected a folder", str(folder))


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text into a file, or leaves the file as it was.

    Raises:
        OSError: it cannot be written.
    """
    with staged(path.parent) as draft:
        (draft / path.name).write_text(text, encoding="utf-8")


# Users, of whom one in a container may have neither a name nor a home.


def user_path(text: str | Path) -> Path:
    """A path as people write it: ``~`` is their home, ``~name`` that of another user.

    Raises:
        InputError: that home is not known.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InputError(
            f"{text}: no such home is known on this machine; set HOME, or give a path without '~'"
        ) from error


def can_be_made(path: Path) -> bool:
    """Whether this user may make a file or a folder, and the folders above it."""
    # pathlib's exists() raises where a folder on the way may not be entered.
    above = (place for place in (path, *path.parents) if os.path.lexists(place))
    place = next(above, Path("/"))
    return place.is_dir() and os.access(place, os.W_OK | os.X_OK)


def temporary_folder() -> Path:
    """A folder of this user alone, for what a user without a home has to keep; it is made.

    Raises:
        InputError: there is none.
    """
    user = os.getuid()
    try:
        folder = Path(tempfile.gettempdir(), f"fer-{user}")
        folder.mkdir(mode=0o700, exist_ok=True)
        is_ours = folder.is_dir() and folder.lstat().st_uid == user
    except OSError as error:
        raise InputError(
            f"there is no place for temporary files ({error.strerror}); set TMPDIR to a folder "
            "that you may write, or mount one at /tmp"
        ) from error
    if not is_ours or folder.is_symlink():
        raise InputError(f"{folder}: belongs to somebody else; remove it, or set TMPDIR")
    return folder

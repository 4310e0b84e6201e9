"""Files: read within bounds, written whole or not at all, and where a user may keep some.

Whatever this project reads of a user's files goes through `read_bytes`, `read_text`, `read_json`
and `read_yaml`; what a library opens by itself is looked at by `check_file` before.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import reprlib
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from ec_rfernet.errors import InputError

_DRAFT = ".writing-"
_YOUNG_S = 10.0  # a draft of this age may not be locked yet

# Reading, within bounds.

MOST_TEXT = 1_000_000
"""Bytes of a text that somebody has written; YAML's parser takes some seconds for them."""

MOST_TABLE = 4_000_000_000
"""Bytes of a table of a data set, a line for each of its pictures."""

_PART = 1 << 20  # bytes that are read at once
_WIDEST = 60  # characters of a value in a message


def check_file(path: Path, most: int) -> None:
    """Finds out whether a path leads to a regular file of at most so many bytes.

    A pipe would be waited for, a device may have no end.

    Raises:
        InputError: it is something else, larger, or is not there.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    _check_status(path, found, most)


def _check_status(path: Path, found: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a device or a pipe"
        raise InputError(f"{path}: is not a file but {kind}")
    if found.st_size > most:
        raise _too_large(path, most)


def read_bytes(path: Path, most: int) -> bytes:
    """The contents of a regular file of at most so many bytes.

    Raises:
        InputError: see `check_file`; or it cannot be read.
    """
    check_file(path, most)
    try:
        # Not blocking: it may have become a pipe since.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            _check_status(path, os.fstat(file.fileno()), most)
            parts, size = [], 0
            while part := file.read(_PART):  # it may grow, and some of /proc tell no size
                parts.append(part)
                size += len(part)
                if size > most:
                    raise _too_large(path, most)
    except OSError as error:
        raise _unreadable(path, error) from error
    return b"".join(parts)


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
        InputError: see `read_bytes`; or it is no UTF-8, with the line.
    """
    data = read_bytes(path, most)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: is UTF-16, expected UTF-8; save it with that encoding")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: line {line} is not UTF-8 ({error.reason})") from error


def read_json(path: Path, most: int = MOST_TEXT) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: see `read_text`; or it is no JSON.
    """
    try:
        return json.loads(read_text(path, most))
    except RecursionError as error:
        raise InputError(f"{path}: is not valid JSON (nested too deeply)") from error
    except ValueError as error:  # also of numbers with thousands of digits
        raise InputError(f"{path}: is not valid JSON ({error})") from error


def read_yaml(path: Path, most: int = MOST_TEXT) -> Any:
    """What a YAML file holds: plain values, lists and mappings; None where it is empty.

    Refused are a key that is there twice, numbers that are not decimal or hexadecimal,
    characters that are no text, and merge keys that make more than `MOST_MERGED` entries.

    Raises:
        InputError: see `read_text`; or it is no such YAML, with the line and the column.
    """
    text = read_text(path, most)
    try:
        return deepcopy(_content(text))
    except RecursionError as error:
        raise InputError(f"{path}: is not valid YAML (nested too deeply)") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        problem = (error.problem or error.context or "").removeprefix("but ")
        raise InputError(f"{path}: is not valid YAML ({place}{shortened(problem, 120)})") from error
    except yaml.YAMLError as error:
        problem = shortened(" ".join(str(error).split()), 120)
        raise InputError(f"{path}: is not valid YAML ({problem})") from error


@lru_cache(maxsize=8)
def _content(text: str) -> Any:
    """What a text in YAML holds; several nodes of a robot read its files, some more than once."""
    with suppress(yaml.YAMLError, RecursionError):
        return yaml.load(text, _QuickLoader)  # a safe loader
    return yaml.load(text, _Loader)  # in ten times the time; it says better what is wrong


MOST_MERGED = 10_000
"""Entries that all merge keys (``<<``) of a YAML file may make together."""


class _Loader(yaml.SafeLoader):
    """Knows plain values, lists and mappings, and tells the place of whatever is wrong.

    Refuses a key that is there twice; YAML's parser would keep the last one silently.
    """

    _merged = 0

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag not in _TAGS:
            raise _malformed(node, f"{shown_tag(node.tag)} is not known")
        if node.tag in _NUMBERS and _ODD_NUMBER.fullmatch(str(node.value)):
            kind = shown_tag(node.tag).removeprefix("!!")
            how = "write it so, or in quotes where it is a text"
            raise _malformed(node, f"{shown(node.value)} is no {kind} in decimal; {how}")
        if isinstance(node, yaml.ScalarNode) and _NO_TEXT.search(node.value):
            raise _malformed(node, f"{shown(node.value)} has characters that are no text")
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
            kind = shown_tag(node.tag).removeprefix("!!")  # of a date such as 2024-13-45
            raise _malformed(node, f"{shown(node.value)} is no {kind}") from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _malformed(key, "a key is a list or a mapping, expected a text")
            if key.value in seen:
                raise _malformed(key, f"key {shown(key.value)} is there twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merges mappings into one; each step may double them, so their entries are counted."""
        merged, own = list[Any](), list[Any]()
        for key, value in node.value:
            if key.tag == _TAG + "value":
                key.tag = _TAG + "str"
            if key.tag != _TAG + "merge":
                own.append((key, value))
                continue
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in reversed(sources):  # the first one has the last word
                if not isinstance(source, yaml.MappingNode) or source is node:
                    raise _malformed(value, "only mappings can be merged with <<")
                self.flatten_mapping(source)
                self._merged += len(source.value) + 1
                if self._merged > MOST_MERGED:
                    raise _malformed(value, f"<< merges more than {MOST_MERGED} entries")
                merged += source.value
        node.value = merged + own


if yaml.__with_libyaml__:
    from yaml._yaml import CParser

    class _QuickLoader(CParser, _Loader):
        """The same rules, over the parser that is written in C."""

        def __init__(self, stream: str) -> None:
            CParser.__init__(self, stream)
            yaml.constructor.SafeConstructor.__init__(self)
            yaml.resolver.Resolver.__init__(self)

else:
    _QuickLoader = _Loader  # type: ignore[misc,assignment]

_TAG = "tag:yaml.org,2002:"
_KINDS = ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value")
_TAGS = frozenset(_TAG + kind for kind in _KINDS)
_NUMBERS = (_TAG + "int", _TAG + "float")
# YAML 1.1 has also numbers to base 60 (12:30), octal and binary ones (010, 0b1), and 1_000.
_ODD_NUMBER = re.compile(r"[-+]?0[0-9_b]+|.*[:_].*|.{1001,}", re.DOTALL)

# What only escapes can write: control characters, and halves of letters (surrogates).
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def _malformed(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


# Values in messages: never longer than they must be, for aliases may stand for billions.

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = _repr.maxlist = _repr.maxdict = _WIDEST


def shown(value: object) -> str:
    """A value as a message shows it, in at most 60 characters."""
    try:
        return shortened(_repr.repr(value), _WIDEST)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number of thousands of digits"


def shown_tag(tag: str) -> str:
    """A tag of YAML as people write it."""
    return shortened(tag.replace(_TAG, "!!"), _WIDEST)


def shortened(text: str, most: int = _WIDEST) -> str:
    """At most so many characters of a text, with dots where some are left out."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or error
    if isinstance(error, UnicodeEncodeError):
        reason = f"the locale's encoding {error.encoding} lacks its letters; try LC_ALL=C.UTF-8"
    return InputError(f"{path}: cannot be read ({reason})")


def _too_large(path: Path, most: int) -> InputError:
    return InputError(f"{path}: is larger than {most / 1e6:g} MB")


# Writing, whole or not at all.


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A draft folder whose files move into ``folder`` at the end: all of them, or none.

    Whatever fails inside the block or while moving, a full disk for one, leaves the files
    of ``folder`` as they were. Drafts that a killed program has left there are removed.

    Args:
        folder: where the files belong; created when it does not exist.

    Raises:
        OSError: the folder cannot be written.
    """
    _refuse_file(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _draft_folder(folder) as place:
            draft, replaced = place / "new", place / "old"
            draft.mkdir()
            replaced.mkdir()
            yield draft
            for path in draft.iterdir():
                _reach_disk(path)
            _move_all(draft, folder, replaced)
            _reach_disk(folder)
    except OSError as error:
        if error.filename is None or str(error.filename).startswith(str(folder / _DRAFT)):
            error.filename = str(folder)  # the draft means nothing to a user
        raise


@contextmanager
def _draft_folder(folder: Path) -> Iterator[Path]:
    """A folder for drafts, locked while its program lives and removed at the end."""
    for left in folder.glob(f"{_DRAFT}*"):
        _remove_unless_in_use(left)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_DRAFT) as name:
        descriptor = os.open(name, os.O_RDONLY)
        try:
            with suppress(OSError):  # some network file systems know no locks
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Path(name)
        finally:
            os.close(descriptor)


def _remove_unless_in_use(draft: Path) -> None:
    with suppress(OSError):  # another program's, or it has just gone
        if time.time() - draft.stat().st_mtime < _YOUNG_S:
            return
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(draft)
        finally:
            os.close(descriptor)


def _reach_disk(path: Path) -> None:
    """Waits until a file, or what a folder lists, is on the disk: only then it tells it is full."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot do it for folders
            raise
    finally:
        os.close(descriptor)


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
    refuse_stdout(folder)
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


def refuse_stdout(path: Path) -> None:
    """Refuses ``-``, and what would be below it, as the name of something to write.

    Raises:
        InputError: it is that; other programs would write to standard output.
    """
    if path.parts[:1] == ("-",):
        raise InputError(f"{path}: standard output is not written to, expected a name")


def _refuse_all_but_files(path: Path) -> None:
    refuse_stdout(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, expected a file", str(path))
    # /dev/stdout would be replaced, if root asks for it; it may lead to a file.
    place = Path(os.path.realpath(path.parent))
    is_open_file = place == Path("/dev") or place.match("/proc/*/fd")
    if is_open_file or (path.exists() and not path.is_file()):
        raise OSError(errno.EINVAL, "is a device or a pipe, expected a file", str(path))


def _refuse_file(folder: Path) -> None:
    refuse_stdout(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "is a file, expected a folder", str(folder))


def write_text(path: Path, text: str, private: bool = False) -> None:
    """Writes UTF-8 text into a file, or leaves the file as it was; see `write_bytes`."""
    write_bytes(path, text.encode(), private)


def write_bytes(path: Path, data: bytes, private: bool = False) -> None:
    """Writes a file, or leaves it as it was.

    Args:
        path: its folder is made.
        data: all of it.
        private: whether only its owner may read it.

    Raises:
        OSError: it cannot be written.
    """
    _refuse_all_but_files(path)
    with staged(path.parent) as draft:
        file = draft / path.name
        if private:
            file.touch(mode=0o600)
        file.write_bytes(data)


def open_private(path: Path) -> BinaryIO:
    """A new file for recordings of people, which only its owner may read; an old one is emptied.

    Raises:
        OSError: it cannot be written.
    """
    refuse_stdout(path)
    file = os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb")
    os.fchmod(file.fileno(), 0o600)  # the old one may have been everybody's
    return file


class Draft:
    """A file that has no name until it is complete: a sudden death leaves nothing of it.

    For what other libraries write bit by bit, such as videos. Where a file system knows no
    files without a name, the draft is one of `staged`.

    Args:
        path: of the complete file; its folder must exist.
        private: whether only its owner may read it.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path, private: bool = False) -> None:
        _refuse_all_but_files(path)
        self._path, self._mode = path, 0o600 if private else 0o666
        self._block = _draft_folder(path.parent)
        self._folder: Path | None = None
        try:
            self._file = os.open(path.parent, os.O_TMPFILE | os.O_RDWR, self._mode)
            Path(self._own).stat()  # /proc may not be there
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EMFILE):
                raise
            self._folder = self._block.__enter__()
            file = self._folder / path.name
            self._file = os.open(file, os.O_CREAT | os.O_RDWR, self._mode)

    @property
    def _own(self) -> str:
        return f"/proc/self/fd/{self._file}"

    @contextmanager
    def opened(self) -> Iterator[Path]:
        """A path at which it can be opened meanwhile; it ends like that of the complete file."""
        if self._folder is not None:
            yield self._folder / self._path.name
            return
        with tempfile.TemporaryDirectory() as folder:
            link = Path(folder, f"draft{self._path.suffix}")
            link.symlink_to(f"/proc/{os.getpid()}/fd/{self._file}")
            yield link

    def complete(self) -> None:
        """Gives the file its name; what had it is replaced.

        Raises:
            OSError: it cannot be written.
        """
        os.fsync(self._file)
        if self._folder is not None:
            (self._folder / self._path.name).replace(self._path)
        else:
            with _draft_folder(self._path.parent) as place:
                folder = os.open(place, os.O_RDONLY)
                try:  # with a folder's descriptor, because only then links are followed
                    os.link(self._own, self._path.name, dst_dir_fd=folder)
                finally:
                    os.close(folder)
                (place / self._path.name).replace(self._path)
        _reach_disk(self._path.parent)
        self.discard()

    def discard(self) -> None:
        """Leaves nothing of a file that is not complete."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._folder is not None:
            self._folder = None
            self._block.__exit__(None, None, None)


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
    return _own_folder(tempfile.gettempdir, "TMPDIR")


RUNTIME_VARIABLE = "FER_RUNTIME_DIR"
"""Of the environment: the folder that stands for `runtime_folder`."""


def runtime_folder() -> Path:
    """A folder for what outlives all programs of this user, and no new start of the machine.

    It is made: ``/tmp/fer-UID``, the same for a login, a service and a cron job. XDG_RUNTIME_DIR
    is not: only logins have it, and it goes with the last one, while a robot may go on.

    Raises:
        InputError: there is none.
    """
    chosen = os.environ.get(RUNTIME_VARIABLE)
    if not chosen:
        return _own_folder(lambda: "/tmp", RUNTIME_VARIABLE)
    folder = Path(chosen)
    if not folder.is_absolute():
        raise InputError(f"{RUNTIME_VARIABLE} is '{chosen}', expected a path that begins with /")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        text = f"{RUNTIME_VARIABLE} is '{chosen}', which is no folder ({error.strerror})"
        raise InputError(text) from error
    return folder


def _own_folder(above: Callable[[], str], variable: str) -> Path:
    user = os.getuid()
    try:
        folder = Path(above(), f"fer-{user}")
        folder.mkdir(mode=0o700, exist_ok=True)
        is_ours = folder.is_dir() and folder.lstat().st_uid == user
    except OSError as error:
        raise InputError(
            f"there is no place for temporary files ({error.strerror}); set {variable} to a "
            "folder that you may write, or mount one at /tmp"
        ) from error
    if not is_ours or folder.is_symlink():
        raise InputError(f"{folder}: belongs to somebody else; remove it, or set {variable}")
    return folder

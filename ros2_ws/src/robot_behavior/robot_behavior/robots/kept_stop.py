"""The stop of a robot as this machine keeps it: it outlives every program, and needs none.

Knows no ROS, whose loading takes longer than a stop may: ``robot stop`` is here first, and asks the
robot then.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ec_rfernet.errors import InputError
from ec_rfernet.files import runtime_folder

_STOPS, _ROBOTS = "stops", "robots"


class KeptStop:
    """The stop of a robot as this machine keeps it: it ends by a release, or a new start of it.

    It is an empty file, which is there or is not, so nobody who is killed can leave half of one.
    Each robot of each ROS domain and namespace has its own, and each start of the machine. Whoever
    makes the file stops the robot, see `stop_here`, also one that hangs: as soon as it goes on.

    Args:
        node: that reads the file now, may make it, and serves ``~/release``.
        robot: name of what is moved, see `robot_behavior.robots`.

    Attributes:
        since: when the stop began, seconds since 1970; None for a robot that is not stopped.
    """

    def __init__(self, node: Any, robot: str) -> None:
        self._log, self._release = node.get_logger(), node.resolve_service_name("~/release")
        self._space = node.get_namespace().strip("/")
        place = _place(node.context.get_domain_id(), self._space)
        self._name = f"{place}.{quote(robot, safe='')}"
        self._lost: str | None = None  # why no file could be made
        self._place: Path | None = None
        self._sign = -1
        self.since: float | None = None
        try:
            if os.path.lexists(self._file):
                self.since = self._file.lstat().st_mtime
        except (InputError, OSError) as error:
            self._log.warning(f"cannot read whether the robot was stopped: {error}")
        with suppress(InputError, OSError):  # `stop_here` will not find it; its services will
            self._sign = _signed(_folder(_ROBOTS) / self._name)

    def close(self) -> None:
        """The robot lives no longer, as far as this object knows."""
        if self._sign >= 0:
            os.close(self._sign)
            self._sign = -1

    def is_there(self) -> bool:
        """Whether the robot shall be stopped; quick, to be asked often."""
        try:
            return os.path.lexists(self._file)
        except InputError:
            return False

    def keep(self) -> None:
        """The robot is stopped; where no file can be made, only this object knows it."""
        if self.since is None:
            self.since = time.time()
        before, self._lost = self._lost, None
        try:
            if _make(self._file):
                os.utime(self._file, (self.since, self.since))
            self.since = self._file.lstat().st_mtime
        except (InputError, OSError) as error:
            self._lost = f"a new start will not know that the robot is stopped: {error}"
            if before is None:
                self._log.error(self._lost)

    def refresh(self) -> None:
        """While the robot is stopped: somebody may clear away what looks old, or unused."""
        self.keep()
        with suppress(InputError, OSError):
            self._file.chmod(0o600)  # as good as new, but for when the stop began

    def forget(self) -> None:
        """The robot is released."""
        self.since = self._lost = None
        try:
            self._file.unlink(missing_ok=True)
        except (InputError, OSError) as error:
            self._log.error(f"a new start will begin stopped all the same: {error}")

    @property
    def text(self) -> str:
        """Since when the robot is stopped, and what releases it; empty while it is not."""
        if self.since is None:
            return ""
        begun, today = time.localtime(self.since), time.localtime()
        where = f" --namespace {self._space}" if self._space else ""
        date = "" if begun[:3] == today[:3] else "%Y-%m-%d "
        return (
            f"stopped since {time.strftime(f'{date}%H:%M:%S', begun)}, until "
            f"'robot release{where}', or the service {self._release}"
            + (f"; {self._lost}" if self._lost else "")
        )

    @property
    def _file(self) -> Path:
        if self._place is None:
            self._place = _folder(_STOPS) / self._name
        return self._place


def stop_here(domain: int, namespace: str) -> list[str]:
    """Stops the robots of this machine that live, or hang, without asking them.

    They look for it ten times a second, or as soon as they go on.

    Args:
        domain: of ROS.
        namespace: of their nodes.

    Returns:
        Their names, see `robot_behavior.robots`.
    """
    stopped, place = [], _place(domain, namespace.strip("/"))
    with suppress(InputError, OSError):
        for sign in sorted(_folder(_ROBOTS).glob(f"{place}.*")):
            if _lives(sign):
                _make(_folder(_STOPS) / sign.name)
                stopped.append(unquote(sign.name.removeprefix(f"{place}.")))
    return stopped


def _place(domain: int, space: str) -> str:
    return ".".join([str(domain), *space.split("/"), "hold"] if space else [str(domain), "hold"])


def _folder(name: str) -> Path:
    return runtime_folder() / name / _start_of_the_machine()


def _start_of_the_machine() -> str:
    """Linux gives each a name."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _make(file: Path) -> bool:
    """Makes an empty file; whether it was not there."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.path.lexists(file):
        return False
    os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    return True


# A robot that lives keeps a lock on a file with its name; the system takes it away when it dies.


def _signed(file: Path) -> int:
    """Descriptor of such a file, with a lock that several programs may have."""
    with suppress(FileExistsError):
        _make(file)
    sign = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with suppress(OSError):  # of a file system without locks
        fcntl.flock(sign, fcntl.LOCK_SH)
    return sign


def _lives(file: Path) -> bool:
    sign = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(sign, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(sign)
    return False

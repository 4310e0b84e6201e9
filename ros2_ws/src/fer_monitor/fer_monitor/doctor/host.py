"""The computer that is examined, and the programs that a check runs on it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve()
_SOURCES = Path("ros2_ws", "src")
_LOG = re.compile(r"(\[[\w.]+\] ?)+: |, at /\S*$")
"""What ROS puts around its messages."""
_GRACE_S = 0.5


_SUPPORTED = dict(
    word.split("=", 1)
    for word in shlex.split(_HERE.with_name("supported.env").read_text("utf-8"), comments=True)
)
PYTHONS = _SUPPORTED["PYTHONS"].split()
"""The versions of Python that the robot runs with, the oldest first."""
GET_PYTHON = _SUPPORTED["GET_PYTHON"]
"""How to get one of them."""
DISTROS = _SUPPORTED["DISTROS"].split()
"""The distributions of ROS 2 that it is made for, the usual one first."""


@dataclass(frozen=True)
class Outcome:
    """What came of a program.

    Attributes:
        code: its exit code, negative for the signal that killed it; None when its time was up.
        out: what it wrote to standard output.
        err: what it wrote to standard error.
    """

    code: int | None
    out: str = ""
    err: str = ""

    @property
    def complaint(self) -> str:
        """Its last words, in one line."""
        lines = (self.err or self.out).strip().splitlines()
        return lines[-1].strip() if lines else "it said nothing"


class Children:
    """Runs programs, each in a process group of its own, and can end them all."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal may come while the main thread holds it
        self._alive: set[subprocess.Popen[str]] = set()
        self._closed = False

    def run(
        self, command: Sequence[str], limit_s: float, environ: Mapping[str, str] | None = None
    ) -> Outcome:
        """Runs a program to its end.

        Args:
            command: program and arguments.
            limit_s: after that it is ended.
            environ: its variables; None for those of this process.
        """
        try:
            with self._lock:
                if self._closed:
                    return Outcome(None)
                child = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    encoding="utf-8",
                    errors="replace",
                    env=None if environ is None else dict(environ),
                    start_new_session=True,
                )
                self._alive.add(child)
        except OSError as error:
            return Outcome(127, err=f"{command[0]}: {error.strerror}")
        try:
            out, err = child.communicate(timeout=limit_s)
            return Outcome(child.returncode, out, err)
        except subprocess.TimeoutExpired:
            _kill(child)
            with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in a driver
                return Outcome(None, *child.communicate(timeout=_GRACE_S))
            return Outcome(None)
        finally:
            _kill(child)  # also what it left behind in its group
            with self._lock:
                self._alive.discard(child)

    def end(self) -> None:
        """Kills whatever still runs, and lets nothing start any more."""
        with self._lock:
            self._closed = True
            for child in list(self._alive):
                _kill(child)


def _kill(child: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


@dataclass(frozen=True)
class Host:
    """What a check is given.

    Attributes:
        root: folder of the project; None where the doctor is not inside one.
        environ: variables of the shell that asks.
        run: runs a program, see `Children.run`.
        robot_environ: variables that the robot would run with: those of ``scripts/env.sh``
            where the shell that asks has not sourced the workspace itself.
        slash: where the file system begins.
        home: of the user; ``/``, as in a container, where none is known.
        temporary: folder for temporary files.
        machine: such as ``x86_64``.
        cores: that the user may use.
        free_mb: how much room a file system has for this user, 10^6 bytes.
        may_use: whether this user may read and write a file or device.
    """

    root: Path | None
    environ: Mapping[str, str]
    run: Callable[..., Outcome]
    robot_environ: Mapping[str, str] = field(default_factory=dict)
    slash: Path = Path("/")
    home: Path = Path("/root")
    temporary: Path = Path("/tmp")
    machine: str = "x86_64"
    cores: int = 1
    free_mb: Callable[[Path], float] = lambda folder: shutil.disk_usage(folder).free / 1e6
    may_use: Callable[[Path], bool] = lambda device: os.access(device, os.R_OK | os.W_OK)

    @property
    def venv(self) -> Path | None:
        """The project's virtual environment, which need not exist."""
        return None if self.root is None else self.root / ".venv"

    @property
    def python(self) -> str:
        """The interpreter that the robot runs in."""
        return sys.executable if self.venv is None else str(self.venv / "bin" / "python")

    @property
    def is_set_up(self) -> bool:
        """Whether the project has a Python of its own; what is not in a project needs none."""
        # pathlib's exists() raises where a folder on the way may not be entered.
        return self.venv is None or os.path.exists(self.python)  # noqa: PTH110

    @property
    def distro(self) -> str:
        """The distribution of ROS 2 that the robot has, or would get."""
        from_pypi = "" if self.venv is None else text_of(self.venv / ".ros")
        return self.robot_environ.get("ROS_DISTRO") or from_pypi or DISTROS[0]

    @property
    def setup(self) -> str:
        """The command that installs and builds what is missing."""
        return "make setup" if self.root is None else f"cd {self.root} && make setup"

    def file(self, absolute: str) -> Path:
        """A path below `slash`."""
        return self.slash / absolute.lstrip("/")

    def text(self, absolute: str) -> str:
        """What a file below `slash` says, stripped; empty where it cannot be read."""
        return text_of(self.file(absolute))

    def packages(self) -> dict[str, Path]:
        """The folder of each package of the workspace, by name."""
        manifests = [] if self.root is None else (self.root / _SOURCES).glob("*/package.xml")
        found = {}
        for manifest in sorted(manifests):
            name = re.search(r"<name>\s*([^<\s]+)\s*</name>", text_of(manifest))
            if name:
                found[name[1]] = manifest.parent
        return found

    def ask(self, probe: str, *arguments: str, limit_s: float) -> dict[str, Any]:
        """Runs one of `fer_monitor.doctor.probes` in the robot's interpreter.

        Args:
            probe: its name.
            arguments: for it.
            limit_s: after that it is ended.

        Raises:
            MissingError: a module that it needs cannot be imported, or nothing is set up yet.
            TimeUpError: it did not end.
            ProbeError: it ended without an answer.
        """
        if not self.is_set_up:
            raise MissingError(f"{self.python} is not there, or not for you")
        # Ours come last: what the shell has sourced is what the robot would use.
        sourced = self.robot_environ.get("PYTHONPATH")
        ours = os.pathsep.join(map(str, (_HERE.parents[2], *self.packages().values())))
        path = f"{sourced}{os.pathsep}{ours}" if sourced else ours
        environ = {**self.robot_environ, "PYTHONPATH": path}
        command = (self.python, "-m", "fer_monitor.doctor.probes", probe, str(limit_s), *arguments)
        outcome = self.run(command, limit_s, environ)
        if outcome.code is None:
            raise TimeUpError(f"did not end within {limit_s:g} s and was ended")
        for line in reversed(outcome.out.splitlines()):
            if line.startswith("{"):
                values = json.loads(line)
                if "missing" in values:
                    raise MissingError(values["missing"])
                if "error" in values:
                    raise ProbeError(values["error"])
                return dict(values)
        words = _LOG.sub("", outcome.complaint)
        if outcome.code < 0:
            raise ProbeError(f"was killed by signal {-outcome.code} ({words})")
        raise ProbeError(words)


class ProbeError(Exception):
    """A probe did not answer; the message says why."""


class TimeUpError(ProbeError):
    """A probe was ended because its time was up."""


class MissingError(Exception):
    """A probe could not import what it needs, which is told by the checks of just that."""


def text_of(path: Path) -> str:
    """What a file says, stripped; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""


def find_root(places: Iterable[Path]) -> Path | None:
    """The project around the first of some places that is inside one."""
    for place in places:
        for folder in (place, *place.parents):
            if (folder / _SOURCES).is_dir() and (folder / "requirements").is_dir():
                return folder
    return None


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def this_host(run: Callable[..., Outcome]) -> Host:
    """The computer this runs on."""
    environ = dict(os.environ)
    host = Host(
        root=find_root([_HERE, Path.cwd()]),
        environ=environ,
        run=run,
        robot_environ=environ,
        home=_home(),
        temporary=Path(tempfile.gettempdir()),
        machine=platform.machine(),
        cores=len(os.sched_getaffinity(0)),
    )
    if host.root is None:
        return host
    is_sourced = f"{host.root}/ros2_ws/install" in environ.get("COLCON_PREFIX_PATH", "").split(":")
    script = host.root / "scripts" / "env.sh"
    if is_sourced or not script.is_file():
        return host
    outcome = run(("bash", "-c", '. "$0" >/dev/null && env -0', str(script)), 3.0, environ)
    pairs = (pair.partition("=") for pair in outcome.out.split("\0") if "=" in pair)
    sourced = {name: value for name, _, value in pairs}
    return replace(host, robot_environ=sourced) if outcome.code == 0 else host

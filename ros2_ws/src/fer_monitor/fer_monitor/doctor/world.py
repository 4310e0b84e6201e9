"""The machine that is examined, as far as checks can see it."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fer_monitor.doctor.children import Run

SOURCES = ("ec_rfernet", "fer_common", "fer_node", "robot_behavior", "fer_bringup", "fer_monitor")
"""The packages that are written in Python."""

_MARK = Path("ros2_ws", "src")
_HERE = Path(__file__).resolve()
_LOG = re.compile(r"(\[[\w.]+\] ?)+: |, at /\S*$")
"""What ROS puts around its messages."""


@dataclass(frozen=True)
class World:
    """What a check is given.

    Attributes:
        root: folder of the project; None where the doctor is not inside one.
        environ: variables of the shell that asks.
        robot_environ: variables that the robot would run with: those of ``scripts/env.sh``
            where the shell that asks has not sourced the workspace itself.
        run: runs a program.
        slash: where the file system begins.
        home: of the user.
        machine: such as ``x86_64``.
        cores: that the user may use.
    """

    root: Path | None
    environ: Mapping[str, str]
    run: Run
    robot_environ: Mapping[str, str] = field(default_factory=dict)
    slash: Path = Path("/")
    home: Path = Path("/root")
    machine: str = "x86_64"
    cores: int = 1

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
    def setup(self) -> str:
        """The command that installs and builds what is missing."""
        return "make setup" if self.root is None else f"cd {self.root} && make setup"

    @property
    def install(self) -> Path | None:
        """Where colcon installs the workspace."""
        return None if self.root is None else self.root / "ros2_ws" / "install"

    def file(self, absolute: str) -> Path:
        """A path below `slash`."""
        return self.slash / absolute.lstrip("/")

    def text(self, absolute: str) -> str:
        """What a file below `slash` says, stripped; empty where it cannot be read."""
        try:
            return self.file(absolute).read_text(encoding="utf-8", errors="replace").strip("\0\n ")
        except OSError:
            return ""


class ProbeError(Exception):
    """A probe did not answer; the message says why."""


class TimeUpError(ProbeError):
    """A probe was ended because its time was up."""


class MissingError(Exception):
    """A probe could not import what it needs, which is told by the checks of just that."""


def ask(world: World, probe: str, *arguments: str, limit_s: float) -> dict[str, Any]:
    """Runs one of `fer_monitor.doctor.probes` in the robot's interpreter.

    Args:
        world: see there.
        probe: name of the module.
        arguments: for it.
        limit_s: after that it is ended.

    Raises:
        MissingError: a module that it needs cannot be imported, or nothing is set up yet.
        TimeUpError: it did not end.
        ProbeError: it ended without an answer.
    """
    if not world.is_set_up:
        raise MissingError(f"{world.python} is not there, or not for you")
    environ = dict(world.robot_environ)
    sources = [] if world.root is None else [world.root / _MARK / name for name in SOURCES]
    # Last: what the shell has sourced is what the robot would use.
    paths = [environ.get("PYTHONPATH", ""), str(_HERE.parents[2]), *map(str, sources)]
    environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    command = (world.python, "-m", f"fer_monitor.doctor.probes.{probe}", str(limit_s), *arguments)
    answer = world.run(command, limit_s, environ)
    if answer.code is None:
        raise TimeUpError(f"did not end within {limit_s:g} s and was ended")
    for line in reversed(answer.out.splitlines()):
        if line.startswith("{"):
            values = json.loads(line)
            if "missing" in values:
                raise MissingError(values["missing"])
            if "error" in values:
                raise ProbeError(values["error"])
            return dict(values)
    words = _LOG.sub("", answer.complaint)
    if answer.code < 0:
        raise ProbeError(f"was killed by signal {-answer.code} ({words})")
    raise ProbeError(words)


def find_root(places: Iterable[Path]) -> Path | None:
    """The project around the first of some places that is inside one."""
    for place in places:
        for folder in (place, *place.parents):
            if (folder / _MARK).is_dir() and (folder / "requirements").is_dir():
                return folder
    return None


def this_world(run: Run) -> World:
    """The machine this runs on."""
    environ = dict(os.environ)
    root = find_root([_HERE, Path.cwd()])
    return World(
        root=root,
        environ=environ,
        run=run,
        robot_environ=_robot_environ(root, environ, run),
        home=Path.home(),
        machine=platform.machine(),
        cores=len(os.sched_getaffinity(0)),
    )


def _robot_environ(root: Path | None, environ: Mapping[str, str], run: Run) -> Mapping[str, str]:
    """See `World`."""
    script = None if root is None else root / "scripts" / "env.sh"
    if root is None or script is None or not script.is_file():
        return environ
    if str(root / "ros2_ws" / "install") in environ.get("COLCON_PREFIX_PATH", "").split(":"):
        return environ
    command = ("bash", "-c", '. "$0" >/dev/null && env -0', str(script))
    answer = run(command, 3.0, environ)
    pairs = (pair.partition("=") for pair in answer.out.split("\0") if "=" in pair)
    return {name: value for name, _, value in pairs} if answer.code == 0 else environ

"""Programs that are run beside a test or a measurement, and ended with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory

from fer_common.testing import DEADLINE_S, until


def wait_for(
    condition: Callable[[], object],
    what: str,
    limit_s: float = DEADLINE_S,
    step: Callable[[], object] | None = None,
) -> None:
    """`until` a condition holds; fails with ``what`` at the deadline."""
    assert until(condition, limit_s, step), f"waited in vain for {what}"


class Process:
    """A program in a process group of its own, with all it writes.

    Args:
        command: program and arguments.
        environment: variables; None for those of this process.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.output = ""
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env=environment,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output += line

    def wait_for(self, text: str) -> None:
        """Waits until the program has written something."""
        wait_for(lambda: text in self.output or self.has_ended, repr(text))
        assert text in self.output, f"ended without {text!r}:\n{self.output}"

    def interrupt(self) -> None:
        """Ctrl-C in the program's terminal."""
        os.killpg(self.pid, signal.SIGINT)

    def end(self) -> int:
        """Waits for the end.

        Returns:
            The exit code. Nothing that the program started may be left by then.
        """
        code = self._process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        assert not self.left(), f"left behind: {self.left()}\n{self.output}"
        return code

    def left(self) -> list[str]:
        """The command lines of its group that run.

        What has ended, and waits for the system to take note of it, has none any more.
        """
        return [line for line in map(self._line, Path("/proc").glob("[0-9]*")) if line]

    def _line(self, folder: Path) -> str:
        try:
            if os.getpgid(int(folder.name)) == self.pid:
                return (folder / "cmdline").read_text(errors="replace").replace("\0", " ")
        except OSError:  # it has just ended
            pass
        return ""

    def kill(self) -> None:
        """For the clean-up after a failure."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(DEADLINE_S)


def pid_of(node: str, launched: Process) -> int | None:
    """The process of a node that a launch has started; None while there is none."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().split("\0")
            group = os.getpgid(int(folder.name))
        except (OSError, ValueError):
            continue
        if group == launched.pid and any(word.endswith(f"/{node}") for word in words[:2]):
            return int(folder.name)
    return None


_LAUNCH = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

arguments = [argument.split(":=", 1) for argument in sys.argv[2:]]
source = PythonLaunchDescriptionSource(sys.argv[1])
service = LaunchService(argv=sys.argv[2:])  # as ros2 launch does
included = IncludeLaunchDescription(source, launch_arguments=arguments)
service.include_launch_description(LaunchDescription([included]))
sys.exit(service.run())
"""


def launch_command(*arguments: str) -> list[str]:
    """The command line of ``ros2 launch fer_bringup robot.launch.py`` with these arguments.

    A test that asks for it is skipped where the launch packages are not installed.
    """
    pytest.importorskip("launch_ros", reason="needs apt install ros-jazzy-launch-ros")
    file = Path(get_package_share_directory("fer_bringup"), "launch", "robot.launch.py")
    return [sys.executable, "-c", _LAUNCH, str(file), *arguments]


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        __name__,
        "fer_common.runner",
        "robot_behavior.nodes.behavior_node",
        "robot_behavior.nodes.motion_player",
        "robot_behavior.nodes.robot_bridge",
        "robot_behavior.nodes.sim_robot",
        "robot_behavior.nodes.speech_node",
    ]
)


class NodeProcess:
    """An executable of `robot_behavior` in a process of its own, which need not import it first.

    It is forked from a process that has done so, for a third of the processor time. Where the
    start of a program itself is tested, it must be started as one.

    Args:
        node: of `robot_behavior.nodes.executables`.
        log: where it writes, behind what is there.
        parameters: of the node.
    """

    def __init__(self, node: str, log: Path, **parameters: object) -> None:
        settings = [item for k, v in parameters.items() for item in ("-p", f"{k}:={v}")]
        given = (node, ["--ros-args", *settings], log, dict(os.environ))
        self._process = _FORKS.Process(target=_run_node, args=given)
        self._process.start()

    @property
    def has_ended(self) -> bool:
        return self._process.exitcode is not None

    def send_signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Until it is dead."""
        self._process.kill()
        self._process.join()


def _run_node(node: str, arguments: list[str], log: Path, environment: dict[str, str]) -> None:
    """In the new process: what the program of a node does."""
    os.environ.clear()
    os.environ.update(environment)
    packages = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [package for package in packages if package not in sys.path]
    with log.open("ab") as stream:
        os.dup2(stream.fileno(), sys.stderr.fileno())
    sys.argv = [node, *arguments]
    sys.exit(getattr(import_module("robot_behavior.nodes.executables"), node)())

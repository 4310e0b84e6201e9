"""Nodes that only watch: processes of their own, so that they cannot slow the robot down."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ament_index_python.packages import get_package_prefix

from fer_bringup.arguments import Settings
from fer_bringup.assembly import Part
from fer_common.runner import GRACE_S, StartError

COULD_NOT_START = 2
"""Exit code of a node that could not start; it has said why."""


class Companions:
    """The processes; ended by `close`.

    Args:
        commands: the command line of each, by the name of its node.
        tell: called with a line for the user.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._running = {name: subprocess.Popen(line) for name, line in commands.items()}
        self._failed = ""

    def have_failed(self) -> bool:
        """Whether one of them could not start. Tells of one that has ended in another way."""
        for name, process in list(self._running.items()):
            code = process.poll()
            if code is None:
                continue
            del self._running[name]
            if code == COULD_NOT_START:
                self._failed = name
            else:
                self._tell(f"{name} has ended with exit code {code}; the robot goes on")
        return bool(self._failed)

    def check(self) -> None:
        """Complains about what `have_failed`.

        Raises:
            StartError: one could not start.
        """
        if self._failed:
            raise StartError(f"{self._failed} could not start, see its message above")

    def close(self) -> None:
        """Ends those that run, as Ctrl-C would; kills one that does not stop."""
        for process in self._running.values():
            process.send_signal(signal.SIGINT)
        for process in self._running.values():
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def command(part: Part, settings: Settings) -> list[str]:
    """The command line that starts a node in a process of its own."""
    folder = Path(get_package_prefix(part.package), "lib", part.package)
    # The little that they say is for the user: where to look, and what is written where.
    level = "debug" if settings.log_level == "debug" else "info"
    arguments = [str(folder / part.executable), "--ros-args", "--log-level", level]
    if settings.namespace:
        arguments += ["-r", f"__ns:=/{settings.namespace.strip('/')}"]
    for source, target in part.remappings:
        arguments += ["-r", f"{source}:={target}"]
    arguments += ["--params-file", str(settings.params_file)]
    for name, value in part.parameters.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        arguments += ["-p", f"{name}:={text}"]
    return arguments

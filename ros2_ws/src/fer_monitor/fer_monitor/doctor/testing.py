"""A made-up machine for the doctor's tests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fer_monitor.doctor.children import Answer
from fer_monitor.doctor.finding import Finding
from fer_monitor.doctor.world import World


class Scripted:
    """Answers to programs, by a word of their command line.

    Args:
        answers: an `Answer`, or what the program prints as JSON, by such a word.
    """

    def __init__(self, **answers: object) -> None:
        self.answers = answers
        self.commands: list[Sequence[str]] = []

    def __call__(
        self, command: Sequence[str], limit_s: float, environ: Mapping[str, str] | None = None
    ) -> Answer:
        """Runs nothing; see `fer_monitor.doctor.children.Children.run`."""
        self.commands.append(command)
        line = " ".join(command)
        for word, answer in self.answers.items():
            if word in line:
                return answer if isinstance(answer, Answer) else Answer(0, json.dumps(answer))
        return Answer(127, err=f"{command[0]}: No such file or directory")


def empty_machine(folder: Path) -> World:
    """A machine with nothing but a project whose environment exists.

    Args:
        folder: where it may write.
    """
    root = folder / "project"
    (root / "ros2_ws" / "src").mkdir(parents=True)
    (root / "requirements").mkdir()
    write(root / ".venv" / "bin" / "python", "")
    slash = folder / "slash"
    for name in ("dev", "proc", "sys"):
        (slash / name).mkdir(parents=True)
    return World(root, {}, Scripted(), {}, slash, folder / "home", "x86_64", 4)


def write(path: Path, text: str | bytes) -> Path:
    """Writes a file, and makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def only(findings: Sequence[Finding]) -> Finding:
    """The finding of a check that tells one thing."""
    (finding,) = findings
    return finding


def wait_for(condition: Callable[[], object], limit_s: float = 20.0) -> bool:
    """Whether a condition holds before the limit."""
    deadline, pause = time.monotonic() + limit_s, threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False

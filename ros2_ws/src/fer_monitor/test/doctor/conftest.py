"""A made-up machine, and processes that can be watched."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from fer_monitor.doctor.host import Host, Outcome


class Script:
    """Runs nothing; answers to programs by a word of their command line.

    Args:
        answers: an `Outcome`, or what the program prints as JSON, by such a word.
    """

    def __init__(self, answers):
        self.answers, self.commands = answers, []

    def __call__(self, command, limit_s, environ=None):
        self.commands.append(command)
        line = " ".join(command)
        for word, answer in self.answers.items():
            if word in line:
                return answer if isinstance(answer, Outcome) else Outcome(0, json.dumps(answer))
        return Outcome(127, err=f"{command[0]}: No such file or directory")


@pytest.fixture
def answering():
    """Gives a host a `Script`: ``answering(host, {"probes camera": ...})``."""
    return lambda host, answers: replace(host, run=Script(answers))


@pytest.fixture
def write():
    """Writes a file, and makes its folder."""

    def write(path, content=""):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def host(tmp_path, write):
    """A machine with nothing but a project whose environment exists."""
    root, slash = tmp_path / "project", tmp_path / "slash"
    for folder in (root / "ros2_ws" / "src", root / "requirements", slash / "dev", slash / "proc"):
        folder.mkdir(parents=True)
    write(root / ".venv" / "bin" / "python")
    return Host(
        root,
        {},
        Script({}),
        slash=slash,
        home=tmp_path / "home",
        temporary=tmp_path / "tmp",
        cores=4,
        free_mb=lambda _: 8000.0,
    )


@pytest.fixture
def hold(host, write):
    """Lets a made-up process of the host have a device open."""

    def hold(device):
        write(host.file("/proc/4711/comm"), "zoom\n")
        (host.file("/proc/4711") / "fd").mkdir()
        (host.file("/proc/4711") / "fd" / "5").symlink_to(device)

    return hold


@pytest.fixture
def bundle(write):
    """Makes a model whose manifest is right; gives the path of its network."""

    def bundle(folder, name="ec_rfernet"):
        digest = hashlib.sha256(b"network").hexdigest()
        write(folder / name / "bundle.json", json.dumps({"sha256": {"model.onnx": digest}}))
        return write(folder / name / "model.onnx", b"network")

    return bundle


@pytest.fixture
def alive():
    """Whether a process runs."""

    def alive(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    return alive

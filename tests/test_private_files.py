"""Who can read what the robot's programs write, and what a crash of them would leave."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from ament_index_python.packages import get_package_prefix

from tests.namespaces import one_machine
from tests.processes import Process, wait_for

TABLE = Path(__file__).parents[1] / "docs" / "security.md"


def program(package: str, name: str) -> str:
    return str(Path(get_package_prefix(package), "lib", package, name))


def documented() -> dict[str, int]:
    """The table of docs/security.md: patterns of paths, and the mode of these files."""
    rows = re.findall(r"^\| (`.+?`) \|.*\| `0(\d+)` \|$", TABLE.read_text(), re.MULTILINE)
    return {path: int(mode, 8) for paths, mode in rows for path in re.findall("`(.+?)`", paths)}


def pattern_of(path: str) -> str:
    found = [pattern for pattern in documented() if fnmatch.fnmatch(path, pattern)]
    assert len(found) == 1, f"{path} is in the table {len(found)} times"
    return found[0]


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    processes: list[Process] = []

    def begin(command: list[str], **variables: str) -> Process:
        # As users have it: new files are readable for everybody, unless a program objects.
        line = ["sh", "-c", 'umask 022; ulimit -c "$(ulimit -H -c)"; exec "$@"', "sh", *command]
        processes.append(Process(line, {**os.environ, **variables}))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()


def family(pid: int) -> list[int]:
    """A process and those that it has started."""
    children = [
        int(child)
        for task in Path("/proc", str(pid), "task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return [pid, *(each for child in children for each in family(child))]


def test_what_is_written_is_its_owners(
    start: Callable[..., Process],
    parameters: Callable[..., Path],
    video: Path,
    smile: np.ndarray,
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    ours = {"HOME": str(home), "ROS_LOG_DIR": "", "ROS_HOME": ""}
    settings = parameters(
        **{
            "/**/bag_recorder": {"folder": str(home / "recordings")},
            "/**/camera_node": {"loop": True},
            "/**/behavior_node": {"notice": False, "greet": False},
        }
    )
    picture = tmp_path / "smile.png"
    cv2.imwrite(str(picture), smile)
    with one_machine() as machine:
        command = [
            program("fer_bringup", "robot"),
            "--camera",
            str(video),
            "--record_images",
            "true",
        ]
        command += ["--video", str(home / "demo_output"), "--params_file", str(settings)]
        robot = start(machine.command(*command), **ours)
        wait_for(lambda: "happy" in robot.output or robot.has_ended, "an answer")
        segments = [*("-regextype", "posix-extended"), "-regex", ".*/fast(rtps|dds)_[0-9a-f]{16}"]
        listed = machine.run("find", "/dev/shm", *segments, "-printf", "%m /dev/shm/%f\\n")
        left = {
            pid: (
                re.search(r"core file size +(\d+)", Path(f"/proc/{pid}/limits").read_text()),
                int(Path(f"/proc/{pid}/coredump_filter").read_text(), 16),
            )
            for pid in family(robot.pid)
        }
        robot.interrupt()
        assert robot.end() == 0, robot.output
        (bag,) = (home / "recordings").iterdir()
        for command in (
            [program("fer_monitor", "fer-report"), str(bag)],
            ["ec-rfernet", "predict", str(picture), "--annotate", str(home / "annotated.png")],
            [
                *("ec-rfernet", "analyze", str(picture), "--csv", str(home / "analysis/a.csv")),
                *("--annotate", str(home / "analysis/a.mp4")),
                *("--report", str(home / "analysis/a.html")),
            ],
        ):
            assert start(command, **ours).end() == 0
    assert len(left) == 2  # the robot, and the recorder
    assert [(limit[1], kinds) for limit, kinds in left.values() if limit] == [("0", 0)] * 2

    modes = {name: int(mode, 8) for mode, name in map(str.split, listed.splitlines())}
    for path in home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            modes[f"~/{path.relative_to(home)}"] = path.stat().st_mode & 0o777
    wrong = {
        path: oct(mode) for path, mode in modes.items() if mode != documented()[pattern_of(path)]
    }
    assert wrong == {}
    assert {pattern_of(path) for path in modes} == set(documented())
    assert sum(path.startswith("/dev/shm/") for path in modes) == 2
    for folder in ("recordings", "demo_output", "analysis"):
        assert (home / folder).stat().st_mode & 0o777 == 0o700

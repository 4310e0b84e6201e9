"""The terminal is not the robot: it may be closed, full or slow, and the robot ends in order."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import termios
import wave
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import pytest
from ament_index_python.packages import get_package_prefix

from tests.processes import DEADLINE_S, Process

ROBOT = Path(get_package_prefix("fer_bringup"), "lib", "fer_bringup", "robot")


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts the robot with its output in a file descriptor; ends what is left of it."""
    processes: list[subprocess.Popen[bytes]] = []

    def begin(output: int, *options: str, terminal: bool = False) -> subprocess.Popen[bytes]:
        processes.append(
            subprocess.Popen(
                [
                    *(["setsid", "--ctty"] if terminal else []),
                    str(ROBOT),
                    "--speech",
                    "log",
                    *options,
                ],
                stdin=output if terminal else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=not terminal,
            )
        )
        return processes[-1]

    yield begin
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def closed_pipe() -> list[int]:
    reader, writer = os.pipe()
    os.close(reader)
    return [writer]


def slow_reader() -> list[int]:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    return [writer, reader]


def stopped_terminal() -> list[int]:
    master, slave = pty.openpty()
    termios.tcflow(slave, termios.TCOOFF)  # Ctrl-S
    os.set_blocking(slave, False)
    with suppress(BlockingIOError):
        while True:  # until nothing more fits in
            os.write(slave, bytes(1024))
    os.set_blocking(slave, True)
    return [slave, master]


@pytest.mark.parametrize(
    ("view", "output"),
    # Everything else that may become of a program's output: test_standard_streams.py.
    [("lines", closed_pipe), ("lines", slow_reader), ("panel", stopped_terminal)],
)
def test_the_robot_goes_on_without_its_output(
    view: str, output: Callable[[], list[int]], start, glimpse: Path, parameters, tmp_path: Path
) -> None:
    descriptors, spoken = output(), tmp_path / "spoken.wav"
    settings = parameters(
        behavior_node={"in_person": True},  # who is in the video is greeted
        speech_node={"record_to": str(spoken), "rate_wpm": 450},
    )
    options = ("--camera", str(glimpse), "--view", view, "--log_level", "info")
    process = start(descriptors[0], *options, "--params_file", str(settings))
    assert process.wait(DEADLINE_S) == 0
    with wave.open(str(spoken)) as words:
        assert words.getnframes() > words.getframerate() / 2
    for descriptor in descriptors:
        os.close(descriptor)


def test_a_terminal_that_is_closed_ends_it_in_order(start, tmp_path: Path, wait_for) -> None:
    master, slave = pty.openpty()
    options = ("--camera", "none", "--video", str(tmp_path), "--view", "lines")
    process = start(slave, *options, terminal=True)
    os.close(slave)
    told = b""
    while b"starting fer_node" not in told:
        told += os.read(master, 4096)
    os.close(master)  # the system sends SIGHUP
    assert process.wait(DEADLINE_S) == 0
    assert (tmp_path / "summary.json").is_file()


def test_it_ends_in_order_and_leaves_a_playable_video(
    robot: Callable[..., Process], video: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "recording"
    process = robot("--camera", str(video), "--video", str(folder))
    process.wait_for("sees")
    os.kill(process.pid, signal.SIGQUIT)
    assert process.end() == 0, process.output
    assert "frames" in process.output, "the summary"
    assert cv2.VideoCapture(str(folder / "demo.mp4")).read()[0]
    assert {path.name for path in folder.iterdir()} >= {"demo.mp4", "summary.json"}
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    assert folder.stat().st_mode & 0o077 == 0
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0, f"{path.name} is for its owner only"


def test_a_robot_that_was_killed_leaves_a_playable_video_and_nothing_hidden(
    robot: Callable[..., Process], video: Path, tmp_path: Path, wait_for
) -> None:
    process = robot("--camera", str(video), "--video", str(tmp_path))
    process.wait_for("sees")
    film = tmp_path / "demo.partial.mp4"
    wait_for(lambda: film.stat().st_size > 20_000, "the first fragments")
    process.kill()
    assert {path.name for path in tmp_path.iterdir()} <= {"speech.wav", film.name}
    assert film.stat().st_mode & 0o077 == 0
    assert cv2.VideoCapture(str(film)).read()[0]


def test_who_records_ends_with_a_robot_that_was_killed(
    robot: Callable[..., Process], parameters, tmp_path: Path, wait_for
) -> None:
    settings = parameters(bag_recorder={"folder": str(tmp_path / "bags")})
    process = robot("--camera", "none", "--record", "true", "--params_file", str(settings))
    process.wait_for("starting fer_node")
    wait_for(lambda: list(tmp_path.glob("bags/*/*.mcap")), "a recording")
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: list(tmp_path.glob("bags/*/metadata.yaml")), "its end")


def test_nohup_keeps_it_alive(run: Callable[..., Process]) -> None:
    process = run(["nohup", str(ROBOT), "--speech", "log", "--camera", "none"])
    process.wait_for("starting fer_node")
    os.kill(process.pid, signal.SIGHUP)
    process.interrupt()
    process.wait_for("frames")
    assert process.end() == 0


@pytest.mark.parametrize("resource", ["-n 20", "-v 900000"])
def test_too_little_is_told_in_one_sentence(run: Callable[..., Process], resource: str) -> None:
    process = run(["sh", "-c", f"ulimit {resource}; exec {ROBOT} --camera none"])
    assert process.end() == 2
    assert process.output.count("\n") == 1
    assert "ulimit" in process.output


def test_a_full_disk_is_told(glimpse: Path, parameters, tmp_path: Path) -> None:
    quiet = parameters(behavior_node={"notice": False, "greet": False})
    options = f"--speech log --camera {glimpse} --params_file {quiet} --video {tmp_path}"
    uncounted = "unset COVERAGE_PROCESS_CONFIG"  # `make coverage` writes a larger file
    limit = f"ulimit -f 100; exec {ROBOT} {options}"
    process = Process(["sh", "-c", f"{uncounted}; {limit}"])
    assert process.end() == 2, process.output
    assert "demo.mp4: cannot be written" in process.output
    assert "frames " in process.output, "the summary all the same"
    assert "Traceback" not in process.output
    assert not (tmp_path / "demo.mp4").exists()

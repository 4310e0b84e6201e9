"""Reachy Mini in its maker's simulator: its daemon, headless, and pictures of its MuJoCo model.

    python -m robot_behavior.robots.reachy_mini.simulator run COMMAND...
    python -m robot_behavior.robots.reachy_mini.simulator strips FOLDER

The first runs a command beside a daemon with the simulated robot, the second draws every gesture.
The maker's programs live in an environment of their own, which ``scripts/reachy_mini.sh`` makes;
the variable ``REACHY_MINI_VENV`` names another one.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from ec_rfernet.cli import exit_code, tell_written
from ec_rfernet.errors import InputError
from ec_rfernet.files import staged
from robot_behavior.body import urdf
from robot_behavior.motion.check import Checker
from robot_behavior.motion.check_program import FRAME_PX, Way, contact_sheet
from robot_behavior.motion.library import load_motions
from robot_behavior.motion.trajectory import JointStates, plan
from robot_behavior.robots.reachy_mini import ROBOT
from robot_behavior.robots.reachy_mini.driver import to_target

PORT = 8000
START_S = 90.0
"""A daemon that has not woken its robot after so long will not."""

OVERVIEW = "all_gestures.jpg"
"""Name of the picture of all film strips."""


def environment() -> Path:
    """The environment of the maker's programs.

    Raises:
        InputError: there is none.
    """
    folder = Path(os.environ.get("REACHY_MINI_VENV") or Path.cwd() / ".venv-reachy-mini")
    if not (folder / "bin" / "reachy-mini-daemon").exists():
        raise InputError(f"{folder} has no reachy-mini-daemon: make it with scripts/reachy_mini.sh")
    return folder


def variables() -> dict[str, str]:
    """Of a process of the maker's: no usage data leaves the machine, and no screen is needed."""
    ours = ("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    off = {"DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}
    return {"MUJOCO_GL": "osmesa", "OMP_NUM_THREADS": "1", **kept, **off}


class SimulatedDaemon:
    """The maker's daemon with its MuJoCo simulation, headless; a context manager.

    Args:
        log: file for what it writes.
        port: of 127.0.0.1.
        options: further ones of ``reachy-mini-daemon``.

    Raises:
        InputError: it does not start; tells why.

    Attributes:
        process: of it.
    """

    def __init__(self, log: Path, port: int = PORT, options: Sequence[str] = ()) -> None:
        self._log, self._port, self._address = log, port, f"http://127.0.0.1:{port}/api"
        self._command = [
            *(str(environment() / "bin" / "reachy-mini-daemon"), "--sim", "--headless"),
            *("--no-media", "--fastapi-host", "127.0.0.1", "--fastapi-port", str(port)),
            *("--dataset-update-interval", "0", "--no-preload-datasets", *options),
        ]
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> SimulatedDaemon:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self._port))
            except OSError as error:
                raise InputError(
                    f"port {self._port} is taken: does a daemon of Reachy Mini run already?"
                ) from error
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command,
                env=variables(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for who moves the robot, which rests first
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(15.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """What it answers; see the daemon's own /docs."""
        data = None if body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._address}/{path}", data, kind, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=5.0) as answer:
            return json.loads(answer.read())

    def _wait(self) -> None:
        began = time.monotonic()
        while time.monotonic() - began < START_S:
            if self.process.poll() is not None:
                lines = self._log.read_text(errors="replace").strip().splitlines()
                raise InputError(f"reachy-mini-daemon ends: {lines[-1] if lines else 'no reason'}")
            try:
                if self.ask("POST", "move/set_target", {})["status"] == "ok":
                    return
            except (OSError, ValueError):
                pass  # not yet
            time.sleep(0.2)
        raise InputError(f"reachy-mini-daemon does not answer after {START_S:g} s, see {self._log}")


class Painter:
    """Draws the robot in its maker's model, in a process of the maker's environment.

    Args:
        size: width and height, pixels.

    Raises:
        InputError: the environment is missing.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._shape = (size[1], size[0], 3)
        program = str(Path(__file__).with_name("pictures.py"))
        command = [str(environment() / "bin" / "python"), program, *map(str, size)]
        self._process = subprocess.Popen(
            command, env=variables(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def picture(self, way: Way) -> np.ndarray:
        """The robot after it has followed a way, uint8 [H,W,3], blue green red.

        Raises:
            InputError: it cannot be drawn.
        """
        pipe, pictures = self._process.stdin, self._process.stdout
        assert pipe is not None and pictures is not None
        order = json.dumps([(seconds, to_target(pose)) for seconds, pose in way]) + "\n"
        size = int(np.prod(self._shape))
        try:
            pipe.write(order.encode())
            pipe.flush()
            data = pictures.read(size)
        except OSError:
            data = b""
        if len(data) < size:
            raise InputError("Reachy Mini cannot be drawn in its maker's model, see above")
        return np.frombuffer(data, np.uint8).reshape(self._shape)[..., ::-1]

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()


def draw_strips(folder: Path) -> None:
    """Draws every gesture as a film strip in the maker's model, and `OVERVIEW` of all.

    Raises:
        InputError: the environment is missing, or the folder cannot be written.
    """
    assert ROBOT.urdf is not None and ROBOT.motions is not None
    model = urdf.load(ROBOT.urdf)
    library = load_motions(ROBOT.motions, model.limits, Checker(model))
    painter, sheets = Painter(FRAME_PX), []
    try:
        with staged(folder) as draft:
            for motion in library.motions.values():
                start = JointStates(library.rest.end, {})
                trajectory = plan(motion, library.rest, model.limits, start)
                sheet = contact_sheet(model, motion, trajectory, painter.picture)
                (draft / f"{motion.name}.png").write_bytes(_encoded(".png", sheet))
                sheets.append(cv2.resize(sheet, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
                print(motion.name, flush=True)
            (draft / OVERVIEW).write_bytes(_encoded(".jpg", np.vstack(sheets)))
        tell_written(folder)
    finally:
        painter.close()


def _encoded(kind: str, picture: np.ndarray) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, 75] if kind == ".jpg" else []
    return cv2.imencode(kind, picture, quality)[1].tobytes()


def run(command: Sequence[str]) -> int:
    """Runs a command beside the simulated robot; its exit code."""
    print("starts Reachy Mini in its maker's simulator", flush=True)
    # Whoever ends this program does not leave the daemon behind.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory() as folder, SimulatedDaemon(Path(folder) / "log"):
        process = subprocess.Popen(command)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the command hears, too
        try:
            return process.wait()
        finally:
            process.terminate()
            signal.signal(signal.SIGINT, before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0, or that of the command; 2 after one clear line when something cannot be used.
    """
    what, *more = (sys.argv[1:] if arguments is None else arguments) or [""]
    if what == "strips" and len(more) == 1:
        return exit_code("simulator", lambda: draw_strips(Path(more[0])))
    if what == "run" and more:
        return exit_code("simulator", lambda: run(more))
    print("simulator: expected strips FOLDER, or run COMMAND...", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())

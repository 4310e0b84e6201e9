"""Servo boards to test against: the fake one, and the firmware on a simulated Arduino UNO."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fer_common.testing import DEADLINE_S

FIRMWARE = Path(__file__).resolve().parents[6] / "firmware" / "servo_humanoid"
NEEDED = {
    "gcc-avr": lambda: shutil.which("avr-g++"),
    "avr-libc": lambda: Path("/usr/lib/avr/include/avr/io.h").exists(),
    "libsimavr-dev": lambda: Path("/usr/include/simavr/sim_avr.h").exists(),
    "libelf-dev": lambda: Path("/usr/include/libelf.h").exists(),
    "make": lambda: shutil.which("make"),
    "gcc": lambda: shutil.which("cc"),
}


@dataclass(frozen=True)
class Row:
    """What a board did on its pins, in us."""

    time: float
    period: float
    widths: list[float]


class Board:
    """A running board and what it does on its pins."""

    def __init__(self, command: list[str], link: Path) -> None:
        self.link, self.rows = link, list[Row]()
        self._command = [*command, str(link)]
        self._news = threading.Condition()
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()
        assert self.wait(), "the board does not start"

    def kill(self) -> None:
        """As if the cable were pulled."""
        self.process.kill()
        self.process.wait()

    def wait(self, timeout_s: float = DEADLINE_S) -> bool:
        """Waits for the next row, which comes every 20 ms of the board's time."""
        with self._news:
            count = len(self.rows)
            return self._news.wait_for(lambda: len(self.rows) > count, timeout_s)

    def wait_until(
        self,
        condition: Callable[[], object],
        do: Callable[[], object] = lambda: None,
        rows: int = 400,
    ) -> bool:
        """Calls ``do`` at every row until ``condition``; whether that came true."""
        for _ in range(rows):
            if condition():
                return True
            do()
            assert self.wait(), "the board is dead"
        return bool(condition())

    @property
    def widths(self) -> list[float]:
        return self.rows[-1].widths

    def _listen(self, process: subprocess.Popen) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            time, period, *widths = map(float, line.split())
            with self._news:
                self.rows.append(Row(time, period, widths))
                self._news.notify_all()


@pytest.fixture(scope="session")
def simulated_uno(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of an UNO in simavr that runs the firmware."""
    missing = [package for package, there in NEEDED.items() if not there()]
    if missing:
        pytest.skip(f"sudo apt install {' '.join(missing)}")
    folder = tmp_path_factory.mktemp("firmware")
    make = ["make", "-C", str(FIRMWARE), f"BUILD={folder}", "sim"]
    built = subprocess.run(make, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return [str(folder / "sim_board"), str(folder / "servo_humanoid.elf")]


@pytest.fixture
def launch_board(tmp_path: Path) -> Iterator[Callable[[list[str]], Board]]:
    """Starts boards, which end with the test."""
    boards: list[Board] = []

    def launch(command: list[str]) -> Board:
        boards.append(Board(command, tmp_path / f"board{len(boards)}"))
        return boards[-1]

    yield launch
    for board in boards:
        board.process.send_signal(signal.SIGINT)  # Ctrl-C
        board.process.wait()


@pytest.fixture
def fake_board(launch_board: Callable[[list[str]], Board]) -> Board:
    """The fake board."""
    return launch_board(
        [sys.executable, "-m", "robot_behavior.robots.servo_humanoid.fake_servo_board"]
    )


@pytest.fixture
def uno(simulated_uno: list[str], launch_board: Callable[[list[str]], Board]) -> Board:
    """The simulated UNO."""
    return launch_board(simulated_uno)


@pytest.fixture(params=["fake", "simavr"])
def board(request: pytest.FixtureRequest) -> Board:
    """Either, for both must behave alike."""
    return request.getfixturevalue("fake_board" if request.param == "fake" else "uno")

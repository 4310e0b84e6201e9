"""The driver against the firmware on a simulated UNO, and against the fake board.

What is asserted of pulses is measured on the pins.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fer_common.testing import until
from robot_behavior.body.robot_model import JointLimits
from robot_behavior.robots.servo_humanoid.driver import Servo, ServoBoard
from robot_behavior.robots.servo_humanoid.fake_servo_board import FakeServoBoard
from robot_behavior.robots.servo_humanoid.protocol import (
    CHANNELS,
    BoardState,
    Code,
    Reset,
    SerialFrame,
    SerialPort,
    Type,
    encode,
)

Board = Any
"""`Board` of boards.py."""

SERVOS = {
    f"joint{i}": Servo(i, 1500.0, -500.0 if i % 2 else 500.0, JointLimits(-0.8, 1.0, 2.0))
    for i in range(CHANNELS - 1)  # the last channel stays free
}
STEP_US = 2.0 * 500.0 * 0.02
"""How much a pulse may change in 20 ms."""

POSES = {joint: -0.7 + 0.09 * i for i, joint in enumerate(SERVOS)}
EXPECTED = [1500.0 + SERVOS[joint].us_per_rad * pose for joint, pose in POSES.items()]
REST = [1500.0] * len(SERVOS)


class Rig:
    """A driver and its board."""

    def __init__(self, board: Board, servos: dict[str, Servo] = SERVOS) -> None:
        self.board = board
        self.port: SerialPort | None = None
        self.driver = ServoBoard(servos, self._open, str(board.link), time.monotonic)
        self.interruptions = 0
        self.moved = 0.0  # when the board was sent the last pose, microseconds of its time
        self.positions: dict[str, float] | None = None

    def _open(self) -> SerialPort:
        self.port = SerialPort(str(self.board.link))
        return self.port

    def update(self) -> None:
        report = self.driver.update()
        self.positions = dict(report.positions) if report else None
        assert all(-0.81 <= position <= 1.01 for position in (self.positions or {}).values())
        self.interruptions += bool(report and report.interrupted)

    def connect(self) -> Rig:
        assert self.board.wait_until(lambda: self.positions, self.update), self.driver.problem
        assert self.driver.problem is None
        return self

    def move(self, poses: dict[str, float] = POSES) -> None:
        self.update()
        self.moved = self.board.rows[-1].time
        self.driver.move(poses)

    def go(self, poses: dict[str, float] = POSES) -> None:
        goal = [1500.0 + SERVOS[joint].us_per_rad * pose for joint, pose in poses.items()]
        settled = self.board.wait_until(
            lambda: near(self.board, goal, 0.003), lambda: self.move(poses)
        )
        assert settled, self.board.widths

    def send(self, data: bytes) -> None:
        """Past the driver, onto the line."""
        self.port.write(data)

    @property
    def state(self) -> BoardState | None:
        return self.driver.status.state if self.driver.status else None


def near(board: Board, goal: list[float], share: float = 0.01) -> bool:
    return near_row(board.widths, goal, share)


def near_row(widths: list[float], goal: list[float] = EXPECTED, share: float = 0.01) -> bool:
    pairs = zip(widths, goal, strict=False)
    return all(abs(width - wanted) <= share * wanted for width, wanted in pairs)


def largest_step(board: Board, since: int) -> float:
    rows = [row.widths for row in board.rows[since:] if all(row.widths[: len(SERVOS)])]
    return max(
        (abs(x - y) for a, b in pairwise(rows) for x, y in zip(a, b, strict=True)), default=0.0
    )


def test_nothing_moves_before_the_first_pose(board: Board) -> None:
    rig = Rig(board).connect()
    assert rig.positions == pytest.approx(dict.fromkeys(SERVOS, 0.0), abs=0.002)
    assert board.wait_until(lambda: len(board.rows) > 60, rig.update)
    assert not any(width for row in board.rows for width in row.widths)
    incomplete = (3000,) * 5 + (0,) * 13
    rig.send(encode(SerialFrame(Type.POSE, 1, incomplete)))
    seen = len(board.rows)
    assert board.wait_until(lambda: len(board.rows) > seen + 10, rig.update)
    assert not any(board.widths)


def test_poses_reach_the_pins_from_rest_within_the_speed(board: Board) -> None:
    rig = Rig(board).connect()
    rig.go()
    first = next(row for row in board.rows if any(row.widths))
    assert all(abs(w - 1500) <= 3 * STEP_US for w in first.widths[: len(SERVOS)] if w)
    assert board.rows[-1].period == pytest.approx(20000.0, rel=0.01)
    assert board.widths[CHANNELS - 1] == 0.0
    assert largest_step(board, 0) <= 2 * STEP_US + 16.0  # a row may hold two steps
    for _ in range(5):
        rig.move()
        board.wait()
    assert near(board, EXPECTED, 0.004)
    assert rig.positions == pytest.approx(POSES, abs=0.01)


def test_limits_hold_on_the_board(board: Board) -> None:
    rig = Rig(board).connect()
    wild = encode(SerialFrame(Type.POSE, 1, (5000,) * 9 + (1000,) * 9))
    rig.go()

    def shout() -> None:
        rig.update()
        rig.send(wild)

    seen = len(board.rows)
    assert board.wait_until(lambda: len(board.rows) > seen + 60, shout)
    for i, servo in enumerate(SERVOS.values()):
        ends = sorted(servo.ticks(end) / 2 for end in (-0.8, 1.0))
        assert board.widths[i] == pytest.approx(ends[1] if i < 9 else ends[0], rel=0.01)


def test_noise_is_counted_and_moves_nothing(board: Board) -> None:
    rig = Rig(board).connect()
    rig.go()
    assert board.wait_until(lambda: near(board, EXPECTED, 0.004), rig.move)
    chance, before, seen = random.Random(1), rig.driver.status.bad, len(board.rows)
    pose = encode(SerialFrame(Type.POSE, 3, (2600,) * 18))

    def noise() -> None:
        rig.move()
        kind = chance.randrange(3)
        if kind == 0:
            rig.send(chance.randbytes(20))
        elif kind == 1:
            rig.send(pose[: chance.randrange(1, len(pose) - 1)])
        else:
            broken = bytearray(pose)
            broken[chance.randrange(len(pose))] ^= 1 << chance.randrange(8)
            rig.send(bytes(broken))

    assert board.wait_until(lambda: len(board.rows) > seen + 50, noise)
    assert all(near_row(row.widths) for row in board.rows[seen:])
    assert rig.driver.status.bad - before >= 30
    rig.go(dict.fromkeys(SERVOS, 0.2))


def test_a_silent_computer_brings_it_smoothly_to_rest(board: Board) -> None:
    rig = Rig(board).connect()
    rig.go()
    seen = len(board.rows)
    assert board.wait_until(lambda: near(board, REST, 0.004))
    rows = board.rows[seen:]
    assert all(near_row(row.widths) for row in rows if row.time < rig.moved + 0.4e6)  # not yet
    rested = next(row.time for row in rows if near_row(row.widths, REST, 0.004))
    assert 0.9e6 < rested - rig.moved < 4e6
    assert largest_step(board, seen) <= 2 * (STEP_US / 4 + 1.5)
    assert board.wait_until(lambda: rig.state is BoardState.RESTED and rig.positions, rig.update)
    assert rig.interruptions >= 1
    rig.go()  # and it can be moved again


def test_the_stop_holds_until_it_is_released(board: Board) -> None:
    rig = Rig(board).connect()
    rig.go(dict.fromkeys(SERVOS, 0.0))
    far = dict.fromkeys(SERVOS, 0.9)
    assert board.wait_until(lambda: board.widths[0] > 1600.0, lambda: rig.move(far))
    rig.driver.stop()
    assert board.wait_until(lambda: rig.state is BoardState.STOPPED, lambda: rig.move(far))
    held, seen = board.wait() and board.widths, len(board.rows)
    assert held[0] < 1900.0
    assert "stopped until it is released" in str(rig.driver.problem)
    rig.send(encode(SerialFrame(Type.POSE, 1, (3800,) * 18)))
    assert board.wait_until(lambda: len(board.rows) > seen + 60, lambda: rig.move(far))
    assert all(row.widths == pytest.approx(held, rel=0.004) for row in board.rows[seen:])
    rig.driver.release()
    assert board.wait_until(lambda: rig.state is BoardState.ACTIVE, rig.update)
    assert board.widths == pytest.approx(held, rel=0.004)
    rig.go(far)


def test_a_stop_outlasts_the_silence_of_the_computer(board: Board) -> None:
    rig = Rig(board).connect()
    rig.go()
    rig.driver.stop()
    assert board.wait_until(lambda: rig.state is BoardState.STOPPED, rig.update)
    seen = len(board.rows)
    assert board.wait_until(lambda: len(board.rows) > seen + 60)
    assert near(board, EXPECTED)
    rig.driver.close()
    later = Rig(board)
    assert board.wait_until(lambda: "stopped until" in str(later.driver.problem), later.update)
    assert near(board, EXPECTED)


def test_a_computer_that_dies_while_it_brakes_leaves_the_robot_where_it_is(board: Board) -> None:
    rig = Rig(board).connect()
    rig.go()
    rig.driver.hold()
    seen = len(board.rows)
    assert board.wait_until(lambda: len(board.rows) > seen + 60)
    assert near(board, EXPECTED)
    assert board.wait_until(lambda: rig.state is BoardState.STOPPED, rig.update)


def test_what_was_released_before_it_was_stopped_goes_to_rest_in_silence(board: Board) -> None:
    rig = Rig(board).connect()
    rig.go()
    rig.driver.hold()
    rig.move()
    rig.driver.release()
    rig.go()
    assert board.wait_until(lambda: near(board, REST))


def test_a_port_that_disappears_comes_back(board: Board) -> None:
    rig = Rig(board).connect()
    rig.go()
    board.kill()
    gone = f"{board.link} disappeared"
    assert until(lambda: gone in str(rig.driver.problem), step=rig.move), rig.driver.problem
    assert rig.positions is None
    rig.move()  # harmless
    board.start()
    rig.connect()
    seen = len(board.rows)
    assert board.wait_until(lambda: len(board.rows) > seen + 20, rig.update)
    assert not any(board.widths)  # the new board waits for a pose
    rig.go()


def test_a_computer_that_comes_back_finds_the_robot_where_it_is(board: Board) -> None:
    first = Rig(board).connect()
    first.go()
    first.driver.stop()
    assert board.wait_until(lambda: first.state is BoardState.STOPPED, first.update)
    first.port.close()  # the program dies; the stop keeps the pose
    second = Rig(board)
    assert board.wait_until(lambda: second.positions, second.update)
    assert second.positions == pytest.approx(POSES, abs=0.01)
    assert "stopped" in str(second.driver.problem)
    second.driver.release()
    second.go(dict.fromkeys(SERVOS, 0.1))


def test_other_limits_are_refused_while_it_holds_its_servos(board: Board) -> None:
    rig = Rig(board).connect()
    rig.go()
    rig.port.close()
    other = {**SERVOS, "joint3": Servo(3, 1400.0, 500.0, JointLimits(-0.8, 1.0, 2.0))}
    second = Rig(board, other)
    assert board.wait_until(lambda: "channel 3" in str(second.driver.problem), second.update)
    assert "switch it off and on" in str(second.driver.problem)
    assert second.positions is None


def test_a_defect_of_the_firmware_ends_in_a_reset_that_moves_nothing(uno: Board) -> None:
    rig = Rig(uno).connect()
    rig.go()
    os.kill(uno.process.pid, signal.SIGUSR1)
    assert uno.wait_until(lambda: not any(uno.widths), rig.update)
    reset = Reset.WATCHDOG
    assert uno.wait_until(
        lambda: rig.positions and rig.driver.status.cause & reset and not rig.driver.problem,
        rig.update,
    )
    remembered = pytest.approx(POSES, abs=0.01)  # what it tells before it has looked is no pose
    assert uno.wait_until(lambda: rig.positions == remembered, rig.update)
    assert not any(uno.widths)
    seen = len(uno.rows)
    rig.go()
    assert largest_step(uno, seen) <= STEP_US


def test_what_is_no_serial_port_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for path, complaint in ((file, "is no serial port"), (tmp_path / "none", "No such file")):
        driver = ServoBoard(SERVOS, lambda p=path: SerialPort(str(p)), str(path), time.monotonic)
        assert driver.update() is None
        assert complaint in str(driver.problem) and str(path) in str(driver.problem)


class Pipe:
    """A port at whose other end the test sits."""

    def __init__(self) -> None:
        self.incoming, self.sent = b"", b""

    def read(self) -> bytes:
        data, self.incoming = self.incoming, b""
        return data

    def write(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("code", "complaint"),
    [(Code.BAD_VALUE, "another version"), (Code.UNKNOWN, "another version")],
)
def test_an_old_firmware_is_told(code: Code, complaint: str) -> None:
    pipe, now = Pipe(), [0.0]
    driver = ServoBoard(SERVOS, lambda: pipe, "port", lambda: now[0])
    driver.update()
    status = SerialFrame(Type.STATUS, 0, (0, 0, 1, 0, *(0,) * CHANNELS))
    pipe.incoming = encode(status)
    driver.update()
    pipe.incoming = encode(SerialFrame(Type.ANSWER, 1, (1, code)))
    driver.update()
    assert complaint in str(driver.problem)


def test_a_board_that_falls_silent_is_told_and_tried_again() -> None:
    opened, now = [], [0.0]

    def open_port() -> Pipe:
        opened.append(Pipe())
        return opened[-1]

    driver = ServoBoard(SERVOS, open_port, "port", lambda: now[0])
    step: Callable[[], object] = driver.update

    def steps_until(seconds: float) -> None:
        while now[0] < seconds - 1e-6:
            now[0] += 0.1
            step()

    step()
    steps_until(1.0)
    assert "silent for 1.0 s" in str(driver.problem)
    steps_until(5.0)
    assert len(opened) == 2


def test_positions_are_told_only_once_all_servos_are_set_up() -> None:
    pipe, board = Pipe(), FakeServoBoard()
    servos = {**SERVOS, "last": Servo(17, 2200.0, -600.0, JointLimits(-0.2, 1.0, 2.0))}
    driver = ServoBoard(servos, lambda: pipe, "port", lambda: 0.0)
    reports = []
    for _ in range(40):
        reports.append(driver.update())
        # The status of a moment before comes together with the answer.
        pipe.incoming = board.step() + board.feed(pipe.sent)
        pipe.sent = b""
    told = [report.positions for report in reports if report]
    assert told and all(positions == dict.fromkeys(servos, 0.0) for positions in told)


def test_a_board_that_starts_anew_on_an_open_line_is_stopped_again() -> None:
    """The supply has failed for a moment: the line stays open, and the board knows nothing."""
    pipe, now = Pipe(), [0.0]
    driver = ServoBoard(SERVOS, lambda: pipe, "port", lambda: now[0])

    def run(board: FakeServoBoard) -> None:
        for _ in range(100):
            now[0] += 0.02
            driver.update()
            pipe.incoming = board.step() + board.feed(pipe.sent)
            pipe.sent = b""

    board = FakeServoBoard()
    run(board)
    driver.move(POSES)
    run(board)
    driver.stop()
    run(board)
    assert board.state is BoardState.STOPPED
    for _ in range(2):
        board = FakeServoBoard()
        assert board.state is not BoardState.STOPPED
        run(board)
        assert board.state is BoardState.STOPPED and "stopped until" in str(driver.problem)


def test_a_stop_outlives_a_reset_of_the_board(board: Board) -> None:
    rig = Rig(board).connect()
    rig.go()
    rig.driver.stop()
    assert board.wait_until(lambda: rig.state is BoardState.STOPPED, rig.update)
    board.kill()
    board.start()
    assert board.wait_until(lambda: rig.state is BoardState.STOPPED, rig.move, 800)
    assert rig.driver.problem is not None and rig.driver.problem.code == "stopped"
    assert not any(board.widths)
    rig.driver.release()
    assert board.wait_until(lambda: rig.driver.problem is None, rig.update)
    rig.go()


def test_who_has_slept_does_not_send_the_robot_back(board: Board) -> None:
    rig = Rig(board).connect()
    rig.go()
    assert board.wait_until(lambda: near(board, REST), rows=600)  # by itself: nobody spoke
    since = len(board.rows)
    rig.move()
    assert rig.driver.problem is not None and rig.driver.problem.code == "overslept"
    assert board.wait_until(lambda: rig.interruptions, rig.update)
    assert len(board.rows) > since
    assert all(abs(w - 1500.0) < 16.0 for w in board.widths[: len(SERVOS)])

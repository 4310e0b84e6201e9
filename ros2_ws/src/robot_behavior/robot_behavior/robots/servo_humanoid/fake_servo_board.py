"""A servo board without a board: the firmware's twin in Python, on a pseudo-terminal.

By hand: ``ros2 run robot_behavior fake_servo_board /tmp/board``, and the bridge with
``-p robot:=servo_humanoid -p port:=/tmp/board``.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import sys
import termios
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from robot_behavior.robots.servo_humanoid.protocol import (
    CHANNELS,
    FASTEST,
    HIGHEST,
    LOWEST,
    STEP_S,
    TICKS_PER_US,
    VERSION,
    WATCHDOG_S,
    BoardState,
    BoardStatus,
    Code,
    FrameReader,
    Reset,
    SerialFrame,
    Type,
    encode,
)

_COUNTS = {
    Type.HELLO: 1,
    Type.LIMIT: 5,
    Type.POSE: CHANNELS,
    Type.REST: 0,
    Type.STOP: 0,
    Type.RELEASE: 0,
    Type.HOLD: 0,
}
_REST_SHARE = 4
_SHORTEST_REST = 25


@dataclass
class _Servo:
    low: int = 0
    high: int = 0
    rest: int = 0
    speed: int = 0
    position: int = 0
    target: int = 0
    start: int = 0


class FakeServoBoard:
    """Obeys frames as the firmware does.

    Attributes:
        state: what it does.
    """

    def __init__(self) -> None:
        self.state = BoardState.OFF
        self._servos = [_Servo() for _ in range(CHANNELS)]
        self._reader = FrameReader()
        self._pulsing = self._holding = False
        self._silent = self._progress = 0
        self._duration = 1

    def feed(self, data: bytes) -> bytes:
        """Its answers to what it is sent."""
        answers = b""
        for frame in self._reader.feed(data):
            words = (frame.sequence, self._obey(frame))
            answers += encode(SerialFrame(Type.ANSWER, frame.sequence, words))
        return answers

    def step(self) -> bytes:
        """Lets 20 ms pass; its status after them."""
        if not self.abandoned:
            self._silent += 1
        elif self.state is BoardState.ACTIVE:
            self._rest()
        if self.state is BoardState.ACTIVE:
            for servo in self._used:
                way = servo.target - servo.position
                servo.position += min(max(way, -servo.speed), servo.speed)
        elif self.state is BoardState.RESTING:
            self._approach_rest()
        positions = tuple(servo.position for servo in self._servos)
        status = BoardStatus(
            self.state, self._reader.bad % 16384, Reset.POWER, len(self._used), positions
        )
        return encode(status.frame())

    @property
    def abandoned(self) -> bool:
        """Whether no driver has spoken for as long as the firmware waits for one."""
        return self._silent >= round(WATCHDOG_S / STEP_S)

    @property
    def pulses_us(self) -> list[float]:
        """Width of each channel's pulse; 0 for none."""
        return [
            servo.position / TICKS_PER_US if self._pulsing and servo.speed else 0.0
            for servo in self._servos
        ]

    @property
    def _used(self) -> list[_Servo]:
        return [servo for servo in self._servos if servo.speed]

    def _obey(self, frame: SerialFrame) -> Code:
        if frame.type not in tuple(_COUNTS):
            return Code.UNKNOWN
        self._silent = 0
        if len(frame.words) != _COUNTS[Type(frame.type)]:
            return Code.BAD_VALUE
        commands: dict[int, Callable[[], Code]] = {
            Type.HELLO: lambda: Code.DONE if frame.words[0] == VERSION else Code.BAD_VALUE,
            Type.LIMIT: lambda: self._limit(*frame.words),
            Type.POSE: lambda: self._pose(frame.words),
            Type.REST: self._rest,
            Type.STOP: self._stop,
            Type.RELEASE: self._release,
            Type.HOLD: self._hold,
        }
        return commands[frame.type]()

    def _limit(self, channel: int, low: int, high: int, rest: int, speed: int) -> Code:
        if channel >= CHANNELS:
            return Code.BAD_VALUE
        sound = LOWEST <= low <= rest <= high <= HIGHEST and 1 <= speed <= FASTEST
        if not sound and any((low, high, rest, speed)):
            return Code.BAD_VALUE
        servo = self._servos[channel]
        if (servo.low, servo.high, servo.rest, servo.speed) == (low, high, rest, speed):
            return Code.DONE
        if self.state is not BoardState.OFF:
            return Code.NOT_NOW
        servo.low, servo.high, servo.rest, servo.speed = low, high, rest, speed
        if not low <= servo.position <= high:
            servo.position = rest
        return Code.DONE

    def _pose(self, widths: tuple[int, ...]) -> Code:
        if self.state is BoardState.STOPPED:
            return Code.NOT_NOW
        pairs = [
            (servo, width) for servo, width in zip(self._servos, widths, strict=True) if servo.speed
        ]
        if not all(width for _, width in pairs):
            return Code.INCOMPLETE
        if not pairs:
            return Code.NOT_NOW
        code = Code.DONE
        for servo, width in pairs:
            servo.target = min(max(width, servo.low), servo.high)
            if servo.target != width:
                code = Code.CLAMPED
        self.state, self._pulsing = BoardState.ACTIVE, True
        return code

    def _rest(self) -> Code:
        if self.state is BoardState.STOPPED:
            return Code.NOT_NOW
        if self.state is not BoardState.ACTIVE:
            return Code.DONE
        if self._holding:
            return self._stop()
        self._duration, self._progress = _SHORTEST_REST, 0
        for servo in self._used:
            servo.start = servo.position
            steps = abs(servo.position - servo.rest) * 3 * _REST_SHARE // (2 * servo.speed) + 1
            self._duration = max(self._duration, steps)
        self.state = BoardState.RESTING
        return Code.DONE

    def _approach_rest(self) -> None:
        self._progress += 1
        u = self._progress / self._duration
        share = u * u * (3.0 - 2.0 * u)
        for servo in self._used:
            servo.position = round(servo.start + (servo.rest - servo.start) * share)
        if self._progress >= self._duration:
            self.state = BoardState.RESTED

    def _hold(self) -> Code:
        self._holding = True
        return Code.DONE

    def _stop(self) -> Code:
        self.state, self._holding = BoardState.STOPPED, False
        return Code.DONE

    def _release(self) -> Code:
        self._holding = False
        if self.state is BoardState.STOPPED:
            for servo in self._servos:
                servo.target = servo.position
            self.state = BoardState.ACTIVE if self._pulsing else BoardState.OFF
        return Code.DONE


def serve(link: Path, board: FakeServoBoard) -> None:
    """Runs a board on a pseudo-terminal to which ``link`` becomes a symbolic link; never returns.

    Every 20 ms a line with the time, the period and the width of each channel's pulse, in us,
    goes to standard output, which is what the simulated UNO of the firmware's tests prints.
    """
    own, other = pty.openpty()
    tty.setraw(other)
    os.set_blocking(own, False)
    link.unlink(missing_ok=True)
    link.symlink_to(os.ttyname(other))
    begin = time.monotonic()
    due = begin + STEP_S
    while True:
        ready, _, _ = select.select([own], [], [], max(0.0, due - time.monotonic()))
        if ready:
            _write(own, board.feed(os.read(own, 4096)))
        now = time.monotonic()
        if now >= due:
            # A board never pauses. Where this computer did, its steps are not made up for: they
            # would count as silence of a driver that could not speak either.
            due = max(due + STEP_S, now)
            _write(own, board.step())
            if board.abandoned:
                # A serial port is free as soon as its user was killed; a pseudo-terminal that
                # is open here as well would be that user's for ever.
                fcntl.ioctl(other, termios.TIOCNXCL)
            widths = " ".join(f"{width:.2f}" for width in board.pulses_us)
            period = STEP_S * 1e6 if any(board.pulses_us) else 0.0
            print(f"{(time.monotonic() - begin) * 1e6:.0f} {period:.1f} {widths}", flush=True)


def main() -> int:
    """Runs the fake board until Ctrl-C."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("usage: fake_servo_board LINK", file=sys.stderr)
        return 2
    print(f"a servo board at {sys.argv[1]}", file=sys.stderr)
    try:
        serve(Path(sys.argv[1]), FakeServoBoard())
    except KeyboardInterrupt:
        pass
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


def _write(terminal: int, data: bytes) -> None:
    try:
        os.write(terminal, data)
    except BlockingIOError:
        return  # nobody reads, and a serial line does not wait either


if __name__ == "__main__":
    sys.exit(main())

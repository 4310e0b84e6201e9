"""What the servo board and its computer say to each other; the twin of the firmware's headers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from robot_behavior.robots.servo_humanoid.frames import Frame

VERSION = 1
CHANNELS = 18
STEP_S = 0.02
WATCHDOG_S = 0.5
BAUD = 115200

TICKS_PER_US = 2
"""Widths of pulses travel in ticks of 0.5 us."""

LOWEST, HIGHEST = 1000, 5000
"""Widths that no configuration of the board can exceed, ticks."""

FASTEST = 400
"""The same for the change of a width, ticks per step."""


class Type(IntEnum):
    """Kinds of frames. The board answers each that it is sent."""

    HELLO = 0x01
    LIMIT = 0x02
    POSE = 0x03
    REST = 0x04
    STOP = 0x05
    RELEASE = 0x06
    ANSWER = 0x41
    STATUS = 0x42


class State(IntEnum):
    """What the board does."""

    OFF = 0
    ACTIVE = 1
    RESTING = 2
    RESTED = 3
    STOPPED = 4


class Code(IntEnum):
    """The board's answers."""

    DONE = 0
    CLAMPED = 1
    BAD_VALUE = 2
    NOT_NOW = 3
    INCOMPLETE = 4
    UNKNOWN = 5


class Reset(IntEnum):
    """Why a board has started last, as it tells it: one bit each."""

    POWER = 1
    PIN = 2
    BROWN_OUT = 4
    WATCHDOG = 8


@dataclass(frozen=True)
class Status:
    """What the board tells every 20 ms.

    Attributes:
        state: what it does.
        bad: frames that it could not read, modulo 16384.
        cause: of its last reset, bits of `Reset`.
        servos: how many channels are set up.
        positions: [CHANNELS] ticks; where it has commanded the servos to be.
    """

    state: State
    bad: int
    cause: int
    servos: int
    positions: tuple[int, ...]

    @classmethod
    def read(cls, frame: Frame) -> Status | None:
        """The status in a frame; None if there is none."""
        if frame.type != Type.STATUS or len(frame.words) != 4 + CHANNELS:
            return None
        state, bad, cause, servos, *positions = frame.words
        if state not in tuple(State):
            return None
        return cls(State(state), bad, cause, servos, tuple(positions))

    def frame(self) -> Frame:
        """The frame that carries it."""
        words = (self.state, self.bad, self.cause, self.servos, *self.positions)
        return Frame(Type.STATUS, 0, words)

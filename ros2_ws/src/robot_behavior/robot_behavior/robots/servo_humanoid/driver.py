"""The driver of the servo board: an Arduino UNO with the firmware ``servo_humanoid``."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.robots.joint_link import LinkHealth, Report
from robot_behavior.robots.servo_humanoid.frames import Frame, FrameReader, encode
from robot_behavior.robots.servo_humanoid.protocol import (
    CHANNELS,
    VERSION,
    WATCHDOG_S,
    Code,
    Reset,
    State,
    Status,
    Type,
)
from robot_behavior.robots.servo_humanoid.servo_map import ServoMap

RETRY_S = 0.5
"""Time between two attempts to open a port."""

ANSWER_S = 0.2
"""A command that is not answered within this time is repeated."""

SILENCE_S = 0.5
"""A board that is silent for so long is lost; it tells its status every 20 ms."""

REOPEN_S = 3.0
"""After such a silence the port is opened anew; a reset UNO needs less to start."""


class Port(Protocol):
    """What the driver needs of `robot_behavior.robots.servo_humanoid.serial_port.SerialPort`."""

    def read(self) -> bytes:
        """What has arrived."""

    def write(self, data: bytes) -> None:
        """Sends bytes."""

    def close(self) -> None:
        """Gives the port back."""


class ServoBoard:
    """A `robot_behavior.robots.joint_link.JointLink` to the servo board.

    It opens the port, hands every servo's limits to the board, which confirms them, and
    starts over when the port disappears or the board starts anew.

    Args:
        servos: which servo moves which joint.
        open_port: opens the port; raises OSError when that fails.
        name: of the port, for messages.
        clock: monotonic seconds.

    Attributes:
        status: what the board has told last; None while there is no connection.
    """

    def __init__(
        self,
        servos: ServoMap,
        open_port: Callable[[], Port],
        name: str,
        clock: Callable[[], float],
    ) -> None:
        self.status: Status | None = None
        self._servos, self._open_port, self._name, self._clock = servos, open_port, name, clock
        self._port: Port | None = None
        self._reader = FrameReader()
        self._failure = "is not open yet"
        self._retry_at = clock()
        self._heard = -math.inf
        self._sent = self._received = 0
        self._setup: deque[Frame] = deque()
        self._refusal = ""
        self._sent_at: float | None = None  # when the first frame of the setup was sent
        self._sequence = 0
        self._wanted: Type | None = None  # STOP or RELEASE, until the status shows it
        self._moving = False  # poses have been sent, and the board obeys them

    @property
    def limits(self) -> Mapping[str, JointLimits]:
        """What the joints that have a servo can do."""
        return {joint: servo.limits for joint, servo in self._servos.items()}

    @property
    def problem(self) -> str:
        """Why the robot cannot be moved; empty if it can."""
        if self._failure or self._refusal:
            return f"servo board at {self._name} {self._failure or self._refusal}"
        if self._setup:
            return f"servo board at {self._name} is being set up"
        stopped = self.status is not None and self.status.state is State.STOPPED
        if stopped or self._wanted is Type.STOP:
            return f"servo board at {self._name} is stopped until ~/release is called"
        return ""

    @property
    def health(self) -> LinkHealth:
        """See `robot_behavior.robots.joint_link.JointLink`."""
        status, details = self.status, dict[str, object]({"watchdog [s]": WATCHDOG_S})
        if status is not None:
            causes = [cause.name.lower() for cause in Reset if status.cause & cause]
            details |= {"board": status.state.name.lower(), "last reset": ", ".join(causes)}
        damaged = self._reader.bad + (status.bad if status is not None else 0)
        silence_s = self._clock() - self._heard
        return LinkHealth(self._name, silence_s, self._sent, self._received, damaged, details)

    def update(self) -> Report | None:
        """See `robot_behavior.robots.joint_link.JointLink`."""
        now = self._clock()
        if self._port is None and not self._opened(now):
            return None
        interrupted = False
        try:
            for frame in self._reader.feed(self._read()):
                self._received += 1
                interrupted |= self._take(frame, now)
            if now - self._heard > SILENCE_S:
                self._failure = f"has been silent for {now - self._heard:.1f} s"
                if now - self._heard > REOPEN_S:
                    self._lose(self._failure)
                return None
            self._send_setup(now)
            if self._wanted is not None:
                self._send(Frame(self._wanted))
        except OSError as error:
            self._lose(f"disappeared ({_reason(error)})")
            return None
        status = self.status
        if status is None or self._setup or self._failure:
            return None
        positions = {
            joint: servo.position(status.positions[servo.channel])
            for joint, servo in self._servos.items()
        }
        return Report(positions, interrupted)

    def move(self, positions: Mapping[str, float]) -> None:
        """See `robot_behavior.robots.joint_link.JointLink`."""
        if self.problem:
            return
        widths = [0] * CHANNELS
        for joint, servo in self._servos.items():
            widths[servo.channel] = servo.ticks(positions[joint])
        self._try_to_send(Frame(Type.POSE, 0, tuple(widths)))

    def stop(self) -> None:
        """See `robot_behavior.robots.joint_link.JointLink`."""
        self._wanted = Type.STOP
        self._try_to_send(Frame(Type.STOP))

    def release(self) -> None:
        """See `robot_behavior.robots.joint_link.JointLink`."""
        self._wanted = Type.RELEASE

    def close(self) -> None:
        """Closes the port, after which the board's watchdog takes the robot to rest."""
        self._try_to_send(Frame(Type.REST))
        if self._port is not None:
            self._port.close()
        self._port, self.status, self._failure = None, None, "is closed"

    def _opened(self, now: float) -> bool:
        if now < self._retry_at:
            return False
        try:
            self._port = self._open_port()
        except OSError as error:
            self._failure = f"cannot be opened ({_reason(error)})"
            self._retry_at = now + RETRY_S
            return False
        self._failure = "has not answered yet"
        self._reader, self._heard, self.status = FrameReader(), now, None
        self._begin_setup()
        return True

    def _lose(self, failure: str) -> None:
        if self._port is not None:
            self._port.close()
        self._port, self.status, self._moving = None, None, False
        self._failure, self._retry_at = failure, self._clock() + RETRY_S

    def _begin_setup(self) -> None:
        used = {servo.channel: servo.limit_frame for servo in self._servos.values()}
        unused = {i: Frame(Type.LIMIT, 0, (i, 0, 0, 0, 0)) for i in range(CHANNELS)}
        limits = [used.get(channel, frame) for channel, frame in unused.items()]
        self._setup = deque([Frame(Type.HELLO, 0, (VERSION,)), *limits])
        self._sent_at, self._refusal, self._moving = None, "", False

    def _send_setup(self, now: float) -> None:
        if not self._setup or self.status is None:
            return
        if self._sent_at is None or now - self._sent_at > ANSWER_S:
            self._send(self._setup[0])
            self._sent_at = now

    def _take(self, frame: Frame, now: float) -> bool:
        """Whether the frame tells of an interruption."""
        status = Status.read(frame)
        if status is not None:
            self._heard, self._failure, self.status = now, "", status
            return self._judge(status)
        if frame.type == Type.ANSWER and len(frame.words) == 2 and self._setup:
            sequence, code = frame.words
            if self._sent_at is not None and sequence == self._sequence:
                self._answered(code)
        return False

    def _answered(self, code: int) -> None:
        command = self._setup[0]
        if code == Code.DONE:
            self._setup.popleft()
            self._refusal = ""
            self._sent_at = None
            if not self._setup:
                self.status = None  # from before the last servo was set up
        elif command.type == Type.HELLO:
            self._refusal = f"has another version of the firmware, expected version {VERSION}"
        elif code == Code.NOT_NOW:
            self._refusal = (
                f"holds its servos with other limits (channel {command.words[0]}): "
                "switch it off and on"
            )
        else:
            self._refusal = f"refuses the limits {command.words[1:]} of channel {command.words[0]}"

    def _judge(self, status: Status) -> bool:
        if self._wanted is not None:
            reached = (status.state is State.STOPPED) == (self._wanted is Type.STOP)
            self._wanted = None if reached else self._wanted
        if not self._setup and status.servos != len(self._servos):
            was_moving = self._moving
            self._begin_setup()  # it has started anew and knows nothing
            return was_moving
        was_moving, self._moving = self._moving, status.state is State.ACTIVE
        return was_moving and not self._moving

    def _read(self) -> bytes:
        return self._port.read() if self._port is not None else b""

    def _send(self, frame: Frame) -> None:
        self._sequence = (self._sequence + 1) % 128
        self._sent += 1
        if self._port is not None:
            self._port.write(encode(Frame(frame.type, self._sequence, frame.words)))

    def _try_to_send(self, frame: Frame) -> None:
        try:
            self._send(frame)
        except OSError as error:
            self._lose(f"disappeared ({_reason(error)})")


def _reason(error: OSError) -> str:
    return error.strerror or str(error)

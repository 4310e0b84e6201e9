"""The driver of the servo board: an Arduino UNO with the firmware ``servo_humanoid``."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ec_rfernet.files import user_path
from fer_common.reason import Reason
from robot_behavior.body.robot_model import JointLimits, RobotModel
from robot_behavior.robots.backend import STOPPED, JointDriver, JointReport, LinkHealth, read_joints
from robot_behavior.robots.servo_humanoid import ServoSettings
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
    SerialPort,
    Type,
    encode,
)
from robot_behavior.yaml_file import Section

SERVOS_FILE = Path(__file__).with_name("servos.yaml")
"""The servos of the shipped robot."""


@dataclass(frozen=True)
class Servo:
    """A servo on a channel of the board.

    Attributes:
        channel: 0..17.
        zero_us: width of the pulse at the joint's zero, us.
        us_per_rad: change of the width per rad; negative where the servo turns the other way.
        limits: of the joint with this servo.
    """

    channel: int
    zero_us: float
    us_per_rad: float
    limits: JointLimits

    def ticks(self, position: float) -> int:
        """Width of the pulse for a position in rad, which is clamped to the limits."""
        clamped = min(max(position, self.limits.lower), self.limits.upper)
        return round((self.zero_us + self.us_per_rad * clamped) * TICKS_PER_US)

    def position(self, ticks: int) -> float:
        """The position in rad that belongs to a width."""
        return (ticks / TICKS_PER_US - self.zero_us) / self.us_per_rad

    @property
    def limit_frame(self) -> SerialFrame:
        """What sets the channel up: its least, largest and rest width, and its speed."""
        low, high = sorted((self.ticks(self.limits.lower), self.ticks(self.limits.upper)))
        # One tick per step more than the speed, so that rounding never holds the joint back.
        speed = math.ceil(self.ticks_per_step) + 1
        words = (self.channel, low, high, self.ticks(0.0), min(speed, FASTEST))
        return SerialFrame(Type.LIMIT, 0, words)

    @property
    def ticks_per_step(self) -> float:
        """The joint's largest speed in the board's unit."""
        return abs(self.us_per_rad) * TICKS_PER_US * self.limits.velocity * STEP_S


ServoMap = Mapping[str, Servo]
"""The servos by name of the joint."""


def load_servos(file: Path, joints: Mapping[str, JointLimits]) -> ServoMap:
    """The servos of a YAML file.

    A servo's limits are what the file and the robot's model both allow.

    Args:
        file: a mapping ``servos`` of joints, see ``servos.yaml``.
        joints: the joints of the robot's model.

    Raises:
        ConfigError: the file is unusable.
    """
    return read_joints(file, "servos", joints, _servo, "channel", lambda servo: servo.channel)


def _servo(entry: Section, model: JointLimits) -> Servo:
    channel = entry.integer("channel", 0, CHANNELS - 1)
    lowest, highest = LOWEST / TICKS_PER_US, HIGHEST / TICKS_PER_US
    zero = entry.number("zero_us", lowest, highest)
    slope = entry.number("us_per_rad", -5000.0, 5000.0)
    if abs(slope) < 10.0:
        raise entry.error("us_per_rad", slope, "at least 10, or at most -10")
    lower = entry.number("lower", -math.tau, math.tau)
    upper = entry.number("upper", lower, math.tau)
    speed = entry.number("speed", 0.1, 20.0)
    entry.close()
    lower, upper = max(lower, model.lower), min(upper, model.upper)
    if not lower <= 0.0 <= upper:
        raise entry.error("lower", lower, f"limits {lower:g}..{upper:g} that hold the zero pose")
    for name, end in (("lower", lower), ("upper", upper)):
        width = zero + slope * end
        if not lowest <= width <= highest:
            raise entry.error(name, end, f"a pulse of {lowest:g}..{highest:g} us, not {width:.0f}")
    fastest = (FASTEST - 2) / (abs(slope) * TICKS_PER_US * STEP_S)
    velocity = min(speed, model.velocity, fastest)
    limits = replace(model, lower=lower, upper=upper, velocity=velocity)
    return Servo(channel, zero, slope, limits)


RETRY_S = 0.5
"""Time between two attempts to open a port."""

ANSWER_S = 0.2
"""A command that is not answered within this time is repeated."""

SILENCE_S = 0.5
"""A board that is silent for so long is lost; it tells its status every 20 ms."""

_MOST_READS = 64

REOPEN_S = 3.0
"""After such a silence the port is opened anew; a reset UNO needs less to start."""


class Port(Protocol):
    """What the driver needs of `robot_behavior.robots.servo_humanoid.protocol.SerialPort`."""

    def read(self) -> bytes:
        """What has arrived."""

    def write(self, data: bytes) -> None:
        """Sends bytes."""

    def close(self) -> None:
        """Gives the port back."""


class ServoBoard(JointDriver):
    """Moves the servos of a board.

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
        self.status: BoardStatus | None = None
        self._servos, self._open_port, self._name, self._clock = servos, open_port, name, clock
        self._port: Port | None = None
        self._reader = FrameReader()
        self._failure: Reason | None = self._because("closed", "is not open yet")
        self._retry_at = clock()
        self._heard, self._updated = -math.inf, clock()
        self._sent = self._received = 0
        self._setup: deque[SerialFrame] = deque()
        self._refusal: Reason | None = None
        self._sent_at: float | None = None  # when the first frame of the setup was sent
        self._sequence = 0
        self._wanted: Type | None = None  # STOP or RELEASE, until the status shows it
        self._stopped = False  # and not released since, whatever the board has been through
        self._moving = False  # poses have been sent, and the board obeys them
        self._holding = False  # it is told to brake, and will be stopped

    @property
    def limits(self) -> Mapping[str, JointLimits]:
        """What the joints that have a servo can do."""
        return {joint: servo.limits for joint, servo in self._servos.items()}

    @property
    def problem(self) -> Reason | None:
        """See `RobotDriver`."""
        if found := self._failure or self._refusal:
            return found
        if self._setup:
            return self._because("setup", "is being set up")
        stopped = self.status is not None and self.status.state is BoardState.STOPPED
        if stopped or self._stopped:
            return self._because(STOPPED, "is stopped until it is released (robot release)")
        return None

    @property
    def health(self) -> LinkHealth:
        """See `JointDriver`."""
        status, details = self.status, dict[str, object]({"watchdog [s]": WATCHDOG_S})
        if status is not None:
            causes = [cause.name.lower() for cause in Reset if status.cause & cause]
            details |= {"board": status.state.name.lower(), "last reset": ", ".join(causes)}
        damaged = self._reader.bad + (status.bad if status is not None else 0)
        silence_s = self._clock() - self._heard
        return LinkHealth(self._name, silence_s, self._sent, self._received, damaged, details)

    def update(self) -> JointReport | None:
        """See `JointDriver`."""
        now, slept = self._clock(), self._clock() - self._updated
        self._updated = now
        if self._port is None and not self._opened(now):
            return None
        if slept > WATCHDOG_S:
            self._wake_up(now, slept)
        interrupted = False
        try:
            for frame in self._reader.feed(self._read()):
                self._received += 1
                interrupted |= self._take(frame, now)
            if now - self._heard > SILENCE_S:
                silence = f"has been silent for {now - self._heard:.1f} s"
                self._failure = self._because("silent", silence)
                if now - self._heard > REOPEN_S:
                    self._lose(self._failure)
                return None
            self._send_setup(now)
            if self._wanted is not None and self._may_stop:
                self._send(SerialFrame(self._wanted))
        except OSError as error:
            self._lose(self._gone(error))
            return None
        status = self.status
        if status is None or self._setup or self._failure:
            return None
        positions = {
            joint: servo.position(status.positions[servo.channel])
            for joint, servo in self._servos.items()
        }
        return JointReport(positions, interrupted)

    def move(self, positions: Mapping[str, float]) -> None:
        """See `JointDriver`."""
        if self.problem:
            return
        if self._holding:
            self._try_to_send(SerialFrame(Type.HOLD))  # again: frames may be lost
        widths = [0] * CHANNELS
        for joint, servo in self._servos.items():
            widths[servo.channel] = servo.ticks(positions[joint])
        self._try_to_send(SerialFrame(Type.POSE, 0, tuple(widths)))

    def hold(self) -> None:
        """See `JointDriver`."""
        self._holding = True
        self._try_to_send(SerialFrame(Type.HOLD))

    def stop(self) -> None:
        """See `JointDriver`."""
        self._wanted, self._stopped, self._holding = Type.STOP, True, False
        if self._may_stop:
            self._try_to_send(SerialFrame(Type.STOP))

    def release(self) -> None:
        """See `JointDriver`."""
        if self._holding:
            self._try_to_send(SerialFrame(Type.RELEASE))  # a board that is not stopped yet
        self._wanted, self._stopped, self._holding = Type.RELEASE, False, False

    def close(self) -> None:
        """Closes the port, after which the board's watchdog takes the robot to rest."""
        self._try_to_send(SerialFrame(Type.REST))
        if self._port is not None:
            self._port.close()
        self._port, self.status = None, None
        self._failure = self._because("closed", "is closed")

    def _wake_up(self, now: float, slept: float) -> None:
        """Forgets what has arrived meanwhile: where the robot was, not where it is.

        The board has gone to rest by itself, and must not be told to go back.
        """
        with suppress(OSError):  # of a port that is gone, which is found out in a moment
            for _ in range(_MOST_READS):
                if not self._read():
                    break
        self._reader, self._heard = FrameReader(), now
        self._failure = self._because("overslept", f"was not listened to for {slept:.1f} s")

    @property
    def _may_stop(self) -> bool:
        """A board that was stopped before it is set up could not be set up any more."""
        off = self.status is None or self.status.state is BoardState.OFF
        return not (self._setup and off)

    def _opened(self, now: float) -> bool:
        if now < self._retry_at:
            return False
        try:
            self._port = self._open_port()
        except OSError as error:
            # Another error is another reason, of which people should hear.
            text = f"cannot be opened ({error.strerror or error})"
            self._failure = self._because(f"cannot_open_{error.errno}", text)
            self._retry_at = now + RETRY_S
            return False
        self._failure = self._because("no_answer", "has not answered yet")
        self._reader, self._heard, self.status = FrameReader(), now, None
        self._begin_setup()
        return True

    def _because(self, code: str, text: str) -> Reason:
        return Reason(code, f"servo board at {self._name} {text}")

    def _gone(self, error: OSError) -> Reason:
        return self._because("gone", f"disappeared ({error.strerror or error})")

    def _lose(self, failure: Reason) -> None:
        if self._port is not None:
            self._port.close()
        self._port, self.status, self._moving = None, None, False
        self._failure, self._retry_at = failure, self._clock() + RETRY_S

    def _begin_setup(self) -> None:
        used = {servo.channel: servo.limit_frame for servo in self._servos.values()}
        unused = {i: SerialFrame(Type.LIMIT, 0, (i, 0, 0, 0, 0)) for i in range(CHANNELS)}
        limits = [used.get(channel, frame) for channel, frame in unused.items()]
        self._setup = deque([SerialFrame(Type.HELLO, 0, (VERSION,)), *limits])
        self._sent_at, self._refusal, self._moving = None, None, False

    def _send_setup(self, now: float) -> None:
        if not self._setup or self.status is None:
            return
        if self._sent_at is None or now - self._sent_at > ANSWER_S:
            self._send(self._setup[0])
            self._sent_at = now

    def _take(self, frame: SerialFrame, now: float) -> bool:
        """Whether the frame tells of an interruption."""
        status = BoardStatus.read(frame)
        if status is not None:
            self._heard, self._failure, self.status = now, None, status
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
            self._refusal = None
            self._sent_at = None
            if not self._setup:
                self.status = None  # from before the last servo was set up
        elif command.type == Type.HELLO:
            text = f"has another version of the firmware, expected version {VERSION}"
            self._refusal = self._because("other_firmware", text)
        elif code == Code.NOT_NOW:
            text = f"holds its servos with other limits (channel {command.words[0]})"
            self._refusal = self._because("other_limits", f"{text}: switch it off and on")
        else:
            text = f"refuses the limits {command.words[1:]} of channel {command.words[0]}"
            self._refusal = self._because("refused_limits", text)

    def _judge(self, status: BoardStatus) -> bool:
        if self._wanted is not None:
            reached = (status.state is BoardState.STOPPED) == (self._wanted is Type.STOP)
            self._wanted = None if reached else self._wanted
        elif status.state is BoardState.STOPPED:
            self._stopped = True  # from before this program
        elif self._stopped:
            self._wanted = Type.STOP  # it has started anew, and has forgotten it
        if not self._setup and status.servos != len(self._servos):
            was_moving = self._moving
            self._begin_setup()  # it has started anew and knows nothing
            return was_moving
        was_moving, self._moving = self._moving, status.state is BoardState.ACTIVE
        return was_moving and not self._moving

    def _read(self) -> bytes:
        return self._port.read() if self._port is not None else b""

    def _send(self, frame: SerialFrame) -> None:
        self._sequence = (self._sequence + 1) % 128
        self._sent += 1
        if self._port is not None:
            self._port.write(encode(SerialFrame(frame.type, self._sequence, frame.words)))

    def _try_to_send(self, frame: SerialFrame) -> None:
        try:
            self._send(frame)
        except OSError as error:
            self._lose(self._gone(error))


def create(_node: Any, model: RobotModel, settings: ServoSettings) -> ServoBoard:
    """The driver, with the serial port.

    Raises:
        ConfigError: the servos file is unusable.
    """
    file = user_path(settings.servos_file) if settings.servos_file else SERVOS_FILE
    servos, port = load_servos(file, model.limits), settings.port
    return ServoBoard(servos, lambda: SerialPort(port), port, time.monotonic)

"""The driver of NAO and Pepper, over libqi.

Targets are streamed with ``ALMotion.setAngles``, one call at a time and the newest only, so that
nothing piles up on a slow network and a stop is obeyed at once. Legs, knee and wheels stay with the
robot's own balance.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ec_rfernet.registry import in_one_line
from fer_common.reason import Reason
from robot_behavior.body.robot_model import JointLimits, RobotModel
from robot_behavior.robots.backend import JointDriver, JointReport, LinkHealth, stopped
from robot_behavior.robots.nao import Naoqi, NaoqiError, NaoqiSettings, library, result

if TYPE_CHECKING:
    from rclpy.node import Node

PERIOD_S = 0.02
"""The robot is asked where it is, and told where to go, at most so often."""

SILENCE_S = 1.0
"""A robot that has not told for so long where it is, is lost."""

GONE_S = 4.0
"""After so long without an answer the connection is given up, and made anew."""

RETRY_S = 1.0
LOOK_S = 1.0
"""Its battery, temperatures and posture are looked at so often."""

WAKE_S = 30.0
"""To stand up may take so long."""

GOODBYE_S = 2.0
"""Each thing that is done in the end is waited for so long: who stops us may be impatient."""

HOT_C, WARM_C, COOL_C = 80.0, 70.0, 65.0
"""A joint that is hotter than the first rests until it has cooled to the last."""

FLAT_PERCENT, LOW_PERCENT, CHARGED_PERCENT = 7.0, 20.0, 12.0
"""Likewise of the battery."""

REST_SPEED = 0.15
"""Share of its speed with which the robot lowers its arms when it is hot, or its battery flat."""

ARMS_DOWN = {"ShoulderPitch": 1.45, "ElbowRoll": 0.42, "HeadPitch": 0.0}
"""What needs no force: rad by the end of a joint's name; elbows of left arms turn the other way."""

FALLEN = (
    *("LyingBelly", "LyingBack", "LyingLeft", "LyingRight"),
    *("Belly", "Back", "Left", "Right", "UpsideDown"),
)
"""Families of postures, as ``ALRobotPosture`` calls them, from which it gets up with help only."""

ONLY_PEPPERS = "HipPitch"
"""A joint that NAO lacks."""

POSTURES = {"Sitting": "Sit", "Crouching": "Crouch"}
"""Families from which it stands up, for that is what gestures are made for; and the way back."""

LIVING = "solitary"
"""State of autonomous life that can be entered from ``disabled``: the others follow from it."""

ASTRAY_RAD, ASTRAY_S = 0.5, 1.0
"""A joint that is farther from where it was told, for so long, is moved or held by others."""

STILL_RAD, STILL_S = 0.05, 1.0
"""Who moves by less for so long is moved by nobody."""

STALE_S = 0.5
"""A target that could not be sent for so long is not sent any more."""

_SIDES = {"left": "L", "right": "R"}


def naoqi_name(joint: str) -> str:
    """NAOqi's name of a joint: ``LShoulderPitch`` of ``left_shoulder_pitch_joint``."""
    first, *others = joint.removesuffix("_joint").split("_")
    return _SIDES.get(first, first.capitalize()) + "".join(map(str.capitalize, others))


def rgb(red: float, green: float, blue: float, openness: float) -> int:
    """A light of the eyes as ``ALLeds`` takes it: 0xRRGGBB; closed eyes are dark."""
    parts = (round(255 * min(max(part * openness, 0.0), 1.0)) for part in (red, green, blue))
    return sum(part << shift for part, shift in zip(parts, (16, 8, 0), strict=True))


def narrowed(
    positions: Mapping[str, float], ranges: Mapping[str, tuple[float, float]]
) -> dict[str, float]:
    """Positions within what the robot itself says that its joints can do, rad."""
    inside = dict(positions)
    for joint, (least, most) in ranges.items():
        if joint in inside:
            inside[joint] = min(max(inside[joint], least), most)
    return inside


@dataclass
class Condition:
    """How the robot is, apart from its joints' angles; None and empty: not known.

    Attributes:
        battery: percent.
        temperatures: degrees Celsius by NAOqi's name of the joint.
        awake: whether its motors are on.
        posture: the family of its posture, such as ``Standing``.
        life: state of its autonomous life.
    """

    battery: float | None = None
    temperatures: Mapping[str, float] = field(default_factory=dict)
    awake: bool | None = None
    posture: str | None = None
    life: str | None = None

    @property
    def hottest(self) -> tuple[str, float] | None:
        """NAOqi's name of the hottest joint, and its temperature."""
        return max(self.temperatures.items(), key=lambda each: each[1], default=None)


@dataclass
class Fitness:
    """Whether a robot in a condition can be moved; remembers what has to get better first.

    Attributes:
        hot: whether it rests because of a joint.
        flat: whether it rests because of its battery.
    """

    hot: bool = False
    flat: bool = False

    def judge(self, at: Condition) -> Reason | None:
        """Why the robot cannot be moved; None if it can."""
        joint, degrees = at.hottest or ("", 0.0)
        self.hot = degrees >= HOT_C or (self.hot and degrees > COOL_C)
        charge = 100.0 if at.battery is None else at.battery
        self.flat = charge <= FLAT_PERCENT or (self.flat and charge < CHARGED_PERCENT)
        if at.awake is False:
            return Reason("asleep", "its motors are off: press its chest button, or start anew")
        if at.life not in (None, "disabled"):
            text = f"its autonomous life is '{at.life}' and moves it: switch it off, or start anew"
            return Reason("life", text)
        if at.posture in FALLEN:
            return Reason("lies", f"it has fallen ({at.posture}): help it up")
        if self.hot:
            text = f"{joint} is {degrees:.0f} °C hot: it rests until {COOL_C:.0f} °C"
            return Reason("hot", text)
        if self.flat:
            text = f"its battery is at {charge:.0f} %: it rests until {CHARGED_PERCENT:.0f} %"
            return Reason("battery", text)
        return None

    def warnings(self, at: Condition) -> tuple[str, ...]:
        """What people should know before it cannot be moved."""
        found = []
        if at.hottest is not None and at.hottest[1] >= WARM_C:
            found.append(f"{at.hottest[0]} is {at.hottest[1]:.0f} °C hot")
        if at.battery is not None and at.battery <= LOW_PERCENT:
            found.append(f"the robot's battery is at {at.battery:.0f} %: charge it")
        return tuple(found)


class CourseWatch:
    """Whether a robot goes where it is told; if not, it waits until nobody moves it any more."""

    def __init__(self) -> None:
        self._near = -math.inf  # when it was last near to where it was told
        self._problem: Reason | None = None
        self._still: tuple[float, Mapping[str, float]] = (-math.inf, {})

    def judge(
        self, told: Mapping[str, float], at: Mapping[str, float], now: float
    ) -> Reason | None:
        """Why it is not to be commanded; None if it can be.

        Args:
            told: where it has been told to be, rad; empty: nowhere.
            at: where it is, rad.
            now: seconds.
        """
        if self._problem is None:
            joints = [joint for joint in told if not joint.endswith("hand_joint")]  # may grasp
            far = max(joints, key=lambda joint: abs(at[joint] - told[joint]), default=None)
            off = 0.0 if far is None else abs(at[far] - told[far])
            if far is None or off <= ASTRAY_RAD:
                self._near = now
            elif now - self._near > ASTRAY_S:
                text = f"{naoqi_name(far)} is {off:.1f} rad from where it was told: another program"
                self._problem = Reason(
                    "busy", f"{text} moves the robot, or something is in its way"
                )
                self._still = now, dict(at)
        elif any(abs(at[joint] - angle) > STILL_RAD for joint, angle in self._still[1].items()):
            self._still = now, dict(at)
        elif now - self._still[0] > STILL_S:
            self._problem, self._near = None, now
        return self._problem


class NaoqiLink:
    """The connection to a robot, on a thread of its own: nobody waits for it.

    It connects again by itself. While it is connected the robot's autonomous life is off; in the
    end it is as it was, unless it is held: then nothing moves.

    Args:
        qi: what `library` returns.
        settings: where the robot is.
        joints: names of the joints, in the way of our URDF.
        clock: monotonic seconds.

    Attributes:
        positions: where it is, rad; None as long as it has not told.
        heard: when it told last, by the clock.
        condition: how it is.
        warnings: what people should know.
        sent: targets.
        received: positions.
        refused: what it has refused.
    """

    def __init__(
        self,
        qi: Any,
        settings: NaoqiSettings,
        joints: Sequence[str],
        clock: Callable[[], float],
    ) -> None:
        self._qi, self._settings, self._clock = qi, settings, clock
        self._joints = tuple(joints)
        self._names = [naoqi_name(joint) for joint in joints]
        self._at = f"{settings.host}:{settings.naoqi_port}"
        self.positions: dict[str, float] | None = None
        self.heard = -math.inf
        self.condition, self.warnings = Condition(), tuple[str, ...]()
        self.sent = self.received = self.refused = 0
        self._state: Reason | None = Reason("connecting", f"looks for {self._at}")
        self._unfit: Reason | None = None
        self._refusal: Reason | None = None
        self._astray: Reason | None = None
        self._fitness, self._course, self._rests = Fitness(), CourseWatch(), False
        self._ranges: dict[str, tuple[float, float]] = {}
        self._target: tuple[float, dict[str, float]] | None = None  # since when, rad
        self._told: dict[str, float] = {}
        self._held = self._halt = False
        self._eyes: int | None = None
        self._taken = self._woken = self._lives = False
        self._life: str | None = None  # what it was before us
        self._posture: str | None = None  # likewise
        self._ended = threading.Event()
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._run, name="naoqi", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """Where the robot is."""
        return self._at

    @property
    def problem(self) -> Reason | None:
        """Why the robot cannot be moved; None if it can."""
        return self._state or self._unfit or self._refusal or self._astray

    def tell(self, positions: Mapping[str, float]) -> None:
        """Sends positions, rad, in place of those that have not been sent yet."""
        self._target = self._clock(), dict(positions)
        self._news.set()

    def hold(self) -> None:
        """Has the robot stay where it is, at once; nothing moves it until `let_go`."""
        self._held = self._halt = True
        self._target = None
        self._news.set()

    def let_go(self) -> None:
        """Ends `hold`."""
        self._held = self._halt = False

    def shine(self, red: float, green: float, blue: float, openness: float) -> None:
        """Sets the light of the eyes, 0..1 each."""
        self._eyes = rgb(red, green, blue, openness)

    def close(self) -> None:
        """Ends the connection; the robot rests if we have woken it, and lives as before."""
        self._ended.set()
        self._news.set()
        self._thread.join(4.0 * GOODBYE_S)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._visit()
            except NaoqiError as error:
                self._state = Reason("lost", f"the robot at {self._at} is lost: {error}")
            except Exception as error:  # whatever a stranger at the other end does
                self._state = Reason("lost", f"what answers at {self._at}: {in_one_line(error)}")
            self._target, self._told, self._halt = None, {}, False
            self._ended.wait(RETRY_S)

    def _visit(self) -> None:
        """One connection, from its beginning to its end."""
        host, port = self._settings.host, self._settings.naoqi_port
        try:
            robot = Naoqi(self._qi, host, port, self._ended.is_set)
        except NaoqiError as error:
            self._state = Reason("unreachable", f"nobody answers at {self._at}: {error}")
            return
        stranger: Reason | None = Reason("unknown", "not met yet")
        try:
            stranger = self._meet(robot)
            trouble = stranger or self._take(robot)
            if trouble is None:
                self._command(robot)
            else:  # not before: without a state the robot can be moved
                self._state = trouble
        finally:
            try:
                if self._ended.is_set() and stranger is None and robot.is_connected:
                    self._hand_back(Naoqi(self._qi, host, port))
            except NaoqiError:
                pass  # who is gone cannot be handed back
            robot.close()

    def _meet(self, robot: Naoqi) -> Reason | None:
        """Learns what its joints can do; why this is not the robot that we move, if it is not."""
        if not robot.has("ALMotion"):
            return Reason("no_robot", f"what answers at {self._at} has no ALMotion: is it a robot?")
        known = robot.ask("ALMotion", "getBodyNames", "Body")
        missing = [name for name in self._names if name not in known]
        if ONLY_PEPPERS in known and ONLY_PEPPERS not in self._names:
            return Reason("other_robot", f"the robot at {self._at} is a Pepper: take robot:=pepper")
        if missing:
            some = ", ".join(missing[:3])
            text = f"the robot at {self._at} has no {some}: is it the robot of this name?"
            return Reason("other_robot", text)
        limits = robot.ask("ALMotion", "getLimits", "Body")
        ranges = dict(zip(known, limits, strict=False))
        self._ranges = {
            joint: (float(ranges[name][0]), float(ranges[name][1]))
            for joint, name in zip(self._joints, self._names, strict=True)
            if name in ranges
        }
        return None

    def _take(self, robot: Naoqi) -> Reason | None:
        """Switches its own life off, and has it stand up once; why it does not, if so."""
        self._lives = robot.has("ALAutonomousLife")
        if self._lives:
            state = str(robot.ask("ALAutonomousLife", "getState"))
            if state != "disabled":
                self._state = Reason("taking", "its autonomous life is being switched off")
                try:
                    robot.ask("ALAutonomousLife", "setState", "disabled", within_s=WAKE_S)
                except NaoqiError as error:
                    return Reason("life", f"its autonomous life cannot be switched off: {error}")
                self._life = state
        if self._settings.naoqi_wake and not self._taken and not self._held:
            try:
                self._stand_up(robot)
            except NaoqiError as error:
                return Reason("asleep", f"it does not stand up: {error}")
            self._taken = True
        try:
            robot.ask("ALMotion", "setBreathEnabled", "Body", False)
        except NaoqiError:
            self.refused += 1  # an older one has no breath
        return None

    def _stand_up(self, robot: Naoqi) -> None:
        posture = None
        if robot.has("ALRobotPosture"):
            posture = robot.ask("ALRobotPosture", "getPostureFamily")
        if posture in FALLEN:
            return  # told as long as it lies
        awake = robot.ask("ALMotion", "robotIsWakeUp")
        if awake and posture not in POSTURES:
            return
        self._state = Reason("waking", "it stands up")
        if not awake:
            self._woken = True
            robot.ask("ALMotion", "wakeUp", within_s=WAKE_S)
        else:
            self._posture = posture
        if posture is not None:
            robot.ask("ALRobotPosture", "goToPosture", "StandInit", 0.5, within_s=WAKE_S)

    def _command(self, robot: Naoqi) -> None:
        """Tells and hears until the connection is lost, or nobody wants it any more."""
        self._state = Reason("looking", "it is asked how it is")
        self._unfit = self._refusal = self._astray = None
        self._course = CourseWatch()
        asked, where, told, shone = self._clock(), self._where(robot), None, None
        looked, looks = -math.inf, dict[str, Any]()
        shown, has_eyes = None, robot.has("ALLeds")
        while not self._ended.is_set():
            now = self._clock()
            if where is not None and not where.isRunning():
                self._learn(result(where), now)
                where = None
            if where is None and now - asked >= PERIOD_S:
                where, asked = self._where(robot), now
            elif now - asked > GONE_S:
                raise NaoqiError(f"no answer within {GONE_S:g} s")
            if self._halt and now - self.heard < STALE_S:
                self._halt = False
                told = self._send(robot, self.positions or {})
            elif told is None or not told.isRunning():
                self._check(told)
                told = self._next(robot, now)
            if has_eyes and self._eyes != shown and (shone is None or not shone.isRunning()):
                shown = self._eyes
                shone = robot.post("ALLeds", "fadeRGB", "FaceLeds", shown, 0.05)
            if looks and not any(each.isRunning() for each in looks.values()):
                self._see(looks)
                looks = {}
            if not looks and now - looked >= LOOK_S:
                looked, looks = now, self._looks(robot)
                if self._refusal is not None and self.positions is not None:
                    self.tell(self.positions)  # moves nothing, and shows whether it refuses still
            self._news.wait(PERIOD_S)
            self._news.clear()

    def _where(self, robot: Naoqi) -> Any:
        return robot.post("ALMotion", "getAngles", self._names, True)

    def _learn(self, angles: Any, now: float) -> None:
        values = [float(angle) for angle in angles]
        if len(values) != len(self._joints) or not all(map(math.isfinite, values)):
            self.refused += 1
            return
        positions = dict(zip(self._joints, values, strict=True))
        self.positions, self.heard = positions, now
        self.received += 1
        self._astray = self._course.judge({} if self._rests else self._told, positions, now)
        if self._astray is not None:
            self._told = {}

    def _next(self, robot: Naoqi, now: float) -> Any:
        """Sends the newest target; None if there is none."""
        target, self._target = self._target, None
        if target is None or now - target[0] > STALE_S:
            return None
        return self._send(robot, target[1])

    def _send(self, robot: Naoqi, positions: Mapping[str, float]) -> Any:
        inside = narrowed(positions, self._ranges)
        speed = REST_SPEED if self._rests else self._settings.naoqi_speed
        self.sent += 1
        self._told = inside
        angles = [inside[joint] for joint in self._joints if joint in inside]
        names = [n for joint, n in zip(self._joints, self._names, strict=True) if joint in inside]
        return robot.post("ALMotion", "setAngles", names, angles, speed)

    def _check(self, told: Any) -> None:
        if told is None:
            return
        try:
            result(told)
        except NaoqiError as error:
            self.refused += 1
            self._told = {}
            self._refusal = Reason("refused", f"it refuses to move: {error}")
        else:
            self._refusal = None

    def _looks(self, robot: Naoqi) -> dict[str, Any]:
        """What to look at now and then; services that the robot lacks are left out.

        Raises:
            NaoqiError: the robot has just begun to live by itself: it is to be met anew.
        """
        if not self._lives and robot.has("ALAutonomousLife"):
            raise NaoqiError("it has just been started, and begins to live by itself")
        keys = [f"Device/SubDeviceList/{name}/Temperature/Sensor/Value" for name in self._names]
        questions: dict[str, tuple[Any, ...]] = {
            "battery": ("ALBattery", "getBatteryCharge"),
            "temperatures": ("ALMemory", "getListData", keys),
            "awake": ("ALMotion", "robotIsWakeUp"),
            "posture": ("ALRobotPosture", "getPostureFamily"),
            "life": ("ALAutonomousLife", "getState"),
        }
        return {
            what: robot.post(*question)
            for what, question in questions.items()
            if robot.has(question[0])
        }

    def _see(self, looks: Mapping[str, Any]) -> None:
        """Takes in what was looked at, and judges it."""
        found: dict[str, Any] = {}
        for what, future in looks.items():
            try:
                found[what] = result(future)
            except NaoqiError:
                continue  # it is not known then
        degrees = zip(self._names, found.get("temperatures") or (), strict=False)
        battery, awake = found.get("battery"), found.get("awake")
        self.condition = Condition(
            None if battery is None else float(battery),
            {name: float(value) for name, value in degrees if value is not None},
            None if awake is None else bool(awake),
            found.get("posture"),
            found.get("life"),
        )
        self.warnings = self._fitness.warnings(self.condition)
        unfit = self._fitness.judge(self.condition)
        rests = unfit is not None and unfit.code in ("hot", "battery") and not self._held
        if rests and not self._rests:
            self.tell(arms_down(self._joints))
        elif unfit is not None and not rests:
            self._told = {}
        self._rests, self._unfit, self._state = rests, unfit, None

    def _hand_back(self, robot: Naoqi) -> None:
        """What is not done when its time is over, the robot does without us."""
        words: list[tuple[Any, ...]] = []
        if robot.has("ALLeds"):
            words.append(("ALLeds", "reset", "FaceLeds"))
        if self._posture in POSTURES and not self._held:
            words.append(("ALRobotPosture", "goToPosture", POSTURES[self._posture], 0.5))
        if self._life is not None and not self._held:
            words.append(("ALAutonomousLife", "setState", LIVING))
        elif self._woken and not self._held:
            words.append(("ALMotion", "rest"))
        for each in words:
            try:
                robot.ask(*each, within_s=GOODBYE_S)
            except NaoqiError:
                continue  # the others are worth a try
        robot.close()


def arms_down(joints: Sequence[str]) -> dict[str, float]:
    """The pose of the joints that needs no force, rad; others stay where they are."""
    found = {}
    for joint in joints:
        name = naoqi_name(joint)
        for end, angle in ARMS_DOWN.items():
            if name.endswith(end):
                found[joint] = -angle if name == "LElbowRoll" else angle
    return found


class NaoqiDriver(JointDriver):
    """Moves head, arms and hands of NAO and Pepper, and Pepper's hip.

    Args:
        link: to the robot.
        limits: of the joints.
        clock: monotonic seconds.
    """

    def __init__(
        self, link: NaoqiLink, limits: Mapping[str, JointLimits], clock: Callable[[], float]
    ) -> None:
        self._link, self._limits, self._clock = link, limits, clock
        self._stopped = False

    @property
    def limits(self) -> Mapping[str, JointLimits]:
        """See `JointDriver`."""
        return self._limits

    @property
    def problem(self) -> Reason | None:
        """See `RobotDriver`."""
        link = self._link
        if self._stopped:
            return stopped()
        if link.problem is not None:
            return link.problem
        if link.positions is None:
            return Reason("unknown", "the robot has not told yet where its joints are")
        silence = self._clock() - link.heard
        if silence > SILENCE_S:
            return Reason("silent", f"the robot has been silent for {silence:.1f} s")
        return None

    @property
    def health(self) -> LinkHealth:
        """See `RobotDriver`."""
        link, at = self._link, self._link.condition
        hottest = f"{at.hottest[0]} {at.hottest[1]:.0f} °C" if at.hottest else "unknown"
        motors = {True: "on", False: "off", None: "unknown"}
        details = {
            "battery [%]": "unknown" if at.battery is None else f"{at.battery:.0f}",
            "hottest joint": hottest,
            "motors": motors[at.awake],
            "posture": at.posture or "unknown",
            "autonomous life": at.life or "unknown",
        }
        silence_s = self._clock() - link.heard
        return LinkHealth(
            link.name, silence_s, link.sent, link.received, link.refused, details, link.warnings
        )

    def update(self) -> JointReport | None:
        """See `JointDriver`."""
        positions, silence = self._link.positions, self._clock() - self._link.heard
        return None if positions is None or silence > SILENCE_S else JointReport(positions)

    def move(self, positions: Mapping[str, float]) -> None:
        """See `JointDriver`."""
        if self.problem is None:
            self._link.tell(positions)

    def stop(self) -> None:
        """See `RobotDriver`."""
        if not self._stopped:
            self._link.hold()
        self._stopped = True

    def release(self) -> None:
        """See `RobotDriver`."""
        self._stopped = False
        self._link.let_go()

    def close(self) -> None:
        """See `RobotDriver`."""
        self._link.close()


def create(node: Node | None, model: RobotModel, settings: NaoqiSettings) -> NaoqiDriver:
    """The driver, with its connection under way; it hears the light of the eyes.

    Raises:
        InputError: the package ``qi`` is not installed.
    """
    link = NaoqiLink(library(), settings, list(model.limits), time.monotonic)
    if node is not None:
        from std_msgs.msg import ColorRGBA

        from robot_behavior.robots.sign_of_life import EYES

        node.create_subscription(
            ColorRGBA, "eyes", lambda light: link.shine(light.r, light.g, light.b, light.a), EYES
        )
    return NaoqiDriver(link, model.limits, time.monotonic)

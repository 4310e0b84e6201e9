"""A stand-in of NAO's or Pepper's NAOqi: the few services that we use, over libqi itself.

    fake_naoqi [nao|pepper] [PORT]

Its joints go where they are told, at a share of their speed. Nothing else of a robot is simulated.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from ec_rfernet.cli import Parser, exit_code
from ec_rfernet.errors import InputError
from robot_behavior.body import urdf
from robot_behavior.robots import find_robot
from robot_behavior.robots.nao import library
from robot_behavior.robots.nao.driver import naoqi_name

LEGS = ("LHipYawPitch", "RHipYawPitch", "LKneePitch", "RKneePitch")
"""Some of the joints that we leave alone."""

FASTEST = 7.0
"""Of a joint at full speed, rad/s."""

SEIZED_SPEED = 2.0
"""Of a joint that another program moves, rad/s."""

BEGIN_RAD = 0.1
"""Where a joint is in the beginning, as far as it can be there."""

CHARACTERS_HZ = 15.0
"""So fast it speaks."""

HEY, HEY_STEP_S = "animations/Stand/Gestures/Hey_1", 0.4
HEY_POSES: tuple[dict[str, float], ...] = (
    {"RShoulderPitch": -0.4, "RElbowRoll": 1.0, "HeadYaw": -0.1},
    {"RElbowRoll": 0.5},
    {"RElbowRoll": 1.0},
    {"RShoulderPitch": 1.45, "RElbowRoll": 0.42, "HeadYaw": 0.0},
)
"""An animation that it brings along: where joints go, one step after the other."""

FAMILIES = {"StandInit": "Standing", "Sit": "Sitting", "Crouch": "Crouching"}
"""The family of each posture that it can take."""

EYES = ("Red", "Green", "Blue")

KEPT = 10_000
"""Targets that it remembers."""


class FakeNaoqi:
    """A robot's NAOqi on this machine; a context manager.

    Args:
        robot: ``nao`` or ``pepper``.
        port: of 127.0.0.1; 0: any.
        awake: whether its motors are on.
        life: state of its autonomous life.
        lacks: names of services that it does not have.

    Raises:
        InputError: the package ``qi`` is not installed, or the port is taken.

    Attributes:
        port: where it answers.
        angles: where its joints are, rad by NAOqi's name.
        targets: what it was told: by the clock `time.monotonic`, and the angles by name.
        awake, posture, life, battery: as they are now.
        temperatures: degrees Celsius by NAOqi's name of a joint.
        colours: of the eyes, as they were told.
        said: what it was told to say, and in which language.
        refuses: why, by ``Service.method``: what it does not do.
        seized: joints that another program moves, and whereto: rad by NAOqi's name.
        delay_s: by which every answer of ALMotion is late.
        log: of what it was asked to do apart from moving, as ``Service.method values``.
    """

    def __init__(
        self,
        robot: str = "nao",
        port: int = 0,
        awake: bool = False,
        life: str = "solitary",
        lacks: Sequence[str] = (),
    ) -> None:
        file = find_robot(robot).urdf
        assert file is not None
        limits = urdf.load(file).limits
        self.limits = {naoqi_name(joint): each for joint, each in limits.items()}
        names = (*self.limits, *LEGS)
        self.port, self.awake, self.life = port, awake, life
        self.angles = dict.fromkeys(names, BEGIN_RAD)
        for name, limit in self.limits.items():
            self.angles[name] = min(max(BEGIN_RAD, limit.lower), limit.upper)
        self.posture = "Standing" if awake else "Crouching"
        self.battery, self.temperatures = 80, dict.fromkeys(names, 38.0)
        self.targets: list[tuple[float, dict[str, float]]] = []
        self.colours: list[int] = []
        self.said: list[tuple[str, str]] = []
        self.log: list[str] = []
        self.refuses: dict[str, str] = {}
        self.seized: dict[str, float] = {}
        self.delay_s = 0.0
        self.hush = threading.Event()
        self._goals, self._speed, self._moved = dict(self.angles), 0.0, time.monotonic()
        self._lock = threading.Lock()
        self._session: Any = None
        services: tuple[type[_Service], ...]
        services = (ALMotion, ALRobotPosture, ALAutonomousLife, ALLeds, ALBattery, ALMemory)
        services += (ALTextToSpeech, ALAnimatedSpeech, ALAnimationPlayer)
        self._services = {each.__name__: each(self) for each in services}
        self._lacks = tuple(lacks)

    def __enter__(self) -> FakeNaoqi:
        self._session = library().Session()
        try:
            self._session.listenStandalone(f"tcp://127.0.0.1:{self.port}")
        except RuntimeError as error:
            why = str(error).splitlines()[-1].partition(" [")[0]
            raise InputError(f"port {self.port}: {why}") from error
        self.port = int(self._session.endpoints()[0].rpartition(":")[2])
        for name in self._services:
            if name not in self._lacks:
                self.serve(name)
        return self

    def __exit__(self, *_: object) -> None:
        self.hush.set()
        self._session.close()

    def serve(self, name: str) -> None:
        """Begins to offer a service, as a robot that starts does, one after the other."""
        self._session.registerService(name, self._services[name])

    def move(self, names: Sequence[str], angles: Sequence[float], speed: float) -> None:
        """Goes to angles from now on, at a share of the speed of the joints."""
        with self._lock:
            self._step()
            told = dict(zip(names, map(float, angles), strict=True))
            self._goals.update(told)
            self._speed = speed * FASTEST
            self.targets = [*self.targets[-KEPT:], (time.monotonic(), told)]

    def speak(self, text: str, language: str) -> Any:
        """Says a text; a future that ends when it has been said, or is hushed."""
        promise = library().Promise()
        self.hush.clear()
        self.said.append((text, language))

        def say() -> None:
            self.hush.wait(len(text) / CHARACTERS_HZ)
            promise.setValue(None)

        # Not on a thread of libqi: it has few, and others wait for them.
        threading.Thread(target=say, daemon=True).start()
        return promise.future()

    def where(self) -> dict[str, float]:
        """Where the joints are now."""
        with self._lock:
            self._step()
            return dict(self.angles)

    def _step(self) -> None:
        now = time.monotonic()
        seconds, self._moved = now - self._moved, now
        if self.awake:
            for name, goal in (self._goals | self.seized).items():
                speed = SEIZED_SPEED if name in self.seized else self._speed
                way, most = goal - self.angles[name], speed * seconds
                self.angles[name] += min(max(way, -most), most)


class _Service:
    def __init__(self, robot: FakeNaoqi) -> None:
        self._robot = robot

    def _note(self, method: str, *values: Any) -> None:
        words = (f"{type(self).__name__}.{method}", *map(str, values))
        self._robot.log.append(" ".join(words))
        self._may(method)

    def _may(self, method: str) -> None:
        if why := self._robot.refuses.get(f"{type(self).__name__}.{method}"):
            raise RuntimeError(f"{type(self).__name__}::{method}\n\t{why}")

    def _late(self) -> None:
        threading.Event().wait(self._robot.delay_s)


class ALMotion(_Service):
    """Moves the joints."""

    def getBodyNames(self, _group: str) -> list[str]:
        """Names of all joints."""
        return list(self._robot.angles)

    def getLimits(self, _group: str) -> list[list[float]]:
        """Least and largest angle, speed and torque of each."""
        known = self._robot.limits
        limits = [known.get(name) for name in self._robot.angles]
        return [[e.lower, e.upper, 7.0, 1.0] if e else [-1.0, 1.0, 7.0, 1.0] for e in limits]

    def getAngles(self, names: list[str], _sensors: bool) -> list[float]:
        """Where joints are, rad."""
        self._late()
        at = self._robot.where()
        return [at[name] for name in names]

    def setAngles(self, names: list[str], angles: list[float], speed: float) -> None:
        """Goes there."""
        self._late()
        self._may("setAngles")
        self._robot.move(names, angles, speed)

    def robotIsWakeUp(self) -> bool:
        """Whether the motors are on."""
        return self._robot.awake

    def wakeUp(self) -> None:
        """Switches the motors on, and stands up."""
        self._note("wakeUp")
        self._robot.awake, self._robot.posture = True, "Standing"

    def rest(self) -> None:
        """Crouches, and switches the motors off."""
        self._note("rest")
        self._robot.awake, self._robot.posture = False, "Crouching"

    def setBreathEnabled(self, group: str, enabled: bool) -> None:
        """Lets the robot breathe by itself, or not."""
        self._note("setBreathEnabled", group, enabled)


class ALAnimationPlayer(_Service):
    """Plays what the robot brings along."""

    def run(self, animation: str) -> None:
        """Plays an animation, and returns at its end."""
        if animation != HEY:
            raise RuntimeError(f"no animation {animation}")
        for pose in HEY_POSES:
            self._robot.move(list(pose), list(pose.values()), 0.3)
            threading.Event().wait(HEY_STEP_S)


class ALRobotPosture(_Service):
    """Knows postures."""

    def goToPosture(self, posture: str, _speed: float) -> bool:
        """Takes one."""
        self._note("goToPosture", posture)
        self._robot.posture = FAMILIES[posture]
        return True

    def getPostureFamily(self) -> str:
        """In which it is."""
        return self._robot.posture


class ALAutonomousLife(_Service):
    """What the robot does by itself."""

    def getState(self) -> str:
        """Solitary, interactive, safeguard or disabled."""
        return self._robot.life

    def setState(self, state: str) -> None:
        """Changes it; from disabled to solitary only."""
        self._note("setState", state)
        if state not in ("disabled", "solitary"):
            raise RuntimeError(f"AutonomousLife::setState\n\tnot allowed: {state}")
        self._robot.life = state


class ALLeds(_Service):
    """Its lights."""

    def fadeRGB(self, _group: str, colour: int, _seconds: float) -> None:
        """Changes their colour."""
        self._robot.colours = [*self._robot.colours[-KEPT:], colour]

    def reset(self, group: str) -> None:
        """As they were."""
        self._note("reset", group)


class ALBattery(_Service):
    """Its battery."""

    def getBatteryCharge(self) -> int:
        """Percent."""
        return self._robot.battery


class ALMemory(_Service):
    """What it knows of itself."""

    def getListData(self, keys: list[str]) -> list[float | None]:
        """Temperatures of joints, and lights of the eyes (``.../Face/Led/Red/...``), 0..1."""
        return [self._value(key.split("/")) for key in keys]

    def _value(self, key: list[str]) -> float | None:
        if key[2:4] != ["Face", "Led"]:
            return self._robot.temperatures.get(key[2])
        colour = self._robot.colours[-1] if self._robot.colours else 0
        return (colour >> 8 * (2 - EYES.index(key[4])) & 0xFF) / 255


class ALTextToSpeech(_Service):
    """Its voice."""

    def getAvailableLanguages(self) -> list[str]:
        """By their names in English."""
        return ["English", "French"]

    def setLanguage(self, language: str) -> None:
        """Speaks it from now on."""
        self._note("setLanguage", language)

    def say(self, text: str, language: str) -> Any:
        """Says a text; the answer comes when that is said, or somebody wants it to end."""
        return self._robot.speak(text, language)

    def stopAll(self) -> None:
        """Ends all that is being said."""
        self._note("stopAll")
        self._robot.hush.set()


class ALAnimatedSpeech(_Service):
    """Its voice, with gestures of its own."""

    def say(self, text: str, configuration: dict[str, str]) -> Any:
        """Says a text in the language that was set."""
        self._note("say", configuration)
        return self._robot.speak(text, "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Stands in for a robot until Ctrl-C.

    Returns:
        2 after one line on bad input, 130 on Ctrl-C.
    """
    options = make_parser().parse_args(arguments)

    def stand_in() -> None:
        with FakeNaoqi(options.robot, options.port) as naoqi:
            print(f"stands in for a {options.robot} at 127.0.0.1:{naoqi.port}", flush=True)
            threading.Event().wait()

    return exit_code("fake_naoqi", stand_in)


def make_parser() -> Parser:
    """The parser of the command line."""
    parser = Parser(prog="fake_naoqi", description="Stands in for NAO or Pepper.")
    parser.add_argument(
        "robot", nargs="?", default="nao", choices=("nao", "pepper"), help="which (default: nao)"
    )
    parser.add_argument("port", nargs="?", default=9559, type=int, help="0: any (default: 9559)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

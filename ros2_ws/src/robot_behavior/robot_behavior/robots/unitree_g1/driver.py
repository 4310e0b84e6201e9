"""Moves Unitree G1's arms through ``rt/arm_sdk``, has it play its own actions, shine and speak."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ec_rfernet.errors import InputError
from fer_common.reason import Reason
from robot_behavior.body.robot_model import JointLimits, RobotModel
from robot_behavior.motion.library import load_motions
from robot_behavior.prosody import Prosody
from robot_behavior.robots.backend import STOPPED, JointDriver, JointReport, LinkHealth, stopped
from robot_behavior.robots.unitree_g1 import ROBOT, G1Settings
from robot_behavior.robots.unitree_g1.link import JOINTS, Call, G1Link, G1State, LinkError
from robot_behavior.speech.voice import (
    LogVoice,
    OwnVoice,
    Sound,
    SpeechError,
    VoiceSettings,
    best_language,
)

if TYPE_CHECKING:
    from fer_common.runner import ClosingNode

RAMP_S = 1.5
"""The arms are taken over, and handed back, in so long."""

SILENCE_S = 1.0
"""A robot whose states stay away for so long is lost: the maker's own limit."""

CASING, WINDING, COOLER = 85, 120, 10
"""Temperatures from which on its maker lets go of motors, degrees Celsius; the arms are taken over
again when they are so much cooler."""

FALLEN_RAD, UPRIGHT_RAD = 1.0, 0.3
"""A robot that is tilted further than the first, its maker's limit, has fallen, until it is less
tilted than the second."""

LEAST_CHARGE, ENOUGH_CHARGE = 20, 22
"""Per cent of the battery: below the first, its maker's limit, the arms are handed back."""

RETRY_S = 1.0
"""An interface that cannot be used is tried again so often."""

QUIET_S = 1.0
"""Another program that has not commanded the arms for so long has ended."""

HURRY = 1.3
"""A command goes at most so many times faster than its joint may, whatever it is asked for."""

PERIOD_S, LONGEST_S = 0.02, 0.1
"""Time between two commands, as a rule, and what counts of it where it was longer."""

LIGHT_S = 0.2
"""The lights are told no more often."""

ANSWER_S = 5.0
"""The voice is found, and answers, in so long."""

FIVE_LACK = re.compile("wrist_(pitch|yaw)")
"""What an arm of five joints lacks."""

ACTION_S = 12.0
"""An action of the robot's own that is not answered in so long has failed: they are shorter."""

ACTIONS = {
    "two_hand_kiss": 11, "left_kiss": 12, "right_kiss": 13, "hands_up": 15, "clap": 17,
    "high_five": 18, "hug": 19, "heart": 20, "right_heart": 21, "reject": 22, "right_hand_up": 23,
    "x_ray": 24, "face_wave": 25, "high_wave": 26, "shake_hand": 27,
}  # fmt: skip
"""The maker's numbers of the actions that a robot brings along."""

HOLDING = {"hands_up", "high_five", "hug", "heart", "right_heart", "reject", "right_hand_up",
           "x_ray", "shake_hand"}  # fmt: skip
"""Those that end in a pose, which is held until `RELEASE` is played."""

RELEASE, POSE_S = 99, 2.0
"""The action that lets go of such a pose, and how long it is shown."""

EXECUTE, SPEAK, SHINE = 7106, 1001, 1010
"""Numbers of what the services ``arm`` and ``voice`` can be asked for."""

Colour = tuple[int, int, int]
"""Red, green and blue, 0..255."""

LANGUAGES = {"en": 1, "zh": 0}
"""The maker's numbers of the voices, by language."""


@dataclass
class Action:
    """One of the robot's own actions, under way.

    Attributes:
        name: one of `ACTIONS`.
        steps: numbers to be asked for yet, each with the seconds to wait before.
        since: when the last step was answered, or the action asked for; monotonic seconds.
        call: the request that is not answered yet.
    """

    name: str
    steps: list[tuple[int, float]]
    since: float
    call: Call | None = None


class G1Driver(JointDriver):
    """Moves Unitree G1's arms; its legs, waist and balance are its own controller's.

    Their weight, how much of them is ours, rises from 0 to 1 while they are held where they are,
    and sinks again in the end, and whenever the robot shall not be moved.

    Args:
        link: to the robot.
        limits: of the joints that its arms have.
        home: where they rest, rad by name.
        settings: of the user.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        link: G1Link,
        limits: Mapping[str, JointLimits],
        home: Mapping[str, float],
        settings: G1Settings,
        clock: Callable[[], float],
    ) -> None:
        self._link, self._limits, self._home, self._clock = link, limits, home, clock
        self._lights = settings.lights
        self._unusable: Reason | None = Reason("connecting", "looks for Unitree G1")
        self._tried = self._updated = self._heard = self._others = -math.inf
        self._state: G1State | None = None
        self._target: dict[str, float] | None = None
        self._weight = self._passed = 0.0
        self._stopped = self._moved = self._closing = False
        self._trouble: Reason | None = None
        self._action: Action | None = None
        self._failure: str | None = None  # of the last action
        self._wanted: Colour | None = None
        self._colour: Colour | None = None
        self._shone = -math.inf

    @property
    def limits(self) -> Mapping[str, JointLimits]:
        """See `JointDriver`."""
        return self._limits

    @property
    def home(self) -> Mapping[str, float]:
        """See `JointDriver`."""
        return self._home

    @property
    def problem(self) -> Reason | None:
        """See `RobotDriver`."""
        if self._stopped:
            return stopped("Unitree G1")
        return self._absence() or self._use() or self._trouble or self._ramp()

    def _absence(self) -> Reason | None:
        """Why the robot can neither be heard nor told anything; None if it can."""
        if self._unusable is not None:
            return self._unusable
        silence = self._clock() - self._heard
        if self._state is None:
            where = f"on interface {self._link.interface}"
            return Reason("silent", f"no Unitree G1 is heard {where}: is it on, and cabled?")
        if silence > SILENCE_S:
            return Reason("silent", f"Unitree G1 has been silent for {silence:.1f} s")
        if not self._link.is_heeded:
            what = "does not listen to rt/arm_sdk: let its own controller stand or walk"
            return Reason("deaf", f"Unitree G1 {what}, not its debug mode")
        return None

    def _use(self) -> Reason | None:
        """Who else moves the arms; None if nobody does."""
        if self._clock() - self._others < QUIET_S:
            return Reason("busy", "another program moves Unitree G1's arms; waits until it ends")
        if self._action is not None:
            return Reason("acting", f"Unitree G1 plays its own action '{self._action.name}'")
        return None

    def _ramp(self) -> Reason | None:
        return Reason("taking", "takes over Unitree G1's arms") if self._weight < 1.0 else None

    @property
    def health(self) -> LinkHealth:
        """See `RobotDriver`."""
        link, state = self._link, self._state
        details: dict[str, object] = {
            "share of the arms that is ours": f"{self._weight:.2f}",
            "battery [%]": "unknown" if link.battery is None else link.battery,
            "hottest motor": "unknown"
            if state is None
            else f"{state.hottest}: {state.casing} degrees C, windings up to {state.winding}",
            "type of machine": "unknown" if state is None else state.machine,
            "last action": self._failure or "none has failed",
            "heard on other interfaces": "nothing" if link.guarded else "everything: old Linux",
        }
        silence = self._clock() - self._heard
        return LinkHealth(link.interface, silence, link.sent, link.heard, link.damaged, details)

    def update(self) -> JointReport | None:
        """See `JointDriver`."""
        now = self._clock()
        self._passed = min(max(now - self._updated, 0.0), LONGEST_S)
        self._updated = now
        if self._connected(now):
            self._look(now)
            self._act(now)
            self._hold(now)
            self._light(now)
        problem = self.problem
        told = self._state if now - self._heard <= SILENCE_S else None
        if told is None or (problem is not None and problem.code != STOPPED):
            return None
        return JointReport({name: told.positions[name] for name in self._limits})

    def move(self, positions: Mapping[str, float]) -> None:
        """See `JointDriver`."""
        if self.problem is not None or self._target is None:
            return
        for name, wanted in positions.items():
            most = HURRY * self._limits[name].velocity * self._passed
            before = self._target[name]
            self._target[name] = before + min(max(wanted - before, -most), most)
        self._link.command(self._target, self._weight)
        self._moved = True

    def stop(self) -> None:
        """Holds the arms where they were told to be last; their weight stays."""
        self._stopped = True

    def release(self) -> None:
        """See `RobotDriver`."""
        self._stopped = False

    def close(self) -> None:
        """Hands the arms back, which takes `RAMP_S`; those of a stopped robot stay."""
        self._closing, self._action = True, None
        pause, end = threading.Event(), self._clock() + 2.0 * RAMP_S
        while self._weight > 0.0 and not self._stopped and self._clock() < end:
            if not self._link.is_open or self._clock() - self._heard > SILENCE_S:
                break  # nobody listens
            self.update()
            pause.wait(0.02)
        self._link.close()

    def refusal(self, action: str) -> Reason | None:
        """Why the robot cannot play an action of its own; None if it can."""
        if action not in ACTIONS:
            known = ", ".join(ACTIONS)
            return Reason("unknown", f"no action '{action[:40]}', expected one of {known}")
        return self.problem

    def play(self, action: str) -> None:
        """Has the robot play one of its own actions, as soon as the arms have been handed back.

        Args:
            action: one of `ACTIONS`.
        """
        steps = [(ACTIONS[action], 0.0)]
        if action in HOLDING:
            steps.append((RELEASE, POSE_S))
        self._action, self._failure = Action(action, steps, self._clock()), None

    def give_up(self) -> None:
        """Ends an action of the robot's own, as far as it can be ended."""
        if self._action is not None and self._action.call is not None:
            self._ask_for(RELEASE)
        self._end_action("was given up")

    @property
    def playing(self) -> bool:
        """Whether the robot plays an action of its own, or is about to."""
        return self._action is not None

    @property
    def failure(self) -> str | None:
        """Why the last action has failed; None if it has not."""
        return self._failure

    def shine(self, red: float, green: float, blue: float, openness: float) -> None:
        """Has the lights show a colour, 0..1 each, dark while eyes would be closed."""
        lit = 255.0 if openness > 0.5 else 0.0
        self._wanted = (round(red * lit), round(green * lit), round(blue * lit))

    def _light(self, now: float) -> None:
        if now - self._heard > SILENCE_S:
            self._colour = None  # who knows what it shows when it is back
            return
        due = self._wanted not in (None, self._colour) and now - self._shone >= LIGHT_S
        if due and self._lights and self._link.meets("voice"):
            self._colour, self._shone = self._wanted, now
            self._link.ask("voice", SHINE, dict(zip("RGB", self._colour or (), strict=True)))

    def _connected(self, now: float) -> bool:
        if not self._link.is_open and not self._closing and now - self._tried >= RETRY_S:
            self._tried = now
            try:
                self._link.open(("arm", "voice"))
                self._unusable = None
            except LinkError as error:
                self._unusable = Reason("unreachable", str(error))
        return self._link.is_open

    def _look(self, now: float) -> None:
        """Takes in what the robot and other programs have told."""
        state = self._link.look()
        foreign, self._link.foreign = self._link.foreign, None
        if foreign:
            self._others = now
            self._let_go()
        if state is None:
            return
        before, self._state, self._heard = self._state, state, now
        if before is not None and state.tick < before.tick:
            self._let_go()  # it was switched off and on
        self._trouble = self._judge(state)

    def _let_go(self) -> None:
        self._weight, self._target = 0.0, None

    def _judge(self, state: G1State) -> Reason | None:
        """What speaks against moving the arms; what did so does until it is clearly over."""
        was = self._trouble.code if self._trouble is not None else ""
        slack = COOLER if was == "hot" else 0
        if state.casing > CASING - slack or state.winding > WINDING - slack:
            text = f"motor {state.hottest} of Unitree G1 has {state.casing} degrees C, a winding "
            return Reason("hot", f"{text}{state.winding}: its arms rest until it has cooled down")
        if state.tilt > (UPRIGHT_RAD if was == "fallen" else FALLEN_RAD):
            return Reason("fallen", "Unitree G1 has fallen, or lies: its arms rest until it stands")
        charge = self._link.battery
        least = ENOUGH_CHARGE if was == "battery" else LEAST_CHARGE
        if charge is not None and charge < least:
            text = f"the battery of Unitree G1 is at {charge} %, expected at least {least} %"
            return Reason("battery", f"{text}: its arms rest, charge it")
        return None

    def _hold(self, now: float) -> None:
        """Commands the arms where nobody moves them: they stay, and their weight goes its way."""
        moved, self._moved = self._moved, False
        heard = self._link.is_heeded and now - self._heard <= SILENCE_S
        if self._state is None or not heard:
            self._target = None  # what it was told last is what it holds, or not: nobody knows
            return
        if now - self._others < QUIET_S:
            return
        if self._target is None:
            if self._stopped and not self._weight:
                return  # was stopped before its arms were ours
            self._target = {
                name: min(max(self._state.positions[name], limit.lower), limit.upper)
                for name, limit in self._limits.items()
            }
        before = self._weight
        if not self._stopped:
            ours = not (self._closing or self._trouble or self._action)
            way = self._passed / RAMP_S
            self._weight = min(before + way, 1.0) if ours else max(before - way, 0.0)
        if not moved and (before or self._weight):
            self._link.command(self._target, self._weight)
        if not self._weight:
            self._target = None

    def _act(self, now: float) -> None:
        """Takes the action under way a step further, once the arms have been handed back."""
        action = self._action
        if action is None:
            return
        if self._stopped:
            self.give_up()
        elif action.call is None:
            if not self._weight and now - action.since >= action.steps[0][1]:
                if self._link.meets("arm"):
                    action.call, action.since = self._ask_for(action.steps.pop(0)[0]), now
                elif now - action.since > RAMP_S + ANSWER_S:
                    self._end_action("failed: the robot has no service 'arm'")
        elif action.call.failure:
            self._end_action(f"was refused: {action.call.failure}")
        elif action.call.code is not None:
            action.call, action.since = None, now
            if not action.steps:
                self._end_action(None)
        elif now - action.since > ACTION_S:
            self._end_action(f"failed: it was not answered for {ACTION_S:g} s")

    def _ask_for(self, number: int) -> Call:
        # Its maker's SDKs name the parameter differently, and so do the robots.
        return self._link.ask("arm", EXECUTE, {"data": number, "action_id": number})

    def _end_action(self, why: str | None) -> None:
        if self._action is not None:
            self._failure = why and f"'{self._action.name}' {why}"
        self._action = None


class G1Actions:
    """Serves ``~/play_action``: the robot's own actions by name, for people and programs.

    Args:
        node: the bridge.
        driver: of the robot.
    """

    def __init__(self, node: ClosingNode, driver: G1Driver) -> None:
        from fer_interfaces.action import PlayMotion
        from rclpy.clock import Clock, ClockType

        from fer_common.actions import ExclusiveAction

        self._driver = driver
        self._server = ExclusiveAction(
            node,
            PlayMotion,
            "~/play_action",
            lambda goal: driver.refusal(goal.motion),
            lambda goal: driver.play(goal.motion),
            driver.give_up,
        )
        node.closing.callback(self._server.destroy)
        node.create_timer(0.1, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _look(self) -> None:
        if not self._driver.playing:
            self._server.finish(self._driver.failure is None, self._driver.failure)


class G1Voice(OwnVoice):
    """The robot's own voice, through its own loudspeaker: service ``voice``, ``TtsMaker``.

    It cannot be asked how far it is, nor to be silent: a sentence takes as long as it should, and
    one that was begun is spoken to its end.

    Args:
        settings: where the robot is.

    Raises:
        SpeechError: there is no such interface, or the SDK is not installed.
    """

    rate = LogVoice.rate

    def __init__(self, settings: VoiceSettings) -> None:
        try:
            self._link = G1Link(settings.interface, settings.g1_voice_domain)
        except InputError as error:
            raise SpeechError(str(error)) from error
        self.name = f"of the Unitree G1 on {settings.interface}"
        self._silence, self._number = LogVoice(settings), 0

    def language(self, locale: str) -> str:
        """See `Voice.language`."""
        return best_language(locale, LANGUAGES)

    def synthesise(
        self, text: str, language: str, prosody: Prosody, unwanted: Callable[[], bool]
    ) -> Sound:
        """Silence that is about as long as the sentence, with the mouth's movements."""
        return self._silence.synthesise(text, language, prosody, unwanted)

    def say(
        self,
        text: str,
        language: str,
        prosody: Prosody,
        began: Callable[[], object],
        unwanted: threading.Event,
    ) -> None:
        """See `OwnVoice.say`; how it shall sound cannot be told to this voice."""
        seconds = self.synthesise(text, language, prosody, unwanted.is_set).duration
        try:
            if not self._link.is_open:
                self._link.open(("voice",), arms=False)
        except LinkError as error:
            raise SpeechError(str(error)) from error
        if not self._until(lambda: self._link.meets("voice"), ANSWER_S, unwanted):
            raise SpeechError(f"the voice {self.name} is not found: is the robot on?")
        self._number += 1
        words = {"index": self._number, "text": text, "speaker_id": LANGUAGES[language]}
        call = self._link.ask("voice", SPEAK, words)
        began()
        start = time.monotonic()
        if not self._until(lambda: call.code is not None, seconds + ANSWER_S, unwanted):
            raise SpeechError(f"the voice {self.name} does not answer")
        if call.failure:
            raise SpeechError(f"the voice {self.name} has refused a sentence: {call.failure}")
        unwanted.wait(max(seconds - (time.monotonic() - start), 0.0))

    def _until(
        self, condition: Callable[[], object], seconds: float, unwanted: threading.Event
    ) -> bool:
        """Whether something comes true in time, or does not matter any more."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            if unwanted.wait(PERIOD_S):
                return True
            self._link.look()
        return True

    def close(self) -> None:
        """See `OwnVoice.close`."""
        self._link.close()


def create(node: ClosingNode, model: RobotModel, settings: G1Settings) -> G1Driver:
    """The driver, which begins to look for the robot when it is asked first.

    Raises:
        InputError: the interface does not exist, or the SDK is not installed.
    """
    joints = [name for name in JOINTS if settings.wrists or not FIVE_LACK.search(name)]
    limits = {name: model.limits[name] for name in joints}
    assert ROBOT.motions is not None
    rest = load_motions(ROBOT.motions, model.limits).rest.end
    home = {name: rest[name] for name in joints}
    link = G1Link(settings.interface, settings.g1_domain)
    driver = G1Driver(link, limits, home, settings, time.monotonic)
    if node is not None:
        from std_msgs.msg import ColorRGBA

        from fer_common.qos import LATCHED

        def shine(light: ColorRGBA) -> None:
            driver.shine(light.r, light.g, light.b, light.a)

        node.create_subscription(ColorRGBA, "eyes", shine, LATCHED)
        G1Actions(node, driver)
    return driver

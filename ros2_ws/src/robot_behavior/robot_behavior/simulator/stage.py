"""Plays what was seen through dialogue and motions, in simulated time, and tells the story."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fer_common.goals import GoalSlot
from fer_common.reason import Reason
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.dialogue.arbiter import MOTION, SPEECH, Arbiter
from robot_behavior.dialogue.behaviors import Behaviors
from robot_behavior.dialogue.conductor import Conductor, DialogueSettings
from robot_behavior.dialogue.response import BehaviorStatus, Response
from robot_behavior.dialogue.sentences import Words
from robot_behavior.motion.library import REST, Motion, MotionLibrary
from robot_behavior.motion.trajectory import JointStates, Trajectory, plan
from robot_behavior.simulator.views import View

# ----------------------------------------------------------------------
# A robot that plays motions and speaks, in simulated time.

_LETTERS_PER_S, _SIGNS_PER_S = 14.0, 4.5  # of alphabets, of Chinese
_FIRST_SIGN = "\u2e80"


class Body:
    """Follows trajectories exactly; goes to rest by itself, as ``motion_player`` does.

    Args:
        model: the robot.
        library: its motions.
    """

    def __init__(self, model: RobotModel, library: MotionLibrary) -> None:
        self._limits, self._library = model.limits, library
        self._motion: Motion | None = None
        self._trajectory: Trajectory | None = None
        self._since = 0.0
        self._start = JointStates(library.rest.end, dict.fromkeys(library.rest.joints, 0.0))

    def refusal(self, name: str) -> str | None:
        """Why a motion cannot be played; None if it can."""
        if name in self._library.motions:
            return None
        return self._library.refused.get(name, f"no motion '{name}'")

    def play(self, name: str, now: float) -> float:
        """Begins a motion.

        Returns:
            Seconds until its end.
        """
        self._start = self.state(now)
        self._motion = self._library.motions[name]
        self._trajectory = plan(self._motion, self._library.rest, self._limits, self._start)
        self._since = now
        return self._trajectory.duration

    def update(self, now: float) -> None:
        """Goes to rest after a motion."""
        if self._trajectory is None or now < self._since + self._trajectory.duration:
            return
        if self._motion is not self._library.rest:
            self.play(self._library.rest.name, now)

    def state(self, now: float) -> JointStates:
        """Where the joints are."""
        trajectory = self._trajectory
        if trajectory is None:
            return self._start
        times = np.concatenate(([0.0], trajectory.times))
        positions: dict[str, float] = {}
        velocities: dict[str, float] = {}
        for column, joint in enumerate(trajectory.joints):
            for values, start, found in (
                (trajectory.positions, self._start.positions[joint], positions),
                (trajectory.velocities, self._start.velocities.get(joint, 0.0), velocities),
            ):
                way = np.concatenate(([start], values[:, column]))
                found[joint] = float(np.interp(now - self._since, times, way))
        return JointStates(positions, velocities)


def speaking_time(words: Words) -> float:
    """About how long it takes to say something, seconds."""
    signs = sum(letter >= _FIRST_SIGN for letter in words.text)
    plain = signs / _SIGNS_PER_S + (len(words.text) - signs) / _LETTERS_PER_S
    return (0.3 + plain) / words.prosody.rate


class SimulatedAction(GoalSlot[Response]):
    """An action whose server accepts every goal at once, and ends it when its time has come.

    Args:
        action: its name.
        clock: simulated seconds.
        begin: told of each goal; says how many seconds it takes, and why it fails in the end,
            None if it does not.
        stop: told of each cancellation.

    Attributes:
        available: whether the server is there; may be changed at any time.
        length: seconds that the last goal takes.
        sent: every goal so far.
        cancelled: how many of them were cancelled.
    """

    available = True

    def __init__(
        self,
        action: str,
        clock: Callable[[], float],
        begin: Callable[[Response], tuple[float, str | None]],
        stop: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(action, clock)
        self._begin, self._stop = begin, stop
        self._running: dict[int, tuple[float, str | None]] = {}  # until when, and its fault
        self.length = 0.0
        self.sent: list[Response] = []
        self.cancelled = 0

    def send_goal(self, number: int, goal: Response) -> None:
        """See `GoalSlot`."""
        self.length, fault = self._begin(goal)
        self._running[number] = self._clock() + self.length, fault
        self.sent.append(goal)

    def cancel_goal(self, number: int) -> None:
        """See `GoalSlot`; it ends when it is served next."""
        self.cancelled += 1
        if number in self._running:
            self._running[number] = self._clock(), "cancelled"
        self._stop()

    def serve(self) -> None:
        """Accepts the new goals and ends those whose time has come."""
        for number in list(self._running):
            self.accepted(number)
            end, fault = self._running[number]
            if self._clock() >= end:
                del self._running[number]
                self.concluded(number, fault is None, fault)


# ----------------------------------------------------------------------
# The simulation.

TICK_S = 0.05


@dataclass(frozen=True)
class SimulatedMoment:
    """One tick.

    Attributes:
        time: seconds from the start.
        view: the latest image.
        status: what the robot says about itself.
        motion_s: how long the motion of the response under way takes.
        speech_s: how long its sentence takes.
        pose: rad by name of the joint.
        note: what was dropped lately, and why; None for nothing.
    """

    time: float
    view: View
    status: BehaviorStatus
    motion_s: float
    speech_s: float
    pose: dict[str, float]
    note: Reason | None = None


class Stage:
    """A robot whose servers accept every goal at once.

    Args:
        behaviors: what it does.
        body: what it does it with.
        seed: of the choice among variants.
        settings: see `Conductor`.
        speak: begins a sentence; how long it takes, seconds.
    """

    def __init__(
        self,
        behaviors: Behaviors,
        body: Body,
        seed: int,
        settings: DialogueSettings,
        speak: Callable[[Words], float] = speaking_time,
    ) -> None:
        self._now = 0.0
        self._body, self._speak = body, speak
        self._motion = SimulatedAction(MOTION, self._clock, self._move, self._rest)
        self._speech = SimulatedAction(SPEECH, self._clock, self._say)
        self._conductor = Conductor(
            behaviors,
            Arbiter(self._clock, self._motion, self._speech),
            REST,
            self._clock,
            random.Random(seed),
            settings,
        )
        self._conductor.enable()

    def play(self, views: Sequence[View]) -> Iterator[SimulatedMoment]:
        """Plays images to their end; one moment per tick."""
        waiting, view = deque(views), View(0.0, ())
        ticks = round(views[-1].time / TICK_S) + 1
        for tick in range(ticks):
            self._now = tick * TICK_S
            while waiting and waiting[0].time <= self._now + 1e-9:
                view = waiting.popleft()
                self._show(view)
            self._motion.serve()
            self._speech.serve()
            status = self._conductor.tick()
            self._body.update(self._now)
            yield SimulatedMoment(
                self._now,
                view,
                status,
                self._motion.length,
                self._speech.length,
                dict(self._body.state(self._now).positions),
                self._conductor.note,
            )

    def _clock(self) -> float:
        return self._now

    def _show(self, view: View) -> None:
        if view.attended is not None:
            face = view.attended
            self._conductor.observe(face.face_id, face.label, face.confidence)
        self._conductor.see({face.face_id: face.size for face in view.faces})

    def _move(self, response: Response) -> tuple[float, str | None]:
        motion = response.motion or REST
        fault = self._body.refusal(motion)
        return (0.0 if fault else self._body.play(motion, self._now)), fault

    def _rest(self) -> None:
        self._body.play(REST, self._now)

    def _say(self, response: Response) -> tuple[float, str | None]:
        return (self._speak(response.words) if response.words is not None else 0.0), None


# ----------------------------------------------------------------------
# The story of a simulation, one line per change.

_WIDTHS = (6, 20, 22, 26, 8)
_TITLES = ("time", "seen", "decision", "motion", "s")


class Timeline:
    """Turns moments into lines; says nothing while nothing changes.

    A line is: time, what is seen, what was decided, the motion and how long it takes; the
    sentence and the reason follow on lines of their own, each with its mark.
    """

    def __init__(self) -> None:
        self._last: tuple[object, ...] = ()
        self._speech: str | None = None
        self._note: Reason | None = None

    @property
    def title(self) -> str:
        """The first line."""
        return _line(*_TITLES)

    def lines(self, moment: SimulatedMoment) -> list[str]:
        """What is new; empty for nothing."""
        status, seen = moment.status, describe(moment.view)
        lines, margin = [], " " * (_WIDTHS[0] + 2)
        change = (seen, status.activity, status.emotion, status.motion, status.speech)
        if change != self._last:
            self._last = change
            decision = " ".join(filter(None, (status.activity.value, status.emotion)))
            length = f"{moment.motion_s:.1f}" if status.motion else ""
            time = f"{moment.time:.2f}"
            lines.append(_line(time, seen, decision, status.motion or "", length))
            if status.speech and status.speech != self._speech:
                lines.append(f'{margin}says "{status.speech}" ({moment.speech_s:.1f} s)')
            lines.append(f"{margin}because {status.reason}")
        elif moment.note is not None and moment.note != self._note:
            lines.append(f"{moment.time:{_WIDTHS[0]}.2f}  {moment.note}")
        self._speech, self._note = status.speech, moment.note
        return lines


def describe(view: View) -> str:
    """What is seen, in a few words."""
    if not view.faces:
        return "nobody"
    others = len(view.faces) - (view.attended is not None)
    if view.attended is None:
        return f"{others} not attended to"
    more = f" +{others}" if others else ""
    return f"{view.attended.face_id} {view.attended.label}{more}"


def _line(*cells: str) -> str:
    padded = [
        cell.rjust(width) if number in (0, 4) else cell.ljust(width)
        for number, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    ]
    return "  ".join(padded).rstrip()

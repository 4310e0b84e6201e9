"""Plays what was seen through policy, arbiter and motions, in simulated time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from robot_behavior.body.robot_model import RobotModel
from robot_behavior.dialogue.arbiter import MOTION, SPEECH, Arbiter, Command, Start
from robot_behavior.dialogue.behaviors import Behaviors
from robot_behavior.dialogue.conductor import Conductor, DialogueOptions
from robot_behavior.dialogue.sentences import Line
from robot_behavior.dialogue.status import Status
from robot_behavior.motion.library import REST, Motion, MotionLibrary
from robot_behavior.motion.trajectory import JointStates, Trajectory, plan
from robot_behavior.simulator.recording import View

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

    def refusal(self, name: str) -> str:
        """Why a motion cannot be played; empty if it can."""
        if name in self._library.motions:
            return ""
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


def speaking_time(line: Line) -> float:
    """About how long a line takes to say, seconds."""
    signs = sum(letter >= _FIRST_SIGN for letter in line.text)
    plain = signs / _SIGNS_PER_S + (len(line.text) - signs) / _LETTERS_PER_S
    return (0.3 + plain) / line.prosody.rate


# ----------------------------------------------------------------------

TICK_S = 0.05
_THERE = {MOTION: True, SPEECH: True}


@dataclass(frozen=True)
class SimulatedMoment:
    """One tick.

    Attributes:
        time: seconds from the start.
        view: the latest image.
        status: what the robot says about itself.
        lengths: seconds that motion and sentence of the response under way take, by action.
        pose: rad by name of the joint.
        note: what was dropped lately, and why; empty for nothing.
    """

    time: float
    view: View
    status: Status
    lengths: dict[str, float]
    pose: dict[str, float]
    note: str = ""


@dataclass
class _Goal:
    action: str
    number: int
    end: float
    problem: str = ""


class Stage:
    """A robot whose servers accept every goal at once.

    Args:
        behaviors: what it does.
        body: what it does it with.
        seed: of the choice among variants.
        options: see `Conductor.of`.
    """

    def __init__(
        self, behaviors: Behaviors, body: Body, seed: int, options: DialogueOptions
    ) -> None:
        self._now = 0.0
        self._body = body
        self._goals: list[_Goal] = []
        self._lengths: dict[str, float] = {}
        self._arbiter = Arbiter(self._clock, self._carry_out)
        self._conductor = Conductor.of(
            behaviors, self._arbiter, self._clock, random.Random(seed), options
        )
        self._conductor.enable()

    def play(self, views: Sequence[View]) -> Iterator[SimulatedMoment]:
        """Plays images to their end; one moment per tick."""
        waiting, view = list(views), View(0.0, ())
        ticks = round(views[-1].time / TICK_S) + 1
        for tick in range(ticks):
            self._now = tick * TICK_S
            while waiting and waiting[0].time <= self._now + 1e-9:
                view = waiting.pop(0)
                self._show(view)
            self._serve()
            status = self._conductor.tick(_THERE)
            self._body.update(self._now)
            pose = dict(self._body.state(self._now).positions)
            note = self._conductor.policy.note
            yield SimulatedMoment(self._now, view, status, dict(self._lengths), pose, note)

    def _clock(self) -> float:
        return self._now

    def _show(self, view: View) -> None:
        self._conductor.watchdog.feed()
        if view.attended is not None:
            face = view.attended
            self._conductor.policy.observe(face.face_id, face.label, face.confidence, face.size)
        self._conductor.policy.see({face.face_id: face.size for face in view.faces})

    def _carry_out(self, command: Command) -> None:
        if not isinstance(command, Start):
            self._cancel(command.action, command.goal)
            return
        goal = _Goal(command.action, command.goal, self._now)
        if command.action == SPEECH:
            length = speaking_time(self._conductor.wording.line(command.text))
        else:
            goal.problem = self._body.refusal(command.text)
            length = 0.0 if goal.problem else self._body.play(command.text, self._now)
        goal.end += length
        self._lengths[command.action] = length
        self._goals.append(goal)

    def _cancel(self, action: str, number: int) -> None:
        for goal in self._goals:
            if (goal.action, goal.number) == (action, number):
                goal.end, goal.problem = self._now, "cancelled"
        if action == MOTION:
            self._body.play(REST, self._now)

    def _serve(self) -> None:
        """Accepts the new goals and ends those whose time has come."""
        for goal in list(self._goals):
            slot = self._arbiter.slots[goal.action]
            slot.accepted(goal.number)
            if self._now >= goal.end:
                self._goals.remove(goal)
                slot.ended(goal.number, not goal.problem, goal.problem)


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
        self._speech = self._note = ""

    @property
    def title(self) -> str:
        """The first line."""
        return _line(*_TITLES)

    def lines(self, moment: SimulatedMoment) -> list[str]:
        """What is new; empty for nothing."""
        status, seen = moment.status, describe(moment.view)
        lines, margin = [], " " * (_WIDTHS[0] + 2)
        change = (seen, status.state, status.emotion, status.motion, status.speech)
        if change != self._last:
            self._last = change
            decision = " ".join(filter(None, (status.state.value, status.emotion)))
            length = f"{moment.lengths[MOTION]:.1f}" if status.motion else ""
            lines.append(_line(f"{moment.time:.2f}", seen, decision, status.motion, length))
            if status.speech and status.speech != self._speech:
                lines.append(f'{margin}says "{status.speech}" ({moment.lengths[SPEECH]:.1f} s)')
            lines.append(f"{margin}because {status.reason}")
        elif moment.note and moment.note != self._note:
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

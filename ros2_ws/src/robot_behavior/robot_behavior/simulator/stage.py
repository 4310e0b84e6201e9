"""Plays what was seen through policy, arbiter and motions, in simulated time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from robot_behavior.dialogue.arbiter import MOTION, SPEECH, Arbiter
from robot_behavior.dialogue.behaviors import Behaviors
from robot_behavior.dialogue.conductor import Conductor, Options
from robot_behavior.dialogue.goal_slot import Command, Start
from robot_behavior.dialogue.status import Status
from robot_behavior.motion.library import REST
from robot_behavior.simulator.body import Body, speaking_time
from robot_behavior.simulator.sighting import View

TICK_S = 0.05
_THERE = {MOTION: True, SPEECH: True}


@dataclass(frozen=True)
class Moment:
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

    def __init__(self, behaviors: Behaviors, body: Body, seed: int, options: Options) -> None:
        self._now = 0.0
        self._body = body
        self._goals: list[_Goal] = []
        self._lengths: dict[str, float] = {}
        self._arbiter = Arbiter(self._clock, self._carry_out)
        self._conductor = Conductor.of(
            behaviors, self._arbiter, self._clock, random.Random(seed), options
        )
        self._conductor.enable()

    def play(self, views: Sequence[View]) -> Iterator[Moment]:
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
            yield Moment(self._now, view, status, dict(self._lengths), pose, note)

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

"""How the motion player is doing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription

from fer_common.diagnostics import (
    Finding,
    Limits,
    Mishaps,
    Report,
    Statistics,
    age,
    error,
    figures,
    slowness,
    warn,
)
from fer_common.graph_watch import InputWatch, OutputWatch


@dataclass(frozen=True)
class PlayerMoment:
    """What the motion player does now.

    Attributes:
        state: ``playing``, or the mood of `robot_behavior.motion.mover.Mover`.
        motion: the name of the one that plays; empty if none does.
        goals: outcomes, see `robot_behavior.nodes.exclusive_action.ExclusiveAction`.
        problem: why the robot cannot be moved; empty if it can.
        refused: motions that cannot be played.
    """

    state: str
    motion: str
    goals: Mapping[str, object]
    problem: str
    refused: Mapping[str, str]


class PlayerHealth:
    """Counts what is heard from the robot and told to it.

    Args:
        node: the motion player.
        states: its subscription of joint states.
        trajectories: its publisher.
        rate: of the joint states, per second.
        clock: monotonic seconds.

    Attributes:
        mishaps: motions that went wrong.
    """

    def __init__(
        self,
        node: Node,
        states: Subscription,
        trajectories: Publisher,
        rate: Limits,
        clock: Callable[[], float],
    ) -> None:
        self.mishaps = Mishaps(clock)
        self._clock, self._rate = clock, rate
        self._states, self._trajectories = Statistics(), Statistics()
        self._input = InputWatch(node, states, "joint states", "is the robot running?", clock=clock)
        self._output = OutputWatch(node, trajectories)

    def heard(self, latency_s: float) -> None:
        """Joint states have come."""
        self._states.add(latency_s, self._clock())

    def told(self) -> None:
        """A trajectory was sent."""
        self._trajectories.add(0.0, self._clock())

    def report(self, moment: PlayerMoment) -> Report:
        """How the motion player is doing."""
        now = self._clock()
        states, trajectories = self._states.summary(now), self._trajectories.summary(now)
        values = {
            "state": moment.state,
            "motion": moment.motion or "none",
            **moment.goals,
            "robot": moment.problem or "ready",
            **figures(states),
            "age of the newest joint state [s]": age(states.age_s),
            "joint_trajectory [1/s]": f"{trajectories.rate:.1f}",
            "motions that cannot be played": ", ".join(moment.refused) or "none",
            **self.mishaps.values,
        }
        summary = f"plays {moment.motion}" if moment.motion else moment.state
        found = [*self._robot(moment.problem), *self._output.findings()]
        if moment.refused:
            names = ", ".join(moment.refused)
            found.append(warn(f"cannot play {names}: see the start of the log"))
        if not moment.problem:
            found.append(slowness(states, self._rate, "joint states"))
        return Report(summary, values, found)

    def _robot(self, problem: str) -> list[Finding | None]:
        """Why the robot cannot be moved; what is wrong with the topic says more."""
        wiring = self._input.findings()
        if not problem:
            return [error(self.mishaps.recent), *wiring]
        return [error(finding.text) for finding in wiring] or [error(problem)]

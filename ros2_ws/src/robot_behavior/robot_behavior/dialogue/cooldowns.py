"""How long the robot is silent after what it has done."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ec_rfernet.labels import LABELS
from robot_behavior.dialogue.behaviors import Behavior


@dataclass(frozen=True)
class _Answer:
    """The last time that a behaviour was carried out."""

    at: float
    problems: tuple[str, ...]


class Cooldowns:
    """Measures from the end of each response.

    Args:
        clock: seconds, monotonic.
        pause_s: shortest pause between any two responses.
    """

    def __init__(self, clock: Callable[[], float], pause_s: float) -> None:
        self._clock = clock
        self._pause_s = pause_s
        self._answers: dict[str, _Answer] = {}
        self._quiet_since: float | None = None

    def finished(self, name: str, problems: tuple[str, ...] = ()) -> None:
        """A behaviour has just been carried out; the problems are readable clauses."""
        self._quiet_since = self._clock()
        self._answers[name] = _Answer(self._quiet_since, problems)

    def since(self, name: str) -> float:
        """Seconds since a behaviour was carried out; infinite if it never was."""
        answer = self._answers.get(name)
        return math.inf if answer is None else self._clock() - answer.at

    def wait(self, behavior: Behavior) -> str:
        """Why a behaviour has to wait; empty when it has not."""
        return self.of(behavior) or self.pause(behavior)

    def of(self, behavior: Behavior) -> str:
        """Why a behaviour must not be repeated yet; empty when it may."""
        ago = self.since(behavior.name)
        if ago >= behavior.cooldown_s:
            return ""
        answer = self._answers[behavior.name]
        problems = f" ({'; '.join(answer.problems)})" if answer.problems else ""
        verb = "tried" if problems else "answered" if behavior.name in LABELS else "said"
        return (
            f"{behavior.name} again, but {verb} {tenths(ago)} s ago{problems}: "
            f"cool-down of {behavior.cooldown_s:g} s"
        )

    def pause(self, behavior: Behavior) -> str:
        """Why a behaviour has to wait for the pause to be over; empty when it has not."""
        ago = math.inf if self._quiet_since is None else self._clock() - self._quiet_since
        if ago >= self._pause_s:
            return ""
        ended = f"the last response ended {tenths(ago)} s ago"
        return f"{behavior.name}, but {ended}: pause of {self._pause_s:g} s"


def tenths(seconds: float) -> str:
    """Rounded down: "0.8 s of 0.8 s" must not stand for a dwell that is not over yet."""
    return f"{math.floor(seconds * 10) / 10:.1f}"

"""A robot that plays motions and speaks, in simulated time."""

from __future__ import annotations

import numpy as np

from robot_behavior.body.robot_model import RobotModel
from robot_behavior.dialogue.sentences import Line
from robot_behavior.motion.library import MotionLibrary
from robot_behavior.motion.motion import Motion
from robot_behavior.motion.trajectory import JointStates, Trajectory, plan

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

"""The small movements of a robot that has nothing to do, but is not dead.

Everything is a function of time and of a seed: it needs no state, starts anywhere, and is
the same in every run.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from robot_behavior.motion.course import State

BREATH_S = 4.4
"""Of one breath; it is slower and faster in turns, over `RHYTHM_S`."""

RHYTHM_S = 53.0

BREATH = {
    "torso_pitch_joint": -0.016,
    "head_pitch_joint": 0.012,
    "left_shoulder_roll_joint": 0.028,
    "right_shoulder_roll_joint": 0.028,
    "left_elbow_joint": 0.03,
    "right_elbow_joint": 0.03,
}
"""How far each joint goes with a breath, rad: the chest rises, the head stays upright."""

SWAY = {
    "torso_yaw_joint": (0.02, 17.0),
    "head_roll_joint": (0.03, 23.0),
}
"""Slow sway: rad, and seconds of a period."""

GLANCE_S = 3.6
"""The eyes move once in so long, at a random moment."""

GLANCE_YAW, GLANCE_PITCH = 0.12, 0.05
"""Largest glance, rad."""

STAY_SHARE = 0.25
"""Share of the glances that go straight ahead."""


class Idle:
    """Breathing, sway and glances of a robot.

    Args:
        joints: names of its J joints; what needs a joint that it lacks is left out.
        head_yaw: name of the joint that turns the head.
        head_pitch: name of the joint that nods.
        seed: of the glances.
    """

    def __init__(
        self, joints: Sequence[str], head_yaw: str, head_pitch: str, seed: int = 0
    ) -> None:
        self._breath = np.array([BREATH.get(joint, 0.0) for joint in joints])
        sway = [SWAY.get(joint, (0.0, 1.0)) for joint in joints]
        self._sway = np.array([amplitude for amplitude, _ in sway])
        self._turning = 2.0 * math.pi / np.array([period for _, period in sway])
        self._yaw = np.array([joint == head_yaw for joint in joints], float)
        self._pitch = np.array([joint == head_pitch for joint in joints], float)
        self._seed = seed

    def breath(self, now: float) -> State:
        """Breathing and sway: offsets from rest [J], rad, and their velocities."""
        slow, beat = 2.0 * math.pi / RHYTHM_S, 2.0 * math.pi / BREATH_S
        phase = beat * now + math.sin(slow * now)
        rate = beat + slow * math.cos(slow * now)
        # Breathing in is quicker than breathing out.
        wave = math.sin(phase) + 0.2 * math.sin(2.0 * phase)
        moving = (math.cos(phase) + 0.4 * math.cos(2.0 * phase)) * rate
        return State(
            self._breath * wave + self._sway * np.sin(self._turning * now),
            self._breath * moving + self._sway * self._turning * np.cos(self._turning * now),
        )

    def glance(self, now: float) -> State:
        """Where the eyes wander: offsets of the head [J], rad; they jump, and rest between."""
        slot = math.floor(now / GLANCE_S)
        moment, yaw, pitch = _glance(self._seed, slot)
        if now < (slot + moment) * GLANCE_S:
            _, yaw, pitch = _glance(self._seed, slot - 1)
        return State(self._yaw * yaw + self._pitch * pitch, np.zeros_like(self._yaw))


@lru_cache(maxsize=4)
def _glance(seed: int, slot: int) -> tuple[float, float, float]:
    """When in its slot a glance happens, as a share, and where to: yaw and pitch, rad."""
    draw = random.Random(f"glance {seed} {slot}")
    moment, ahead = draw.random(), draw.random() < STAY_SHARE
    yaw, pitch = draw.uniform(-1.0, 1.0), draw.uniform(-1.0, 1.0)
    return (moment, 0.0, 0.0) if ahead else (moment, GLANCE_YAW * yaw, GLANCE_PITCH * pitch)

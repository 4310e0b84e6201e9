"""A mover and a simulated robot in simulated time, for the tests of what moves the joints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.library import Motion
from robot_behavior.motion.mover import Direction, Moved, Mover, MoverSettings
from robot_behavior.motion.simulation import Simulation
from robot_behavior.motion.trajectory import Trajectory

LIMITS = {
    "torso_pitch_joint": JointLimits(-0.3, 0.6, 1.2, acceleration=8.0),
    "head_yaw_joint": JointLimits(-1.2, 1.2, 3.0, acceleration=20.0),
    "head_pitch_joint": JointLimits(-0.5, 0.6, 2.5, acceleration=20.0),
    "head_roll_joint": JointLimits(-0.4, 0.4, 2.0, acceleration=20.0),
    "left_shoulder_roll_joint": JointLimits(-0.1, 1.7, 4.0, acceleration=25.0),
}
JOINTS = tuple(LIMITS)
YAW, PITCH, ROLL, ARM = 1, 2, 3, 4
STEP_S, TICK, STATES = 0.01, 5, 2


def motion(
    name: str, joints: tuple[str, ...], times: list[float], rows: list[list[float]]
) -> Motion:
    return Motion(name, joints, np.array(times), np.array(rows))


REST = motion("rest", JOINTS, [0.8], [[0.0] * len(JOINTS)])
WAVE = motion("wave", (JOINTS[ARM],), [0.4, 0.9, 1.4, 2.0], [[0.1], [1.0], [0.6], [0.0]])
NOD = motion("nod", (JOINTS[PITCH],), [0.3, 0.7, 1.1], [[0.0], [0.25], [0.0]])
TURN = motion("turn", (JOINTS[YAW],), [0.5, 1.2], [[0.2], [-0.6]])
MOTIONS = (REST, WAVE, NOD, TURN)


class MovingRobot:
    """Time passes in steps of 10 ms; the mover decides every 50 ms.

    Attributes:
        poses, speeds: [J] of every step, of the simulated robot.
        turns: what the mover has decided.
        told: every trajectory, with the time of its arrival.
        deaf: whether the robot ignores what it is told.
        asleep: whether the mover's computer does nothing.
        mute: whether its joint states get lost.
        offset: [J] added to the joint states, rad: someone holds a joint.
    """

    def __init__(self, settings: MoverSettings | None = None, latency: int = 0) -> None:
        self.mover = Mover(REST, LIMITS, settings or MoverSettings())
        self.sim, self.latency = Simulation(LIMITS), latency
        self.now, self._count = 100.0, 0
        self.poses: list[np.ndarray] = []
        self.speeds: list[np.ndarray] = []
        self.turns: list[Moved] = []
        self.told: list[tuple[float, Trajectory]] = []
        self._underway: list[tuple[int, Trajectory]] = []
        self.deaf = self.mute = self.asleep = False
        self.offset = np.zeros(len(JOINTS))

    def tell(self, trajectory: Trajectory | None) -> None:
        if trajectory is not None:
            self.told.append((self.now, trajectory))
            self._underway.append((self._count + self.latency, trajectory))
            self._deliver()

    def play(self, name: Motion) -> None:
        self.tell(self.mover.play(name, self.now))

    def see(self, yaw: float, pitch: float = 0.0, age: float = 0.0) -> None:
        self.mover.see(Direction(yaw, pitch), self.now - age, self.now)

    def tune(self, **changes: object) -> None:
        self.mover.settings = replace(self.mover.settings, **changes)

    def go_on(self, seconds: float, face: tuple[float, float] | None = None) -> None:
        for _ in range(round(seconds / STEP_S)):
            if face is not None and self._count % 4 == 0:
                self.see(*face)
            self._step()

    def _step(self) -> None:
        self.now += STEP_S
        self._count += 1
        self.sim.step(STEP_S)
        self._deliver()
        if self._count % STATES == 0 and not self.mute and not self.asleep:
            positions = self.sim.positions + self.offset
            self.mover.monitor.update(JOINTS, positions, self.sim.velocities, self.now)
        if self._count % TICK == 0 and not self.asleep:
            turn = self.mover.tick(self.now)
            self.turns.append(turn)
            self.tell(turn.trajectory)
        self.poses.append(self.sim.positions.copy())
        self.speeds.append(self.sim.velocities.copy())

    def _deliver(self) -> None:
        while self._underway and self._underway[0][0] <= self._count:
            _, told = self._underway.pop(0)
            if not self.deaf:
                self.sim.follow(told.joints, told.times, told.positions, told.velocities)

    @property
    def failures(self) -> list[str]:
        return [str(turn.failure) for turn in self.turns if turn.failure]

    def assert_smooth(self) -> None:
        """No jump of a position or of a velocity, and no limit exceeded."""
        poses, speeds = np.array(self.poses), np.array(self.speeds)
        for joint, limit in enumerate(LIMITS.values()):
            assert (poses[:, joint] >= limit.lower - 1e-6).all()
            assert (poses[:, joint] <= limit.upper + 1e-6).all()
            assert np.abs(speeds[:, joint]).max() <= limit.velocity * 1.001
            hardest = np.abs(np.diff(speeds[:, joint])).max() / STEP_S
            assert hardest <= limit.acceleration * 1.1 + 0.2, (JOINTS[joint], hardest)
        way = np.abs(np.diff(poses, axis=0)).max(axis=0)
        assert (
            way <= np.array([limit.velocity for limit in LIMITS.values()]) * STEP_S * 1.001
        ).all()

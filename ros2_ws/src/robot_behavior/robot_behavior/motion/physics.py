"""Motions in the physics engine MuJoCo: what a second opinion says.

MuJoCo reads the URDF by itself, so that a mistake of ours in reading it, in the kinematics
or in the geometry shows up as a difference. Two things are done with a trajectory:

- it is replayed pose by pose, which gives exact distances between the collision shapes,
  and by inverse dynamics the torque of every joint and the point through which the floor
  carries the robot;
- it is followed by position servos, on a robot that nothing holds but the friction of its
  soles on the floor: it must not tip.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robot_behavior.body.robot_model import RobotModel
from robot_behavior.motion.check import Nearest, Support, apart, support
from robot_behavior.motion.trajectory import Trajectory

FULL_EFFORT_RAD, DAMPING_S = 0.05, 0.02
"""A servo exerts its full effort this far from where it should be; it is damped with this
share of its stiffness."""

EFFORT_NM = 100.0
"""Of a servo whose effort nobody tells."""

STEP_S = 0.001
"""Of the simulation."""

SETTLE_S = 0.5
"""The robot comes to stand before, and is watched for as long after, the motion."""

FAR_M = 0.2
"""Distances beyond this do not matter."""

EVERY = 2
"""Distances are measured at every second point, 0.04 s apart."""


class PhysicsError(RuntimeError):
    """The robot cannot be simulated; the message is one line for its user."""


class NoPhysicsError(PhysicsError):
    """MuJoCo is not installed."""


@dataclass(frozen=True)
class Evidence:
    """What MuJoCo found.

    Attributes:
        within_range: whether every joint is within the range that MuJoCo read.
        nearest: the parts that come closest to each other; inf: all farther than `FAR_M`.
        mass_margin: m, of the centre of mass within the support; None without a support.
        moment_margin: likewise of the zero moment point, rotating links included.
        torque_share: largest share of a joint's effort limit.
        torque_joint: which joint's.
        tilt: rad, by which the root link of the free robot leans at most; None without a
            support.
        lag: rad, by which a servo was late at most.
    """

    within_range: bool
    nearest: Nearest
    mass_margin: float | None
    moment_margin: float | None
    torque_share: float
    torque_joint: str
    tilt: float | None
    lag: float


class Physics:
    """A robot in MuJoCo.

    Args:
        file: its URDF.
        model: the same, as we read it.

    Raises:
        NoPhysicsError: MuJoCo is not installed.
        PhysicsError: it refuses the URDF.
    """

    def __init__(self, file: Path, model: RobotModel) -> None:
        try:
            mujoco = importlib.import_module("mujoco")
        except ImportError as error:
            raise NoPhysicsError(
                "MuJoCo, which make setup-dev installs, is missing: torque was not checked, nor "
                "whether the robot tips"
            ) from error
        self._mujoco: Any = mujoco
        self._robot, self._floor = model, support(model)
        try:
            self._replay = self._compiled(file, servos=False)
            self._standing = self._compiled(file, servos=True)
        except ValueError as error:
            raise PhysicsError(
                f"{file}: MuJoCo refuses it ({' '.join(str(error).split())})"
            ) from error
        geoms = self._geoms(self._replay)
        self._pairs = [
            (first, second, one, other)
            for one, other in apart(model)
            for first in geoms.get(one, [])
            for second in geoms.get(other, [])
        ]

    def examine(self, trajectory: Trajectory) -> Evidence:
        """Replays a trajectory, then lets servos follow it."""
        tilt, lag = self.follow(trajectory)
        return self._replayed(trajectory, tilt if self._floor is not None else None, lag)

    def nearest(self, joints: Sequence[str], positions: np.ndarray) -> Nearest:
        """The parts that are closest to each other in one pose, within `FAR_M`.

        Args:
            joints: names of the J joints; others are at zero.
            positions: [J] rad.
        """
        data = self._mujoco.MjData(self._replay)
        for name, position in zip(joints, positions, strict=True):
            data.qpos[int(self._replay.joint(name).qposadr[0])] = position
        self._mujoco.mj_kinematics(self._replay, data)
        return self._nearest(data, 0, FAR_M)

    def _compiled(self, file: Path, servos: bool) -> Any:
        mj = self._mujoco
        spec = mj.MjSpec.from_file(str(file))
        root = spec.body(self._robot.root)
        root.add_freejoint()
        if servos:
            self._put_on_a_floor(spec)
            for name, limits in self._robot.limits.items():
                servo = spec.add_actuator(name=name, target=name, trntype=mj.mjtTrn.mjTRN_JOINT)
                effort = limits.effort if np.isfinite(limits.effort) else EFFORT_NM
                stiffness = effort / FULL_EFFORT_RAD
                servo.set_to_position(kp=stiffness, kv=stiffness * DAMPING_S)
                servo.forcelimited, servo.forcerange = True, [-effort, effort]
        compiled = spec.compile()
        if not servos:
            compiled.opt.disableflags |= mj.mjtDisableBit.mjDSBL_CONSTRAINT
        return compiled

    def _put_on_a_floor(self, spec: Any) -> None:
        """A floor at the height of the soles that touches nothing but the feet."""
        mj, floor = self._mujoco, self._floor
        spec.option.timestep = STEP_S
        spec.option.integrator = mj.mjtIntegrator.mjINT_IMPLICITFAST
        height = floor.height if floor is not None else 0.0
        feet = floor.links if floor is not None else ()
        for body in spec.bodies:
            for geom in body.geoms:
                geom.contype, geom.conaffinity = 0, int(body.name in feet and not geom.group)
        spec.worldbody.add_geom(
            type=mj.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1], pos=[0, 0, height], contype=1
        )

    def _geoms(self, compiled: Any) -> dict[str, list[int]]:
        """Collision shapes by link; URDF's visuals are in another group."""
        found: dict[str, list[int]] = {}
        for number in range(compiled.ngeom):
            geom = compiled.geom(number)
            if geom.group == 0:
                found.setdefault(compiled.body(int(geom.bodyid[0])).name, []).append(number)
        return found

    def _replayed(self, trajectory: Trajectory, tilt: float | None, lag: float) -> Evidence:
        mj, compiled = self._mujoco, self._replay
        data = mj.MjData(compiled)
        joints = [compiled.joint(name) for name in trajectory.joints]
        places = np.array([int(joint.qposadr[0]) for joint in joints])
        dofs = np.array([int(joint.dofadr[0]) for joint in joints])
        ranges = np.array([joint.range for joint in joints])
        inside = (trajectory.positions >= ranges[:, 0] - 1e-6) & (
            trajectory.positions <= ranges[:, 1] + 1e-6
        )
        period = float(trajectory.times[0])
        accelerations = np.gradient(trajectory.velocities, period, axis=0)
        effort = np.array([self._robot.limits[name].effort for name in trajectory.joints])
        torques, masses, moments = [], [], []
        best = Nearest(np.inf)
        for row, positions in enumerate(trajectory.positions):
            data.qpos[places] = positions
            data.qvel[dofs], data.qacc[dofs] = trajectory.velocities[row], accelerations[row]
            mj.mj_inverse(compiled, data)
            torques.append(np.abs(data.qfrc_inverse[dofs]) / effort)
            mj.mj_subtreeVel(compiled, data)
            masses.append(data.subtree_com[0, :2].copy())
            moments.append(_carrying_point(data.qfrc_inverse[:6], self._floor))
            if row % EVERY == 0:
                best = min(best, self._nearest(data, row, best.metres), key=lambda one: one.metres)
        shares = np.max(torques, axis=0)
        floor = self._floor
        return Evidence(
            within_range=bool(inside.all()),
            nearest=best,
            mass_margin=float(floor.margins(np.array(masses)).min()) if floor else None,
            moment_margin=float(floor.margins(np.array(moments)).min()) if floor else None,
            torque_share=float(shares.max()),
            torque_joint=trajectory.joints[int(shares.argmax())],
            tilt=tilt,
            lag=lag,
        )

    def _nearest(self, data: Any, row: int, known: float) -> Nearest:
        best, reach = Nearest(np.inf), min(known, FAR_M)
        for first, second, one, other in self._pairs:
            gap = self._mujoco.mj_geomDistance(self._replay, data, first, second, reach, None)
            if gap < reach:
                best, reach = Nearest(gap, (one, other), row), gap
        return best

    def follow(self, trajectory: Trajectory) -> tuple[float, float]:
        """Largest tilt of the root link and largest lag of a joint, rad."""
        mj, compiled = self._mujoco, self._standing
        data = mj.MjData(compiled)
        servos = [compiled.actuator(name).id for name in trajectory.joints]
        places = [int(compiled.joint(name).qposadr[0]) for name in trajectory.joints]
        times = np.concatenate([[0.0], trajectory.times]) + SETTLE_S
        rows = np.vstack([trajectory.positions[-1], trajectory.positions])  # from rest to rest
        data.qpos[places] = rows[0]
        ticks = np.arange(0.0, times[-1] + SETTLE_S, STEP_S)
        wanted = np.stack([np.interp(ticks, times, column) for column in rows.T], axis=1)
        tilt = lag = 0.0
        for command in wanted:
            data.ctrl[servos] = command
            mj.mj_step(compiled, data)
            upright = 1.0 - 2.0 * (data.qpos[4] ** 2 + data.qpos[5] ** 2)
            tilt = max(tilt, float(np.arccos(np.clip(upright, -1.0, 1.0))))
            lag = max(lag, float(np.abs(data.qpos[places] - command).max()))
        return tilt, lag


def _carrying_point(wrench: np.ndarray, floor: Support | None) -> np.ndarray:
    """[2] where on the floor a force acts that has this force and torque at the origin."""
    height = floor.height if floor is not None else 0.0
    force, torque = wrench[:3], wrench[3:]
    return np.array([height * force[0] - torque[1], torque[0] + height * force[1]]) / force[2]

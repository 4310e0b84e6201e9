"""Whether a robot can play a motion without hurting itself or falling over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robot_behavior.body.robot_model import RobotModel
from robot_behavior.motion.balance import Balance, support
from robot_behavior.motion.clearance import Clearance, Nearest
from robot_behavior.motion.kinematics import link_poses
from robot_behavior.motion.motion import Motion
from robot_behavior.motion.trajectory import JointStates, Trajectory, plan

CLEARANCE_M = 0.01
"""Parts that are not joined stay this far apart: servos lag, and cables have a width."""

MASS_MARGIN_M = 0.02
"""The centre of mass stays this far inside of the feet's outline."""

MOMENT_MARGIN_M = 0.01
"""So does the zero moment point."""

EVERY = 2
"""Self-collision is looked for at every second point, 0.04 s apart."""


@dataclass(frozen=True)
class Findings:
    """What a motion asks of a robot that plays it from rest.

    Attributes:
        trajectory: what the robot would follow.
        nearest: the parts that come closest to each other.
        nearest_s: when.
        mass_margin: m, of the centre of mass within the support; None for a robot that
            does not stand, or whose masses nobody tells.
        mass_s: when it is least.
        moment_margin: likewise of the zero moment point.
        moment_s: when it is least.
    """

    trajectory: Trajectory
    nearest: Nearest
    nearest_s: float
    mass_margin: float | None = None
    mass_s: float = 0.0
    moment_margin: float | None = None
    moment_s: float = 0.0

    @property
    def complaint(self) -> str:
        """What speaks against the motion; empty if nothing does."""
        one, other = self.nearest.links
        if self.nearest.metres < CLEARANCE_M:
            return (
                f"brings {one} within {1000 * self.nearest.metres:.0f} mm of {other} at "
                f"{self.nearest_s:.2f} s, expected at least {1000 * CLEARANCE_M:.0f} mm"
            )
        for what, margin, at, least in (
            ("centre of mass", self.mass_margin, self.mass_s, MASS_MARGIN_M),
            ("zero moment point", self.moment_margin, self.moment_s, MOMENT_MARGIN_M),
        ):
            if margin is not None and margin < least:
                return (
                    f"takes the {what} to {1000 * margin:.0f} mm inside of the feet's outline at "
                    f"{at:.2f} s, expected at least {1000 * least:.0f} mm"
                )
        return ""


class Checker:
    """Checks motions by kinematics alone; a whole library takes a fraction of a second.

    Args:
        model: the robot, whose root link stands still.
    """

    def __init__(self, model: RobotModel) -> None:
        self._model = model
        self._clearance = Clearance(model)
        floor = support(model)
        self._balance = Balance(model, floor) if floor is not None else None

    def __call__(self, motion: Motion, rest: Motion) -> str:
        """Why the robot cannot play a motion; empty if it can."""
        return self.examine(motion, rest).complaint

    def examine(self, motion: Motion, rest: Motion) -> Findings:
        """What a motion asks of the robot.

        Args:
            motion: what to play from rest.
            rest: the motion to the rest pose.
        """
        trajectory = plan(motion, rest, self._model.limits, JointStates(rest.end, {}))
        poses = link_poses(self._model, trajectory.joints, trajectory.positions)
        period = float(trajectory.times[0])
        nearest = self._clearance.nearest({link: some[::EVERY] for link, some in poses.items()})
        findings = Findings(trajectory, nearest, float(trajectory.times[nearest.row * EVERY]))
        if self._balance is None:
            return findings
        mass = self._balance.centre_of_mass(poses)
        moment = self._balance.zero_moment(poses, period)
        return Findings(
            trajectory,
            nearest,
            findings.nearest_s,
            float(mass.min()),
            float(trajectory.times[mass.argmin()]),
            float(moment.min()),
            float(trajectory.times[moment.argmin()]),
        )


def shares(trajectory: Trajectory, model: RobotModel) -> tuple[float, float]:
    """Largest shares of the joints' velocity and acceleration limits, 0..1 within them."""
    limits = [model.limits[joint] for joint in trajectory.joints]
    still = np.zeros((1, len(limits)))
    velocities = np.vstack([still, trajectory.velocities])
    periods = np.diff(trajectory.times, prepend=0.0)[:, None]
    accelerations = np.diff(velocities, axis=0) / periods
    speed = np.abs(velocities).max(axis=0) / [limit.velocity for limit in limits]
    bend = np.abs(accelerations).max(axis=0) / [limit.acceleration for limit in limits]
    return float(speed.max(initial=0.0)), float(bend.max(initial=0.0))

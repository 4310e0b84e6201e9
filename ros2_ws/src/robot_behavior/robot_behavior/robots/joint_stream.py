"""Brings trajectories to a robot that is moved joint by joint."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from trajectory_msgs.msg import JointTrajectory

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.simulation import Simulation, TrajectoryError
from robot_behavior.motion.trajectory import JointStates
from robot_behavior.nodes.trajectory_message import follow
from robot_behavior.robots.backend import JointLink, LinkHealth
from robot_behavior.yaml_file import ConfigError, Section, read


class JointStream:
    """A `robot_behavior.robots.backend.Backend` that samples trajectories.

    Joints that the model has and the robot lacks are simulated, and so is the part of a way
    that is beyond the robot's limits, so that gestures made for a whole humanoid play on a
    robot with fewer joints, or shorter ways. Nothing is sent before the robot
    has told where all its joints are and a trajectory has come. When the robot is lost or
    leaves its course by itself, the trajectory is dropped, and the next starts where it is.

    Args:
        limits: of the model's joints.
        link: the robot.
    """

    def __init__(self, limits: Mapping[str, JointLimits], link: JointLink) -> None:
        self._link = link
        own = link.limits
        slowed = {joint: replace(limits[joint], velocity=own[joint].velocity) for joint in own}
        self._simulation = Simulation({**limits, **slowed})
        self._columns = [self._simulation.joints.index(joint) for joint in own]
        self._lower = np.array([limit.lower for limit in own.values()])
        self._upper = np.array([limit.upper for limit in own.values()])
        self._known = self._sending = False

    @property
    def simulated(self) -> tuple[str, ...]:
        """The joints that the robot lacks."""
        return tuple(joint for joint in self._simulation.joints if joint not in self._link.limits)

    @property
    def problem(self) -> str:
        """See `robot_behavior.robots.backend.Backend`."""
        return self._link.problem

    @property
    def health(self) -> LinkHealth:
        """See `robot_behavior.robots.backend.Backend`."""
        return self._link.health

    def follow(self, message: JointTrajectory) -> list[str]:
        """See `robot_behavior.robots.backend.Backend`."""
        if self.problem:
            raise TrajectoryError(self.problem)
        if not self._known:
            raise TrajectoryError("the robot has not told yet where its joints are")
        unknown = follow(self._simulation, message)
        self._sending = True
        return unknown

    def step(self, seconds: float) -> JointStates | None:
        """See `robot_behavior.robots.backend.Backend`."""
        report = self._link.update()
        self._known = report is not None
        if report is None or report.interrupted or self._link.problem:
            self._drop()
        if report is None:
            return None
        simulation = self._simulation
        measured = np.array([report.positions[joint] for joint in self._link.limits])
        if self._sending:
            simulation.step(seconds)
            told = simulation.positions[self._columns]
            possible = np.clip(told, self._lower, self._upper)
            goal = dict(zip(self._link.limits, possible.tolist(), strict=True))
            self._link.move(goal)
            measured = measured + (told - possible)
        else:
            simulation.positions[self._columns] = measured
        positions = simulation.positions.copy()
        positions[self._columns] = measured
        return JointStates(
            dict(zip(simulation.joints, positions.tolist(), strict=True)),
            dict(zip(simulation.joints, simulation.velocities.tolist(), strict=True)),
        )

    def begin_rest(self) -> None:
        """See `robot_behavior.robots.backend.Backend`."""
        if self._sending and not self._simulation.is_home:
            self._simulation.go_home()

    def is_at_rest(self) -> bool:
        """See `robot_behavior.robots.backend.Backend`."""
        return not self._sending or self._simulation.is_still

    def calm_down(self) -> bool:
        """See `robot_behavior.robots.backend.Backend`."""
        moves = self._sending and self._simulation.is_under_way
        if moves:
            self._simulation.go_home()
        return moves

    def stop(self) -> None:
        """See `robot_behavior.robots.backend.Backend`."""
        self._link.stop()
        self._drop()

    def release(self) -> None:
        """See `robot_behavior.robots.backend.Backend`."""
        self._link.release()

    def close(self) -> None:
        """See `robot_behavior.robots.backend.Backend`."""
        self._link.close()

    def _drop(self) -> None:
        self._sending = False
        self._simulation.follow((), np.zeros(0), np.zeros((0, 0)))
        self._simulation.velocities = np.zeros(len(self._simulation.joints))


# ----------------------------------------------------------------------
# What a YAML file says of a robot's joints, one entry each.

T = TypeVar("T")


def read_joints(
    file: Path,
    table: str,
    joints: Mapping[str, JointLimits],
    convert: Callable[[Section, JointLimits], T],
    key: str,
    place: Callable[[T], Hashable],
) -> dict[str, T]:
    """The entries of a file whose only mapping has one for each joint.

    Args:
        file: YAML.
        table: name of the mapping.
        joints: the joints of the robot's model.
        convert: an entry and the limits of its joint, to what it means.
        key: of an entry, the one that must differ from joint to joint.
        place: the value of that key.

    Returns:
        What the entries mean, by name of the joint.

    Raises:
        ConfigError: the file is unusable.
    """
    whole = read(file)
    section = whole.section(table)
    found: dict[str, T] = {}
    taken: dict[Hashable, str] = {}
    for joint, entry in section.items():
        if joint not in joints:
            raise section.error(joint, "a joint", f"one of {', '.join(joints)}")
        found[joint] = convert(entry, joints[joint])
        value = place(found[joint])
        first = taken.setdefault(value, joint)
        if first != joint:
            raise entry.error(key, value, f"another one than {first} has")
    whole.close()
    if not found:
        raise ConfigError(f"{file}: {table} is empty, expected at least one joint")
    return found

"""What a driver of a robot is: the one thing that a new robot has to bring.

``robot_bridge`` makes the driver and calls it 50 times a second; no call of a driver ever waits.
There are two kinds of robots, and of drivers:

- A robot whose joints take positions, many times a second (hobby servos, NAO): a `JointDriver`.
  It only says where the joints are and moves them at once; `JointStream` plays trajectories on it.
- A robot that takes whole trajectories (ros2_control): a `TrajectoryDriver`.

A driver refuses rather than guesses: as long as its `RobotDriver.problem` is not None the robot is
not moved, and people read why.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fer_common.reason import Reason
from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.simulation import Simulation, TrajectoryError
from robot_behavior.motion.trajectory import JointStates
from robot_behavior.yaml_file import ConfigError, Section, read

if TYPE_CHECKING:
    from trajectory_msgs.msg import JointTrajectory

STOPPED = "stopped"
"""Code of the `Reason` that a robot was stopped and waits for ``~/release``."""


def stopped(who: str = "the robot") -> Reason:
    """That a robot was stopped, and what releases it.

    Args:
        who: its name.
    """
    return Reason(STOPPED, f"{who} is stopped until it is released (robot release)")


@dataclass(frozen=True)
class LinkHealth:
    """How the connection to a robot is doing.

    Attributes:
        name: of the port, the topic or the action behind which the robot is.
        silence_s: since the robot's last answer; infinite when there was none, 0 where that
            is not known.
        sent: commands.
        received: answers.
        damaged: commands and answers that were lost on the way.
        details: of this kind of robot, for people.
        warnings: what people should know, although the robot can be moved.
    """

    name: str
    silence_s: float = 0.0
    sent: int = 0
    received: int = 0
    damaged: int = 0
    details: Mapping[str, object] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class RobotDriver(ABC):
    """What both kinds of drivers have in common; subclass `JointDriver` or `TrajectoryDriver`."""

    @property
    @abstractmethod
    def problem(self) -> Reason | None:
        """Why the robot cannot be moved; None if it can. Asked often, logged when it changes."""

    @property
    @abstractmethod
    def health(self) -> LinkHealth:
        """How the connection is doing, for diagnostics."""

    @abstractmethod
    def stop(self) -> None:
        """Stops the robot where it is; it obeys nothing until `release`."""

    @abstractmethod
    def release(self) -> None:
        """Ends the stop; nothing moves because of it."""

    @abstractmethod
    def close(self) -> None:
        """Lets the robot go; one that watches its line goes to rest by itself."""


@dataclass(frozen=True)
class JointReport:
    """Where a robot is.

    Attributes:
        positions: rad by name of the joint; every joint that the robot has.
        interrupted: whether, since the last report, it has left by itself the course that
            it was given: it was stopped, went to rest, or started anew.
    """

    positions: Mapping[str, float]
    interrupted: bool = False


class JointDriver(RobotDriver):
    """A robot whose joints take positions, many times a second."""

    @property
    @abstractmethod
    def limits(self) -> Mapping[str, JointLimits]:
        """What the joints that the robot has can do; they are named as in the robot's model."""

    @property
    def home(self) -> Mapping[str, float]:
        """Where its joints rest, rad by name; those that are left out rest at zero."""
        return {}

    @abstractmethod
    def update(self) -> JointReport | None:
        """Listens to the robot, and sets it up where needed; called at a steady rate.

        Returns:
            Where it is; None while that is not known.
        """

    @abstractmethod
    def move(self, positions: Mapping[str, float]) -> None:
        """Goes to these positions, rad, at once; every joint that the robot has."""

    def hold(self) -> None:
        """The positions that come now brake the robot, and a `stop` follows in a moment.

        A robot that goes to rest when its line is silent stays, should this program die before.
        """


class TrajectoryDriver(RobotDriver):
    """A robot that follows trajectories."""

    def hold(self) -> None:
        """Brakes softly, where the robot can, and stops it then; see `RobotDriver.stop`."""
        self.stop()

    @property
    def held(self) -> bool | None:
        """Whether the robot was stopped and waits for `release`; None while that is not known."""
        problem = self.problem
        if problem is None:
            return False
        return True if problem.code == STOPPED else None

    @abstractmethod
    def follow(self, message: JointTrajectory) -> list[str]:
        """Follows a trajectory from now on; one without points stops the robot.

        Returns:
            Names of joints that are not known; they are ignored.

        Raises:
            TrajectoryError: it makes no sense, or the robot cannot be moved.
        """

    @abstractmethod
    def step(self, seconds: float) -> JointStates | None:
        """Lets time pass; called at a steady rate.

        Returns:
            Where all joints are; None while that is not known, or told by someone else.
        """

    @abstractmethod
    def begin_rest(self) -> None:
        """Starts for the rest pose, if the robot has been moved."""

    @abstractmethod
    def is_at_rest(self) -> bool:
        """Whether it has arrived, or cannot be moved."""

    @abstractmethod
    def calm_down(self) -> bool:
        """Ends what is under way, at rest where it can: nobody commands the robot any more.

        A robot that stands still stays where it is: somebody may have stopped it.

        Returns:
            Whether anything was under way.
        """


class JointStream(TrajectoryDriver):
    """Plays trajectories on a robot that is moved joint by joint.

    Joints that the model has and the robot lacks are simulated, and so is the part of a way
    that is beyond the robot's limits, so that gestures made for a whole humanoid play on a
    robot with fewer joints, or shorter ways. Nothing is sent before the robot
    has told where all its joints are and a trajectory has come. When the robot is lost or
    leaves its course by itself, the trajectory is dropped, and the next starts where it is.

    Args:
        limits: of the model's joints.
        driver: of the robot.
    """

    def __init__(self, limits: Mapping[str, JointLimits], driver: JointDriver) -> None:
        self._driver = driver
        own = driver.limits
        slowed = {joint: replace(limits[joint], velocity=own[joint].velocity) for joint in own}
        self._simulation = Simulation({**limits, **slowed}, driver.home)
        self._columns = [self._simulation.joints.index(joint) for joint in own]
        self._lower = np.array([limit.lower for limit in own.values()])
        self._upper = np.array([limit.upper for limit in own.values()])
        self._known = self._sending = self._braking = False

    @property
    def simulated(self) -> tuple[str, ...]:
        """The joints that the robot lacks."""
        return tuple(joint for joint in self._simulation.joints if joint not in self._driver.limits)

    @property
    def problem(self) -> Reason | None:
        """That of the robot, that it brakes for a stop, or that nobody knows where it is."""
        if problem := self._driver.problem:
            return problem
        if self._braking:
            return Reason(STOPPED, "brakes, and is stopped then")
        if not self._known:
            return Reason("nowhere", "the robot has not told yet where its joints are")
        return None

    @property
    def health(self) -> LinkHealth:
        """That of the robot."""
        return self._driver.health

    def follow(self, message: JointTrajectory) -> list[str]:
        """See `TrajectoryDriver`."""
        if problem := self.problem:
            raise TrajectoryError(str(problem))
        unknown = follow(self._simulation, message)
        self._sending = True
        return unknown

    def step(self, seconds: float) -> JointStates | None:
        """See `TrajectoryDriver`."""
        report = self._driver.update()
        self._known = report is not None
        lost = report is None or report.interrupted or self._driver.problem is not None
        if self._braking and (lost or self._simulation.is_still):
            self.stop()
        if lost:
            self._drop()
        if report is None:
            return None
        simulation = self._simulation
        measured = np.array([report.positions[joint] for joint in self._driver.limits])
        if self._sending:
            simulation.step(seconds)
            told = simulation.positions[self._columns]
            possible = np.clip(told, self._lower, self._upper)
            goal = dict(zip(self._driver.limits, possible.tolist(), strict=True))
            self._driver.move(goal)
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
        """See `TrajectoryDriver`."""
        if self._sending and not self._braking and not self._simulation.is_home:
            self._simulation.go_home()

    def is_at_rest(self) -> bool:
        """See `TrajectoryDriver`."""
        return not self._sending or self._simulation.is_still

    def calm_down(self) -> bool:
        """See `TrajectoryDriver`."""
        moves = self._sending and not self._braking and self._simulation.is_under_way
        if moves:
            self._simulation.go_home()
        return moves

    def hold(self) -> None:
        """See `TrajectoryDriver`."""
        if not self._sending or self._driver.problem:
            self.stop()
            return
        self._braking = True
        self._driver.hold()
        self._simulation.brake()

    def stop(self) -> None:
        """See `RobotDriver`."""
        self._driver.stop()
        self._drop()

    def release(self) -> None:
        """See `RobotDriver`."""
        self._braking = False
        self._driver.release()

    def close(self) -> None:
        """See `RobotDriver`."""
        self._driver.close()

    def _drop(self) -> None:
        self._sending = self._braking = False
        self._simulation.follow((), np.zeros(0), np.zeros((0, 0)))
        self._simulation.velocities = np.zeros(len(self._simulation.joints))


def follow(simulation: Simulation, message: JointTrajectory) -> list[str]:
    """Makes simulated joints follow a message.

    Velocities are used when every point has them; accelerations and efforts are not.

    Returns:
        Names of joints that the robot does not have.

    Raises:
        TrajectoryError: the message makes no sense.
    """
    joints, points = list(message.joint_names), message.points
    for number, point in enumerate(points):
        if len(point.positions) != len(joints):
            raise TrajectoryError(
                f"point {number} has {len(point.positions)} positions, expected {len(joints)}"
            )
        if len(point.velocities) not in (0, len(joints)):
            raise TrajectoryError(
                f"point {number} has {len(point.velocities)} velocities, expected {len(joints)}"
            )
    shape = (len(points), len(joints))
    starts = [point.time_from_start for point in points]
    times = np.array([start.sec + start.nanosec * 1e-9 for start in starts])
    positions = np.array([point.positions for point in points], float).reshape(shape)
    velocities = None
    if points and all(len(point.velocities) for point in points):
        velocities = np.array([point.velocities for point in points], float).reshape(shape)
    return simulation.follow(joints, times, positions, velocities)


# What drivers share.

T = TypeVar("T")


def read_joints(
    file: Path,
    table: str,
    joints: Mapping[str, JointLimits],
    convert: Callable[[Section, JointLimits], T],
    key: str,
    place: Callable[[T], Hashable],
) -> dict[str, T]:
    """The entries of a YAML file whose only mapping has one for each joint of the robot.

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


def message_type(package: str, kind: str, name: str) -> Any:
    """A message, service or action of a package that is not part of every installation.

    Args:
        package: such as ``control_msgs``.
        kind: msg, srv or action.
        name: of the type.

    Raises:
        StartError: the package is not installed; says what to install.
    """
    try:
        return getattr(importlib.import_module(f"{package}.{kind}"), name)
    except ImportError as error:
        from fer_common.runner import StartError, ros_distro  # which imports ROS

        apt = f"ros-{ros_distro()}-{package.replace('_', '-')}"
        raise StartError(
            f"{package} is not installed, which this robot needs: sudo apt install {apt}, "
            "or build it in your workspace"
        ) from error

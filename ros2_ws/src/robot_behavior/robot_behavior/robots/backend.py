"""The interface behind which every robot is that follows trajectories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from trajectory_msgs.msg import JointTrajectory

from robot_behavior.body.robot_model import JointLimits
from robot_behavior.motion.trajectory import JointStates

# ----------------------------------------------------------------------
# The interface behind which a robot is that is moved joint by joint.


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
    """

    name: str
    silence_s: float = 0.0
    sent: int = 0
    received: int = 0
    damaged: int = 0
    details: Mapping[str, object] = field(default_factory=dict)


class JointLink(Protocol):
    """A robot whose joints take positions, many times a second. No call ever waits."""

    @property
    def limits(self) -> Mapping[str, JointLimits]:
        """What the joints that the robot has can do."""

    @property
    def problem(self) -> str:
        """Why it cannot be moved; empty if it can."""

    @property
    def health(self) -> LinkHealth:
        """How the connection is doing."""

    def update(self) -> JointReport | None:
        """Listens to the robot, and sets it up where needed; to be called at a steady rate.

        Returns:
            Where it is; None while that is not known.
        """

    def move(self, positions: Mapping[str, float]) -> None:
        """Goes to these positions, rad, at once; every joint that the robot has."""

    def stop(self) -> None:
        """Holds where it is and obeys nothing until `release`."""

    def release(self) -> None:
        """Ends the stop; nothing moves because of it."""

    def close(self) -> None:
        """Lets the robot go; one that watches its line goes to rest by itself."""


# ----------------------------------------------------------------------


class Backend(Protocol):
    """Brings trajectories to one kind of robot, and tells where it is. No call ever waits."""

    @property
    def problem(self) -> str:
        """Why the robot cannot be moved; empty if it can."""

    @property
    def health(self) -> LinkHealth:
        """How the connection is doing."""

    def follow(self, message: JointTrajectory) -> list[str]:
        """Follows a trajectory from now on; one without points stops the robot.

        Returns:
            Names of joints that are not known; they are ignored.

        Raises:
            TrajectoryError: it makes no sense, or the robot cannot be moved.
        """

    def step(self, seconds: float) -> JointStates | None:
        """Lets time pass; called at a steady rate.

        Returns:
            Where all joints are; None while that is not known, or told by someone else.
        """

    def begin_rest(self) -> None:
        """Starts for the rest pose, if the robot has been moved."""

    def is_at_rest(self) -> bool:
        """Whether it has arrived, or cannot be moved."""

    def calm_down(self) -> bool:
        """Ends what is under way, at rest where it can: nobody commands the robot any more.

        A robot that stands still stays where it is: somebody may have stopped it.

        Returns:
            Whether anything was under way.
        """

    def stop(self) -> None:
        """Stops the robot where it is, until `release`."""

    def release(self) -> None:
        """Ends the stop; nothing moves because of it."""

    def close(self) -> None:
        """Lets the robot go."""

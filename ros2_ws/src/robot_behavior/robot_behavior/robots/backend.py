"""The interface behind which every robot is that follows trajectories."""

from __future__ import annotations

from typing import Protocol

from trajectory_msgs.msg import JointTrajectory

from robot_behavior.motion.trajectory import JointStates
from robot_behavior.robots.joint_link import LinkHealth


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

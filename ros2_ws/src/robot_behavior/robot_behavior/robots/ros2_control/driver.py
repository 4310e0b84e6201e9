"""Robots of ros2_control: trajectories become goals of ``FollowJointTrajectory``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory

from fer_common.parameters import declare
from fer_common.settings import setting
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.motion.simulation import MOMENT_S, TrajectoryError
from robot_behavior.motion.trajectory import JointStates
from robot_behavior.robots.backend import LinkHealth
from robot_behavior.robots.newest_goal import NewestGoal
from robot_behavior.robots.optional import message_type


@dataclass(frozen=True)
class FollowParams:
    """The parameters of `FollowAction`."""

    controller: str = setting(
        "joint_trajectory_controller", "Name of the joint_trajectory_controller."
    )


class FollowAction:
    """A `robot_behavior.robots.backend.Backend` that hands trajectories to a controller.

    A newer trajectory replaces the one under way, which the controller does without a halt.
    The robot's own joint_state_broadcaster tells where it is.

    Args:
        node: the bridge.

    Raises:
        StartError: control_msgs is not installed.
    """

    def __init__(self, node: Node) -> None:
        params = declare(node, FollowParams)
        self._log = node.get_logger()
        self._action: Any = message_type("control_msgs", "action", "FollowJointTrajectory")
        self._name = f"{params.controller}/follow_joint_trajectory"
        self._goal = NewestGoal(node, self._action, self._name, self._outcome, self._ended)
        self._stopped = False
        self._left_s = 0.0  # until the end of what the controller was told
        self._sent = self._received = self._failed = 0

    @property
    def problem(self) -> str:
        """See `robot_behavior.robots.backend.Backend`."""
        if self._stopped:
            return "the robot is stopped until ~/release is called"
        return "" if self._goal.available else f"nobody serves {self._name}"

    @property
    def health(self) -> LinkHealth:
        """See `robot_behavior.robots.backend.Backend`."""
        details = {
            "goals failed": self._failed,
            "goal under way": "yes" if self._goal.busy else "no",
        }
        return LinkHealth(self._name, 0.0, self._sent, self._received, 0, details)

    def follow(self, message: JointTrajectory) -> list[str]:
        """See `robot_behavior.robots.backend.Backend`; the controller checks the trajectory."""
        if self.problem:
            raise TrajectoryError(self.problem)
        if message.points:
            self._sent += 1
            end = message.points[-1].time_from_start
            self._left_s = end.sec + end.nanosec * 1e-9
            self._goal.send(self._action.Goal(trajectory=message))
        else:
            self._goal.cancel()
        return []

    def step(self, seconds: float) -> JointStates | None:
        """See `robot_behavior.robots.backend.Backend`."""
        self._left_s -= seconds
        if self._goal.busy and not self._goal.available:
            self._log.error(f"{self._name} disappeared")
            self._goal.give_up()
        return None

    def begin_rest(self) -> None:
        """Lets what is under way end; the motion player sends the way to rest."""

    def is_at_rest(self) -> bool:
        """See `robot_behavior.robots.backend.Backend`."""
        return not self._goal.busy

    def calm_down(self) -> bool:
        """See `robot_behavior.robots.backend.Backend`; the controller holds where it is."""
        moves = self._goal.busy and self._left_s > MOMENT_S
        if moves:
            self._goal.cancel()
        return moves

    def stop(self) -> None:
        """See `robot_behavior.robots.backend.Backend`."""
        self._stopped = True
        self._goal.cancel()

    def release(self) -> None:
        """See `robot_behavior.robots.backend.Backend`."""
        self._stopped = False

    def close(self) -> None:
        """See `robot_behavior.robots.backend.Backend`."""
        self._goal.cancel()
        self._goal.destroy()

    def _outcome(self, result: Any) -> str:
        if result.error_code == self._action.Result.SUCCESSFUL:
            return ""
        return result.error_string or f"error {result.error_code}"

    def _ended(self, reason: str) -> None:
        self._received += 1
        if reason not in ("", "cancelled"):
            self._failed += 1
            self._log.error(f"{self._name}: {reason}")


def create(node: Node, _model: RobotModel) -> FollowAction:
    """The backend for a bridge."""
    return FollowAction(node)

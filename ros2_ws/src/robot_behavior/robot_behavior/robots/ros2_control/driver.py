"""The driver of ros2_control: trajectories become goals of ``FollowJointTrajectory``."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory

from fer_common.actions import FOREIGN, GoalClient
from fer_common.goals import CANCELLED_BY_OTHERS
from fer_common.reason import Reason
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.motion.simulation import MOMENT_S, TrajectoryError
from robot_behavior.motion.trajectory import BRAKE_S, JointStates
from robot_behavior.robots.backend import LinkHealth, TrajectoryDriver, message_type, stopped
from robot_behavior.robots.ros2_control import ControllerSettings


class ControllerDriver(TrajectoryDriver):
    """Hands trajectories to a joint_trajectory_controller.

    A newer trajectory replaces the one under way, which the controller does without a halt.
    The robot's own joint_state_broadcaster tells where it is.

    Args:
        node: the bridge.
        settings: which controller.

    Raises:
        StartError: control_msgs is not installed.
    """

    def __init__(self, node: Node, _model: RobotModel, settings: ControllerSettings) -> None:
        self._log = node.get_logger()
        self._action: Any = message_type("control_msgs", "action", "FollowJointTrajectory")
        self._name = f"{settings.controller}/follow_joint_trajectory"
        self._goal: GoalClient[JointTrajectory] = GoalClient(
            node, self._action, self._name, self._message, self._ended, self._judge, FOREIGN
        )
        self._stopped = False
        self._left_s = 0.0  # until the end of what the controller was told
        self._sent = self._received = self._failed = 0

    @property
    def problem(self) -> Reason | None:
        """See `RobotDriver`."""
        if self._stopped:
            return stopped()
        if not self._goal.available:
            return Reason("no_server", f"nobody serves {self._name}")
        return None

    @property
    def health(self) -> LinkHealth:
        """See `TrajectoryDriver`."""
        details = {
            "goals failed": self._failed,
            "goal under way": "yes" if self._goal.busy else "no",
        }
        return LinkHealth(self._name, 0.0, self._sent, self._received, 0, details)

    def follow(self, message: JointTrajectory) -> list[str]:
        """See `TrajectoryDriver`; the controller checks the trajectory."""
        if problem := self.problem:
            raise TrajectoryError(str(problem))
        if message.points:
            self._sent += 1
            end = message.points[-1].time_from_start
            self._left_s = end.sec + end.nanosec * 1e-9
            self._goal.replace(message, "trajectory")
        else:
            self._goal.cancel()
        return []

    def step(self, seconds: float) -> JointStates | None:
        """See `TrajectoryDriver`."""
        self._left_s -= seconds
        if self._goal.update():
            self._ended()
        return None

    def begin_rest(self) -> None:
        """Lets what is under way end; the motion player sends the way to rest."""

    def is_at_rest(self) -> bool:
        """See `TrajectoryDriver`."""
        return not self._goal.busy

    def calm_down(self) -> bool:
        """See `TrajectoryDriver`; the controller holds where it is."""
        moves = self._goal.busy and self._left_s > MOMENT_S
        if moves:
            self._goal.cancel()
        return moves

    def hold(self) -> None:
        """See `TrajectoryDriver`; what ends so soon is the braking that was told just before."""
        self._stopped = True
        if self._left_s > BRAKE_S:
            self._goal.cancel()

    def stop(self) -> None:
        """See `TrajectoryDriver`."""
        self._stopped = True
        self._goal.cancel()

    def release(self) -> None:
        """See `TrajectoryDriver`."""
        self._stopped = False

    def close(self) -> None:
        """See `TrajectoryDriver`."""
        self._goal.cancel()
        self._goal.destroy()

    def _message(self, trajectory: JointTrajectory) -> Any:
        return self._action.Goal(trajectory=trajectory)

    def _judge(self, result: Any) -> tuple[bool, str | None]:
        if result.error_code == self._action.Result.SUCCESSFUL:
            return True, None
        return False, result.error_string or f"error {result.error_code}"

    def _ended(self) -> None:
        self._received += 1
        problem = self._goal.end.problem if self._goal.end is not None else None
        if problem is not None and problem.code != CANCELLED_BY_OTHERS:
            self._failed += 1
            self._log.error(str(problem))
